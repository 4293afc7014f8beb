"""The sweep: every few seconds it is looked whether a lead waits though somebody could receive it. The net under the queues' timers."""

from __future__ import annotations

import asyncio
import contextlib

from services.router.handlers.queue import sweep
from shared.contracts.envelope import Cause
from shared.db.uow import Database
from shared.errors import Transient
from shared.telemetry import logger, new_traceparent

EVERY = 3.0  # seconds

log = logger(__name__)


class Sweep:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            found = 0
            try:
                async with self._database.begin() as uow:
                    found = await sweep(uow, Cause(f"sweep-{uow.clock.uuid7()}", new_traceparent()))
            except Transient as error:
                log.warning("sweep.waiting", error=str(error))
            if not found:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), EVERY)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None
