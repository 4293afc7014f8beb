"""Fetching on a real PostgreSQL: each lead once, whatever fails; and what was not notified is found."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.intake.clients.addresses import Address
from services.intake.clients.credentials import Credentials
from services.intake.clients.pace import Pace
from services.intake.clients.registry import CLIENTS
from services.intake.clients.web import Web
from services.intake.domain.identity import external_key
from services.intake.domain.senders.shape import Fetch, Notice, Result, SentLead, Status
from services.intake.handlers import fetching
from services.intake.handlers.fetching import TRIES, FetchState, Wake
from services.intake.loops import fetcher as loops
from services.intake.loops.fetcher import LEASE, Fetcher, Outside, Poller
from services.intake.store import fetches as store
from services.intake.store import sources
from services.intake.store.sources import Source
from shared.clock import SystemClock
from shared.contracts.topics import LEADS_RECEIVED
from shared.db.uow import Database
from shared.errors import ConfigurationError, Permanent, Refused, unavailable
from shared.telemetry import loop_faults
from tests.support.installation import Installation
from tests.support.waiting import eventually

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Clock(SystemClock):
    """The machine's clock, put forward at will."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


async def find(_: str) -> list[Address]:
    return [("203.0.114.7", 443)]


def lead_of(request: httpx.Request) -> httpx.Response:
    """The Graph API's answer about whichever lead is asked for."""
    id = request.url.path.rpartition("/")[2]
    answers = [{"name": "email", "values": [f"lead-{id}@example.com"]}]
    return httpx.Response(200, json={"id": id, "created_time": "2026-11-22T09:58:51+0000", "field_data": answers})


