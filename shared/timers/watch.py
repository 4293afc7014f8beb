"""The watch: that somebody looks after the timers, since when nobody had, and how much is overdue.

Each loop gives a sign of life every few seconds. Where none was given for long, a new row begins and keeps the outage before it, so that
what fell due in between is known for that, whichever replica handles it and however long that takes.
"""

from __future__ import annotations

import math
from datetime import timedelta

from shared.db.uow import Database, UnitOfWork
from shared.telemetry import timers_failed, timers_overdue
from shared.timers.rows import counts

BEAT = 5.0  # seconds between signs of life
KEPT = timedelta(days=30)


class Watch:
    """One loop's part in it. `outage` is the seconds without a sign of life of any loop that are one."""

    def __init__(self, database: Database, *, outage: float) -> None:
        self._service = database.service
        self._clock = database.clock
        self._table = f"{database.service}.timer_watches"
        self._outage = timedelta(seconds=outage)
        self._beaten = -math.inf

    async def beat(self, uow: UnitOfWork) -> None:
        """Gives a sign of life, if it is time for one."""
        at = self._clock.monotonic()
        if at - self._beaten < BEAT:
            return
        # A clock that jumps while the loop runs is no outage, so the loop goes by what it remembers of itself.
        unbroken = at - self._beaten <= self._outage.total_seconds()
        found = await counts(uow)
        await self._keep(uow, unbroken=unbroken)

        def show() -> None:
            self._beaten = at
            timers_overdue.labels(self._service).set(found.due)
            timers_failed.labels(self._service).set(found.failed)

        uow.after_commit(show)

    async def _keep(self, uow: UnitOfWork, *, unbroken: bool) -> None:
        """Makes the last watch longer, or begins one after an outage. One loop at a time, so that two that start see one outage."""
        await uow.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", self._table)
        tag = await uow.execute(
            f"UPDATE {self._table} SET kept_until = greatest(kept_until, $1) "
            f"WHERE began_at = (SELECT max(began_at) FROM {self._table}) AND ($2 OR kept_until >= $3)",
            *(uow.now, unbroken, uow.now - self._outage),
        )
        if tag == "UPDATE 0":
            await uow.execute(
                f"INSERT INTO {self._table} (began_at, down_since, kept_until) "
                f"SELECT $1::timestamptz, max(kept_until), $1::timestamptz FROM {self._table}",
                uow.now,
            )
            await uow.execute(f"DELETE FROM {self._table} WHERE kept_until < $1", uow.now - KEPT)

    def outage_of(self, timer: str) -> str:
        """SQL for the outage in which a timer's row fell due; null where it fell due in none, or was set when it was over."""
        return (
            f"(SELECT w.began_at - w.down_since FROM {self._table} w "
            f"WHERE w.down_since < {timer}.due_at AND {timer}.due_at <= w.began_at AND {timer}.set_at < w.began_at)"
        )
