"""What time alone does: a lead whose timer is due is looked at by the versions that judged it last, and what it fell to is said."""

from __future__ import annotations

from collections.abc import Sequence

from services.scoring.handlers.desk import FADING, Occasion, Why, lock, look, write
from services.scoring.store import leads as store
from shared.db.uow import UnitOfWork
from shared.timers import Due


async def fade_leads(due: Sequence[Due], uow: UnitOfWork) -> None:
    """Says of each lead what is not as it was announced, and sets its next timer. Nothing is said of one that is over or merged away."""
    leads = await lock(uow, [timer.subject for timer in due], stubs=False)
    ours = [leads[timer.subject] for timer in due if timer.subject in leads]
    alive = [lead for lead in ours if lead.erased_at is None and lead.merged_into is None and not lead.outcome]
    idle = [lead for lead in ours if lead not in alive and lead.next_change]
    for lead in idle:
        lead.next_change = None
    if idle:
        await store.save_next_changes(uow, idle)
    occasions = {timer.subject: Occasion(Why.FADED, timer.as_cause) for timer in due}
    await write(uow, await look(uow, alive, None), occasions, fired=True)


TIMERS = {FADING: fade_leads}
