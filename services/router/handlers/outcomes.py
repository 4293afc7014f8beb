"""Outcomes: what people say of a lead frees the agent who owned it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.router.handlers.desk import Desk
from services.router.handlers.endings import Ending, drain_freed, end_assignments, leave_queue, lock_places
from services.router.store import Lead
from shared.contracts.envelope import Message
from shared.contracts.events import StageChanged
from shared.db.uow import UnitOfWork

CLOSING = frozenset({"won", "lost", "disqualified"})


async def apply_stages(messages: Sequence[Message[StageChanged]], uow: UnitOfWork) -> None:
    """Records stages; won, lost and disqualified close the assignment, or take the lead out of its queue.

    A lead that this service does not know yet is kept as a stub, so that it is not routed once it arrives. Of an erased one nothing is.
    """
    desk = await Desk.open(uow)
    await lock_places(desk, [message.lead_id for message in messages if message.data.stage in CLOSING])
    leads = await desk.leads(message.lead_id for message in messages)
    ending = []
    for message in messages:
        lead = leads[message.lead_id]
        if lead.status == "erased" or message.sequence <= lead.tracked_sequence:
            continue
        lead.stage, lead.tracked_sequence = message.data.stage, message.sequence
        desk.change(lead)
        if message.data.stage in CLOSING:
            ending.append(message)
    await _close(desk, ending, leads)
    await desk.write()
    await drain_freed(desk, messages[0].as_cause)


async def _close(desk: Desk, messages: Sequence[Message[StageChanged]], leads: dict[UUID, Lead]) -> None:
    endings = [Ending(leads[m.lead_id], m.as_cause, m.data.assignment_id, m.data.stage) for m in messages]
    closed = await end_assignments(desk, endings, reason="closed")
    for message in messages:
        lead = leads[message.lead_id]
        if lead.lead_id in closed:
            lead.status = "closed"
        elif lead.status == "queued":
            await leave_queue(desk, lead)
            desk.refuse(lead, "closed", f"The lead was {message.data.stage} while it waited.", message.as_cause, status="closed")
        elif lead.status not in ("assigned", "merged"):  # assigned to another than the one meant: that one goes on
            lead.status = "closed"
