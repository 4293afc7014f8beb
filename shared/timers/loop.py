"""The loop that hands timers to their handlers when they are due. Every replica of a service runs one, and they share the work."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from shared.contracts.envelope import Cause
from shared.db.faults import describe, is_world
from shared.db.uow import Database, UnitOfWork
from shared.errors import Permanent, Transient
from shared.telemetry import (
    current_trace,
    logger,
    loop_faults,
    new_traceparent,
    timer_lateness,
)
from shared.timers.rows import News, delete, names_of
from shared.timers.watch import Watch

BATCH = 500  # timers leased at once
LEASE = 20.0  # seconds for which they are this loop's; a handler may take half of them
POLL = 0.25  # seconds between looks for what other processes set
TRIES = 5  # of a timer whose handler refuses it
BACKOFF = (0.5, 30.0)  # seconds until the next try, first and longest
OUTAGE = 60.0  # seconds in which no loop ran that are an outage; what is shorter is mere lateness

log = logger(__name__)


@dataclass(frozen=True)
class Due:
    """A timer whose moment has come.

    `late` is how long ago that was. `outage` is how long nobody had been looking after timers when it fell due (to within five
    seconds), and zero where somebody was: a handler that grants a grace for what fell due while nothing ran grants it by this.
    """

    kind: str
    subject: UUID
    key: str
    data: Any
    due_at: datetime
    late: timedelta
    outage: timedelta
    traceparent: str

    @property
    def as_cause(self) -> Cause:
        """What an event that is emitted because of it names as its cause."""
        return Cause(f"timer {self.kind} {self.due_at:%Y-%m-%dT%H:%M:%SZ}", self.traceparent)


Handler: TypeAlias = Callable[[Sequence[Due], UnitOfWork], Awaitable[None]]


@dataclass(frozen=True)
class _Leased:
    kind: str
    subject: UUID
    key: str
    due_at: datetime
    attempts: int


class Timers:
    """Hands what is due to the handler of its kind, oldest first and many at once.

    What the world does to a timer is waited out for ever. A batch that fails is done again one by one; a timer that its handler refuses
    is tried again a few times, alone, and then kept as failed. A kind that is not in `handlers` is left to a process that knows it.
    `lease`, `poll` and `outage` are seconds.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        batch: int = BATCH,
        lease: float = LEASE,
        poll: float = POLL,
        outage: float = OUTAGE,
    ) -> None:
        self._database = database
        self._service = database.service
        self._clock = database.clock
        self._table = f"{database.service}.timers"
        self._handlers = dict(handlers)
        self._batch = batch
        self._lease_for = timedelta(seconds=lease)
        self._poll = poll
        self._watch = Watch(database, outage=max(outage, 2 * lease, 4 * poll))
        self._me = self._clock.uuid7()
        self._put_off: dict[_Leased, int] = {}  # → times in a row that the world stood in its way
        self._stop = asyncio.Event()
        self._waiting: str | None = None
        self._news: News = database.memory.setdefault(News, News())

    async def run(self) -> None:
        pause = BACKOFF[0]
        while not self._stop.is_set():
            self._news.clear()
            self._news.next_look = None
            try:
                wait = await self.turn()
                self._waiting, pause = None, BACKOFF[0]
            except Transient as error:
                self._waiting = describe(error)
                log.warning("timers.waiting", service=self._service, error=self._waiting, seconds=pause)
                loop_faults.labels(self._service, "timers", "world").inc()
                await _wait(self._stop, pause)
                pause = min(pause * 2, BACKOFF[1])
                continue
            if wait > 0 and not self._stop.is_set():
                self._news.next_look = self._clock.now() + timedelta(seconds=wait)
                await _wait(self._news, wait)
        await self._give_back()

    def stop(self) -> None:
        """Asks the loop to finish the timers in hand and give the others back."""
        self._stop.set()
        self._news.set()

    def health(self) -> str | None:
        return self._waiting

    async def turn(self) -> float:
        """Handles one batch of what is due. Returns after how many seconds to look again. Raises Transient without a database."""
        current_trace.set("")
        started = self._clock.monotonic()
        leased, soonest = await self._lease()
        deadline = started + self._limit
        for batch in _batches(leased):
            await self._handle(batch, deadline)
        if len(leased) == self._batch or self._over(deadline):
            return 0.0
        until = math.inf if soonest is None else (soonest - self._clock.now()).total_seconds()
        return min(self._poll, max(until, 0.0))

    @property
    def _limit(self) -> float:
        """Seconds within which work on a batch may begin, and which one piece of it may take: together they are the lease."""
        return self._lease_for.total_seconds() / 2

    def _over(self, deadline: float) -> bool:
        return self._stop.is_set() or self._clock.monotonic() >= deadline

    async def _lease(self) -> tuple[list[_Leased], datetime | None]:
        """What is this loop's now, oldest first, and when the next timer after these is due.

        What is its own from before was left over: the database went away, or the time ran out.
        """
        async with self._database.begin() as uow:
            await self._watch.beat(uow)
            rows = await uow.fetch(
                f"WITH due AS (SELECT subject, kind, key FROM {self._table} WHERE NOT failed AND due_at <= $1 "
                "AND (lease_until IS NULL OR lease_until <= $1 OR lease_by = $2) AND kind = ANY($3) "
                "ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) "
                f"UPDATE {self._table} t SET lease_by = $2, lease_until = $5 FROM due "
                "WHERE t.subject = due.subject AND t.kind = due.kind AND t.key = due.key "
                "RETURNING t.kind, t.subject, t.key, t.due_at, t.attempts",
                *(uow.now, self._me, list(self._handlers), self._batch, uow.now + self._lease_for),
            )
            soonest = await uow.fetchval(
                f"SELECT min(due_at) FROM {self._table} WHERE NOT failed AND due_at > $1 AND kind = ANY($2)",
                *(uow.now, list(self._handlers)),
            )
        leased = [_Leased(**row) for row in rows]
        return sorted(leased, key=lambda timer: (timer.due_at, timer.subject, timer.kind, timer.key)), soonest

    async def _handle(self, batch: Sequence[_Leased], deadline: float) -> None:
        """Handles timers of one kind, together if that can be, else one by one. What there is no time left for stays leased."""
        if self._over(deadline):
            return
        try:
            await self._attempt(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the timer keeps it
            if len(batch) == 1:
                await self._set_back(batch[0], error)
                return
            log.warning("timers.one_by_one", service=self._service, kind=batch[0].kind, count=len(batch), error=describe(error))
            for timer in batch:
                await self._handle([timer], deadline)

    async def _attempt(self, batch: Sequence[_Leased]) -> None:
        async with self._database.begin() as uow:
            timers = await self._still_ours(uow, batch)
            if not timers:
                return
            kind = timers[0].kind
            current_trace.set(timers[0].traceparent)
            async with _within(self._limit):
                await self._handlers[kind](timers, uow)
            # Last, for timers are locked last. One that was set again meanwhile, by the handler or by others, has lost its lease.
            await delete(
                uow,
                "lease_by = $1 AND kind = $2 AND (subject, key) IN (SELECT * FROM unnest($3::uuid[], $4::text[]))",
                *(self._me, kind, *names_of(timers)),
            )
            uow.after_commit(partial(self._observe, batch, timers))

    async def _still_ours(self, uow: UnitOfWork, batch: Sequence[_Leased]) -> list[Due]:
        """Those that nobody called off, moved, or handled since: a commit whose answer was lost did happen."""
        rows = await uow.fetch(
            "SELECT t.kind, t.subject, t.key, t.data, t.due_at, "
            f"coalesce({self._watch.outage_of('t')}, '0') AS outage FROM {self._table} t WHERE t.lease_by = $1 AND t.kind = $2 "
            "AND (t.subject, t.key) IN (SELECT * FROM unnest($3::uuid[], $4::text[])) ORDER BY t.due_at, t.subject, t.key",
            *(self._me, batch[0].kind, *names_of(batch)),
        )
        traceparent = new_traceparent()
        return [Due(**row, late=uow.now - row["due_at"], traceparent=traceparent) for row in rows]

    def _observe(self, batch: Sequence[_Leased], timers: Sequence[Due]) -> None:
        lateness = timer_lateness.labels(self._service, timers[0].kind)
        for due in timers:
            lateness.observe(due.late.total_seconds())
        if self._put_off:
            for timer in batch:
                self._put_off.pop(timer, None)

    async def _set_back(self, timer: _Leased, error: Exception) -> None:
        """After a failed try: later again, or never. The world's faults do not count."""
        bound = log.bind(service=self._service, kind=timer.kind, subject=str(timer.subject))
        times, fault = timer.attempts, None
        if is_world(error):
            times = self._put_off.get(timer, 0)
            self._put_off[timer] = times + 1
            bound.warning("timer.put_off", error=describe(error))
            loop_faults.labels(self._service, "timers", "world").inc()
        else:
            fault = _reason(error)
            bound.error("timer.failed", attempts=timer.attempts + 1, exc_info=error)
        async with self._database.begin() as uow:
            await uow.execute(
                f"UPDATE {self._table} SET lease_by = NULL, lease_until = $5, fault = coalesce($6, fault), "
                "attempts = attempts + ($6::text IS NOT NULL)::int, failed = ($6::text IS NOT NULL AND attempts + 1 >= $7) "
                "WHERE subject = $1 AND kind = $2 AND key = $3 AND lease_by = $4",
                *(timer.subject, timer.kind, timer.key, self._me, uow.now + timedelta(seconds=_pause(times)), fault, TRIES),
            )

    async def _give_back(self) -> None:
        """What was leased and not handled is anybody's at once."""
        with contextlib.suppress(Transient):
            async with self._database.begin() as uow:
                await uow.execute(
                    f"UPDATE {self._table} SET lease_by = NULL, lease_until = NULL WHERE NOT failed AND due_at <= $1 AND lease_by = $2",
                    *(uow.now, self._me),
                )


def _batches(leased: Sequence[_Leased]) -> list[list[_Leased]]:
    """Cut by kind, so that no subject appears twice in a batch; the oldest first.

    What failed before is alone, so that it spoils no other batch.
    """
    batches: dict[object, list[_Leased]] = {}
    seen: Counter[tuple[str, UUID]] = Counter()
    for timer in leased:
        nth = seen[timer.kind, timer.subject]
        seen[timer.kind, timer.subject] += 1
        batches.setdefault(timer if timer.attempts else (timer.kind, nth), []).append(timer)
    return list(batches.values())


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Raises Permanent where the block takes longer."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise Permanent(f"the handler took longer than {seconds:g} s") from None
        raise


def _pause(times: int) -> float:
    return min(BACKOFF[0] * (1 << min(times, 10)), BACKOFF[1])


def _reason(error: Exception) -> str:
    """What is kept of an error: our own words, for a person. Of a driver's only the kind, for its message quotes values."""
    own = isinstance(error, Permanent) and error.__cause__ is None
    reason = str(error) if own else describe(error.__cause__ if isinstance(error, Permanent) and error.__cause__ else error)
    return reason.replace("\0", "\ufffd")[:2000]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