@dataclass
class World:
    """Intake's database, a sender that answers as `respond` says, and a way to take leads that knows a sender's id again."""

    installation: Installation
    database: Database
    clock: Clock
    respond: Handler = lead_of
    asked: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    results: Callable[[SentLead], Result] | None = None
    secrets: dict[str, str] = field(default_factory=lambda: {"access_token": "invented-token"})

    def outside(self, database: Database | None = None) -> Outside:
        async def submit(source_id: UUID, notices: Sequence[Notice], delivery_id: UUID | None) -> list[Result]:
            return [await self.take(database or self.database, source_id, notice) for notice in notices]

        def credentials(source: Source) -> Credentials:
            return Credentials(self.secrets, source.settings)

        web = Web(transport=httpx.MockTransport(self._answer), find=find)
        return Outside(web, CLIENTS, credentials, submit, Pace())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.rpartition("/")[2])
        answer = self.respond(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    async def take(self, database: Database, source_id: UUID, notice: Notice) -> Result:
        """The least of what reception does: a sender's id is a lead once."""
        assert isinstance(notice, SentLead)
        assert notice.external_id is not None
        if self.results:
            return self.results(notice)
        async with database.begin() as uow:
            lead_id = await uow.fetchval(
                "INSERT INTO intake.external_ids VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING lead_id",
                external_key(str(source_id), notice.external_id),
                uow.clock.uuid7(),
                uow.now,
            )
        if lead_id is None:
            return Result(Status.DUPLICATE)
        self.taken.append(notice.external_id)
        return Result(Status.ACCEPTED, lead_id)

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[Database]:
        """The database as another process has it."""
        opened = open_database(self.installation, self.clock)
        yield opened
        await opened.close()

    @contextlib.asynccontextmanager
    async def fetching(self, database: Database | None = None, outside: Outside | None = None) -> AsyncIterator[Fetcher]:
        database = database or self.database
        fetcher = Fetcher(database, outside or self.outside(database), chance=lambda: 1.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(fetcher.run())
            yield fetcher
            fetcher.stop()

    @contextlib.asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        poller = Poller(self.database, self.outside())
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run())
            yield
            poller.stop()

    async def source(self, kind: str = "meta", **settings: Any) -> UUID:
        async with self.database.begin() as uow:
            id = uow.clock.uuid7()
            source = Source(id, f"{kind}-{id}", {}, True, uow.now, uow.now, kind=kind, settings=settings)
            assert await sources.insert_source(uow, source, id.bytes)
        return id

    async def change(self, source_id: UUID, **values: Any) -> None:
        async with self.database.begin() as uow:
            assert await sources.update_source(uow, source_id, values)

    async def notify(self, source_id: UUID, *ids: str, database: Database | None = None) -> list[bool]:
        async with (database or self.database).begin() as uow:
            return await fetching.enqueue(uow, source_id, [Fetch(id, "lead", {"form_id": "1"}) for id in ids], uow.clock.uuid7())

    async def state(self, source_id: UUID) -> FetchState:
        async with self.database.begin() as uow:
            return await fetching.fetch_state(source_id, uow)

    async def rows(self) -> dict[str, Any]:
        async with self.database.begin() as uow:
            return {row["external_id"]: row for row in await uow.fetch("SELECT * FROM intake.fetches")}

    async def becomes(self, state: str, *ids: str) -> dict[str, Any]:
        """Waits until these fetches are so, and not leased; returns all."""

        async def look() -> dict[str, Any] | None:
            rows = await self.rows()
            so = all(id in rows and rows[id]["state"] == state and rows[id]["lease_until"] is None for id in ids)
            return rows if so else None

        found = await eventually(look)
        assert found is not None
        return found

    def later(self, pause: timedelta) -> None:
        self.clock.ahead += pause
        self.wake()

    def wake(self) -> None:
        wake: Wake = self.database.memory[Wake]
        wake()


def open_database(installation: Installation, clock: Clock) -> Database:
    return Database(installation.dsns["intake"], service="intake", topic=LEADS_RECEIVED.name, clock=clock)


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    clock = Clock()
    database = open_database(installation, clock)
    yield World(installation, database, clock)
    await database.close()


# -- What is to be fetched ---------------------------------------------------------------------------------------------------------


async def test_ten_notifications_at_once_are_one_fetch(world: World) -> None:
    source = await world.source()
    fresh = await asyncio.gather(*(world.notify(source, "2", "1", "3") for _ in range(10)))
    assert [sum(column) for column in zip(*fresh, strict=True)] == [1, 1, 1]
    assert await world.notify(source, "4", "1", "4") == [True, False, False]
    async with world.fetching():
        await world.becomes("done", "1", "2", "3", "4")
    assert sorted(world.asked) == sorted(world.taken) == ["1", "2", "3", "4"]


async def test_the_same_id_of_another_source_is_another_lead(world: World) -> None:
    one, two = await world.source(), await world.source()
    assert await world.notify(one, "1") == await world.notify(two, "1") == [True]


async def test_a_notification_wakes_the_fetcher_once_it_is_durable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "EVERY", 3600.0)
    source = await world.source()
    async with world.fetching():
        await world.notify(source, "1")
        await world.becomes("done", "1")
        with contextlib.suppress(ZeroDivisionError):
            async with world.database.begin() as uow:
                await fetching.enqueue(uow, source, [Fetch("2", "lead")])
                raise ZeroDivisionError
        await world.notify(source, "3")
        await world.becomes("done", "3")
    assert world.taken == ["1", "3"]


async def test_what_another_process_notified_is_found_without_being_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "EVERY", 0.02)
    source = await world.source()
    async with world.fetching(), world.another() as other:
        await world.notify(source, "1", database=other)
        await world.becomes("done", "1")


async def test_a_paused_source_waits(world: World) -> None:
    source, other = await world.source(), await world.source()
    await world.change(source, paused=True)
    await world.notify(source, "1")
    await world.notify(other, "2")
    async with world.fetching():
        await world.becomes("done", "2")
        assert world.asked == ["2"]
        await world.change(source, paused=False)
        world.wake()
        await world.becomes("done", "1")


async def test_a_lead_that_is_to_be_erased_is_not_fetched_any_more(world: World) -> None:
    source = await world.source()
    await world.notify(source, "1", "2")
    async with world.database.begin() as uow:
        assert await store.forget(uow, source, ["1", "9"]) == 1
    assert await world.notify(source, "1") == [False]
    async with world.fetching():
        rows = await world.becomes("done", "1", "2")
    assert world.asked == ["2"]
    assert (rows["1"]["hints"], rows["1"]["error"]) == ({}, "erased")


