"""`migrate`: roles, schemas, tables and topics, before the first start and after each update."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from services.commands.installation import SERVICES, install
from shared.errors import ConfigurationError
from shared.settings import PlatformSettings, load
from shared.telemetry import configure_logging


def migrate(
    admin_dsn: Annotated[
        str | None,
        typer.Option(envvar="HANDOFF_ADMIN_DSN", help="A PostgreSQL role that may create roles and schemas.", show_envvar=True),
    ] = None,
) -> None:
    """Make or update roles, schemas, tables and topics. Safe to run again; reads the services' <NAME>_DSN."""
    settings = load(PlatformSettings)
    configure_logging(level=settings.log_level, form=settings.log_format)
    if not admin_dsn:
        raise ConfigurationError("HANDOFF_ADMIN_DSN: name a PostgreSQL role that may create roles and schemas")
    dsns = {name: os.environ.get(f"{name.upper()}_DSN", "") for name in SERVICES}
    if missing := [f"{name.upper()}_DSN" for name, dsn in dsns.items() if not dsn]:
        raise ConfigurationError(f"{', '.join(missing)}: say where each service's database is")
    asyncio.run(install(admin_dsn, dsns, settings))
    typer.echo(f"{', '.join(dsns)}: schemas are up to date. Bus: {settings.bus}.")
