"""Jobs on a real PostgreSQL: every piece of work is done once, whatever happens to the loop that does it, and jobs take turns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from shared import jobs
from shared.clock import SystemClock
from shared.contracts.topics import LEADS_SCORED
from shared.db.uow import Database, UnitOfWork
from shared.errors import Permanent, Transient
from shared.jobs import Job, Jobs, JobState, Progress, Step, loop
from tests.support.installation import Installation
from tests.support.proxy import proxied
from tests.support.waiting import eventually

SCRATCH = "CREATE TABLE IF NOT EXISTS scoring.done_work (job_id uuid NOT NULL, n integer NOT NULL)"


class MovableClock(SystemClock):
    """The machine's clock, moved on by a test."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def database(installation: Installation, clock: MovableClock) -> AsyncIterator[Database]:
    async with opened(installation, clock) as made:
        async with made.begin() as uow:
            await uow.execute(SCRATCH)
        yield made


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF", (0.01, 0.05))


@contextlib.asynccontextmanager
async def opened(installation: Installation, clock: MovableClock) -> AsyncIterator[Database]:
    """A database as another process would open it: with a pool and a memory of its own."""
    made = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=clock)
    try:
        yield made
    finally:
        await made.close()


async def write_numbers(job: Job, uow: UnitOfWork) -> Progress:
    """A step that writes the next ten numbers of its job."""
    first = job.cursor or 0
    rows = [(job.id, n) for n in range(first, min(first + 10, job.total or 0))]
    await uow.insert("done_work", ("job_id", "n"), rows)
    done = first + len(rows)
    return Progress(cursor=done, done=done, result={"last": done}, finished=done == job.total)


async def make(database: Database, total: int, *, kind: str = "count") -> Job:
    async with database.begin() as uow:
        return await jobs.create(uow, kind, {"why": "test"}, by="tester", total=total)


async def look(database: Database, id: UUID) -> Job:
    async with database.begin() as uow:
        job = await jobs.get(uow, id)
    assert job
    return job


async def written(database: Database, id: UUID) -> list[int]:
    async with database.begin() as uow:
        rows = await uow.fetch("SELECT n FROM scoring.done_work WHERE job_id = $1 ORDER BY n", id)
    return [row["n"] for row in rows]


def ended(database: Database, id: UUID) -> Callable[[], Awaitable[Job | None]]:
    async def check() -> Job | None:
        job = await look(database, id)
        return job if job.state not in (JobState.WAITING, JobState.RUNNING) else None

    return check


@contextlib.asynccontextmanager
async def working(loop: Jobs) -> AsyncIterator[asyncio.Task[None]]:
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


async def test_a_job_is_done_step_by_step_to_its_end(database: Database) -> None:
    job = await make(database, 95)
    assert (job.state, job.done, job.cursor, job.params) == (JobState.WAITING, 0, None, {"why": "test"})
    async with working(Jobs(database, {"count": write_numbers})):
        done = await eventually(ended(database, job.id))
    assert done
    assert (done.state, done.done, done.total, done.result, done.error) == (JobState.DONE, 95, 95, {"last": 95}, None)
    assert done.started_at
    assert done.finished_at
    assert await written(database, job.id) == list(range(95))


async def test_a_job_made_while_the_loop_sleeps_begins_at_once(database: Database) -> None:
    async with working(Jobs(database, {"count": write_numbers}, poll=60)):
        for _ in range(2):  # after the first, there is nothing to do
            job = await make(database, 5)
            assert await eventually(ended(database, job.id), timeout=5)


class Gate:
    """Holds a step in its middle, after it has written and before it commits."""

    def __init__(self, step: Step, *, at: int) -> None:
        self._step = step
        self._at = at
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, job: Job, uow: UnitOfWork) -> Progress:
        progress = await self._step(job, uow)
        if (job.cursor or 0) == self._at:
            self.reached.set()
            await self.open.wait()
        return progress


