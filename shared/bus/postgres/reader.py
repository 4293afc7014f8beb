"""Reading the log: leased partitions, polled quickly while there is news.

Who reads a partition holds its row in bus.offsets by a lease on the database's clock; live members share the partitions by rank, so
all compute the same split without talking.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from shared.bus.postgres.connections import Connections, Wakes
from shared.contracts.envelope import Received, unpack_headers
from shared.telemetry import logger

POLL_FAST, POLL_SLOW = 0.005, 0.05  # seconds between looks: while there is news, and after a second without
A_DAY = timedelta(days=1)

log = logger(__name__)

READ = """
SELECT l.topic, l.partition, l."offset", l.key, l.headers, l.value, l.written_at
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::timestamptz[]) AS p(topic, partition, position, since)
JOIN bus.heads h ON h.topic = p.topic AND h.partition = p.partition AND h.next > p.position
CROSS JOIN LATERAL (
    SELECT * FROM bus.log l
    WHERE l.topic = p.topic AND l.partition = p.partition AND l."offset" >= p.position AND l.written_at >= p.since
    ORDER BY l."offset" LIMIT $5
) l
LIMIT $5
"""

LEASE = """
UPDATE bus.offsets o SET owner = $2, until = now() + $3
FROM unnest($4::text[], $5::int[]) AS t(topic, partition)
WHERE o.consumer_group = $1 AND o.topic = t.topic AND o.partition = t.partition
  AND (o.owner IS NULL OR o.owner = $2 OR o.until < now())
RETURNING o.topic, o.partition, o.position, o.since
"""

COMMIT = """
UPDATE bus.offsets o SET position = t.position, since = t.since,
    owner = CASE WHEN $7 THEN NULL ELSE o.owner END
