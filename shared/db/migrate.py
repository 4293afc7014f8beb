"""Roles, schemas and migrations, without an ini file.

One role a service, which owns its schema and can read no other service's. A service's history is linear and its version table lies in
its own schema. `prepare` needs an administrator's rights; `upgrade` needs only the service's own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, MetaData, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from shared.db.faults import translated
from shared.errors import ConfigurationError

SERVICES_DIR = Path(__file__).parents[2] / "services"
PLATFORM = {version: Path(__file__).with_name(f"platform_v{version}.sql") for version in (1, 2, 3)}

# A stopped process must not hold everybody up: its locks go with its connection, and its connection goes soon.
ROLE_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
}


def role_of(service: str) -> str:
    """The name that a service's role must have: the bus' row policies and the grants go by it."""
    return f"handoff_{service}"


def platform(schema: str, version: int) -> str:
    """The platform's own tables: version 1 for a service's first migration, 2 (jobs) and 3 (timers) for its later ones."""
    return PLATFORM[version].read_text().replace("{schema}", schema)


async def prepare(admin_dsn: str, service: str, service_dsn: str) -> None:
    """Creates or mends the service's role and schema. The role's name and password come from the service's DSN."""
    url = make_url(service_dsn)
    role = role_of(service)
    if url.username != role:
        raise ConfigurationError(f"{service.upper()}_DSN: the user must be {role}, not {url.username}")
    with translated():
        admin = await asyncpg.connect(admin_dsn, timeout=10)
        try:
            async with admin.transaction():
                await admin.execute("SELECT pg_advisory_xact_lock(hashtext('handoff.prepare'))")
                await _prepare(admin, service, role, str(url.password or ""))
        finally:
            await admin.close()


async def _prepare(admin: asyncpg.Connection, service: str, role: str, password: str) -> None:
    if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        await admin.execute(f'CREATE ROLE "{role}" LOGIN')
    literal = await admin.fetchval("SELECT quote_literal($1::text)", password)
    await admin.execute(f'ALTER ROLE "{role}" PASSWORD {literal}')
    for name, value in ROLE_LIMITS.items():
        await admin.execute(f"ALTER ROLE \"{role}\" SET {name} = '{value}'")
    if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", service):
        # Not CREATE SCHEMA … AUTHORIZATION: an administrator who is no superuser must first be a member of the role.
        await admin.execute(f'GRANT "{role}" TO current_user')
        await admin.execute(f'CREATE SCHEMA {service} AUTHORIZATION "{role}"')
    await admin.execute(f"REVOKE ALL ON SCHEMA {service} FROM PUBLIC")


def upgrade(service: str, dsn: str) -> None:
    """Brings a service's schema to the newest version. Raises Transient where the database cannot be reached."""
    with translated():
        command.upgrade(config(service, dsn), "head")


def config(service: str, dsn: str) -> Config:
    """Alembic's configuration for one service, made here instead of in an ini file."""
    made = Config()
    made.set_main_option("script_location", str(SERVICES_DIR / service / "migrations"))
    made.attributes["dsn"] = dsn
    made.attributes["service"] = service
    return made


def script(sql: str) -> None:
    """Runs several statements in the migration's transaction; SQLAlchemy would prepare them, which takes one at a time."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(sql))


def run(metadata: MetaData) -> None:
    """What each service's migrations/env.py calls."""
    asyncio.run(_run(metadata))


async def _run(metadata: MetaData) -> None:
    attributes = context.config.attributes
    engine = create_async_engine(make_url(attributes["dsn"]).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata, attributes["service"])
            await connection.commit()
    finally:
        await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData, service: str) -> None:
    connection.exec_driver_sql("SET statement_timeout = 0")
    connection.exec_driver_sql("SET lock_timeout = '30s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock(hashtext('handoff.migrate.{service}'))")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=service,
        include_schemas=True,
        include_name=_only(service),
    )
    with context.begin_transaction():
        context.run_migrations()


def _only(service: str) -> Any:
    def include(name: str | None, kind: str, _: object) -> bool:
        if kind == "schema":
            return name == service
        return not (kind == "table" and name is not None and name.startswith("inbox_"))  # partitions come and go

    return include
