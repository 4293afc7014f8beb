"""Timers: rows that fall due, survive a restart, and are handled once, by whichever process is free.

    async def expire_offers(timers: Sequence[Due], uow: UnitOfWork) -> None:
        leads = await store.lock(uow, [due.subject for due in timers])     # the handler's own locks come first
        ...                                                               # what the lead's row says decides, not the timer
        await set_timers(uow, [Timer("expire", id, uow.now + GRACE)])      # again later; a timer not set again is gone

    Timers(database, {"expire": expire_offers})

A timer is set in the transaction that changes what it is about, and locked last: policy → group → agent → lead → timer. Handling it and
deleting it is one transaction. Whoever leased a timer and died is followed by another loop once the lease is over, so a handler may see
a timer that no longer means anything, and must do nothing then. For work that is long this is not the place; that is a job
(shared/jobs/).
"""

from __future__ import annotations

from shared.timers.loop import Due, Handler, Timers
from shared.timers.rows import Counts, KeptTimer, Timer, TimerState, counts, drop_timers, page, retry, set_timers

__all__ = [
    "Counts",
    "Due",
    "Handler",
    "KeptTimer",
    "Timer",
    "TimerState",
    "Timers",
    "counts",
    "drop_timers",
    "page",
    "retry",
    "set_timers",
]
