"""The router's own loops: the net under the queues' timers, and the watch over the load of pools."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

from services.router.domain.load import Load
from services.router.handlers.load import Loads, add_rates, count_loads, show_loads
from services.router.handlers.queue import sweep
from shared.contracts.envelope import Cause
from shared.db.uow import Database
from shared.errors import Transient
from shared.telemetry import logger, new_traceparent

NET_EVERY = 3.0  # seconds
LOAD_EVERY = 30.0

log = logger(__name__)


class Again(ABC):
    """A loop that looks again after some seconds, or at once where there was much to do."""

    name: str
    every: float

    def __init__(self, database: Database) -> None:
        self.database = database
        self._stop = asyncio.Event()

    @abstractmethod
    async def look(self) -> bool:
        """True to look again at once."""

    async def run(self) -> None:
        while not self._stop.is_set():
            more = False
            try:
                more = await self.look()
            except Transient as error:
                log.warning(f"{self.name}.waiting", error=str(error))
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), self.every)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None


class Sweep(Again):
    """Every few seconds it is looked whether a lead waits though somebody could receive it."""

    name, every = "sweep", NET_EVERY

    async def look(self) -> bool:
        async with self.database.begin() as uow:
            return await sweep(uow, Cause(f"sweep-{uow.clock.uuid7()}", new_traceparent())) > 0


class LoadWatch(Again):
    """Measures the load of every pool. Each replica does, and all find the same; groups are locked one at a time, and not for long."""

    name, every = "load", LOAD_EVERY

    async def look(self) -> bool:
        async with self.database.begin() as uow:
            counted, groups = await count_loads(uow)
        loads: dict[str, Load] = {}
        for group in groups:
            async with self.database.begin() as uow:
                loads |= await add_rates(uow, counted, group)
        show_loads(self.database.memory.setdefault(Loads, Loads()), loads)
        return False
