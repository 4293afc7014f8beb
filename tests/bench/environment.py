"""What all stages of one run share: the PostgreSQL server, the broker if there is one, a folder, and the generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.bench.accounting import listener, postmaster
from tests.bench.children import Child, until


@dataclass(frozen=True)
class Past:
    """A database to be copied that has known people for years; nobody is connected to it."""

    dsn: str
    contacts: int
    seconds: float
    mib: float


@dataclass(frozen=True)
class Environment:
    """`dsn` may create databases; `kafka` is a bootstrap address or None; `run` is unique and makes names unique."""

    dsn: str
    kafka: str | None
    folder: Path
    run: str
    past: Past | None = None

    async def create_database(self, name: str, *, copied: str | None = None) -> str:
        """A new database for one system, empty or a copy of that at the DSN `copied`; returns its DSN."""
        database = f"bench_{name.replace('-', '_')}_{self.run}"
        # Copying files is much faster than copying through the log, which is PostgreSQL's default.
        template = f' TEMPLATE "{_name(copied)}" STRATEGY FILE_COPY' if copied else ""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f'CREATE DATABASE "{database}"{template}')
        finally:
            await connection.close()
        return urlunsplit(urlsplit(self.dsn)._replace(path=f"/{database}"))

    async def drop_database(self, dsn: str) -> None:
        database = _name(dsn)
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        finally:
            await connection.close()

    async def settle(self, *, patience: float) -> None:
        """Lets the server finish what a load leaves behind (a checkpoint, vacuuming), so that it is not charged to the next one."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("CHECKPOINT")

            async def quiet() -> bool:
                return not await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
                )

            await until(quiet, "autovacuum", timeout=patience, poll=0.5)
        finally:
            await connection.close()

    async def backing_processes(self) -> dict[str, int]:
        """The root processes of the servers that stand behind every system, where they run on this machine."""
        connection = await asyncpg.connect(self.dsn)
        try:
            found = {"postgres": await postmaster(connection)}
        finally:
            await connection.close()
        if self.kafka:
            found["broker"] = listener(int(self.kafka.split(",")[0].rpartition(":")[2]))
        return {name: pid for name, pid in found.items() if pid is not None}

    async def generate(self, url: str, *, headers: Mapping[str, str], limit: float, **options: float | None) -> dict[str, Any]:
        """Runs the load generator in a process of its own and returns its summary.

        `options` are its flags with underscores: connections, total, seconds, rate, known, first_sequence; None leaves one out.
        The generator ends by itself at `limit` seconds.
        """
        out = self.folder / "generated.json"
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        flags += [f"--header={name}:{value}" for name, value in headers.items()]
        log = self.folder / "generator.log"
        arguments = ("tests.bench.generator", url, f"--limit={limit}", f"--json={out}", *flags)
        child = await Child.start("generator", *arguments, log=log)
        try:
            status = await child.process.wait()
        finally:
            await child.stop()
        if status != 0:
            child.assert_alive()
        summary: dict[str, Any] = json.loads(out.read_text())
        return summary


def _name(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")
