"""The relay: publishes what the outbox holds, oldest first, and deletes it once it is durable on the bus.

One relay a service is active, whichever process holds the advisory lock; the lock, the reads and the deletes use one dedicated
connection, so that losing the lock means losing the means. A round is all or nothing: on any error nothing is deleted and the
publisher is replaced. It is woken after each commit in its own process and looks by itself for those of others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg

from shared.bus.port import Publisher
from shared.db import outbox
from shared.db.faults import describe, is_world, translated
from shared.db.uow import Database
from shared.errors import Transient
from shared.telemetry import events_emitted, logger, loop_faults, outbox_rows

BATCH = 500
POLL_FAST, POLL_SLOW = 0.01, 0.05  # seconds: after news from another process, and after none for a while
STANDBY = 0.5  # seconds between tries for the lock
SAMPLE = 0.5  # seconds between looks at the backlog
BACKOFF = (0.05, 2.0)  # seconds, first and longest
FORGIVEN = 30.0  # seconds after a fault in which the next one counts as the same
SESSION = {
    # A relay that is stopped (not killed) keeps its socket; the server ends it, and the lock with it.
    "idle_session_timeout": "10s",
    # A delete that is lost in a crash means that the event is published again, which inboxes swallow. Nothing else is written here.
    "synchronous_commit": "off",
}

log = logger(__name__)


class Relay:
    def __init__(
        self,
        database: Database,
        open_publisher: Callable[[], Awaitable[Publisher]],
        *,
        bound: int,
        dsn: str | None = None,
    ) -> None:
        self._database = database
        self._open_publisher = open_publisher
        self._dsn = dsn or database.dsn
        self._bound = bound
        self._clock = database.clock
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._backlog = 0
        self._sampled = 0.0
        database.committed = self._wake.set

    @property
    def full(self) -> bool:
        """More events wait than the outbox may hold: whoever makes new ones should refuse work."""
        return self._backlog > self._bound

    def health(self) -> str | None:
        return f"the outbox holds more than {self._bound} events" if self.full else None

    def stop(self) -> None:
        """Asks the relay to publish what is committed and end."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        pause, last = BACKOFF[0], 0.0
        while True:
            try:
                await self._session()
                return
            except Exception as error:
                if not is_world(error):
                    raise
                if self._clock.monotonic() - last > FORGIVEN:
                    pause = BACKOFF[0]
                last = self._clock.monotonic()
                log.warning("relay.waiting", service=self._database.service, error=describe(error), seconds=pause)
                loop_faults.labels(self._database.service, "relay", "world").inc()
                if self._stop.is_set():
                    return  # what is left stays in the outbox for the next start
                await asyncio.sleep(pause)
                pause = min(pause * 2, BACKOFF[1])

    async def _session(self) -> None:
        """From connecting to losing the connection, or to the end."""
        with translated():
            connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=20, server_settings=SESSION)
        publisher: Publisher | None = None
        try:
            if not await self._lead(connection):
                return
            await self._sample(connection)  # each time: while there is no bus, no round would
            publisher = await self._open_publisher()
            await self._publish_until_stopped(connection, publisher)
        finally:
            if publisher is not None:
                with contextlib.suppress(Transient):
                    await publisher.close()
            connection.terminate()

    async def _lead(self, connection: asyncpg.Connection) -> bool:
        """Waits until this process may publish. False if it is stopped first."""
        while not self._stop.is_set():
            with translated():
                if await connection.fetchval(
                    "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"handoff.{self._database.service}.relay"
                ):
                    return True
                await self._sample(connection)
            await _wait(self._stop, STANDBY)
        return False

    async def _publish_until_stopped(self, connection: asyncpg.Connection, publisher: Publisher) -> None:
        pause, woken = POLL_FAST, False
        while True:
            self._wake.clear()
            stopping = self._stop.is_set()
            count = await self._round(connection, publisher)
            if count == 0 and stopping:
                return
            if count < BATCH and not self._stop.is_set():
                # This process says when it has more. Only what others commit has to be looked for.
                pause = POLL_FAST if count and not woken else min(pause * 1.5, POLL_SLOW)
                woken = await _wait(self._wake, pause)

    async def _round(self, connection: asyncpg.Connection, publisher: Publisher) -> int:
        with translated():
            ids, records = await outbox.oldest(connection, self._database.service, BATCH)
        if len(ids) == BATCH:
            await self._sample(connection)
        if ids:
            await publisher.publish(records)
            with translated():
                await outbox.delete(connection, self._database.service, ids)
            events_emitted.labels(self._database.service).inc(len(ids))
        if len(ids) < BATCH and self._backlog:
            self._backlog = 0
            outbox_rows.labels(self._database.service).set(0)
        return len(ids)

    async def _sample(self, connection: asyncpg.Connection) -> None:
        if self._clock.monotonic() - self._sampled < SAMPLE:
            return
        self._sampled = self._clock.monotonic()
        with translated():
            self._backlog = await outbox.backlog(connection, self._database.service, self._bound)
        outbox_rows.labels(self._database.service).set(self._backlog)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether it came in so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # unlike wait_for, it makes no task
            await event.wait()
            return True
    return False
