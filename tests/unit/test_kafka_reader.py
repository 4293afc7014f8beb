"""A Kafka client that lost its broker for good is replaced, and what it had not committed is not taken for committed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.bus import kafka
from shared.bus.kafka import KafkaReader
from shared.contracts.envelope import Received
from shared.errors import Transient

PARTITION = kafka.TopicPartition("leads.scored", 0)


class Client:
    """Stands for aiokafka's consumer. One that `hangs` answers nothing any more."""

    def __init__(self) -> None:
        self.hangs = False
        self.stopped = False
        self.committed: dict[Any, int] = {}

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()

    def subscribe(self, topics: list[str], listener: object) -> None:
        self.topics = topics

    async def start(self) -> None:
        await self._answer()

    async def stop(self) -> None:
        self.stopped = True
        if self.hangs:  # as aiokafka does when its own tasks are gone
            raise asyncio.CancelledError

    def assignment(self) -> set[Any]:
        return {PARTITION}

    async def getmany(self, **_: int) -> dict[Any, Any]:
        return {}

    async def commit(self, offsets: dict[Any, int]) -> None:
        await self._answer()
        self.committed |= offsets

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        await self._answer()
        return dict.fromkeys(partitions, 9)

    async def position(self, partition: Any) -> int:
        return 4


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT", 20)
    return []


async def reader_of(clients: list[Client]) -> KafkaReader:
    def make() -> Client:
        clients.append(Client())
        return clients[-1]

    reader = KafkaReader(make, ["leads.scored"])
    await reader.join()
    return reader


async def test_a_client_that_cannot_commit_is_replaced(clients: list[Client]) -> None:
    reader = await reader_of(clients)
    reader.done([Received("leads.scored", 0, 6, b"", {}, b"")])
    clients[0].hangs = True
    with pytest.raises(Transient):
        await reader.commit()
    assert await reader.read(10) == []
    assert len(clients) == 2
    assert clients[0].stopped
    assert clients[1].topics == ["leads.scored"]
    await reader.commit()
    assert clients[1].committed == {}, "what was not committed is read again and done again"


async def test_a_silent_client_with_nothing_to_commit_is_found_out(clients: list[Client]) -> None:
    reader = await reader_of(clients)
    assert await reader.lag() == 5
    clients[0].hangs = True
    with pytest.raises(Transient):
        await reader.lag()
    await reader.read(10)
    assert await reader.lag() == 5
    assert len(clients) == 2


async def test_a_client_that_answers_is_kept(clients: list[Client]) -> None:
    reader = await reader_of(clients)
    reader.done([Received("leads.scored", 0, 6, b"", {}, b"")])
    await reader.commit()
    await reader.read(10)
    assert clients[0].committed == {PARTITION: 7}
    assert len(clients) == 1
