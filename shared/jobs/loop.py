"""The loop that does a service's jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from shared.db.faults import describe, is_world
from shared.db.uow import Database, UnitOfWork, to_json
from shared.errors import HandoffError, Permanent, Transient
from shared.jobs.rows import NAMES, Job, JobState, News, Progress, job_of
from shared.telemetry import logger, loop_faults

LEASE = 30.0  # seconds for which a job is its owner's after each step; a step may take half of it
SLICE = 1.0  # seconds of one job's turn
POLL = 1.0  # seconds between looks for a job that another process made, or that is due again
TRIES = 4  # of one step, before its own error fails the job
BACKOFF = (0.5, 30.0)  # seconds until a failed step is tried again, first and longest

log = logger(__name__)

Step: TypeAlias = Callable[[Job, UnitOfWork], Awaitable[Progress]]


class LostLease(HandoffError):
    """Another loop has the job: what this step did is rolled back."""


class Jobs:
    """The loop that does a service's jobs, one turn of one job at a time. Another process's loop takes other jobs meanwhile.

    What the world does to a step is waited out for ever. A step's own error is tried again a few times and then fails the job. `lease`
    and `turn` are seconds.
    """

    def __init__(
        self, database: Database, steps: Mapping[str, Step], *, lease: float = LEASE, turn: float = SLICE, poll: float = POLL
    ) -> None:
        self._database = database
        self._clock = database.clock
        self._table = f"{database.service}.jobs"
        self._steps = dict(steps)
        self._lease_for = timedelta(seconds=lease)
        self._turn_for = turn
        self._poll = poll
        self._stop = asyncio.Event()
        self._put_off: dict[UUID, int] = {}  # job → times in a row that the world stood in its way
        self._waiting: str | None = None
        self._news: News = database.memory.setdefault(News, News())

    async def run(self) -> None:
        pause = BACKOFF[0]
        while not self._stop.is_set():
            self._news.clear()
            try:
                worked = await self.turn()
                self._waiting, pause = None, BACKOFF[0]
            except Transient as error:
                self._waiting = describe(error)
                log.warning("jobs.waiting", service=self._database.service, error=self._waiting, seconds=pause)
                loop_faults.labels(self._database.service, "jobs", "world").inc()
                await self._wait(self._stop, pause)
                pause = min(pause * 2, BACKOFF[1])
                continue
            if not worked and not self._stop.is_set():
                await self._wait(self._news, self._poll)

    def stop(self) -> None:
        """Asks the loop to finish the step in hand and give its job back."""
        self._stop.set()
        self._news.set()

    def health(self) -> str | None:
        return self._waiting

    async def turn(self) -> bool:
        """One turn of the job that has waited longest. False where none is due. Raises Transient where there is no database."""
        lease = self._clock.uuid7()
        job = await self._lease(lease)
        if job is None:
            return False
        try:
            await self._work(job, lease)
        except LostLease:
            log.warning("job.lost", service=self._database.service, job_id=str(job.id), kind=job.kind)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job keeps it
            await self._set_back(job, lease, error)
        return True

    async def _work(self, job: Job, lease: UUID) -> None:
        """Steps until the turn is over, and at least one; none for a job that was cancelled while its owner died."""
        until = self._clock.monotonic() + self._turn_for
        pause, over = 0.0, job.cancel
        while not over:
            job, pause = await self._step(job, lease)
            self._put_off.pop(job.id, None)
            over = pause > 0 or job.cancel or self._stop.is_set() or self._clock.monotonic() >= until
            if job.state is not JobState.RUNNING:
                return
        await self._let_go(job, lease, pause=pause)

    async def _lease(self, lease: UUID) -> Job | None:
        async with self._database.begin() as uow:
            row = await uow.fetchrow(
                f"UPDATE {self._table} SET state = 'running', lease_by = $1, lease_until = $3, "
                f"started_at = coalesce(started_at, $2) WHERE id = (SELECT id FROM {self._table} "
                "WHERE state IN ('waiting', 'running') AND due_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) "
                f"AND kind = ANY($4) ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {NAMES}",
                *(lease, uow.now, uow.now + self._lease_for, list(self._steps)),
            )
        return job_of(row) if row else None

    async def _step(self, job: Job, lease: UUID) -> tuple[Job, float]:
        async with self._database.begin() as uow:
            limit = self._lease_for.total_seconds() / 2
            try:
                async with asyncio.timeout(limit) as deadline:
                    progress = await self._steps[job.kind](job, uow)
            except TimeoutError:
                if deadline.expired():
                    raise Permanent(f"a step took longer than {limit:g} s") from None
                raise
            return await self._advance(uow, job, lease, progress), progress.pause

    async def _advance(self, uow: UnitOfWork, job: Job, lease: UUID, progress: Progress) -> Job:
        row = await uow.fetchrow(
            f"UPDATE {self._table} SET cursor = $3, done = $4, total = coalesce($5, total), result = $6, attempts = 0, error = NULL, "
            "state = CASE WHEN $7 THEN 'done' ELSE state END, "
            "finished_at = CASE WHEN $7 THEN $8::timestamptz END, "
            "lease_by = CASE WHEN $7 THEN NULL ELSE lease_by END, "
            "lease_until = CASE WHEN $7 THEN NULL ELSE $9::timestamptz END "
            f"WHERE id = $1 AND lease_by = $2 RETURNING {NAMES}",
            *(job.id, lease, to_json(progress.cursor), progress.done, progress.total, to_json(progress.result)),
            *(progress.finished, uow.now, self._clock.now() + self._lease_for),
        )
        if row is None:
            raise LostLease("another loop has this job")
        return job_of(row)

    async def _set_back(self, job: Job, lease: UUID, error: Exception) -> None:
        """After a failed step: later again, or never."""
        bound = log.bind(service=self._database.service, job_id=str(job.id), kind=job.kind)
        if is_world(error):
            times = self._put_off.get(job.id, 0)
            self._put_off[job.id] = times + 1
            bound.warning("job.put_off", error=describe(error))
            loop_faults.labels(self._database.service, "jobs", "world").inc()
            await self._let_go(job, lease, pause=_pause(times))
        else:
            bound.error("job.step_failed", attempts=job.attempts + 1, exc_info=error)
            await self._let_go(job, lease, pause=_pause(job.attempts), error=_reason(error))

    async def _let_go(self, job: Job, lease: UUID, *, pause: float = 0.0, error: str | None = None) -> None:
        """Gives the job back, behind those that wait. An error counts, and one too many ends the job."""
        async with self._database.begin() as uow:
            await uow.execute(
                f"UPDATE {self._table} SET lease_by = NULL, lease_until = NULL, due_at = $3, "
                "attempts = attempts + ($4::text IS NOT NULL)::int, error = coalesce($4, error), "
                "state = CASE WHEN cancel THEN 'cancelled' WHEN $5 THEN 'failed' ELSE state END, "
                "finished_at = CASE WHEN cancel OR $5 THEN $6::timestamptz END WHERE id = $1 AND lease_by = $2",
                *(job.id, lease, uow.now + timedelta(seconds=pause), error),
                *(error is not None and job.attempts + 1 >= TRIES, uow.now),
            )

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


def _pause(times: int) -> float:
    return min(BACKOFF[0] * (1 << min(times, 10)), BACKOFF[1])


def _reason(error: Exception) -> str:
    """What the job keeps of its error: our own words, for a person. Of a driver's only the kind, for its message quotes values."""
    if isinstance(error, Permanent) and error.__cause__ is None:
        return str(error)
    return describe(error.__cause__ if isinstance(error, Permanent) and error.__cause__ else error)
