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
from shared.db.uow import columns
from shared.telemetry import logger

POLL_FAST, POLL_SLOW = 0.005, 0.05  # seconds between looks: while there is news, and after a second without
A_DAY = timedelta(days=1)

log = logger(__name__)

HEADS = "SELECT topic, partition, next FROM bus.heads WHERE topic = ANY($1)"

READ = """
SELECT l.topic, l.partition, l."offset", l.key, l.headers, l.value, l.written_at
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::timestamptz[]) AS p(topic, partition, position, since)
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
        self._reading: dict[Partition, int] = {}  # held partitions: next offset to read
        self._finished: dict[Partition, int] = {}  # done and not yet committed: the offset behind it
        self._since: dict[Partition, datetime] = {}  # what is left to read or commit was written after this
        self._leaving: set[Partition] = set()
        self._turn = 0
        self._idle = False  # there was nothing at the last look
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
        if self._idle:
            await self._wait_for_news()
        self._news.clear()
        records = self._take(await self._fetch(limit))
        self._idle = not records
        if records:
            self._busy = asyncio.get_running_loop().time()
        return records

    async def _wait_for_news(self) -> None:
        busy = asyncio.get_running_loop().time() - self._busy < 1.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_FAST if busy else POLL_SLOW):
                await self._news.wait()

    async def _fetch(self, limit: int) -> list[Any]:
        async with self._connections.connection() as connection:
            heads = {(row["topic"], row["partition"]): row["next"] for row in await connection.fetch(HEADS, self._topics)}
            held = [
                (*place, position, self._since[place]) for place, position in self._reading.items() if heads[place] > position
            ]
            if not held:
                return []
            self._turn = (self._turn + 1) % len(held)  # who comes first changes, so that a full batch starves nobody
            return list(await connection.fetch(READ, *columns(held[self._turn :] + held[: self._turn]), limit))

    def _take(self, rows: list[Any]) -> list[Received]:
        records = []
        begun: set[Partition] = set()
        for topic, partition, offset, key, headers, value, written_at in rows:
            place = (topic, partition)
            if place not in self._reading:  # lost while the query ran
                continue
            if place not in begun:
                begun.add(place)
                self._since[place] = written_at - A_DAY
            self._reading[place] = offset + 1
            records.append(Received(topic, partition, offset, key, _headers(headers), value))
        return records

    def done(self, records: Sequence[Received]) -> None:
        behind = {(record.topic, record.partition): record.offset + 1 for record in records}
        self._finished |= {place: position for place, position in behind.items() if place in self._reading}

    def rewind(self, records: Sequence[Received]) -> None:
        first = {(record.topic, record.partition): record.offset for record in reversed(records)}
        self._reading |= {place: position for place, position in first.items() if place in self._reading}
        self._idle = False

    async def commit(self) -> None:
        await self._commit(self._finished, release=False)

    async def _commit(self, positions: dict[Partition, int], *, release: bool) -> None:
        taken = dict(positions)
        if not taken:
            return
        async with self._connections.connection() as connection:
            await connection.execute(
                COMMIT,
                self._group,
                self._member,
                *columns([(*place, position, self._since[place]) for place, position in taken.items()]),
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
                [position for _, position in held],
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
        held = {(row["topic"], row["partition"]): row for row in rows}
        for lost in self._reading.keys() - held.keys():
            del self._reading[lost]
            self._finished.pop(lost, None)
        for place in held.keys() - self._reading.keys():
            self._reading[place], self._since[place] = held[place]["position"], held[place]["since"]
            self._idle = False
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