async def test_what_is_long_done_is_dropped(world: World) -> None:
    source = await world.source()
    await world.notify(source, "1")
    async with world.fetching():
        await world.becomes("done", "1")
    await world.notify(source, "2")
    async with world.database.begin() as uow:
        await store.drop_done(uow, before=uow.now + timedelta(days=1))
    assert set(await world.rows()) == {"2"}


# -- One at a time -----------------------------------------------------------------------------------------------------------------


async def test_two_fetchers_never_fetch_one_lead_twice(world: World) -> None:
    source = await world.source(fetch_per_minute=6000)
    ids = [str(n) for n in range(1, 61)]
    under_way: Counter[str] = Counter()
    most = 0

    async def slowly(request: httpx.Request) -> httpx.Response:
        nonlocal most
        answer = lead_of(request)
        id = request.url.path.rpartition("/")[2]
        under_way[id] += 1
        most = max(most, under_way[id])
        await asyncio.sleep(0)
        under_way[id] -= 1
        return answer

    world.respond = slowly
    await world.notify(source, *ids)
    async with world.another() as other, world.fetching(), world.fetching(other):
        await world.becomes("done", *ids)
    assert most == 1
    assert Counter(world.asked) == Counter(ids)
    assert sorted(world.taken) == sorted(ids)


async def test_a_crash_between_taking_and_recording_makes_one_lead(world: World) -> None:
    source = await world.source()
    await world.notify(source, "1")
    reached = asyncio.Event()
    outside = world.outside()
    take = outside.submit

    async def crash(source_id: UUID, notices: Sequence[Notice], delivery_id: UUID | None) -> Sequence[Result]:
        await take(source_id, notices, delivery_id)
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    object.__setattr__(outside, "submit", crash)
    died = asyncio.create_task(Fetcher(world.database, outside, chance=lambda: 1.0).run())
    await asyncio.wait_for(reached.wait(), 10)
    died.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await died
    assert (await world.rows())["1"]["state"] == "waiting"
    async with world.another() as other, world.fetching(other):
        await world.notify(source, "2", database=other)
        await world.becomes("done", "2")
        assert world.asked == ["1", "2"], "it is leased as yet"
        world.clock.ahead += LEASE
        other.memory[Wake]()
        await world.becomes("done", "1")
    assert world.asked == ["1", "2", "1"]
    assert world.taken == ["1", "2"]


async def test_what_an_overtaken_fetcher_says_is_not_heard(world: World) -> None:
    source = await world.source()
    await world.notify(source, "1")
    leases = []
    for _ in range(2):
        async with world.database.begin() as uow:
            [leased] = await store.lease(uow, {source: 5}, limit=5, until=uow.now + LEASE)
            assert await store.lease(uow, {source: 5}, limit=5, until=uow.now + LEASE) == []
        leases.append(leased)
        world.clock.ahead += LEASE
    async with world.database.begin() as uow:
        await fetching.record_failure(leases[0], Permanent("too late"), uow, chance=1.0)
        await store.release(uow, leases[:1])
    row = (await world.rows())["1"]
    assert (row["state"], row["error"], row["attempts"]) == ("waiting", None, 2)
    async with world.database.begin() as uow:
        await fetching.record_success(leases[1], None, uow)
    assert (await world.rows())["1"]["state"] == "done"


async def test_what_is_under_way_at_the_end_is_given_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "GRACE", 0.01)
    source = await world.source()
    await world.notify(source, "1")
    asked = asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    world.respond = hang
    async with world.fetching():
        await asyncio.wait_for(asked.wait(), 10)
    row = (await world.rows())["1"]
    assert (row["state"], row["lease_until"], row["attempts"]) == ("waiting", None, 0)
    world.respond = lead_of
    async with world.fetching():
        await world.becomes("done", "1")


async def test_a_sender_that_hangs_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "GRACE", 0.01)
    hanging, other = await world.source(), await world.source("hubspot")

    async def respond(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "graph.facebook.com":
            await asyncio.Event().wait()
        return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2], "properties": {"email": "bo@example.com"}})

    world.respond = respond
    await world.notify(hanging, *(str(n) for n in range(1, 21)))
    await world.notify(other, "100", "101")
    async with world.fetching():
        await world.becomes("done", "100", "101")
    assert len(world.asked) == loops.OF_ONE + 2


