"""A PostgreSQL server for a test session, and databases copied from a template in milliseconds.

Plain functions; the fixtures that call them are in conftest. The server is not durable: it keeps nothing, on purpose.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import asyncpg

from shared.db.embedded import EmbeddedPostgres, Server

MAINTENANCE = "postgres"


@contextmanager
def session_server() -> Iterator[Server]:
    """A server of its own in a temporary folder; both are gone afterwards, also when the test process is killed."""
    with (
        tempfile.TemporaryDirectory(prefix="handoff-test-") as folder,
        EmbeddedPostgres(Path(folder), durable=False) as server,
    ):
        yield server


async def make_template(server: Server, name: str, *, prepare: Callable[[str], Awaitable[None]]) -> str:
    """Create a database, let `prepare` fill it (it gets the superuser's URI and must close its connections)."""
    await _execute(server, f'CREATE DATABASE "{name}"')
    await prepare(database_dsn(server, name))
    return name


@asynccontextmanager
async def create_database(server: Server, *, template: str = "template1") -> AsyncIterator[str]:
    """The superuser's URI of a new copy of `template`; dropped afterwards, whoever is still connected.

    Nobody may be connected to the template meanwhile. Copying files takes a quarter of the time of copying through the
    log, which is PostgreSQL's default.
    """
    name = f"test_{token_hex(6)}"
    await _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield database_dsn(server, name)
    finally:
        await _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def database_dsn(server: Server, database: str) -> str:
    """The superuser's URI of another database of this server."""
    return urlsplit(server.dsn)._replace(path=f"/{database}").geturl()


async def _execute(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(database_dsn(server, MAINTENANCE))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
