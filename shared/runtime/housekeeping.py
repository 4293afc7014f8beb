"""Housekeeping: partitions ahead of time, and what is old goes."""

from __future__ import annotations

import asyncio
import contextlib

from shared.bus.port import Bus
from shared.bus.postgres import PostgresBus
from shared.db import answers, deadletters, inbox
from shared.db.uow import Database
from shared.errors import Transient
from shared.telemetry import logger

HOUSEKEEPING = 3600.0  # seconds

log = logger(__name__)


class Housekeeping:
    """Once an hour: partitions ahead of time, and what is old goes."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            try:
                await self._keep()
                pause = HOUSEKEEPING
            except Transient as error:
                log.warning("housekeeping.waiting", service=self._database.service, error=str(error))
                pause = 5.0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _keep(self) -> None:
        async with self._database.begin() as uow:
            await inbox.maintain(uow)
            await answers.purge(uow)
            await deadletters.purge(uow)
        if isinstance(self._bus, PostgresBus):
            await self._bus.maintain()

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None