async def test_a_database_that_is_away_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "EVERY", 0.01)
    dsn = "postgresql://nobody:x@127.0.0.1:1/none"
    away = Database(dsn, service="intake", topic=LEADS_RECEIVED.name, clock=world.clock)
    outside = world.outside()
    waiting: list[Fetcher | Poller] = [Fetcher(away, outside, chance=lambda: 1.0), Poller(away, outside)]
    faults = [loop_faults.labels("intake", name, "world")._value for name in ("fetcher", "poller")]
    before = [fault.get() for fault in faults]

    async def twice_each() -> bool:
        return all(fault.get() >= earlier + 2 for fault, earlier in zip(faults, before, strict=True))

    async with asyncio.TaskGroup() as group:
        for loop in waiting:
            group.create_task(loop.run())
        await eventually(twice_each)
        for loop in waiting:
            loop.stop()
    await away.close()


# -- When it fails -----------------------------------------------------------------------------------------------------------------


async def test_a_sender_that_is_down_is_asked_later_and_later(world: World) -> None:
    source = await world.source()
    world.respond = lambda _: httpx.Response(500)
    await world.notify(source, "1")
    async with world.fetching():
        for tries, seconds in enumerate((2, 4, 8, 16), start=1):
            rows = await eventually(lambda tries=tries: tried(world, "1", tries))
            due = rows["1"]["due_at"] - world.clock.now()
            assert timedelta(seconds=seconds - 1.5) < due <= timedelta(seconds=seconds)
            world.later(due / 2)
            assert (await world.state(source)).error == "unreachable: graph.facebook.com answered 500"
            assert len(world.asked) == tries
            world.later(due / 2)
        world.respond = lead_of
        world.later(timedelta(seconds=32))
        await world.becomes("done", "1")
    assert world.taken == ["1"]


async def tried(world: World, id: str, tries: int) -> dict[str, Any] | None:
    rows = await world.rows()
    return rows if rows[id]["attempts"] == tries and rows[id]["lease_until"] is None else None


async def test_after_three_days_it_has_failed_and_is_tried_again_on_demand(world: World) -> None:
    source = await world.source()
    world.respond = lambda _: httpx.Response(404, json={})
    await world.notify(source, "1")
    began = world.clock.now()
    async with world.fetching():
        for tries in range(1, TRIES):
            await eventually(lambda tries=tries: tried(world, "1", tries))
            world.later(timedelta(hours=6))
        rows = await world.becomes("failed", "1")
        assert rows["1"]["attempts"] == len(world.asked) == TRIES
        state = await world.state(source)
        assert (state.waiting, state.failed, state.error) == (0, 1, "gone: graph.facebook.com answered 404")
        world.later(timedelta(days=30))
        world.respond = lead_of
        await world.notify(source, "2")
        await world.becomes("done", "2")
        assert len(world.asked) == TRIES + 1
        async with world.database.begin() as uow:
            assert await fetching.retry_fetches(source, uow) == 1
        await world.becomes("done", "1")
    assert world.clock.now() - began > timedelta(days=3)


async def test_to_try_again_for_a_source_that_is_none_is_refused(world: World) -> None:
    async with world.database.begin() as uow:
        with pytest.raises(Refused, match="no source"):
            await fetching.retry_fetches(uow.clock.uuid7(), uow)


