"""Upkeep: what intake does by itself from time to time: erases leads whose time is over, folds tallies, seals secrets anew."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from services.intake.handlers import erasure, replays
from services.intake.handlers.erasure import Why
from services.intake.handlers.sources import reseal_secrets
from services.intake.store import activities, fetches, imports, persons, sources
from shared import jobs
from shared.contracts.envelope import Cause
from shared.db.uow import Database
from shared.errors import ConfigurationError, Permanent, Transient
from shared.sealing import Sealer
from shared.telemetry import logger, loop_faults, new_traceparent

EVERY = 600.0  # seconds
EXPIRED = 500  # leads looked for at once
AGAIN = 5.0  # seconds, where the database was away
FETCHED = timedelta(days=30)  # for which a fetch that is done is kept, to show
DELIVERIES = 1000  # raw deliveries dropped in one transaction

log = logger(__name__)


class Upkeep:
    """The loop of what is due by the hour. Each step is a transaction of its own, so that none holds locks for long."""

    def __init__(self, database: Database, sealer: Sealer, *, every: float = EVERY) -> None:
        self._database = database
        self._sealer = sealer
        self._every = every
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            pause = self._every
            try:
                await self.keep()
            except Transient as error:
                log.warning("upkeep.waiting", error=str(error))
                loop_faults.labels(self._database.service, "upkeep", "world").inc()
                pause = AGAIN
            except ConfigurationError as error:
                log.error("upkeep.sealed", error=str(error))
            except Permanent as error:
                # It is done again, and shows: nobody's lead waits for it, so it is no reason to end the process.
                log.error("upkeep.failed", exc_info=error)
                loop_faults.labels(self._database.service, "upkeep", "fault").inc()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def keep(self) -> None:
        """Does all of it once."""
        await self._erase_expired()
        dropped = DELIVERIES
        while dropped == DELIVERIES:
            async with self._database.begin() as uow:
                dropped = await persons.purge_deliveries(uow, limit=DELIVERIES)
        async with self._database.begin() as uow:
            await sources.fold_tallies(uow, before=uow.now - timedelta(hours=1))
            await activities.purge(uow)
            await imports.purge(uow)
            await fetches.drop_done(uow, before=uow.now - FETCHED)
            await jobs.purge(uow)
        async with self._database.begin() as uow:
            for source in await sources.sources_with_held(uow):
                await replays.resume(source, uow, by="upkeep")
        async with self._database.begin() as uow:
            if resealed := await reseal_secrets(uow, self._sealer):
                log.info("upkeep.resealed", sources=resealed)

    async def _erase_expired(self) -> None:
        """A transaction each: an erasure takes its locks in the order of all others, and two in a row would not."""
        found = EXPIRED
        while found == EXPIRED and not self._stop.is_set():
            async with self._database.begin() as uow:
                expired = await persons.expired_leads(uow, limit=EXPIRED)
            for id in expired:
                async with self._database.begin() as uow:
                    cause = Cause(f"retention {uow.now:%Y-%m-%d}", new_traceparent())
                    why = Why("retention", "retention", cause)
                    await erasure.erase_leads([id], uow, why)
            if found := len(expired):
                log.info("upkeep.erased", leads=found)

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None
