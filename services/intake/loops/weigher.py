"""The weigher: weighs fuzzy evidence when there is time, one process at a time, never in the way of a lead.

While leads come as fast as they can be taken it waits, but for no longer than PATIENCE: who is one person is then found a little later.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from services.intake.handlers.weighing import STEP, merge_next, waiting_since, weigh_step
from shared.db.uow import Database
from shared.errors import Permanent, Transient
from shared.telemetry import logger, loop_faults

EVERY = 1.0  # seconds between looks; a full step is followed by the next at once
ELSEWHERE = 5.0  # seconds, where another process is weighing
BUSY = 0.4  # the part of its time that intake spends on writing leads, from which on they go first
PATIENCE = timedelta(seconds=30)
LOOK = 0.25  # seconds between looks whether there is time now

log = logger(__name__)


class Weigher:
    """The loop that weighs what waits."""

    def __init__(self, database: Database, busy: Callable[[], float] = lambda: 0.0, *, every: float = EVERY) -> None:
        self._database = database
        self._busy = busy
        self._every = every
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            pause = self._every
            try:
                if self._busy() > BUSY and not await self._late():
                    await self._wait(LOOK)
                    continue
                async with self._database.begin() as uow:
                    weighed = await weigh_step(uow)
                full = weighed is not None and weighed.contacts >= STEP
                if not full or (weighed and weighed.merges):
                    await self._merge_all()
                if full:
                    pause = 0.0
                elif weighed is None:
                    pause = ELSEWHERE
            except Transient as error:
                log.warning("weigher.waiting", error=str(error))
                loop_faults.labels(self._database.service, "weigher", "world").inc()
            except Permanent as error:
                # It is done again, and shows: nobody's lead waits for it, so it is no reason to end the process.
                log.error("weigher.failed", exc_info=error)
                loop_faults.labels(self._database.service, "weigher", "fault").inc()
            await self._wait(pause)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _late(self) -> bool:
        """Has somebody waited for longer than PATIENCE?"""
        async with self._database.begin() as uow:
            since = await waiting_since(uow)
            return since is not None and uow.now - since > PATIENCE

    async def _merge_all(self) -> None:
        merged = True
        while merged:
            async with self._database.begin() as uow:
                merged = await merge_next(uow)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        """Never unready: a lead that is recognised late is late, not lost."""
        return None
