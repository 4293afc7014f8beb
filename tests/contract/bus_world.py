"""What the bus suite works with: an adapter with a broker behind it, members that pump, and waiting for what they read."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

import pytest

from shared.bus.port import Bus, Publisher, Reader, partition_of
from shared.contracts.envelope import Outgoing, Received, pack_headers
from shared.errors import Transient
from tests.support.member import Member, member
from tests.support.waiting import eventually

PARTITIONS = 4
SESSION = 3.0  # seconds until a silent member counts as dead; shorter, and a busy machine is taken for one
PATIENCE = 20  # seconds
HEADERS = {"ce_id": "1", "ce_type": "handoff.Tested.v1", "traceparent": "ä"}


class World(ABC):
    """One adapter with a broker behind it."""

    kind: str
    address: str

    @abstractmethod
    def bus(self, session_timeout: float = SESSION) -> Bus:
        """Another client of the broker, as another process would have it."""

    @abstractmethod
    def outage(self) -> contextlib.AbstractAsyncContextManager[None]:
        """The broker is away during the block and back after it."""

    async def topic(self, partitions: int = PARTITIONS) -> str:
        name = f"topic-{token_hex(6)}"
        bus = self.bus()
        await bus.create_topics([name], partitions=partitions)
        await bus.close()
        return name

    @contextlib.asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        bus = self.bus()
        publisher = await bus.publisher()
        try:
            yield publisher
        finally:
            await publisher.close()
            await bus.close()

    @contextlib.asynccontextmanager
    async def reader(self, topic: str, group: str = "group", *, session_timeout: float = SESSION) -> AsyncIterator[Reader]:
        bus = self.bus(session_timeout)
        reader = await bus.reader(f"{group}-{topic}", [topic], member=f"member-{token_hex(4)}")
        try:
            yield reader
        finally:
            await reader.close()
            await bus.close()

    def member(self, topic: str, group: str = "group") -> contextlib.AbstractAsyncContextManager[Member]:
        """A member in a process of its own, which can be killed and frozen."""
        return member(self.kind, self.address, group=f"{group}-{topic}", topic=topic, session_timeout=SESSION)


def record(topic: str, key: bytes, value: bytes) -> Outgoing:
    return Outgoing(topic, key, pack_headers(HEADERS), value)


def key_in(partition: int, partitions: int = PARTITIONS) -> bytes:
    """A key that falls into this partition."""
    return next(key for n in itertools.count() if partition_of(key := b"key-%d" % n, partitions) == partition)


def one_each(topic: str, value: bytes) -> list[Outgoing]:
    """One record for each partition."""
    return [record(topic, key_in(partition), value) for partition in range(PARTITIONS)]


async def publish(world: World, records: Sequence[Outgoing]) -> None:
    async with world.publisher() as publisher:
        await publisher.publish(records)


async def some(reader: Reader, limit: int = 1000) -> list[Received]:
    """The next batch that is not empty, not yet settled."""
    async with asyncio.timeout(PATIENCE):
        while not (batch := await reader.read(limit)):
            pass
    return batch


async def drain(reader: Reader, count: int, limit: int = 1000) -> list[Received]:
    """The next `count` records, done."""
    records: list[Received] = []
    while len(records) < count:
        records += (batch := await some(reader, limit))
        reader.done(batch)
    return records


async def remote(member: Member, count: int) -> list[tuple[int, int]]:
    """What a member in another process reads until it has `count` records; the last batch is not settled."""
    places: list[tuple[int, int]] = []
    async with asyncio.timeout(PATIENCE):
        while len(places) < count:
            if places:
                await member.done()
            places += await member.read()
    return places


def values(records: Sequence[Received]) -> list[bytes]:
    return [record.value for record in records]


@dataclass
class Pump:
    """A member that reads and settles for as long as the block runs."""

    reader: Reader
    records: list[Received] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            batch = await self.reader.read(1000)
            self.records += batch
            self.reader.done(batch)
            await asyncio.sleep(0)

    def of(self, value: bytes) -> list[int]:
        """The partitions of which this member read the record of this value."""
        return sorted(record.partition for record in self.records if record.value == value)


@contextlib.asynccontextmanager
async def pumping(reader: Reader) -> AsyncIterator[Pump]:
    pump = Pump(reader)
    task = asyncio.create_task(pump.run())
    try:
        yield pump
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def shared_out(publisher: Publisher, topic: str, pumps: Sequence[Pump], name: bytes) -> list[list[int]]:
    """Publishes one record a partition; when all are read, says who read which partitions."""
    await publisher.publish(one_each(topic, name))

    async def seen() -> list[list[int]]:
        shares = [pump.of(name) for pump in pumps]
        return shares if set(itertools.chain(*shares)) == set(range(PARTITIONS)) else []

    return await eventually(seen, timeout=PATIENCE)


async def settled(publisher: Publisher, topic: str, pumps: Sequence[Pump]) -> None:
    """Returns once every member has its share."""
    async with asyncio.timeout(PATIENCE):
        for n in itertools.count():
            shares = await shared_out(publisher, topic, pumps, b"settling-%d" % n)
            if all(shares) and sum(map(len, shares)) == PARTITIONS:
                return


async def drain_unsettled(reader: Reader, count: int) -> list[Received]:
    """One batch of `count` records: what comes short is rewound and read again."""
    async with asyncio.timeout(PATIENCE):
        while len(batch := await reader.read(count)) < count:
            reader.rewind(batch)
    return batch


async def refused(publisher: Publisher, records: Sequence[Outgoing]) -> None:
    with pytest.raises(Transient):
        await publisher.publish(records)


async def helpless(reader: Reader) -> None:
    """Each verb of a reader without a broker raises Transient or does nothing, and none hangs."""
    with contextlib.suppress(Transient):
        assert await reader.read(10) == []
    with pytest.raises(Transient):
        await reader.commit()
    with contextlib.suppress(Transient):
        await reader.lag()


async def publish_until_taken(world: World, records: Sequence[Outgoing]) -> None:
    """As the relay does it: a new publisher after each failure."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Transient):
                return await publish(world, records)


async def read_through(reader: Reader) -> list[Received]:
    with contextlib.suppress(Transient):
        batch = await reader.read(1000)
        reader.done(batch)
        return batch
    return []
