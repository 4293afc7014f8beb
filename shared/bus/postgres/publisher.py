"""Publishing to the log: one statement, durable when it returns."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from shared.bus.port import partition_of
from shared.bus.postgres.connections import Connections, Wakes
from shared.contracts.envelope import Outgoing
from shared.errors import Permanent

PUBLISH = """
WITH new AS (
    SELECT topic, partition, key, headers, value,
           row_number() OVER (PARTITION BY topic, partition ORDER BY n) AS nth
    FROM unnest($1::text[], $2::int[], $3::bytea[], $4::bytea[], $5::bytea[])
         WITH ORDINALITY AS r(topic, partition, key, headers, value, n)
), counts AS (
    SELECT topic, partition, max(nth) AS n FROM new GROUP BY topic, partition
), locked AS (
    SELECT h.topic, h.partition, c.n FROM bus.heads h JOIN counts c USING (topic, partition)
    ORDER BY h.topic, h.partition FOR UPDATE OF h
), advanced AS (
    UPDATE bus.heads h SET next = h.next + l.n FROM locked l
    WHERE h.topic = l.topic AND h.partition = l.partition
    RETURNING h.topic, h.partition, h.next - l.n AS base
)
INSERT INTO bus.log (topic, partition, "offset", written_at, key, headers, value)
SELECT topic, partition, base + nth - 1, clock_timestamp(), key, headers, value
FROM new JOIN advanced USING (topic, partition)
"""


class PostgresPublisher:
    def __init__(self, connections: Connections, wakes: Wakes) -> None:
        self._connections = connections
        self._wakes = wakes
        self._partitions: dict[str, int] = {}

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        topics = {record.topic for record in records}
        async with self._connections.connection() as connection:
            await self._learn(connection, topics)
            status = await connection.execute(
                PUBLISH,
                [record.topic for record in records],
                [partition_of(record.key, self._partitions[record.topic]) for record in records],
                [record.key for record in records],
                [record.headers for record in records],
                [record.value for record in records],
            )
        if int(status.split()[-1]) != len(records):
            raise Permanent(f"the bus took {status.split()[-1]} of {len(records)} records")
        self._wakes.notify(topics)

    async def _learn(self, connection: asyncpg.Connection, topics: set[str]) -> None:
        if missing := topics - self._partitions.keys():
            rows = await connection.fetch(
                "SELECT topic, count(*) AS n FROM bus.heads WHERE topic = ANY($1) GROUP BY topic", list(missing)
            )
            self._partitions |= {row["topic"]: row["n"] for row in rows}
            if unknown := topics - self._partitions.keys():
                raise Permanent(f"no such topic: {', '.join(sorted(unknown))}; run: python -m services migrate")

    async def close(self) -> None:
        """Nothing is held between publishes."""
