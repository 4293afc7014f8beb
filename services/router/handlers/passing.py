"""Timers of leads: offers run out, waits end, promises are warned of, broken and escalated."""

from __future__ import annotations

from collections.abc import Sequence

from services.router import store
from services.router.domain.desk import pass_time
from services.router.handlers.queue import write_and_drain
from services.router.handlers.work import Work
from services.router.handlers.writing import PASSING
from shared.db.uow import UnitOfWork
from shared.timers import Due


async def look_at_leads(timers: Sequence[Due], uow: UnitOfWork) -> None:
    """Does what fell due for these leads. What their rows say decides, not the timer: one that means nothing any more does nothing."""
    work = await Work.open(uow)
    leads = await work.lock_around([due.subject for due in timers])
    pools = {lead.queued.pool for lead in leads.values() if lead.queued}
    pools |= {lead.offered.home for lead in leads.values() if lead.offered}
    work.desk.busy = await store.pools_with_queue(uow, pools)
    await work.learn_owners(leads.values(), pools)
    for due in timers:
        lead = leads[due.subject]
        lead.due_at = None
        pass_time(work.desk, lead, due.as_cause, outage=due.outage)
        work.desk.change(lead)
    await write_and_drain(work, timers[0].as_cause)


TIMERS = {PASSING: look_at_leads}