async def test_after_a_crash_in_a_step_another_loop_goes_on_exactly_there(
    database: Database, installation: Installation, clock: MovableClock
) -> None:
    job = await make(database, 60)
    gate = Gate(write_numbers, at=30)
    async with working(Jobs(database, {"count": gate})) as first:
        await gate.reached.wait()
        await kill(first)
    assert (await look(database, job.id)).done == 30
    async with opened(installation, clock) as other, working(Jobs(other, {"count": write_numbers}, poll=0.02)):
        later = await make(database, 10)
        await eventually(ended(database, later.id))
        assert (await look(database, job.id)).done == 30, "the lease of the dead still holds"
        clock.ahead += timedelta(seconds=jobs.LEASE + 1)
        assert await eventually(ended(database, job.id))
    assert await written(database, job.id) == list(range(60))


async def test_a_loop_that_lost_its_lease_undoes_its_step(
    database: Database, installation: Installation, clock: MovableClock
) -> None:
    job = await make(database, 40)
    gate = Gate(write_numbers, at=10)
    async with working(Jobs(database, {"count": gate})), opened(installation, clock) as other:
        await gate.reached.wait()
        clock.ahead += timedelta(seconds=jobs.LEASE + 1)
        async with working(Jobs(other, {"count": write_numbers}, poll=0.02)):
            assert await eventually(ended(other, job.id))
        gate.open.set()
        await asyncio.sleep(0)
    assert await written(database, job.id) == list(range(40))
    assert (await look(database, job.id)).done == 40


async def test_two_loops_never_run_one_job_at_once(database: Database, installation: Installation, clock: MovableClock) -> None:
    running: set[UUID] = set()
    together = 0

    async def alone(job: Job, uow: UnitOfWork) -> Progress:
        nonlocal together
        assert job.id not in running
        running.add(job.id)
        together = max(together, len(running))
        await uow.fetchval("SELECT pg_sleep(0.002)")
        running.discard(job.id)
        return await write_numbers(job, uow)

    made = [await make(database, 100) for _ in range(4)]
    async with (
        opened(installation, clock) as other,
        working(Jobs(database, {"count": alone}, turn=0.01, poll=0.01)),
        working(Jobs(other, {"count": alone}, turn=0.01, poll=0.01)),
    ):
        for job in made:
            done = await eventually(ended(database, job.id))
            assert done
            assert done.error is None
    assert together == 2, "both loops had work at the same time"
    for job in made:
        assert await written(database, job.id) == list(range(100))


async def test_a_small_job_is_not_stuck_behind_a_large_one(database: Database) -> None:
    async def slowly(job: Job, uow: UnitOfWork) -> Progress:
        await uow.fetchval("SELECT pg_sleep(0.005)")
        return Progress(cursor=None, done=job.done + 1)  # has no end

    large = await make(database, 0, kind="slow")
    async with working(Jobs(database, {"slow": slowly, "count": write_numbers}, turn=0.05)):
        await eventually(lambda: _begun(database, large.id))
        small = await make(database, 10)
        assert await eventually(ended(database, small.id), timeout=5)
        before = (await look(database, large.id)).done
        await eventually(lambda: _further(database, large.id, before))


async def _begun(database: Database, id: UUID) -> bool:
    return (await look(database, id)).done > 0


async def _further(database: Database, id: UUID, than: int) -> bool:
    return (await look(database, id)).done > than


async def test_cancel_is_heard_between_steps(database: Database) -> None:
    job = await make(database, 1000)
    gate = Gate(write_numbers, at=20)
    async with working(Jobs(database, {"count": gate})):
        await gate.reached.wait()
        async with database.begin() as uow:
            asked = await jobs.cancel(uow, job.id)
        assert asked
        assert (asked.state, asked.cancel) == (JobState.RUNNING, True)
        gate.open.set()
        done = await eventually(ended(database, job.id))
    assert done
    assert (done.state, done.done) == (JobState.CANCELLED, 30), "the step in hand is kept"
    assert await written(database, job.id) == list(range(30))


async def test_a_job_that_nobody_has_begun_is_cancelled_at_once_and_one_that_ended_stays(database: Database) -> None:
    job = await make(database, 10)
    async with database.begin() as uow:
        cancelled = await jobs.cancel(uow, job.id)
    assert cancelled
    assert cancelled.state == JobState.CANCELLED
    assert cancelled.finished_at
    done = await make(database, 10)
    async with working(Jobs(database, {"count": write_numbers})):
        await eventually(ended(database, done.id))
    async with database.begin() as uow:
        after = await jobs.cancel(uow, done.id)
        assert after
        assert after.state == JobState.DONE
        assert await jobs.cancel(uow, uow.clock.uuid7()) is None
    assert await written(database, job.id) == []