async def test_a_sender_that_is_asked_too_often_is_left_alone_as_long_as_it_says(world: World) -> None:
    source, other = await world.source(), await world.source("hubspot")
    limited = True

    def respond(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "api.hubapi.com":
            return httpx.Response(200, json={"id": "100", "properties": {"email": "bo@example.com"}})
        return httpx.Response(429, headers={"retry-after": "120"}) if limited else lead_of(request)

    world.respond = respond
    await world.notify(source, "1")
    async with world.fetching():
        rows = await eventually(lambda: tried(world, "1", 1))
        assert timedelta(seconds=115) < rows["1"]["due_at"] - world.clock.now() <= timedelta(seconds=120)
        limited = False
        await world.notify(source, "2")
        await world.notify(other, "100")
        await world.becomes("done", "100")
        world.later(timedelta(seconds=100))
        await world.notify(other, "101")
        await world.becomes("done", "101")
        assert world.asked == ["1", "100", "101"], "not even about another lead"
        world.later(timedelta(seconds=25))
        await world.becomes("done", "1", "2")
    assert sorted(world.taken) == ["1", "100", "101", "2"]


async def test_a_token_that_is_refused_is_the_state_of_the_source(world: World) -> None:
    source = await world.source()
    refusal = {"error": {"message": "Session has expired.", "code": 190}}
    world.respond = lambda _: httpx.Response(400, json=refusal)
    await world.notify(source, "1")
    async with world.fetching() as fetcher:
        await eventually(lambda: denied(world, source))
        state = await world.state(source)
        assert state.error == "denied: graph.facebook.com answered 400: (190) Session has expired."
        assert fetcher.health() is None, "a source's token says nothing of the service"
        await world.notify(source, "2")
        world.later(timedelta(minutes=4))
        assert world.asked == ["1"]
        for calls in range(2, TRIES + 2):
            world.later(timedelta(minutes=46))
            await eventually(lambda calls=calls: asked_and_idle(world, "1", calls))
        assert (await world.rows())["1"]["attempts"] == 0, "waiting for a person takes no tries away"
        world.respond = lead_of
        async with world.database.begin() as uow:
            await fetching.retry_fetches(source, uow)
        await world.becomes("done", "1", "2")
    assert not (await world.state(source)).denied


async def asked_and_idle(world: World, id: str, calls: int) -> bool:
    return world.asked.count(id) == calls and all(row["lease_until"] is None for row in (await world.rows()).values())


async def denied(world: World, source: UUID) -> bool:
    return (await world.state(source)).denied


async def many(world: World, calls: int) -> bool:
    return len(world.asked) >= calls


async def test_a_source_without_a_token_is_not_asked_for(world: World) -> None:
    source = await world.source()
    world.secrets = {}
    await world.notify(source, "1")
    async with world.fetching():
        await eventually(lambda: denied(world, source))
    assert (await world.state(source)).error == "unset: the source has no secret access_token"
    assert world.asked == []


async def test_secrets_that_cannot_be_opened_are_said(world: World) -> None:
    source = await world.source()
    outside = world.outside()

    def sealed(_: Source) -> Credentials:
        raise ConfigurationError("no key")

    object.__setattr__(outside, "credentials", sealed)
    await world.notify(source, "1")
    async with world.fetching(outside=outside):
        await eventually(lambda: denied(world, source))
    assert (await world.state(source)).error == "unset: the source's secrets cannot be opened"


@pytest.mark.parametrize(
    "body", [b'{"field_data": []}', b'{"id": "1", "field_data": {"a": [1]}, "created_time": {}}', b'{"error": 1}']
)
async def test_an_odd_answer_ends_in_a_lead_or_in_words(world: World, body: bytes) -> None:
    source = await world.source()
    world.respond = lambda _: httpx.Response(200, content=body)
    await world.notify(source, "1")
    async with world.fetching():
        row = (await eventually(lambda: tried(world, "1", 1)))["1"]
    assert row["state"] == "done" or row["error"].startswith("failed: ")


async def test_a_lead_that_is_refused_is_done_and_noted(world: World) -> None:
    source = await world.source()
    world.results = lambda _: Result(Status.REJECTED, slug="unreachable", detail="No way to reach anyone.")
    await world.notify(source, "1")
    async with world.fetching():
        rows = await world.becomes("done", "1")
    assert rows["1"]["error"] == "rejected: unreachable"


async def test_a_lead_that_cannot_be_taken_now_is_taken_later(world: World) -> None:
    source = await world.source()
    held = True

    def results(lead: SentLead) -> Result:
        return Result(Status.REJECTED, slug="source-paused", http=503) if held else Result(Status.ACCEPTED)

    world.results = results
    await world.notify(source, "1")
    async with world.fetching():
        rows = await eventually(lambda: noted(world, "1", "not now: source-paused"))
        assert rows["1"]["attempts"] == 0
        held = False
        world.later(timedelta(seconds=31))
        await world.becomes("done", "1")


async def test_where_leads_cannot_be_stored_just_now_it_is_tried_again(world: World) -> None:
    source = await world.source()
    outside = world.outside()
    take = outside.submit
    faults: list[Exception] = [unavailable("busy", "Send it again."), asyncpg.PostgresConnectionError("lost")]

    async def submit(source_id: UUID, notices: Sequence[Notice], delivery_id: UUID | None) -> Sequence[Result]:
        if faults:
            raise faults.pop(0)
        return await take(source_id, notices, delivery_id)

    object.__setattr__(outside, "submit", submit)
    await world.notify(source, "1")
    async with world.fetching(outside=outside):
        for tries in (1, 2):
            await eventually(lambda tries=tries: tried(world, "1", tries))
            world.later(timedelta(minutes=1))
        await world.becomes("done", "1")
    assert world.taken == ["1"]


async def test_what_the_database_says_of_a_lead_is_not_kept(world: World) -> None:
    source = await world.source()

    def results(_: SentLead) -> Result:
        raise Permanent("database: value lead-1@example.com is odd")

    world.results = results
    await world.notify(source, "1")
    async with world.fetching():
        rows = await world.becomes("failed", "1")
    assert rows["1"]["error"] == "failed: the lead could not be stored (Permanent)"


async def noted(world: World, id: str, error: str) -> dict[str, Any] | None:
    rows = await world.rows()
    return rows if rows[id]["error"] == error and rows[id]["lease_until"] is None else None


async def test_a_source_is_asked_no_faster_than_is_set(world: World) -> None:
    source = await world.source(fetch_per_minute=6)
    await world.notify(source, "1", "2", "3")
    async with world.fetching():
        for count in (1, 2, 3):
            await eventually(lambda count=count: many(world, count))
            await eventually(lambda count=count: finished(world, count))
            assert len(world.asked) == count
            world.later(timedelta(seconds=11))


async def finished(world: World, count: int) -> bool:
    return sum(row["state"] == "done" for row in (await world.rows()).values()) >= count


# -- What was not notified -----------------------------------------------------------------------------------------------------------


async def test_a_lead_that_was_not_notified_is_found(world: World) -> None:
    source = await world.source(form_ids=["11"])

    def respond(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/leads"):
            return lead_of(request)
        return httpx.Response(200, json={"data": [{"id": "3"}, {"id": "2"}, {"id": "1"}]})

    world.respond = respond
    await world.notify(source, "1")
    async with world.fetching():
        await world.becomes("done", "1")
        await world.notify(source, "2")
        async with world.database.begin() as uow:
            await uow.execute("DELETE FROM intake.fetches WHERE external_id = '1'")  # long done, and dropped
        async with world.polling():
            rows = await world.becomes("done", "2", "3")
    assert "1" not in rows
    assert sorted(world.taken) == ["1", "2", "3"]
    assert (rows["2"]["delivery_id"] is None, rows["3"]["delivery_id"] is None) == (False, True)
    state = await world.state(source)
    assert (state.poll_found, state.poll_error) == (1, None)
    assert state.polled_at is not None
    assert state.next_poll == state.polled_at + timedelta(minutes=15)


async def test_a_sweep_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "EVERY", 0.02)
    source = await world.source(form_ids=["11"], poll_minutes=60)
    more = {"cursors": {"after": "next-page"}, "next": "https://graph.facebook.com/…"}
    broken = True
    places: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        places.append(request.url.params.get("after"))
        if places[-1] is None:
            return httpx.Response(200, json={"data": [{"id": "1"}], "paging": more})
        return httpx.Response(500) if broken else httpx.Response(200, json={"data": [{"id": "2"}]})

    world.respond = respond
    async with world.polling():
        await eventually(lambda: poll_says(world, source, "unreachable: graph.facebook.com answered 500"))
        assert set(await world.rows()) == {"1"}
        broken = False
        world.clock.ahead += timedelta(minutes=2)
        await eventually(lambda: swept(world, source))
    assert places == [None, "next-page", "next-page"]
    assert set(await world.rows()) == {"1", "2"}


async def test_a_place_that_the_sender_no_longer_knows_begins_the_sweep_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "EVERY", 0.02)
    source = await world.source(form_ids=["11"])
    more = {"cursors": {"after": "next-page"}, "next": "https://graph.facebook.com/…"}
    places: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        places.append(request.url.params.get("after"))
        if places[-1] is None:
            return httpx.Response(200, json={"data": [{"id": "1"}], "paging": more})
        if len(places) == 2:
            return httpx.Response(400, json={"error": {"code": 100, "message": "Invalid cursor"}})
        return httpx.Response(200, json={"data": [{"id": "2"}]})

    world.respond = respond
    async with world.polling():
        await eventually(lambda: poll_says(world, source, "failed: graph.facebook.com answered 400: (100) Invalid cursor"))
        assert await swept(world, source)
        world.clock.ahead += timedelta(minutes=16)
        await eventually(lambda: many(world, 4))
        await eventually(lambda: swept(world, source))
    assert places == [None, "next-page", None, "next-page"]
    assert set(await world.rows()) == {"1", "2"}


