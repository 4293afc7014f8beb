"""The fetcher asks senders for the leads that they notified; the poller, for those that they should have notified.

Neither holds a transaction while it asks: lease, close, ask, hand the lead to the way that hooks take, record. A crash in between repeats
the question and the hand-over, and the sender's own id of the lead makes that nothing new.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.intake.clients.credentials import Credentials
from services.intake.clients.errors import Denied, Throttled, Unset
from services.intake.clients.pace import Pace
from services.intake.clients.shape import Client, Cursor, Found
from services.intake.clients.web import Web
from services.intake.domain.senders.shape import Malformed, Notice, Result, SentLead, Status
from services.intake.handlers.fetching import (
    NotNow,
    Wake,
    check_taken,
    describe,
    record_failure,
    record_poll,
    record_success,
)
from services.intake.store import fetches
from services.intake.store.fetches import Leased, LeasedPoll
from services.intake.store.sources import Source
from shared.db import faults
from shared.db.uow import Database, UnitOfWork
from shared.errors import ConfigurationError, Permanent, Refused, Transient
from shared.telemetry import logger, loop_faults

EVERY = 3.0  # seconds between two looks for what is due, where nobody wakes us
SLOTS = 8  # calls at once
OF_ONE = 4  # of them to one source, so that a sender that hangs does not stop the others
CALL = 60.0  # seconds for all calls of one fetch
LEASE = timedelta(seconds=180)
GRACE = 3.0  # seconds to finish in when stopped
REFUSED = 300.0  # seconds without a call of a source whose token was refused
SOON = timedelta(minutes=1)
BATCH = 100  # leads that are handed over at once

Submit = Callable[[UUID, Sequence[Notice], UUID | None], Awaitable[Sequence[Result]]]

log = logger(__name__)


@dataclass(frozen=True)
class Outside:
    """What fetching needs beside the database. The fetcher and the poller share it.

    `credentials` opens a source's secrets. `submit(source_id, notices, delivery_id)` takes leads the way that hooks take, and answers once
    they are durable.
    """

    web: Web
    clients: Mapping[str, Client]
    credentials: Callable[[Source], Credentials]
    submit: Submit
    pace: Pace

    def per_minute(self, source: Source) -> float:
        settings = Credentials(settings=source.settings)
        return max(settings.number("fetch_per_minute", self.clients[source.kind].per_minute, most=6000), 0.1)

    def open(self, source: Source) -> Credentials:
        try:
            return self.credentials(source)
        except (ConfigurationError, Permanent) as error:
            raise Unset("the source's secrets cannot be opened") from error

    async def take(self, source_id: UUID, leads: Sequence[SentLead], delivery_id: UUID | None) -> Sequence[Result]:
        try:
            return await self.submit(source_id, leads, delivery_id)
        except Refused:
            raise
        except Permanent as error:  # the database's words may quote the lead
            raise Permanent(f"the lead could not be stored ({faults.describe(error)})") from error


class Fetcher:
    """The loop that fetches. `chance` gives numbers from 0 to 1, to spread what failed together."""

    def __init__(self, database: Database, outside: Outside, *, chance: Callable[[], float], slots: int = SLOTS) -> None:
        self._database = database
        self._outside = outside
        self._chance = chance
        self._slots = slots
        self._clock = database.clock
        self._wake: Wake = database.memory.setdefault(Wake, Wake())
        self._stopping = False
        self._running: dict[asyncio.Task[None], Leased] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while not self._stopping:
                self._wake.event.clear()
                try:
                    started = await self._start(group)
                except Transient as error:
                    started = False
                    log.warning("fetcher.waiting", error=str(error))
                    loop_faults.labels(self._database.service, "fetcher", "world").inc()
                if not started and not self._stopping:
                    await _wait(self._wake.event, EVERY)
            await self._leave()

    def stop(self) -> None:
        """Asks the fetcher to end: what is under way has a moment to finish, and is given back else."""
        self._stopping = True
        self._wake()

    def health(self) -> str | None:
        """Always well: a sender that refuses us is the state of its source (handlers/fetching.py), not of this service."""
        return None

    async def _start(self, group: asyncio.TaskGroup) -> bool:
        """Leases what there is room for and starts it. False where there is nothing, or no room."""
        free = self._slots - len(self._running)
        leased = await self._lease(free) if free > 0 else []
        for one, source in leased:
            task = group.create_task(self._fetch(one, source))
            self._running[task] = one
            task.add_done_callback(self._ended)
        return bool(leased)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._wake()

    async def _lease(self, free: int) -> list[tuple[Leased, Source]]:
        while self._wake.forgiven:
            self._outside.pace.forgive(self._wake.forgiven.pop())
        async with self._database.begin() as uow:
            due = await fetches.due_sources(uow, list(self._outside.clients))
            sources = {source.id: source for source in due}
            allowances = {id: calls for id, source in sources.items() if (calls := self._allowance(source)) > 0}
            leased = await fetches.lease(uow, allowances, limit=free, until=uow.now + LEASE) if allowances else []
        for one in leased:
            self._outside.pace.take(one.source_id)
        return [(one, sources[one.source_id]) for one in leased]

    def _allowance(self, source: Source) -> int:
        """Calls that this source may have under way beside those that it has."""
        busy = Counter(one.source_id for one in self._running.values())[source.id]
        pace = self._outside.pace.available(source.id, self._outside.per_minute(source), self._clock.monotonic())
        return min(pace, OF_ONE - busy)

    async def _fetch(self, leased: Leased, source: Source) -> None:
        try:
            note = check_taken(await self._obtain(leased, source))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is kept with this fetch, and the others go on
            await self._fail(leased, error)
            return
        await self._record(leased, lambda uow: record_success(leased, note, uow))

    async def _obtain(self, leased: Leased, source: Source) -> Sequence[Result]:
        client = self._outside.clients[source.kind]
        async with asyncio.timeout(CALL):
            answer = await client.fetch(self._outside.web, leased.fetch, self._outside.open(source))
        # By the id that we asked for, whatever the answer calls itself: that is what the next notification says.
        lead = replace(client.parse(answer), external_id=leased.fetch.external_id)
        return await self._outside.take(source.id, [lead], leased.delivery_id)

    async def _fail(self, leased: Leased, error: Exception) -> None:
        if isinstance(error, Throttled | Denied):
            seconds = error.retry_after if isinstance(error, Throttled) else REFUSED
            self._outside.pace.hold(leased.source_id, self._clock.monotonic() + seconds)
        kind = describe(error).partition(":")[0]
        log.warning("fetch.failed", source_id=str(leased.source_id), fetch_id=str(leased.id), kind=kind, tries=leased.attempts)
        await self._record(leased, lambda uow: record_failure(leased, error, uow, chance=self._chance()))

    async def _record(self, leased: Leased, say: Callable[[UnitOfWork], Awaitable[object]]) -> None:
        try:
            async with self._database.begin() as uow:
                await say(uow)
        except Transient as error:
            # It is done again when the lease has run out.
            log.warning("fetch.not_recorded", fetch_id=str(leased.id), error=str(error))

    async def _leave(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE)
        left = dict(self._running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            with contextlib.suppress(Transient):
                async with self._database.begin() as uow:
                    await fetches.release(uow, list(left.values()))


class Poller:
    """The loop that looks for leads of which no notification came: one source, and one step of a sweep, at a time."""

    def __init__(self, database: Database, outside: Outside) -> None:
        self._database = database
        self._outside = outside
        self._clock = database.clock
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            looked = False
            try:
                looked = await self._look()
            except Transient as error:
                log.warning("poller.waiting", error=str(error))
                loop_faults.labels(self._database.service, "poller", "world").inc()
            if not looked:
                await _wait(self._stopping, EVERY)

    def stop(self) -> None:
        self._stopping.set()

    def health(self) -> str | None:
        return None

    async def _look(self) -> bool:
        """One step of one source's sweep. False where none is due."""
        kinds = list(self._outside.clients)
        async with self._database.begin() as uow:
            await fetches.add_polls(uow, kinds)
            leased = await fetches.lease_poll(uow, kinds, until=uow.now + LEASE)
        if leased is None:
            return False
        source = leased.source
        if not self._outside.pace.available(source.id, self._outside.per_minute(source), self._clock.monotonic()):
            await self._record(leased, cursor=leased.cursor, pause=timedelta(seconds=EVERY))
            return True
        self._outside.pace.take(source.id)
        try:
            found = await self._ask(leased)
            taken, trouble = await self._take(leased, found.answers)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is kept with this source, and the others go on
            log.info("poll.failed", source_id=str(source.id), kind=describe(error).partition(":")[0])
            cursor = leased.cursor if _may_pass(error) else _anew(leased.cursor)
            await self._record(leased, cursor=cursor, pause=self._after(leased, error), error=describe(error))
            return True
        pause = self._interval(leased) if found.again is None else timedelta(seconds=found.again)
        await self._record(
            leased, cursor=found.cursor, fetches=found.fetches, found=taken, pause=pause, error=found.trouble or trouble
        )
        return True

    async def _ask(self, leased: LeasedPoll) -> Found:
        client = self._outside.clients[leased.source.kind]
        async with asyncio.timeout(CALL):
            return await client.recent(self._outside.web, self._outside.open(leased.source), leased.cursor, self._clock.now())

    async def _take(self, leased: LeasedPoll, answers: Mapping[str, Any]) -> tuple[int, str | None]:
        """Hands over those leads that came whole and are not known; how many were new, and what could not be read."""
        if not answers:
            return 0, None
        async with self._database.begin() as uow:
            unknown = await fetches.unknown(uow, leased.source.id, list(answers))
        leads, unread = [], 0
        for external_id in sorted(unknown):
            try:
                parsed = self._outside.clients[leased.source.kind].parse(answers[external_id])
            except Malformed:
                unread += 1
            else:
                leads.append(replace(parsed, external_id=external_id))
        new = 0
        for n in range(0, len(leads), BATCH):
            results = await self._outside.take(leased.source.id, leads[n : n + BATCH], None)
            check_taken(results)
            new += sum(result.status in (Status.ACCEPTED, Status.TOUCHED) for result in results)
        return new, f"{unread} leads could not be read" if unread else None

    async def _record(self, leased: LeasedPoll, **said: Any) -> None:
        async with self._database.begin() as uow:
            await record_poll(leased, uow, **said)

    def _interval(self, leased: LeasedPoll) -> timedelta:
        settings = Credentials(settings=leased.source.settings)
        usual = self._outside.clients[leased.source.kind].poll_minutes
        return timedelta(minutes=max(settings.number("poll_minutes", usual, most=7 * 24 * 60), 1))

    def _after(self, leased: LeasedPoll, error: Exception) -> timedelta:
        """When to look again after a fault: soon where the world is at fault, else at the usual time."""
        if isinstance(error, Transient):
            return max(SOON, timedelta(seconds=error.retry_after))
        return SOON if isinstance(error, NotNow | TimeoutError) else self._interval(leased)


def _may_pass(error: Exception) -> bool:
    """May the same step of a sweep succeed later?"""
    return isinstance(error, Denied | NotNow) or faults.is_world(error)


def _anew(cursor: Cursor) -> Cursor:
    """The cursor that begins the same sweep again: its place may be one that the sender no longer knows."""
    return {"since": cursor["since"]} if "since" in cursor else {}


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