async def test_a_cancelled_job_whose_owner_died_is_not_taken_up_again(
    database: Database, installation: Installation, clock: MovableClock
) -> None:
    job = await make(database, 1000)
    gate = Gate(write_numbers, at=20)
    async with working(Jobs(database, {"count": gate})) as first:
        await gate.reached.wait()
        async with database.begin() as uow:
            await jobs.cancel(uow, job.id)
        await kill(first)
    clock.ahead += timedelta(seconds=jobs.LEASE + 1)
    async with opened(installation, clock) as other, working(Jobs(other, {"count": write_numbers})):
        done = await eventually(ended(database, job.id))
    assert done
    assert (done.state, done.done) == (JobState.CANCELLED, 20)


async def test_a_jobs_own_error_is_tried_again_and_then_kept_as_the_reason(database: Database) -> None:
    tries = 0

    async def broken(job: Job, uow: UnitOfWork) -> Progress:
        nonlocal tries
        if job.cursor == 10:
            tries += 1
            await uow.insert("done_work", ("job_id", "n"), [(job.id, 99)])
            raise Permanent("the file ends in the middle")
        return await write_numbers(job, uow)

    job = await make(database, 30)
    async with working(Jobs(database, {"count": broken}, poll=0.01)):
        failed = await eventually(ended(database, job.id))
    assert failed
    assert (failed.state, failed.error, failed.done) == (JobState.FAILED, "the file ends in the middle", 10)
    assert tries == jobs.TRIES
    assert await written(database, job.id) == list(range(10)), "what a failed step wrote is gone"


async def test_a_failed_job_goes_on_from_where_it_was(database: Database) -> None:
    repaired = False

    async def broken(job: Job, uow: UnitOfWork) -> Progress:
        if job.cursor == 10 and not repaired:
            raise KeyError("ada@example.com")
        return await write_numbers(job, uow)

    job = await make(database, 30)
    async with working(Jobs(database, {"count": broken}, poll=0.01)):
        failed = await eventually(ended(database, job.id))
        assert failed
        assert failed.error == "KeyError", "what an error quotes is not kept"
        repaired = True
        async with database.begin() as uow:
            again = await jobs.retry(uow, job.id)
        assert again
        assert (again.state, again.attempts, again.error) == (JobState.WAITING, 0, None)
        done = await eventually(ended(database, job.id))
    assert done
    assert done.state == JobState.DONE
    assert await written(database, job.id) == list(range(30))


async def test_the_worlds_faults_are_waited_out_and_hold_no_other_job_up(database: Database) -> None:
    faults = 0

    async def unlucky(job: Job, uow: UnitOfWork) -> Progress:
        nonlocal faults
        if faults < 3 * jobs.TRIES:
            faults += 1
            raise Transient("the lock was not had in time")
        return await write_numbers(job, uow)

    job = await make(database, 10, kind="unlucky")
    other = await make(database, 10)
    async with working(Jobs(database, {"unlucky": unlucky, "count": write_numbers}, poll=0.01)):
        await eventually(ended(database, other.id))
        assert faults < 3 * jobs.TRIES
        done = await eventually(ended(database, job.id))
    assert done
    assert (done.state, done.attempts, faults) == (JobState.DONE, 0, 3 * jobs.TRIES)
    assert await written(database, job.id) == list(range(10))


async def test_a_job_that_asks_for_a_pause_lets_others_go_first(database: Database) -> None:
    order: list[str] = []

    async def hesitant(job: Job, uow: UnitOfWork) -> Progress:
        order.append(job.kind)
        return Progress(cursor=1, done=1, pause=0.05) if job.cursor is None else Progress(cursor=2, done=2, finished=True)

    async def quick(job: Job, uow: UnitOfWork) -> Progress:
        order.append(job.kind)
        return Progress(cursor=None, done=1, finished=True)

    first = await make(database, 2, kind="hesitant")
    await make(database, 1, kind="quick")
    async with working(Jobs(database, {"hesitant": hesitant, "quick": quick}, poll=0.01)):
        done = await eventually(ended(database, first.id))
    assert done
    assert (done.state, done.attempts) == (JobState.DONE, 0)
    assert order == ["hesitant", "quick", "hesitant"]


