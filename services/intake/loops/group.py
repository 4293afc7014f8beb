"""Group commit: what arrived while the last commits ran is written together in the next.

Two groups are under way at once: one is made ready while the database works on the other, as replicas do beside each other. A group far
smaller than the other waits for more.
A request waits for the commit that holds it, so an accepted lead is durable; many requests share one. A client that goes away
changes nothing for the others. When a group fails for a reason of its own, it is done again one by one, and only the guilty one fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import exp

from services.intake.handlers.receive import Submission, receive
from shared.db.answers import Answer
from shared.db.faults import describe, is_world
from shared.db.uow import Database
from shared.errors import OutcomeUnknown, Refused, Transient, unavailable
from shared.telemetry import logger

WRITERS = 2  # groups under way at once
WORTH = 0.5  # of those under way: fewer wait for others or for the end of these, since a small group costs nearly as much as a large one
PROBE = 1.0  # seconds between looks whether the database is back
RECENT = 0.5  # seconds over which the writer says how busy it is

log = logger(__name__)


@dataclass
class _Waiting:
    submission: Submission
    answer: asyncio.Future[Answer | Refused]

    def settle(self, result: Answer | Refused | BaseException) -> None:
        if self.answer.done():  # the client went away
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class GroupWriter:
    """Writes the leads of a process. `bound` submissions may wait; a group holds up to `group` leads."""

    def __init__(self, database: Database, outbox_full: Callable[[], bool], *, bound: int, group: int) -> None:
        self._database = database
        self._outbox_full = outbox_full
        self._bound = bound
        self._group = group
        self._queue: deque[_Waiting] = deque()
        self._moved = asyncio.Event()  # something came, or went
        self._stopping = False
        self._fault: str | None = None
        self._under_way = 0  # submissions
        self._busy = 0.0  # at the moment that follows
        self._counted_at = database.clock.monotonic()

    async def submit(self, submission: Submission) -> Answer:
        """Waits until the submission is durable. Raises Refused: what the sender must change, or 503 for what they must send again."""
        if self._stopping or len(self._queue) >= self._bound:
            raise unavailable("busy", "More leads are waiting than can be stored at once. Send the request again.")
        if self._outbox_full():
            raise unavailable("backlog", "Too many accepted leads wait to be passed on. Send the request again.", retry_after=5)
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._moved.set()
        result = await waiting.answer
        if isinstance(result, Refused):
            raise result
        return result

    async def run(self) -> None:
        await asyncio.gather(*(self._keep_writing() for _ in range(WRITERS)))

    async def _keep_writing(self) -> None:
        while True:
            await self._next()
            if group := self._take():
                self._count(len(group))
                await self._write(group)
                self._count(-len(group))
                self._moved.set()
            elif self._stopping:
                return
            elif self._fault:
                await self._probe()

    def stop(self) -> None:
        """Asks the writer to write what waits and end."""
        self._stopping = True
        self._moved.set()

    def health(self) -> str | None:
        return self._fault

    def busy(self) -> float:
        """The part of the last moments, 0 to 1, in which a group was being written: who can wait should, where it is large."""
        # An average in which what was RECENT seconds ago counts for a third.
        before = exp(-(self._database.clock.monotonic() - self._counted_at) / RECENT)
        return self._busy * before + (1 - before if self._under_way else 0.0)

    def _count(self, submissions: int) -> None:
        self._busy, self._counted_at = self.busy(), self._database.clock.monotonic()
        self._under_way += submissions

    async def _next(self) -> None:
        if not self._queue and not self._stopping:
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), PROBE if self._fault else None)
        while len(self._queue) < WORTH * self._under_way and not self._stopping:
            self._moved.clear()
            await self._moved.wait()
        await asyncio.sleep(0)  # those whose bytes are there already join the group

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + self._queue[0].submission.size <= self._group):
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                group.append(waiting)
                size += waiting.submission.size
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        try:
            async with self._database.begin(by_key=True) as uow:
                results = await receive([waiting.submission for waiting in group], uow)
            self._fault = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting requests are told
            await self._fail(group, error)
            return
        for waiting, result in zip(group, results, strict=True):
            waiting.settle(result)

    async def _fail(self, group: list[_Waiting], error: Exception) -> None:
        if is_world(error):
            self._fault = f"cannot store leads: {describe(error)}"
            log.warning("group.not_stored", submissions=len(group), error=describe(error))
            unknown = isinstance(error, OutcomeUnknown)
            detail = "It is not known whether the lead was stored." if unknown else "The lead could not be stored."
            for waiting in group:
                waiting.settle(unavailable("not-stored", f"{detail} Send the request again, with the same Idempotency-Key."))
        elif len(group) > 1:
            log.warning("group.refused", submissions=len(group), error=describe(error))
            for waiting in group:
                await self._write([waiting])
        else:
            group[0].settle(error)

    async def _probe(self) -> None:
        with contextlib.suppress(Transient):
            async with self._database.begin() as uow:
                await uow.execute("SELECT 1")
            self._fault = None
