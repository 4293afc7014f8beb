"""A service's role owns its schema, sees no other's, and is limited in how long it may hold anybody up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from services.commands.installation import SERVICES
from shared.db.migrate import ROLE_LIMITS, role_of
from tests.support.installation import Installation


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def allowed(connection: asyncpg.Connection, statements: Sequence[str]) -> list[str]:
    """Those of the statements that are not refused."""
    passed = []
    for statement in statements:
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
            passed.append(statement)
    return passed


async def tables(installation: Installation) -> dict[str, list[str]]:
    async with connected(installation.admin_dsn) as admin:
        rows = await admin.fetch(
            "SELECT schemaname, array_agg(tablename::text) AS names FROM pg_tables WHERE schemaname = ANY($1) GROUP BY 1",
            list(SERVICES),
        )
    found = {row["schemaname"]: row["names"] for row in rows}
    assert set(found) == set(SERVICES)
    return found


@pytest.mark.parametrize("name", SERVICES)
async def test_a_role_reads_and_writes_no_other_services_schema(installation: Installation, name: str) -> None:
    schemas = await tables(installation)
    async with connected(installation.dsns[name]) as connection:
        for other in schemas.keys() - {name}:
            names = [f"{other}.{table}" for table in schemas[other]]
            assert await allowed(connection, [f"SELECT * FROM {table}" for table in names]) == []
            assert await allowed(connection, [f"DELETE FROM {table}" for table in names]) == []
            assert await allowed(connection, [f"SET ROLE {role_of(other)}", f"CREATE TABLE {other}.mine (a int)"]) == []
        own = [f"SELECT * FROM {name}.{table}" for table in schemas[name]]
        assert await allowed(connection, own) == own


@pytest.mark.parametrize("name", SERVICES)
async def test_a_role_has_no_power_beyond_its_schema(installation: Installation, name: str) -> None:
    async with connected(installation.dsns[name]) as connection:
        powers = await connection.fetchrow(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = current_user"
        )
        assert not any(powers.values())
        assert await allowed(connection, ["CREATE TABLE public.mine (a int)", "CREATE SCHEMA mine", "CREATE DATABASE mine"]) == []


@pytest.mark.parametrize("name", SERVICES)
async def test_a_role_is_limited(installation: Installation, name: str) -> None:
    async with connected(installation.dsns[name]) as connection:
        # On a unix socket the server shows no keepalives: what is set for the role is what counts.
        set_ = await connection.fetchval(
            "SELECT setconfig FROM pg_db_role_setting WHERE setrole = current_user::regrole AND setdatabase = 0"
        )
        assert {f"{limit}={value}" for limit, value in ROLE_LIMITS.items()} <= set(set_)
        for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await connection.fetchval(f"SHOW {limit}") == ROLE_LIMITS[limit]
    seconds = {limit: int(ROLE_LIMITS[limit].removesuffix("s")) for limit in ROLE_LIMITS if ROLE_LIMITS[limit].endswith("s")}
    assert 0 < seconds["lock_timeout"] < seconds["statement_timeout"]
    assert 0 < seconds["idle_in_transaction_session_timeout"] <= 5
    keepalive = [int(ROLE_LIMITS[f"tcp_keepalives_{part}"]) for part in ("idle", "interval", "count")]
    assert keepalive[0] + keepalive[1] * keepalive[2] <= 15


async def test_a_lock_that_is_not_had_in_time_is_given_up(installation: Installation) -> None:
    """By the role's own limit, made short for this database only; the limit itself is checked above."""
    async with connected(installation.admin_dsn) as admin:
        database = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER ROLE handoff_scoring IN DATABASE {database} SET lock_timeout = '20ms'")
        async with admin.transaction():
            await admin.execute("LOCK TABLE scoring.leads")
            async with connected(installation.dsns["scoring"]) as scoring:
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await scoring.execute("SELECT * FROM scoring.leads")
