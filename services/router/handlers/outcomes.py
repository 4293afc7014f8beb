"""Outcomes: what people say of a lead frees the agent who owned it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.router import store
from services.router.domain import ended
from services.router.handlers.desk import Desk
from services.router.handlers.queue import drain
from services.router.store import Lead
from shared.contracts.envelope import Message
from shared.contracts.events import AssignmentEnded, StageChanged
from shared.db.uow import Row, UnitOfWork

CLOSING = frozenset({"won", "lost", "disqualified"})


async def apply_stages(messages: Sequence[Message[StageChanged]], uow: UnitOfWork) -> None:
    """Records stages; won, lost and disqualified close the assignment, or take the lead out of its queue.

    A lead that this service does not know yet is kept as a stub, so that it is not routed once it arrives.
    """
    desk = await Desk.open(uow)
    closing = [message.lead_id for message in messages if message.data.stage in CLOSING]
    owners, waiting = await store.where_leads_are(uow, closing) if closing else ({}, {})
    groups = {desk.active.group_of_pool[pool] for pool in waiting.values()}
    groups |= {group for agent in owners.values() if (group := desk.active.group_of_agent.get(agent)) is not None}
    await desk.lock(groups)
    leads = await store.lock_leads(uow, [message.lead_id for message in messages])
    ending = []
    for message in messages:
        lead = leads.get(message.lead_id)
        if lead is None:
            lead = leads[message.lead_id] = Lead(message.lead_id)
            desk.add(lead)
        if message.sequence <= lead.tracked_sequence:
            continue
        lead.stage, lead.tracked_sequence = message.data.stage, message.sequence
        desk.change(lead)
        if message.data.stage in CLOSING:
            ending.append(message)
    await _close(desk, ending, leads)
    await desk.write()
    if freed := _pools_of(desk):
        await drain(desk, freed, messages[0].as_cause)


async def _close(desk: Desk, messages: Sequence[Message[StageChanged]], leads: dict[UUID, Lead]) -> None:
    if not messages:
        return
    closed = await store.close_assignments(desk.uow, [_closing(message, desk.uow.now) for message in messages], reason="closed")
    by_lead = {row["lead_id"]: row for row in closed}
    for message in messages:
        lead = leads[message.lead_id]
        if row := by_lead.get(lead.lead_id):
            lead.status = "closed"
            _end(desk, lead, row, message)
        elif lead.status == "queued":
            desk.state_of_pool(await _queue_of(desk, lead))
            desk.leave_queue(lead)
            desk.refuse(lead, "closed", f"The lead was {message.data.stage} while it waited.", message.as_cause, status="closed")
        elif lead.status != "assigned":  # assigned to another than the one meant: that one goes on
            lead.status = "closed"


def _closing(message: Message[StageChanged], now: datetime) -> tuple[UUID, UUID | None, str, datetime]:
    return (message.lead_id, message.data.assignment_id, message.data.stage, now)


async def _queue_of(desk: Desk, lead: Lead) -> str:
    _, waiting = await store.where_leads_are(desk.uow, [lead.lead_id])
    return waiting[lead.lead_id]


def _end(desk: Desk, lead: Lead, row: Row, message: Message[StageChanged]) -> None:
    if held := desk.state_of_agent(row["agent_id"]):
        group, state = held
        entry = ended(
            state.number + 1,
            state.last_now,
            agent_id=row["agent_id"],
            lead_id=lead.lead_id,
            pool=row["pool"],
            reason="closed",
            gives_back=False,
            period=row["period"],
        )
        desk.append(group, entry)
    event = AssignmentEnded(
        lead_id=lead.lead_id,
        assignment_id=row["id"],
        agent_id=row["agent_id"],
        reason="closed",
        ended_at=row["closed_at"],
        outcome=row["outcome"],
    )
    desk.emit(lead, event, message.as_cause)


def _pools_of(desk: Desk) -> set[str]:
    return {pool for group in desk.states for pool in desk.active.groups[group]}
