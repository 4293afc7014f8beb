"""The bus in PostgreSQL: a durable log for one machine, a small team and all tests. Works between processes too.

Readers poll, quickly while there is news and slower when there is none; within one process a publisher wakes them. There is no
NOTIFY: it takes a lock of the whole database at every commit. Who reads a partition holds its row in bus.offsets by a lease on the
database's clock; live members share the partitions by rank, so all compute the same split without talking.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import asyncpg

from shared.bus.postgres.connections import Connections, Wakes
from shared.bus.postgres.publisher import PostgresPublisher
from shared.bus.postgres.reader import PostgresReader
from shared.contracts.topics import PARTITIONS

SCHEMA = Path(__file__).with_name("schema.sql")


class PostgresBus:
    """One service's way to the log. Buses that share `wakes` (one process) wake each other's readers."""

    def __init__(self, dsn: str, *, wakes: Wakes | None = None, session_timeout: float = 6.0) -> None:
        self._connections = Connections(dsn)
        self._wakes = wakes or Wakes()
        self._session_timeout = session_timeout

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection to the log, for an administrator's look at it."""
        return self._connections.connection()

    async def install(self, roles: Sequence[str]) -> None:
        """Creates the bus schema and lets these roles use it. Needs an administrator's rights; idempotent."""
        async with self.connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('handoff.bus.install'))")
            await connection.execute(SCHEMA.read_text())
            for role in roles:
                await connection.execute(f"""
                    GRANT USAGE ON SCHEMA bus TO "{role}";
                    GRANT SELECT, INSERT ON bus.log TO "{role}";
                    GRANT SELECT, UPDATE ON bus.heads TO "{role}";
                    GRANT SELECT, INSERT, UPDATE, DELETE ON bus.offsets, bus.members TO "{role}";
                """)

    async def create_topics(self, names: Sequence[str], *, partitions: int = PARTITIONS) -> None:
        async with self.connection() as connection:
            await connection.execute(
                "INSERT INTO bus.heads (topic, partition) "
                "SELECT t, p FROM unnest($1::text[]) t, generate_series(0, $2 - 1) p ON CONFLICT DO NOTHING",
                list(names),
                partitions,
            )

    async def maintain(self) -> None:
        """Makes the log's partitions of the next days and drops those older than seven."""
        async with self.connection() as connection:
            await connection.execute("SELECT bus.maintain_today()")

    async def publisher(self) -> PostgresPublisher:
        return PostgresPublisher(self._connections, self._wakes)

    async def reader(self, group: str, topics: Sequence[str], *, member: str) -> PostgresReader:
        reader = PostgresReader(
            self._connections, group, list(topics), member=member, wakes=self._wakes, session_timeout=self._session_timeout
        )
        await reader.join()
        return reader

    async def close(self) -> None:
        self._connections.close()


__all__ = ["PostgresBus", "PostgresPublisher", "PostgresReader", "Wakes"]
