"""Timers on a real PostgreSQL: each is handled once and not before its moment, whatever happens to the loop that handles it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from shared import timers
from shared.auth import Role
from shared.clock import SystemClock
from shared.consumer import Subscriptions
from shared.contracts.topics import LEADS_SCORED
from shared.db.migrate import platform
from shared.db.tables import add_platform_tables
from shared.db.uow import Database, UnitOfWork
from shared.errors import Permanent, Transient
from shared.runtime import Service, assemble
from shared.telemetry import timer_lateness, timers_failed, timers_overdue
from shared.timers import Due, Handler, Timer, Timers, TimerState, drop_timers, loop, set_timers, watch
from tests.support.installation import Installation
from tests.support.proxy import proxied
from tests.support.waiting import eventually

SCHEMA = "clocks"
SCRATCH = """
CREATE TABLE clocks.handled (n bigint GENERATED ALWAYS AS IDENTITY, kind text, subject uuid, key text, late interval, outage interval);
"""
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(seconds=loop.LEASE + 1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class SetClock(SystemClock):
    """A clock that stands still until a test moves it; ids and waiting go by the machine's. `passed` are seconds that a test adds."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self.passed = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF", (0.01, 0.05))


@pytest.fixture
async def database(installation: Installation, clock: SetClock) -> AsyncIterator[Database]:
    """A schema of its own, with the platform's tables as a service's three migrations make them."""
    admin = await asyncpg.connect(installation.admin_dsn)
    await admin.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION handoff_scoring")
    await admin.execute("SET ROLE handoff_scoring")
    for version in (1, 2, 3):
        await admin.execute(platform(SCHEMA, version))
    await admin.execute(SCRATCH)
    await admin.close()
    async with opened(installation.dsns["scoring"], clock) as made:
        yield made


@contextlib.asynccontextmanager
async def opened(dsn: str, clock: SystemClock) -> AsyncIterator[Database]:
    """A database as another process would open it: with a pool and a memory of its own."""
    made = Database(dsn, service=SCHEMA, topic=LEADS_SCORED.name, clock=clock)
    try:
        yield made
    finally:
        await made.close()


async def write(due: Sequence[Due], uow: UnitOfWork) -> None:
    """A handler that writes down what it was given."""
    rows = [(timer.kind, timer.subject, timer.key, timer.late, timer.outage) for timer in due]
    await uow.insert("handled", ("kind", "subject", "key", "late", "outage"), rows)


async def put(database: Database, *made: Timer) -> None:
    async with database.begin() as uow:
        await set_timers(uow, made)


async def handled(database: Database) -> list[Any]:
    async with database.begin() as uow:
        return await uow.fetch("SELECT * FROM clocks.handled ORDER BY n")


async def subjects(database: Database) -> list[UUID]:
    return [row["subject"] for row in await handled(database)]


async def kept(database: Database, state: TimerState, **where: Any) -> list[timers.KeptTimer]:
    async with database.begin() as uow:
        return await timers.page(uow, state, **where)


async def counted(database: Database) -> tuple[int, int]:
    async with database.begin() as uow:
        found = await timers.counts(uow)
    return found.due, found.failed


def is_handled(database: Database, *wanted: UUID) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return set(wanted) <= set(await subjects(database)) and await counted(database) == (0, 0)

    return check


def new(clock: SetClock, count: int) -> list[UUID]:
    return [clock.uuid7() for _ in range(count)]


def a_second_apart(ids: Iterable[UUID], *, kind: str = "a") -> list[Timer]:
    return [Timer(kind, id, NOON - timedelta(seconds=n)) for n, id in enumerate(ids)]


@contextlib.asynccontextmanager
async def working(loop: Timers) -> AsyncIterator[asyncio.Task[None]]:
    """The loop at work in the background; it is stopped, or was killed, by the end."""
    task = asyncio.create_task(loop.run())
    try:
        yield task
    finally:
        loop.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def kill(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class Gate:
    """Holds a handler before it begins (`early`), or after it has written and before anything is committed."""

    def __init__(self, handler: Handler = write, *, early: bool = False) -> None:
        self._handler = handler
        self._early = early
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, due: Sequence[Due], uow: UnitOfWork) -> None:
        if not self._early:
            await self._handler(due, uow)
        self.reached.set()
        await self.open.wait()
        if self._early:
            await self._handler(due, uow)


