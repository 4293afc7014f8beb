"""Endings: an agent owns a lead no more, or a lead waits no more; and what that frees is given out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.router import store
from services.router.domain import ended
from services.router.domain.strategies import EVERYONE
from services.router.handlers.desk import Desk
from services.router.handlers.queue import drain
from services.router.store import Lead
from shared.contracts.envelope import Cause
from shared.contracts.events import AssignmentEnded
from shared.db.uow import Row


@dataclass(frozen=True)
class Ending:
    """The end of a lead's assignment: of the one that is meant, or None for whichever is open. `outcome` is how the lead ended."""

    lead: Lead
    cause: Cause
    assignment_id: UUID | None = None
    outcome: str | None = None


async def lock_places(desk: Desk, lead_ids: Iterable[UUID]) -> None:
    """Locks the groups of the agents who own these leads, and of the pools in whose queues they wait."""
    ids = list(lead_ids)
    owners, waiting = await store.where_leads_are(desk.uow, ids) if ids else ({}, {})
    groups = {desk.active.group_of_pool[pool] for pool in waiting.values()}
    groups |= {group for agent in owners.values() if (group := desk.active.group_of_agent.get(agent)) is not None}
    await desk.lock(groups)


async def end_assignments(desk: Desk, endings: Sequence[Ending], *, reason: str) -> dict[UUID, Row]:
    """Closes those of these assignments that are open, with their ledger entries and events; returns them by lead."""
    if not endings:
        return {}
    closing = [(one.lead.lead_id, one.assignment_id, one.outcome, desk.uow.now) for one in endings]
    returning = desk.active.policy.returning(reason)
    rows = await store.close_assignments(desk.uow, closing, reason=reason, returning=returning)
    closed = {row["lead_id"]: row for row in rows}
    for one in endings:
        if row := closed.get(one.lead.lead_id):
            _end(desk, one, row, reason)
    return closed


def _end(desk: Desk, ending: Ending, row: Row, reason: str) -> None:
    lead = ending.lead
    if held := desk.state_of_agent(row["agent_id"]):
        group, state = held
        entry = ended(
            state.number + 1,
            state.last_now,
            agent_id=row["agent_id"],
            lead_id=lead.lead_id,
            pool=row["pool"],
            reason=reason,
            gives_back=row["gave_back"],
            period=row["period"],
            hour=row["hour"],
            work=row["work"],
            turn=_turn_of(row, group),
        )
        desk.append(group, entry)
    event = AssignmentEnded(
        lead_id=lead.lead_id,
        assignment_id=row["id"],
        agent_id=row["agent_id"],
        reason=reason,
        ended_at=row["closed_at"],
        outcome=row["outcome"],
    )
    desk.emit(lead, event, ending.cause)


def _turn_of(row: Row, group: int) -> int | None:
    """The requirement class to give a turn back to. A group that opened since has classes of its own: there it is everyone's."""
    return row["turn"] if row["turn"] is None or row["group_id"] == group else EVERYONE


async def leave_queue(desk: Desk, lead: Lead) -> None:
    """Takes a waiting lead out of its queue. Raises Transient where the queue's group is not locked."""
    _, waiting = await store.where_leads_are(desk.uow, [lead.lead_id])
    desk.state_of_pool(waiting[lead.lead_id])
    desk.leave_queue(lead)


async def drain_freed(desk: Desk, cause: Cause) -> None:
    """Gives out what waits in the groups that are locked: an ending may have freed somebody there."""
    if freed := {pool for group in desk.states for pool in desk.active.groups[group]}:
        await drain(desk, freed, cause)
