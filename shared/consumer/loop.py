"""The consuming loop: read, claim, handle, commit; and what to do when something fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID, uuid5

from shared.bus.port import Reader
from shared.consumer.breaker import Breaker, ParkedLoop
from shared.consumer.subscriptions import Subscriptions, dispatch
from shared.contracts.envelope import Message, Received, Unreadable, unpack
from shared.contracts.events import Event, LeadErased
from shared.db import deadletters, inbox
from shared.db.deadletters import NewDeadLetter
from shared.db.faults import describe, is_busy, is_world
from shared.db.uow import Database, UnitOfWork
from shared.errors import Transient
from shared.telemetry import batch_seconds, consumer_lag, events_handled, logger, loop_faults

SINGLY_AFTER = 3  # transient failures of a batch while the world is well
SUSPECT_AFTER = 10  # transient failures of one record alone
PARKED_FOR = 60.0  # seconds
BACKOFF = (0.05, 5.0)  # seconds, first and longest
CROWDED = 2  # batches that are read at once where others queue for what this loop's units of work lock
POSITION_NAMESPACE = UUID("6f1d4a34-6f0b-5c0e-9a7e-6b3c2f1d8e90")

log = logger(__name__)
_Pair: TypeAlias = tuple[Message[Event], Received]


@dataclass
class _Segment:
    """A stretch of a batch: readable records for one transaction, or one record that cannot be read."""

    readable: list[_Pair] = field(default_factory=list)
    poison: tuple[Received, Exception] | None = None
    length: int = 0  # records, the skipped ones too


class Consumer:
    """One service's consuming loop. `run` ends when `stop` is called, or by an unexpected crash."""

    def __init__(
        self,
        database: Database,
        subscriptions: Subscriptions,
        open_reader: Callable[[], Awaitable[Reader]],
        *,
        batch: int,
        stuck_after: float,
    ) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._open_reader = open_reader
        self._batch = batch
        self._stuck_after = stuck_after
        self._stopping = asyncio.Event()
        self._breaker = Breaker()
        self._failures: dict[UUID, int] = {}
        self._world_faults = 0
        self._singly = False
        self._crowded = False
        self._clock = database.clock
        self._progress = self._clock.monotonic()
        self._committed = 0.0
        self._lag = 0
        self._parked: str | None = None
        self._waiting: str | None = None
        self._reader: Reader | None = None

    async def run(self) -> None:
        """Reads until stopped; waits out the world's faults and, parked, our own."""
        pause = BACKOFF[0]
        while not self._stopping.is_set():
            try:
                await self._step()
                pause = BACKOFF[0]
                self._waiting = None
            except ParkedLoop as error:
                await self._park(error)
            except Transient as error:
                self._waiting = str(error)
                log.warning("consumer.waiting", service=self._database.service, error=str(error), seconds=pause)
                loop_faults.labels(self._database.service, "consumer", "world").inc()
                await self._sleep(pause)
                pause = min(pause * 2, BACKOFF[1])
        await self._leave()

    def stop(self) -> None:
        """Asks the loop to finish the batch in hand, commit its position and leave the group."""
        self._stopping.set()

    def health(self) -> str | None:
        """Why this consumer is not ready, or None. Health is progress: a backlog must shrink."""
        if self._parked:
            return f"parked: {self._parked}"
        if self._waiting:
            return f"waiting: {self._waiting}"
        if self._lag and self._clock.monotonic() - self._progress > self._stuck_after:
            return f"stuck: {self._lag} records behind and no progress for {self._stuck_after:.0f} s"
        return self._reader.trouble() if self._reader else "not in the group yet"

    async def _step(self) -> None:
        if self._reader is None:
            self._reader = await self._open_reader()
        records = await self._reader.read(self._batch * (CROWDED if self._crowded else 1))
        if records:
            await self._settle(records)
        if self._clock.monotonic() - self._committed >= 1.0:
            self._committed = self._clock.monotonic()
            await self._reader.commit()
            self._lag = await self._reader.lag()
            consumer_lag.labels(self._database.service).set(self._lag)
        if records or not self._lag:
            self._progress = self._clock.monotonic()

    async def _settle(self, records: list[Received]) -> None:
        """Deals with a batch, segment by segment; on a fault that must be waited out, rewinds what is left and raises."""
        assert self._reader is not None
        left = records
        try:
            for segment in self._segments(records):
                await self._settle_segment(segment)
                self._reader.done(left[: segment.length])
                left = left[segment.length :]
        except Exception:
            self._reader.rewind(left)
            raise

    def _segments(self, records: Sequence[Received]) -> Iterator[_Segment]:
        """Cuts a batch before and after each unreadable record, so that one poison does not cost the others their batch."""
        segment = _Segment()
        for record in records:
            segment.length += 1
            if not self._subscriptions.wants(record):
                continue
            try:
                message = unpack(record)
                self._subscriptions.handler(message)
                segment.readable.append((message, record))
            except Unreadable as error:
                segment.length -= 1
                yield segment
                yield _Segment(length=1, poison=(record, error))
                segment = _Segment()
        yield segment

    async def _settle_segment(self, segment: _Segment) -> None:
        if segment.poison:
            await self._bury(segment.poison[0], "poison", segment.poison[1], attempts=1)
        if not segment.readable:
            return
        if not self._singly:
            try:
                await self._handle(segment.readable)
                self._world_faults = 0
                return
            except Exception as error:  # noqa: BLE001 - sorted by fault in _why, which raises what must be waited for
                await self._why(error, len(segment.readable))
        for pair in segment.readable:
            await self._alone(*pair)
        self._singly = False

    async def _why(self, error: Exception, records: int) -> None:
        """Returns where the records should be tried one by one; raises where the world must be waited for."""
        if is_world(error):
            self._world_faults += not is_busy(error)  # one by one, records would be in each other's way still more
            if self._world_faults < SINGLY_AFTER or not await self._probe():
                raise Transient(f"{records} records: {describe(error)}") from error
            self._world_faults = 0
        # Until a whole segment went through alone: a record read again after a pause is not hidden in a batch again.
        self._singly = True
        log.warning("batch.refused", service=self._database.service, records=records, error=describe(error))

    async def _handle(self, pairs: Sequence[_Pair]) -> None:
        """One transaction for all of them."""
        started = self._clock.monotonic()
        async with self._database.begin() as uow:
            fresh = await self._claim(uow, pairs)
            await dispatch(self._subscriptions, fresh, uow)
        self._crowded = uow.crowded
        self._breaker.handled(len(fresh))
        batch_seconds.labels(self._database.service).observe(self._clock.monotonic() - started)
        self._count(handled=len(fresh), repeated=len(pairs) - len(fresh))

    async def _claim(self, uow: UnitOfWork, pairs: Sequence[_Pair]) -> list[Message[Event]]:
        """The messages nobody had before and that need not wait behind a dead letter; the rest of the new ones are parked."""
        claimed = await inbox.claim(uow, (message.id for message, _ in pairs))
        fresh: list[_Pair] = []
        for message, record in pairs:
            if message.id in claimed:
                claimed.discard(message.id)  # the same id twice in one batch is one event
                fresh.append((message, record))
        parked = await deadletters.parked_leads(uow, {message.lead_id for message, _ in fresh})
        fresh, waiting = _apart(fresh, parked) if parked else (fresh, [])
        if waiting:
            await self._park_behind(uow, waiting)
        return [message for message, _ in fresh]

    async def _park_behind(self, uow: UnitOfWork, waiting: Sequence[_Pair]) -> None:
        reason = "an earlier event of this lead is a dead letter"
        letters = [NewDeadLetter(message.id, message.lead_id, "parked", reason, 0, record) for message, record in waiting]
        await deadletters.add(uow, letters)
        self._count(parked=len(letters))

    async def _alone(self, message: Message[Event], record: Received) -> None:
        try:
            await self._handle([(message, record)])
        except Exception as error:
            if not is_world(error):
                await self._bury(record, "poison", error, attempts=1)
                return
            self._failures[message.id] = self._failures.get(message.id, 0) + (not is_busy(error))
            if self._failures[message.id] < SUSPECT_AFTER or not await self._probe():
                raise Transient(f"{record.topic}/{record.partition}/{record.offset}: {describe(error)}") from error
            await self._bury(record, "suspect", error, attempts=self._failures[message.id])
        self._failures.pop(message.id, None)

    async def _probe(self) -> bool:
        """Is the world well apart from this record?"""
        try:
            async with self._database.begin() as uow:
                await uow.execute("SELECT 1")
        except Transient:
            return False
        return True

    async def _bury(self, record: Received, kind: deadletters.Kind, error: Exception, *, attempts: int) -> None:
        """Makes a dead letter of the record, in the transaction that claims it."""
        event_id, lead_id = _identity(record)
        async with self._database.begin() as uow:
            if lead_id:
                await deadletters.lock(uow, [lead_id])
            if not await inbox.claim(uow, [event_id]):
                self._count(repeated=1)
                return
            self._breaker.check()
            letter = NewDeadLetter(event_id, lead_id, kind, f"{type(error).__name__}: {error}", attempts, record)
            await deadletters.add(uow, [letter])
        self._breaker.died()
        self._count(dead=1)
        log.error(
            "record.dead",
            service=self._database.service,
            kind=kind,
            error=describe(error),
            event_id=str(event_id),
            lead_id=str(lead_id) if lead_id else None,
            place=f"{record.topic}/{record.partition}/{record.offset}",
        )

    def _count(self, **outcomes: int) -> None:
        for outcome, count in outcomes.items():
            events_handled.labels(self._database.service, outcome).inc(count)

    async def _park(self, error: ParkedLoop) -> None:
        self._parked = str(error)
        log.error("consumer.parked", service=self._database.service, error=self._parked, seconds=PARKED_FOR)
        loop_faults.labels(self._database.service, "consumer", "parked").inc()
        await self._sleep(PARKED_FOR)
        self._parked = None
        self._breaker.allowance = 1

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _leave(self) -> None:
        if self._reader is not None:
            try:
                await self._reader.close()
            except Transient as error:
                log.warning("consumer.left_uncommitted", service=self._database.service, error=str(error))


def _apart(pairs: Sequence[_Pair], parked: Set[UUID]) -> tuple[list[_Pair], list[_Pair]]:
    """Those that are handled now, and those that wait behind a dead letter of their lead.

    An erasure never waits: its handler deletes what does. Nor does what comes behind it, for there is nothing left to wait for.
    """
    now: list[_Pair] = []
    waiting: list[_Pair] = []
    erased: set[UUID] = set()
    for message, record in pairs:
        if isinstance(message.data, LeadErased):
            erased.add(message.lead_id)
        behind = message.lead_id in parked and message.lead_id not in erased
        (waiting if behind else now).append((message, record))
    return now, waiting


def _identity(record: Received) -> tuple[UUID, UUID | None]:
    """The record's event and lead. An unreadable record gets an event id from its position, the same at every reading."""
    try:
        lead_id: UUID | None = UUID(record.key.decode())
    except ValueError:
        lead_id = None
    try:
        return UUID(record.headers["ce_id"]), lead_id
    except (KeyError, ValueError):
        return uuid5(POSITION_NAMESPACE, f"{record.topic}/{record.partition}/{record.offset}"), lead_id
