"""The group writer: who shares a commit with whom, and who waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from math import exp
from typing import Any, cast

import pytest

from services.intake.handlers.receive import Submission
from services.intake.loops import group
from services.intake.loops.group import RECENT, GroupWriter
from shared.contracts.envelope import Cause
from shared.db.answers import Answer
from shared.db.uow import Database

ONE = Submission([cast(Any, None)], Cause("a request", ""), lambda results: Answer(202, b""))


class StillClock:
    """Goes on when it is told to."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Books:
    """A database that takes anything, and how many submissions each of its groups held."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.groups: list[int] = []
        self.open = asyncio.Event()  # is what comes stored?
        self.open.set()

    @contextlib.asynccontextmanager
    async def begin(self, *, by_key: bool) -> AsyncIterator[None]:
        yield

    async def receive(self, submissions: Sequence[Submission], uow: None) -> list[Answer]:
        self.groups.append(len(submissions))
        await self.open.wait()
        return [Answer(202, b"") for _ in submissions]


@pytest.fixture
async def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    kept = Books()
    monkeypatch.setattr(group, "receive", kept.receive)
    return kept


@pytest.fixture
async def writer(books: Books) -> AsyncIterator[GroupWriter]:
    made = GroupWriter(cast(Database, books), lambda: False, bound=100, group=10)
    running = asyncio.create_task(made.run())
    yield made
    made.stop()
    await running


async def turns() -> None:
    """Turns of the loop, in which whoever can go on does."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_come_in_one_turn_of_the_loop_share_a_commit(writer: GroupWriter, books: Books) -> None:
    await asyncio.sleep(0)  # the writer waits for the first
    await asyncio.gather(*(writer.submit(ONE) for _ in range(3)))
    assert books.groups == [3]


async def test_who_comes_alone_waits_for_nobody(writer: GroupWriter, books: Books) -> None:
    for _ in range(3):
        await writer.submit(ONE)
    assert books.groups == [1, 1, 1]


async def test_a_group_holds_no_more_than_it_may(writer: GroupWriter, books: Books) -> None:
    await asyncio.gather(*(writer.submit(ONE) for _ in range(25)))
    assert books.groups == [10, 10, 5]


async def test_two_groups_are_under_way_at_once_and_those_who_come_then_share_the_next(writer: GroupWriter, books: Books) -> None:
    books.open.clear()
    waiting = []
    for _ in range(5):
        waiting.append(asyncio.create_task(writer.submit(ONE)))
        await turns()
    assert books.groups == [1, 1]
    books.open.set()
    await asyncio.gather(*waiting)
    assert books.groups == [1, 1, 3]


async def test_a_group_far_smaller_than_the_one_under_way_waits_for_more(writer: GroupWriter, books: Books) -> None:
    books.open.clear()
    waiting = [asyncio.create_task(writer.submit(ONE)) for _ in range(6)]
    await turns()
    for _ in range(3):
        assert books.groups == [6]
        waiting.append(asyncio.create_task(writer.submit(ONE)))
        await turns()
    assert books.groups == [6, 3]
    books.open.set()
    await asyncio.gather(*waiting)


async def test_a_small_group_waits_no_longer_than_for_the_end_of_the_one_under_way(writer: GroupWriter, books: Books) -> None:
    books.open.clear()
    waiting = [asyncio.create_task(writer.submit(ONE)) for _ in range(6)]
    await turns()
    waiting.append(asyncio.create_task(writer.submit(ONE)))
    await turns()
    assert books.groups == [6]
    books.open.set()
    await asyncio.gather(*waiting)
    assert books.groups == [6, 1]


async def test_a_writer_that_stops_writes_what_waits_at_once(books: Books) -> None:
    writer = GroupWriter(cast(Database, books), lambda: False, bound=100, group=10)
    running = asyncio.create_task(writer.run())
    books.open.clear()
    waiting = [asyncio.create_task(writer.submit(ONE)) for _ in range(6)]
    await turns()
    waiting.append(asyncio.create_task(writer.submit(ONE)))
    await turns()
    writer.stop()
    await turns()
    assert books.groups == [6, 1]
    books.open.set()
    await asyncio.gather(running, *waiting)


async def test_how_busy_it_is_follows_from_when_anything_was_under_way(writer: GroupWriter, books: Books) -> None:
    books.clock.seconds = 100.0
    assert writer.busy() == 0.0
    books.open.clear()
    first = asyncio.create_task(writer.submit(ONE))
    await turns()
    books.clock.seconds += RECENT
    assert writer.busy() == pytest.approx(1 - exp(-1))
    second = asyncio.create_task(writer.submit(ONE))
    await turns()
    books.clock.seconds += RECENT
    assert writer.busy() == pytest.approx(1 - exp(-2))  # two at once are not twice as busy
    books.open.set()
    await asyncio.gather(first, second)
    books.clock.seconds += RECENT
    assert writer.busy() == pytest.approx((1 - exp(-2)) * exp(-1))
