"""The weigher: weighs fuzzy evidence when there is time, one process at a time, never in the way of a lead."""

from __future__ import annotations

import asyncio
import contextlib

from services.intake.handlers.weighing import STEP, merge_next, weigh_step
from shared.db.uow import Database
from shared.errors import Permanent, Transient
from shared.telemetry import logger, loop_faults

EVERY = 1.0  # seconds between looks; a full step is followed by the next at once
ELSEWHERE = 5.0  # seconds, where another process is weighing

log = logger(__name__)


class Weigher:
    """The loop that weighs what waits."""

    def __init__(self, database: Database, *, every: float = EVERY) -> None:
        self._database = database
        self._every = every
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            pause = self._every
            try:
                async with self._database.begin() as uow:
                    weighed = await weigh_step(uow)
                while await self._merged():
                    pass
                if weighed == STEP:
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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _merged(self) -> bool:
        async with self._database.begin() as uow:
            return await merge_next(uow)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        """Never unready: a lead that is recognised late is late, not lost."""
        return None
