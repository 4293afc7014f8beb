"""The sweep: once a second, leads that wait are given out to whom a new day has freed."""

from __future__ import annotations

import asyncio
import contextlib

from services.router.handlers.queue import sweep
from shared.contracts.envelope import Cause
from shared.db.uow import Database
from shared.errors import Transient
from shared.telemetry import logger, new_traceparent

EVERY = 1.0  # seconds

log = logger(__name__)


class Sweep:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            more = False
            try:
                async with self._database.begin() as uow:
                    more = await sweep(uow, Cause(f"sweep-{uow.clock.uuid7()}", new_traceparent()))
            except Transient as error:
                log.warning("sweep.waiting", error=str(error))
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), EVERY)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None