async def test_a_step_that_takes_too_long_is_cut_off_before_its_lease_ends(database: Database) -> None:
    async def endless(job: Job, uow: UnitOfWork) -> Progress:
        await asyncio.Event().wait()
        raise AssertionError

    job = await make(database, 10)
    async with working(Jobs(database, {"count": endless}, lease=0.04, poll=0.01)):
        failed = await eventually(ended(database, job.id))
    assert failed
    assert (failed.state, failed.error) == (JobState.FAILED, "a step took longer than 0.02 s")


async def test_a_stopped_loop_gives_its_job_back(database: Database, installation: Installation, clock: MovableClock) -> None:
    job = await make(database, 1000)
    gate = Gate(write_numbers, at=20)
    loop = Jobs(database, {"count": gate})
    async with working(loop):
        await gate.reached.wait()
        loop.stop()
        gate.open.set()
    assert (await look(database, job.id)).done == 30
    async with opened(installation, clock) as other, working(Jobs(other, {"count": write_numbers})):
        assert await eventually(ended(database, job.id)), "no lease had to run out first"


async def test_a_loop_leaves_alone_what_it_has_no_steps_for(database: Database) -> None:
    foreign = await make(database, 10, kind="of-another-version")
    job = await make(database, 10)
    async with working(Jobs(database, {"count": write_numbers})):
        await eventually(ended(database, job.id))
    assert (await look(database, foreign.id)).state == JobState.WAITING


async def test_jobs_are_listed_newest_first_found_by_what_they_are_about_and_forgotten(
    database: Database, clock: MovableClock
) -> None:
    thing = clock.uuid7()
    async with database.begin() as uow:
        made = [await jobs.create(uow, kind, {}, by="tester", about=thing) for kind in ("a", "b", "a", "a")]
    async with database.begin() as uow:
        assert [job.id for job in await jobs.page(uow)] == [job.id for job in reversed(made)]
        assert [job.id for job in await jobs.page(uow, kind="a", before=made[3].id, limit=1)] == [made[2].id]
        newest = await jobs.latest(uow, thing)
        assert newest
        assert newest.id == made[3].id
        assert await jobs.latest(uow, clock.uuid7()) is None
        await jobs.cancel(uow, made[0].id)
    clock.ahead += jobs.KEPT + timedelta(days=1)
    async with database.begin() as uow:
        assert await jobs.purge(uow) == 1
        assert [job.id for job in await jobs.page(uow, kind="a")] == [made[3].id, made[2].id]


async def test_while_the_database_is_away_the_loop_says_so_and_goes_on_afterwards(
    database: Database, installation: Installation, clock: MovableClock
) -> None:
    job = await make(database, 100)
    gate = Gate(write_numbers, at=50)
    async with proxied(installation.dsns["scoring"]) as proxy:
        through = Database(proxy.dsn, service="scoring", topic=LEADS_SCORED.name, clock=clock)
        loop = Jobs(through, {"count": gate}, lease=0.2, poll=0.01)
        async with working(loop):
            await gate.reached.wait()
            proxy.go_away()
            gate.open.set()
            assert await eventually(lambda: _health(loop))
            proxy.come_back()
            assert await eventually(ended(database, job.id))
            assert loop.health() is None
        await through.close()
    assert await written(database, job.id) == list(range(100))


async def _health(loop: Jobs) -> str | None:
    return loop.health()


async def test_a_commit_whose_answer_was_lost_is_not_repeated(
    database: Database, installation: Installation, clock: MovableClock
) -> None:
    job = await make(database, 100)
    async with proxied(installation.dsns["scoring"]) as proxy:
        through = Database(proxy.dsn, service="scoring", topic=LEADS_SCORED.name, clock=clock)

        async def cut(job: Job, uow: UnitOfWork) -> Progress:
            if job.cursor == 50 and not proxy.dropped:
                proxy.drop_reply_to = b"COMMIT"
            return await write_numbers(job, uow)

        async with working(Jobs(through, {"count": cut}, lease=1.0, poll=0.01)):
            assert await eventually(ended(database, job.id))
        await through.close()
        assert proxy.dropped == 1
    assert await written(database, job.id) == list(range(100))