async def poll_says(world: World, source: UUID, error: str) -> bool:
    return (await world.state(source)).poll_error == error


async def swept(world: World, source: UUID) -> bool:
    async with world.database.begin() as uow:
        cursor = await uow.fetchval("SELECT cursor FROM intake.polls WHERE source_id = $1 AND lease_until IS NULL", source)
    return bool(cursor) and set(cursor) == {"since"}


async def test_leads_that_come_whole_are_taken_at_once(world: World) -> None:
    source = await world.source("tiktok", advertiser_id="7000", page_ids=["1700"], regions=["us"])
    stamp = world.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    export = f"lead id,created_time,Name,Email\n71,{stamp},Ada,ada@example.com\n72,{stamp},Bo,bo@example.com\n"

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download/"):
            return httpx.Response(200, text=export)
        return httpx.Response(200, json={"code": 0, "data": {"task_id": "t1", "status": "SUCCEED"}})

    world.respond = respond
    await world.take(world.database, source, SentLead({}, "71"))
    async with world.polling():
        await eventually(lambda: swept(world, source))
    assert world.taken == ["71", "72"]
    assert (await world.state(source)).poll_found == 1
    assert await world.rows() == {}


async def test_who_wants_no_polls_and_who_is_paused_is_not_looked_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "EVERY", 0.02)
    await world.source(form_ids=["11"], poll_minutes=0)
    paused = await world.source(form_ids=["22"])
    await world.change(paused, paused=True)
    await world.source("generic")
    looked = await world.source(form_ids=["33"])
    world.respond = lambda _: httpx.Response(200, json={"data": []})
    async with world.polling():
        await eventually(lambda: swept(world, looked))
    assert world.asked == ["leads"]


async def test_two_pollers_do_not_look_through_one_source_at_once(world: World) -> None:
    source = await world.source(form_ids=["11"])
    async with world.another() as other, world.database.begin() as one:
        await store.add_polls(one, ["meta"])
        assert await store.lease_poll(one, ["meta"], until=one.now + LEASE)
        async with other.begin() as two:
            assert await store.lease_poll(two, ["meta"], until=two.now + LEASE) is None
    world.clock.ahead += LEASE
    async with world.database.begin() as uow:
        late = await store.lease_poll(uow, ["meta"], until=uow.now + LEASE)
        assert late is not None
        await fetching.record_poll(late._replace(lease_until=uow.now), uow, cursor={"since": 1}, pause=timedelta(0))
    assert not await swept(world, source)


async def test_a_source_that_lacks_a_setting_says_so(world: World) -> None:
    source = await world.source()
    async with world.polling():
        await eventually(
            lambda: poll_says(world, source, "unset: set form_ids, so that leads are found of which no notification came")
        )
    state = await world.state(source)
    assert not state.denied
    assert state.next_poll is not None
    assert state.next_poll > world.clock.now() + timedelta(minutes=14)