FROM unnest($3::text[], $4::int[], $5::bigint[], $6::timestamptz[]) AS t(topic, partition, position, since)
WHERE o.consumer_group = $1 AND o.owner = $2 AND o.topic = t.topic AND o.partition = t.partition
"""

LAG = """
SELECT coalesce(sum(h.next - p.position), 0) AS unread, min(l.written_at) AS oldest,
       coalesce(min(l.written_at) < now() - interval '1 day', false) AS late
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p(topic, partition, position)
JOIN bus.heads h ON h.topic = p.topic AND h.partition = p.partition AND h.next > p.position
CROSS JOIN LATERAL (
    SELECT written_at FROM bus.log l
    WHERE l.topic = p.topic AND l.partition = p.partition AND l."offset" >= p.position ORDER BY l."offset" LIMIT 1
) l
"""

Partition = tuple[str, int]


class PostgresReader:
    def __init__(
        self,
        connections: Connections,
        group: str,
        topics: list[str],
        *,
        member: str,
        wakes: Wakes,
        session_timeout: float,
    ) -> None:
        self._connections = connections
        self._group = group
        self._topics = topics
        self._member = member
        self._lease = timedelta(seconds=session_timeout)
        self._wakes = wakes
        self._news = wakes.listen(topics)
        self._reading: dict[Partition, tuple[int, datetime]] = {}  # held partitions: next offset to read
        self._finished: dict[Partition, tuple[int, datetime]] = {}  # done and not yet committed
        self._written: dict[tuple[str, int, int], datetime] = {}  # of the batch in hand, by offset
        self._leaving: set[Partition] = set()
        self._turn = 0
        self._busy = 0.0  # when there was news last, by the loop's clock
        self._trouble: str | None = None
        self._tending: asyncio.Task[None] | None = None

    async def join(self) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(
                "INSERT INTO bus.offsets (consumer_group, topic, partition) "
                "SELECT $1, topic, partition FROM bus.heads WHERE topic = ANY($2) ON CONFLICT DO NOTHING",
                self._group,
                self._topics,
            )
        await self._tend()
        self._tending = asyncio.create_task(self._tend_forever(), name=f"bus.tend.{self._group}")

    async def read(self, limit: int) -> list[Received]:
        await self._hand_over()
        self._news.clear()
        rows = await self._fetch(limit)
        now = asyncio.get_running_loop().time()
        if not rows:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), POLL_FAST if now - self._busy < 1.0 else POLL_SLOW)
            rows = await self._fetch(limit)
        if rows:
            self._busy = now
        return self._take(rows)

    async def _fetch(self, limit: int) -> list[Any]:
        held = list(self._reading.items())
        if not held:
            return []
        self._turn = (self._turn + 1) % len(held)  # who comes first changes, so that a full batch starves nobody
        held = held[self._turn :] + held[: self._turn]
        async with self._connections.connection() as connection:
            return list(
                await connection.fetch(
                    READ,
                    [topic for (topic, _), _ in held],
                    [partition for (_, partition), _ in held],
                    [position for _, (position, _) in held],
                    [since for _, (_, since) in held],
                    limit,
                )
            )

    def _take(self, rows: list[Any]) -> list[Received]:
        records = []
        for row in rows:
            partition = (row["topic"], row["partition"])
            if partition not in self._reading:  # lost while the query ran
                continue
            self._reading[partition] = (row["offset"] + 1, row["written_at"] - A_DAY)
            self._written[(*partition, row["offset"])] = row["written_at"]
            records.append(Received(*partition, row["offset"], row["key"], _headers(row["headers"]), row["value"]))
        return records

    def done(self, records: Sequence[Received]) -> None:
        for record in records:
            partition = (record.topic, record.partition)
            written = self._written.pop((*partition, record.offset), None)
            if written is not None and partition in self._reading:
                self._finished[partition] = (record.offset + 1, written - A_DAY)

    def rewind(self, records: Sequence[Received]) -> None:
        for record in reversed(records):
            partition = (record.topic, record.partition)
            written = self._written.pop((*partition, record.offset), None)
            if written is not None and partition in self._reading:
                self._reading[partition] = (record.offset, written - A_DAY)

    async def commit(self) -> None:
        await self._commit(self._finished, release=False)

    async def _commit(self, positions: dict[Partition, tuple[int, datetime]], *, release: bool) -> None:
        taken = dict(positions)
        if not taken:
            return
        async with self._connections.connection() as connection:
            await connection.execute(
                COMMIT,
                self._group,
                self._member,
                [topic for topic, _ in taken],
                [partition for _, partition in taken],
                [position for position, _ in taken.values()],
                [since for _, since in taken.values()],
                release,
            )
        for partition, position in taken.items():
            if self._finished.get(partition) == position:
                del self._finished[partition]

    async def _hand_over(self) -> None:
        """Gives up what others should read now. Only between batches, so that nothing in hand changes owner."""
        if leaving := {p: self._reading[p] for p in self._leaving if p in self._reading}:
            for partition in leaving:
                del self._reading[partition]
            await self._commit(leaving, release=True)
        self._leaving.clear()

    async def lag(self) -> int:
        """Also looks how old the oldest unread record is, for the log drops what is older than seven days."""
        held = list(self._reading.items())
        async with self._connections.connection() as connection:
            row = await connection.fetchrow(
                LAG,
                [topic for (topic, _), _ in held],
                [partition for (_, partition), _ in held],
                [position for _, (position, _) in held],
            )
        assert row is not None
        self._trouble = f"a record has waited since {row['oldest']:%Y-%m-%d %H:%M}" if row["late"] else None
        return int(row["unread"])

    def trouble(self) -> str | None:
        return self._trouble

    async def close(self) -> None:
        if self._tending is not None:
            self._tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tending
        self._wakes.forget(self._news)
        # What was read and not done is read again by whoever comes next.
        undone = dict(self._finished)
        await self._commit(undone, release=False)
        async with self._connections.connection() as connection:
            await connection.execute(
                "UPDATE bus.offsets SET owner = NULL WHERE consumer_group = $1 AND owner = $2",
                self._group,
                self._member,
            )
            await connection.execute(
                "DELETE FROM bus.members WHERE consumer_group = $1 AND member = $2", self._group, self._member
            )

    async def _tend_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 6)
            try:
                await self._tend()
            except Exception as error:  # noqa: BLE001 - a lease not renewed is lost, which is safe; renewing must go on
                log.warning("lease.not_renewed", group=self._group, error=str(error))

    async def _tend(self) -> None:
        """Renews this member's leases, and moves towards the split that all live members agree on."""
        async with self._connections.connection() as connection, connection.transaction():
            members = await self._live_members(connection)
            mine = await self._my_share(connection, members)
            wanted = mine | set(self._reading)
            rows = await connection.fetch(
                LEASE,
                self._group,
                self._member,
                self._lease,
                [topic for topic, _ in sorted(wanted)],
                [partition for _, partition in sorted(wanted)],
            )
        held = {(row["topic"], row["partition"]): (row["position"], row["since"]) for row in rows}
        for lost in self._reading.keys() - held.keys():
            del self._reading[lost]
            self._finished.pop(lost, None)
        for partition in held.keys() - self._reading.keys():
            self._reading[partition] = held[partition]
        self._leaving = set(self._reading) - mine

    async def _live_members(self, connection: asyncpg.Connection) -> list[str]:
        await connection.execute(
            "INSERT INTO bus.members (consumer_group, member, until) VALUES ($1, $2, now() + $3) "
            "ON CONFLICT (consumer_group, member) DO UPDATE SET until = excluded.until",
            self._group,
            self._member,
            self._lease,
        )
        rows = await connection.fetch(
            "SELECT member FROM bus.members WHERE consumer_group = $1 AND until > now() ORDER BY member", self._group
        )
        return [row["member"] for row in rows]

    async def _my_share(self, connection: asyncpg.Connection, members: list[str]) -> set[Partition]:
        rows = await connection.fetch(
            "SELECT topic, partition, since, position FROM bus.offsets "
            "WHERE consumer_group = $1 AND topic = ANY($2) ORDER BY topic, partition",
            self._group,
            self._topics,
        )
        rank = members.index(self._member)
        return {(row["topic"], row["partition"]) for n, row in enumerate(rows) if n % len(members) == rank}


def _headers(packed: bytes) -> dict[str, str]:
    try:
        return unpack_headers(packed)
    except ValueError:  # kept readable: the loop dead-letters a record whose attributes are missing
        return {}
