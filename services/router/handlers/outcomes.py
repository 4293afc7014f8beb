"""Outcomes: what people say of a lead keeps promises, and frees the agent who owned it."""

from __future__ import annotations

from collections.abc import Sequence

from services.router.domain.desk import note_response, note_stage
from services.router.handlers.queue import write_and_drain
from services.router.handlers.work import Work
from shared.contracts.envelope import Message
from shared.contracts.events import FirstResponded, StageChanged
from shared.db.uow import UnitOfWork


async def apply_stages(messages: Sequence[Message[StageChanged]], uow: UnitOfWork) -> None:
    """Records stages; won, lost and disqualified close the assignment, or take the lead out of its queue.

    A lead that this service does not know yet is kept as a stub, so that it is not routed once it arrives. Of an erased one nothing is.
    """
    work = await Work.open(uow)
    leads = await work.lock_around(message.lead_id for message in messages)
    for message in messages:
        lead, said = leads[message.lead_id], message.data
        if lead.status == "erased" or message.sequence <= lead.tracked_sequence:
            continue
        lead.tracked_sequence = message.sequence
        note_stage(work.desk, lead, said.stage, said.changed_at, message.as_cause, assignment_id=said.assignment_id)
    await write_and_drain(work, messages[0].as_cause)


async def note_responses(messages: Sequence[Message[FirstResponded]], uow: UnitOfWork) -> None:
    """Somebody got hold of these leads for the first time, which may be what was promised."""
    work = await Work.open(uow)
    leads = await work.lock_around(message.lead_id for message in messages)
    for message in messages:
        lead, said = leads[message.lead_id], message.data
        if lead.status != "erased":
            note_response(work.desk, lead, said.responded_at, message.as_cause, assignment_id=said.assignment_id)
    await work.write()