def test_the_loop_keeps_its_lease_for_as_long_as_it_may_work() -> None:
    assert loop.LEASE * 2 <= loop.OUTAGE, "a loop that is busy for its whole lease is no outage"
    assert watch.BEAT * 4 <= loop.OUTAGE


async def test_the_tables_are_as_the_script_makes_them(database: Database, installation: Installation) -> None:
    def differences(connection: Connection) -> list[Any]:
        metadata = MetaData(schema=SCHEMA)
        add_platform_tables(metadata, version=3)

        def ours(name: str | None, kind: str, _: object) -> bool:
            return name == SCHEMA if kind == "schema" else name not in ("handled", "inbox_default")

        options = {"include_schemas": True, "include_name": ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engine = create_async_engine(make_url(installation.admin_dsn).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_a_timer_is_handled_at_its_moment_and_not_before(database: Database, clock: SetClock) -> None:
    early, late = new(clock, 2)
    await put(database, Timer("a", early, NOON + MINUTE), Timer("a", late, NOON + HOUR, "x", {"why": "test"}))
    seen: list[Due] = []

    async def look(due: Sequence[Due], uow: UnitOfWork) -> None:
        seen.extend(due)

    tried = Timers(database, {"a": look})
    await tried.turn()
    clock.at += MINUTE - timedelta(microseconds=1)
    await tried.turn()
    assert seen == []
    clock.at += timedelta(microseconds=1)
    await tried.turn()
    assert [due.subject for due in seen] == [early]
    clock.at = NOON + HOUR + MINUTE
    await tried.turn()
    await tried.turn()
    assert [(due.subject, due.key, due.data, due.due_at, due.late) for due in seen[1:]] == [
        (late, "x", {"why": "test"}, NOON + HOUR, MINUTE)
    ]
    assert seen[1].as_cause.id == "timer a 2026-03-02T13:00:00Z"
    assert seen[1].as_cause.traceparent != seen[0].as_cause.traceparent
    assert await counted(database) == (0, 0)


async def test_the_oldest_come_first_in_batches_of_one_kind(database: Database, clock: SetClock) -> None:
    ids = new(clock, 10)
    await put(database, *[Timer("ab"[n % 2], id, NOON - timedelta(seconds=n)) for n, id in enumerate(ids)])
    calls: list[list[UUID]] = []

    async def look(due: Sequence[Due], uow: UnitOfWork) -> None:
        assert len({timer.kind for timer in due}) == 1
        calls.append([timer.subject for timer in due])

    tried = Timers(database, {"a": look, "b": look}, batch=6)
    assert await tried.turn() == 0, "there may be more"
    assert await tried.turn() > 0
    assert calls == [[ids[9], ids[7], ids[5]], [ids[8], ids[6], ids[4]], [ids[3], ids[1]], [ids[2], ids[0]]]


async def test_a_batch_holds_a_subject_once(database: Database, clock: SetClock) -> None:
    one, other = new(clock, 2)
    await put(database, *[Timer("a", one, NOON - timedelta(seconds=n), str(n)) for n in range(3)], Timer("a", other, NOON))
    calls: list[list[tuple[UUID, str]]] = []

    async def look(due: Sequence[Due], uow: UnitOfWork) -> None:
        calls.append([(timer.subject, timer.key) for timer in due])

    await Timers(database, {"a": look}).turn()
    assert calls == [[(one, "2"), (other, "")], [(one, "1")], [(one, "0")]]


async def test_the_later_call_wins(database: Database, clock: SetClock) -> None:
    (id,) = new(clock, 1)
    await put(database, Timer("a", id, NOON), Timer("a", id, NOON + HOUR, data={"n": 1}))
    await put(database, Timer("a", id, NOON + MINUTE, data={"n": 2}))
    found = await kept(database, TimerState.WAITING)
    assert [(timer.due_at, timer.data) for timer in found] == [(NOON + MINUTE, {"n": 2})]
    await put(database)
    with pytest.raises(Transient):
        await _set_and_fail(database, Timer("a", id, NOON))
    assert await kept(database, TimerState.WAITING) == found, "what was rolled back was not set"


async def _set_and_fail(database: Database, timer: Timer) -> None:
    async with database.begin() as uow:
        await set_timers(uow, [timer])
        raise Transient("the connection was lost")


async def test_timers_are_dropped_by_subject_kind_and_key(database: Database, clock: SetClock) -> None:
    one, two, three = new(clock, 3)
    every = [Timer(kind, id, NOON + HOUR, key) for kind in "ab" for id in (one, two, three) for key in ("", "x")]
    await put(database, *every)
    async with database.begin() as uow:
        assert await drop_timers(uow, "a", [one, two], "x") == {one: 1, two: 1}
        assert await drop_timers(uow, "a", [one]) == {one: 1}
        assert await drop_timers(uow, None, [one, two, clock.uuid7()]) == {one: 2, two: 3}
        assert await drop_timers(uow, None, []) == {}
    assert {timer.subject for timer in await kept(database, TimerState.WAITING)} == {three}


async def test_setters_in_any_order_do_not_lock_each_other_out(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    ids = new(clock, 200)

    async def set_and_drop(each: Database, chosen: list[UUID]) -> None:
        for _ in range(10):
            await put(each, *[Timer("a", id, NOON + HOUR) for id in chosen])
            async with each.begin() as uow:
                await drop_timers(uow, "a", chosen[::2])

    async with opened(installation.dsns["scoring"], clock) as other:
        await asyncio.gather(set_and_drop(database, ids), set_and_drop(other, ids[::-1]), set_and_drop(database, ids[::3]))
    assert len(await kept(database, TimerState.WAITING, limit=500)) <= 200


async def test_a_timer_that_somebody_holds_holds_no_other_up(database: Database, clock: SetClock) -> None:
    held, free = new(clock, 2)
    await put(database, Timer("a", held, NOON - MINUTE), Timer("a", free, NOON))
    tried = Timers(database, {"a": write})
    async with database.begin() as uow:
        await set_timers(uow, [Timer("a", held, NOON)])
        await tried.turn()
        assert await subjects(database) == [free]
    await tried.turn()
    assert await subjects(database) == [free, held]


async def test_two_loops_share_the_work_and_each_timer_is_handled_once(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    ids = new(clock, 600)
    await put(database, *a_second_apart(ids))
    by: Counter[str] = Counter()

    def by_whom(name: str) -> Handler:
        async def handle(due: Sequence[Due], uow: UnitOfWork) -> None:
            by[name] += len(due)
            await write(due, uow)
            await uow.fetchval("SELECT pg_sleep(0.002)")

        return handle

    async with opened(installation.dsns["scoring"], clock) as other:
        pair = [Timers(each, {"a": by_whom(name)}, batch=20) for name, each in (("one", database), ("two", other))]
        async with working(pair[0]), working(pair[1]):
            await eventually(is_handled(database, *ids))
    assert Counter(await subjects(database)) == Counter(ids)
    assert set(by) == {"one", "two"}
    assert by.total() == len(ids)


@pytest.mark.parametrize("early", [True, False], ids=["after the lease", "after the work, before the commit"])
async def test_after_a_crash_another_loop_follows_when_the_lease_is_over(
    database: Database, installation: Installation, clock: SetClock, early: bool
) -> None:
    ids = new(clock, 5)
    await put(database, *a_second_apart(ids))
    gate = Gate(early=early)
    async with working(Timers(database, {"a": gate})) as task:
        await gate.reached.wait()
        await kill(task)
    assert await handled(database) == []
    async with opened(installation.dsns["scoring"], clock) as other:
        follower = Timers(other, {"a": write})
        later = clock.uuid7()
        await put(database, Timer("a", later, NOON))
        await follower.turn()
        assert await subjects(database) == [later], "the lease of the dead still holds"
        clock.at += LEASE
        await follower.turn()
    assert await subjects(database) == [later, *reversed(ids)]
    assert await counted(database) == (0, 0)


async def test_a_handler_sets_its_timer_again(database: Database, clock: SetClock) -> None:
    ids = new(clock, 3)
    await put(database, *[Timer("a", id, NOON) for id in ids])

    async def again(due: Sequence[Due], uow: UnitOfWork) -> None:
        await write(due, uow)
        await set_timers(uow, [Timer("a", ids[1], uow.now + MINUTE)])

    tried = Timers(database, {"a": again})
    await tried.turn()
    await tried.turn()
    assert Counter(await subjects(database)) == Counter(ids)
    assert [(timer.subject, timer.due_at) for timer in await kept(database, TimerState.WAITING)] == [(ids[1], NOON + MINUTE)]
    clock.at += MINUTE
    await tried.turn()
    assert Counter(await subjects(database)) == Counter([*ids, ids[1]])


@pytest.mark.parametrize("due_at", [NOON, NOON + HOUR], ids=["for the same moment", "for later"])
async def test_a_timer_set_again_while_it_is_handled_is_kept(database: Database, clock: SetClock, due_at: datetime) -> None:
    ids = new(clock, 3)
    await put(database, *[Timer("a", id, NOON, data={"n": 1}) for id in ids])
    seen: list[tuple[UUID, object]] = []

    async def look(due: Sequence[Due], uow: UnitOfWork) -> None:
        seen.extend((timer.subject, timer.data["n"]) for timer in due)

    gate = Gate(look)
    tried = Timers(database, {"a": gate})
    turn = asyncio.create_task(tried.turn())
    await gate.reached.wait()
    await put(database, Timer("a", ids[0], due_at, data={"n": 2}))
    gate.open.set()
    await turn
    assert Counter(seen) == Counter((id, 1) for id in ids)
    clock.at = due_at
    assert [(timer.subject, timer.due_at) for timer in await kept(database, TimerState.DUE)] == [(ids[0], due_at)]
    await tried.turn()
    assert seen[3:] == [(ids[0], 2)]
    assert await counted(database) == (0, 0)


async def test_what_is_called_off_or_moved_after_the_lease_is_not_handled(database: Database, clock: SetClock) -> None:
    first, dropped, moved, stays = new(clock, 4)
    await put(database, Timer("a", first, NOON - MINUTE), *[Timer("b", id, NOON) for id in (dropped, moved, stays)])
    gate = Gate()
    async with working(Timers(database, {"a": gate, "b": write})):
        await gate.reached.wait()
        async with database.begin() as uow:
            await drop_timers(uow, None, [dropped])
            await set_timers(uow, [Timer("b", moved, NOON + HOUR)])
        gate.open.set()
        await eventually(is_handled(database, first, stays))
    assert await subjects(database) == [first, stays]
    assert [timer.subject for timer in await kept(database, TimerState.WAITING)] == [moved]


async def test_a_poisoned_timer_is_kept_with_its_reason_and_holds_no_other_up(database: Database, clock: SetClock) -> None:
    ids = new(clock, 20)
    bad, broken = ids[7], True
    await put(database, *a_second_apart(ids))
    calls: list[int] = []

    async def choosy(due: Sequence[Due], uow: UnitOfWork) -> None:
        calls.append(len(due))
        await write(due, uow)
        if broken and any(timer.subject == bad for timer in due):
            raise Permanent("the pool is gone")

    tried = Timers(database, {"a": choosy})
    await tried.turn()
    assert Counter(await subjects(database)) == Counter(set(ids) - {bad}), "and what the failed tries wrote is gone"
    (waits,) = await kept(database, TimerState.DUE)
    assert (waits.subject, waits.attempts, waits.fault, waits.lease_until) == (bad, 1, "the pool is gone", NOON + _pause(0))
    more = new(clock, 5)
    for attempt in range(2, loop.TRIES + 1):
        clock.at += MINUTE
        if attempt == 2:
            await put(database, *a_second_apart(more))
            calls.clear()
        await tried.turn()
        if attempt == 2:
            assert sorted(calls) == [1, 5], "what failed before spoils no other batch"
    assert set(more) <= set(await subjects(database))
    (failed,) = await kept(database, TimerState.FAILED)
    assert (failed.subject, failed.attempts, failed.fault, failed.state) == (bad, loop.TRIES, "the pool is gone", "failed")
    assert await counted(database) == (0, 1)
    clock.at += HOUR
    calls.clear()
    await tried.turn()
    assert calls == [], "it is not tried again by itself"
    broken = False
    async with database.begin() as uow:
        assert await timers.retry(uow, kind="b") == 0
        assert await timers.retry(uow, subject=bad) == 1
    await tried.turn()
    assert bad in await subjects(database)
    assert await counted(database) == (0, 0)


def _pause(times: int) -> timedelta:
    return timedelta(seconds=loop.BACKOFF[0] * 2**times)


async def test_what_an_error_quotes_is_not_kept_and_a_failed_timer_begins_anew_when_set(
    database: Database, clock: SetClock
) -> None:
    (id,) = new(clock, 1)
    await put(database, Timer("a", id, NOON))

    async def broken(due: Sequence[Due], uow: UnitOfWork) -> None:
        await uow.execute("SELECT 'ada@example.com'::int" if await uow.fetchval("SELECT true") else "")

    tried = Timers(database, {"a": broken})
    for _ in range(loop.TRIES):
        await tried.turn()
        clock.at += MINUTE
    (failed,) = await kept(database, TimerState.FAILED)
    assert failed.fault == "InvalidTextRepresentationError (22P02)"
    await put(database, Timer("a", id, clock.at + HOUR))
    (anew,) = await kept(database, TimerState.WAITING)
    assert (anew.attempts, anew.fault, anew.lease_until) == (0, None, None)


async def test_the_worlds_faults_are_waited_out_and_do_not_count(database: Database, clock: SetClock) -> None:
    ids = new(clock, 6)
    await put(database, *a_second_apart(ids))
    faults = 0

    async def unlucky(due: Sequence[Due], uow: UnitOfWork) -> None:
        nonlocal faults
        await write(due, uow)
        if any(timer.subject == ids[2] for timer in due) and faults < 3 * loop.TRIES:
            faults += 1
            raise Transient("the lock was not had in time")

    tried = Timers(database, {"a": unlucky})
    await tried.turn()
    assert Counter(await subjects(database)) == Counter(set(ids) - {ids[2]})
    while faults < 3 * loop.TRIES:
        before = faults
        await tried.turn()
        assert faults == before, "it waits before it is tried again"
        clock.at += timedelta(seconds=loop.BACKOFF[1])
        await tried.turn()
        (waits,) = await kept(database, TimerState.DUE)
        assert (waits.attempts, waits.fault) == (0, None)
    clock.at += timedelta(seconds=loop.BACKOFF[1])
    await tried.turn()
    assert Counter(await subjects(database)) == Counter(ids)


async def test_a_handler_that_takes_too_long_is_cut_off_before_its_lease_ends(database: Database, clock: SetClock) -> None:
    (id,) = new(clock, 1)
    await put(database, Timer("a", id, NOON))

    async def endless(due: Sequence[Due], uow: UnitOfWork) -> None:
        await asyncio.Event().wait()

    await Timers(database, {"a": endless}, lease=0.1).turn()
    (waits,) = await kept(database, TimerState.DUE)
    assert (waits.attempts, waits.fault) == (1, "the handler took longer than 0.05 s")


async def test_what_there_was_no_time_for_is_done_next(database: Database, clock: SetClock) -> None:
    first, second = new(clock, 2)
    await put(database, Timer("a", first, NOON - MINUTE), Timer("b", second, NOON))

    async def slow(due: Sequence[Due], uow: UnitOfWork) -> None:
        await write(due, uow)
        clock.passed += loop.LEASE

    tried = Timers(database, {"a": slow, "b": write})
    assert await tried.turn() == 0, "there is more"
    assert await subjects(database) == [first]
    await tried.turn()
    assert await subjects(database) == [first, second], "without waiting for its own lease to end"


async def test_a_stopped_loop_finishes_what_is_in_hand_and_gives_the_rest_back(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    first, second = new(clock, 2)
    await put(database, Timer("a", first, NOON - MINUTE), Timer("b", second, NOON))
    gate = Gate()
    tried = Timers(database, {"a": gate, "b": write})
    async with working(tried):
        await gate.reached.wait()
        tried.stop()
        gate.open.set()
    assert await subjects(database) == [first]
    async with opened(installation.dsns["scoring"], clock) as other:
        await Timers(other, {"b": write}).turn()
    assert await subjects(database) == [first, second], "no lease had to run out first"


async def test_a_kind_without_a_handler_is_left_alone(database: Database, clock: SetClock) -> None:
    foreign, known = new(clock, 2)
    await put(database, Timer("of-another-version", foreign, NOON - HOUR), Timer("a", known, NOON))
    await Timers(database, {"a": write}).turn()
    assert await subjects(database) == [known]
    assert [timer.subject for timer in await kept(database, TimerState.DUE)] == [foreign]


async def test_a_timer_set_while_the_loop_sleeps_is_handled_at_once(database: Database, clock: SetClock) -> None:
    tried = Timers(database, {"a": write}, poll=60)
    async with working(tried):
        for _ in range(2):  # after the first there is nothing to do
            (id,) = new(clock, 1)
            await put(database, Timer("a", id, NOON))
            await eventually(is_handled(database, id), timeout=5)


async def test_the_loop_sleeps_until_the_next_moment_and_no_longer(database: Database, installation: Installation) -> None:
    real = SystemClock()
    async with opened(installation.dsns["scoring"], real) as live:
        tried = Timers(live, {"a": write}, poll=60)
        at = real.now() + timedelta(seconds=0.3)
        (id,) = (real.uuid7(),)
        await put(live, Timer("a", id, at))
        async with working(tried):
            await eventually(is_handled(live, id), timeout=5)
        (row,) = await handled(live)
    assert timedelta() <= row["late"] < timedelta(seconds=5)


async def test_lateness_and_what_is_overdue_are_measured(database: Database, clock: SetClock) -> None:
    ids = new(clock, 3)
    await put(database, *[Timer("measured", id, NOON) for id in ids])
    clock.at += timedelta(seconds=3)
    await Timers(database, {}).turn()
    assert timers_overdue.labels(SCHEMA)._value.get() == 3
    await Timers(database, {"measured": write}).turn()
    assert [row["late"] for row in await handled(database)] == [timedelta(seconds=3)] * 3
    (family,) = [metric for metric in timer_lateness.collect()]
    found = {
        sample.labels.get("le", sample.name): sample.value
        for sample in family.samples
        if sample.labels.get("kind") == "measured" and sample.labels["service"] == SCHEMA
    }
    assert (found["2.5"], found["5.0"], found["handoff_timer_lateness_seconds_sum"]) == (0, 3, 9)
    await Timers(database, {}).turn()
    assert (timers_overdue.labels(SCHEMA)._value.get(), timers_failed.labels(SCHEMA)._value.get()) == (0, 0)


async def test_what_fell_due_while_nothing_ran_says_for_how_long(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    before, within, again, last, after = new(clock, 5)
    await Timers(database, {}).turn()
    clock.at += HOUR
    await Timers(database, {}).turn()  # the second day, say; nobody runs from here on
    at = clock.at
    await put(database, Timer("a", before, at - MINUTE), Timer("a", within, at + MINUTE), Timer("a", last, at + 2 * HOUR))
    await put(database, Timer("a", again, at + 90 * MINUTE))
    clock.at = at + 2 * HOUR
    async with opened(installation.dsns["scoring"], clock) as other:
        pair = Timers(database, {}), Timers(other, {})
        await asyncio.gather(*[each.turn() for each in pair])  # up again, and busy with something else
        clock.at += MINUTE
        await put(database, Timer("a", after, at + 80 * MINUTE))
        await Timers(other, {"a": write}).turn()
    found = {row["subject"]: row["outage"] for row in await handled(database)}
    assert found == {before: timedelta(), within: 2 * HOUR, again: 2 * HOUR, last: 2 * HOUR, after: timedelta()}


async def test_a_clock_that_jumps_while_the_loop_runs_is_no_outage(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BEAT", 0.0)
    ids = new(clock, 2)
    tried = Timers(database, {"a": write})
    await tried.turn()
    await put(database, Timer("a", ids[0], NOON + MINUTE), Timer("a", ids[1], NOON + 5 * HOUR))
    clock.at += 3 * HOUR
    await tried.turn()
    clock.at += 3 * HOUR
    await Timers(database, {}).turn()  # another loop, after an outage of its own making
    await tried.turn()
    assert [(row["subject"], row["outage"]) for row in await handled(database)] == [(ids[0], timedelta()), (ids[1], 3 * HOUR)]


async def test_ten_thousand_due_at_once_are_handled_in_batches(database: Database, clock: SetClock) -> None:
    ids = new(clock, 10_000)
    await put(database, *[Timer("a", id, NOON - timedelta(milliseconds=n)) for n, id in enumerate(ids)])
    sizes: list[int] = []

    async def handle(due: Sequence[Due], uow: UnitOfWork) -> None:
        sizes.append(len(due))
        await write(due, uow)

    tried = Timers(database, {"a": handle})
    began = clock.monotonic()
    while await tried.turn() == 0:
        pass
    print(f"{len(ids) / (clock.monotonic() - began):,.0f} timers a second")
    assert sizes == [loop.BATCH] * (len(ids) // loop.BATCH)
    assert await subjects(database) == ids[::-1]
    assert await counted(database) == (0, 0)


async def test_while_the_database_is_away_the_loop_says_so_and_goes_on_afterwards(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    ids = new(clock, 3)
    await put(database, *a_second_apart(ids))
    gate = Gate()
    async with proxied(installation.dsns["scoring"]) as proxy, opened(proxy.dsn, clock) as through:
        tried = Timers(through, {"a": gate}, poll=0.01)
        async with working(tried):
            await gate.reached.wait()
            proxy.go_away()
            gate.open.set()
            assert await eventually(lambda: _health(tried))
            proxy.come_back()
            await eventually(is_handled(database, *ids))  # the clock stands still: no lease had to end
            assert await eventually(lambda: _healthy(tried))
    assert Counter(await subjects(database)) == Counter(ids)


async def _health(tried: Timers) -> str | None:
    return tried.health()


async def _healthy(tried: Timers) -> bool:
    return tried.health() is None


async def test_a_commit_whose_answer_was_lost_is_not_repeated(
    database: Database, installation: Installation, clock: SetClock
) -> None:
    ids = new(clock, 3)
    await put(database, *a_second_apart(ids))
    async with proxied(installation.dsns["scoring"]) as proxy, opened(proxy.dsn, clock) as through:

        async def cut(due: Sequence[Due], uow: UnitOfWork) -> None:
            proxy.drop_reply_to = b"COMMIT" if not proxy.dropped else None
            await write(due, uow)

        async with working(Timers(through, {"a": cut}, poll=0.01)):
            await eventually(is_handled(database, *ids))
        assert proxy.dropped == 1
    assert Counter(await subjects(database)) == Counter(ids)


def made_of(database: Database, installation: Installation, tried: Timers | None) -> Service:
    return assemble(
        SCHEMA,
        installation.platform(),
        installation.settings("scoring"),
        database=database,
        subscriptions=Subscriptions(()),
        routers=[],
        description="A probe.",
        owns=(),
        timers=tried,
    )


@contextlib.asynccontextmanager
async def asking(service: Service, installation: Installation, role: Role = Role.ADMIN) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service.guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://probe", headers=installation.headers(role)) as client:
        yield client


@pytest.fixture
def clocked(installation: Installation, clock: SetClock) -> Installation:
    installation.clock = clock
    return installation


async def test_a_service_that_passes_timers_runs_and_shows_them(database: Database, clocked: Installation) -> None:
    tried = Timers(database, {"a": write})
    service = made_of(database, clocked, tried)
    assert tried in service.sources
    async with asking(service, clocked) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        tried._waiting = "database: refused"
        assert (await client.get("/readyz")).json()["faults"] == {"timers": "database: refused"}
    async with asking(made_of(database, clocked, None), clocked) as client:
        assert (await client.get(f"/{SCHEMA}/timers")).status_code == 404


async def test_an_administrator_sees_timers_and_retries_them(database: Database, clocked: Installation, clock: SetClock) -> None:
    ids = new(clock, 5)
    await put(
        database, *[Timer("a", id, NOON - n * MINUTE, "k", {"n": n}) for n, id in enumerate(ids)], Timer("b", ids[0], NOON + HOUR)
    )

    async def broken(due: Sequence[Due], uow: UnitOfWork) -> None:
        raise Permanent("the pool is gone")

    service = made_of(database, clocked, Timers(database, {"a": broken}))
    async with asking(service, clocked) as client:
        first = (await client.get(f"/{SCHEMA}/timers", params={"state": "due", "limit": 3})).json()
        rest = (await client.get(f"/{SCHEMA}/timers", params={"limit": 3, "cursor": first["next"]})).json()
        assert [item["subject"] for item in first["items"] + rest["items"]] == [str(id) for id in reversed(ids)]
        assert rest["next"] is None
        assert first["items"][0] == {
            "kind": "a",
            "subject": str(ids[4]),
            "key": "k",
            "due_at": "2026-03-02T11:56:00Z",
            "data": {"n": 4},
            "set_at": "2026-03-02T12:00:00Z",
            "attempts": 0,
            "fault": None,
            "lease_until": None,
            "state": "due",
        }
        waiting = (await client.get(f"/{SCHEMA}/timers", params={"state": "waiting"})).json()["items"]
        assert [(item["kind"], item["state"]) for item in waiting] == [("b", "waiting")]
        assert (await client.get(f"/{SCHEMA}/timers", params={"kind": "b"})).json()["items"] == []
        tried = Timers(database, {"a": broken})
        for _ in range(loop.TRIES):
            await tried.turn()
            clock.at += MINUTE
        failed = (await client.get(f"/{SCHEMA}/timers", params={"state": "failed", "kind": "a"})).json()["items"]
        assert {(item["fault"], item["attempts"]) for item in failed} == {("the pool is gone", loop.TRIES)}
        assert len(failed) == 5
        retry = f"/{SCHEMA}/timers/retry"
        assert (await client.post(retry, json={"kind": "b"})).json() == {"retried": 0}
        assert (await client.post(retry, json={"subject": str(clock.uuid7())})).status_code == 404
        assert (await client.post(retry, json={"subject": str(ids[1]), "key": "k"})).json() == {"retried": 1}
        assert (await client.post(retry, json={})).json() == {"retried": 4}
        assert await counted(database) == (5, 0)


async def test_only_an_administrator_sees_timers_and_what_is_wrong_is_refused(database: Database, clocked: Installation) -> None:
    service = made_of(database, clocked, Timers(database, {}))
    async with asking(service, clocked) as client:
        for wrong in ({"state": "gone"}, {"kind": "k" * 201}, {"cursor": "nonsense"}, {"limit": "0"}):
            assert (await client.get(f"/{SCHEMA}/timers", params=wrong)).status_code == 422, wrong
        for body in ({"id": 1}, {"subject": "nobody"}, {"kind": "a\0"}, {"key": "k" * 201}):
            assert (await client.post(f"/{SCHEMA}/timers/retry", json=body)).status_code == 422, body
    for role in set(Role) - {Role.ADMIN, Role.AGENT, Role.PARTNER}:
        async with asking(service, clocked, role) as client:
            assert (await client.get(f"/{SCHEMA}/timers")).status_code == 403
            assert (await client.post(f"/{SCHEMA}/timers/retry", json={})).status_code == 403
