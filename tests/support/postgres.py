"""A PostgreSQL server for a test session, and databases copied from a template in milliseconds.

Plain functions; the fixtures that call them are in conftest. The server is not durable: it keeps nothing, on purpose.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import asyncpg

from shared.db.embedded import EmbeddedPostgres, Server

MAINTENANCE = "postgres"
PREFIX = "handoff-test-"
MEMORY = Path("/dev/shm")  # a file system in memory, on Linux
ROOM = 2 * 1024**3  # bytes: the log of writes may grow to half of it


@contextmanager
def session_server() -> Iterator[Server]:
    """A server of its own in a temporary folder; both are gone afterwards. Of a process that is killed the folder stays until the next.

    The folder is in memory where there is room: a database is three hundred files, and making and dropping it on a disk
    takes six times as long, with fsync off too.
    """
    _remove_orphans()
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=_in_memory()) as folder,
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


def _in_memory() -> Path | None:
    """None where memory is scarce, or no file system."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM else None


def _remove_orphans() -> None:
    """Give back the memory of servers whose owners were killed: their locks are written, and held by nobody."""
    for lock in MEMORY.glob(f"{PREFIX}*/lock"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.read():
                shutil.rmtree(lock.parent, ignore_errors=True)


async def _execute(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(database_dsn(server, MAINTENANCE))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
