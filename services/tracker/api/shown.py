"""What a lead and its timeline look like to those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.tracker import domain
from services.tracker.domain import Acceptance, Entry, Lead


class EntryOut(BaseModel):
    """One event of a lead. `summary` is for a person; `data` is the event as it was, without contact data."""

    at: datetime
    service: str
    type: str
    summary: str
    data: Any
    sequence: int
    event_id: UUID
    causation: str
    trace_id: str


class ScoreOut(BaseModel):
    points: int
    grade: str | None
    qualification: str | None
    scorecard_version: int | None
    reasons: list[Any]


class OwnerOut(BaseModel):
    """Whose lead it is, how it came to them, and why. A lead that was closed stays its last owner's.

    `how` is decided, sticky, claimed, by_hand, forced, restored, next_agent, rerouted or handed_over; null where that was not said.
    """

    agent_id: UUID
    agent_name: str | None
    pool: str | None
    assignment_id: UUID | None
    assigned_at: datetime | None
    how: str | None
    accepted_at: datetime | None
    accepted_by: str | None
    rule: str | None
    why: str | None


class BreachOut(BaseModel):
    """A promise on the lead that was broken. `agent_id` is who had the lead then; null is nobody."""

    sla: str
    clock: str
    breached_at: datetime
    agent_id: UUID | None


class DurationsOut(BaseModel):
    """Seconds; null for what has not happened or is not known yet. `assigned_to_accepted` is of who owned the lead last."""

    received_to_assigned: float | None
    assigned_to_accepted: float | None
    received_to_first_response: float | None


class LeadOut(BaseModel):
    """A lead with its whole timeline. `contact` is null for a caller whose role sees none.

    `merged_into` is the lead that goes on in this one's place, `merged` are those in whose place this one does. `touches` counts how often
    the person came again, `activities` what they did since. `offered_at` is the first offer, `breaches` are the promises that were broken.
    """

    lead_id: UUID
    merged_into: UUID | None
    merged: list[UUID]
    received_at: datetime | None
    source: str | None
    touches: int
    last_touched_at: datetime | None
    activities: int
    last_activity_at: datetime | None
    contact: dict[str, Any] | None
    facts: dict[str, Any] | None
    score: ScoreOut | None
    routing: str
    pool: str | None
    ended_reason: str | None
    offered_at: datetime | None
    owner: OwnerOut | None
    stage: str
    stage_at: datetime | None
    stage_by: str | None
    stage_reason: str | None
    outcome: str | None
    value: float | None
    currency: str | None
    first_responded_at: datetime | None
    durations: DurationsOut
    breaches: list[BreachOut]
    timeline: list[EntryOut]


def lead_out(lead: Lead, entries: Sequence[Entry], merged: list[UUID], *, contact: bool) -> LeadOut:
    said = {(entry.service, entry.sequence): entry.data for entry in entries}
    assigned = domain.seconds_between(lead.received_at, lead.first_assigned_at)
    responded = domain.seconds_between(lead.received_at, lead.first_responded_at)
    touched, active = domain.times_touched(entries), domain.times_active(entries)
    acceptance = domain.accepted(entries, lead.assignment_id)
    return LeadOut(
        lead_id=lead.lead_id,
        merged_into=lead.merged_into,
        merged=merged,
        received_at=lead.received_at,
        source=lead.source,
        touches=len(touched),
        last_touched_at=touched[-1] if touched else None,
        activities=len(active),
        last_activity_at=active[-1] if active else None,
        contact=lead.known_contact if contact else None,
        facts=lead.known_facts,
        score=_score_out(lead, said.get(("scoring", lead.scored_seq), {})),
        routing=lead.routing,
        pool=lead.pool,
        ended_reason=lead.ended_reason,
        offered_at=domain.first_offered(entries),
        owner=_owner_out(lead, said.get(("router", lead.owner_seq), {}), acceptance),
        stage=lead.stage,
        stage_at=lead.stage_at,
        stage_by=lead.stage_by,
        stage_reason=lead.stage_reason,
        outcome=lead.outcome,
        value=lead.value,
        currency=lead.currency,
        first_responded_at=lead.first_responded_at,
        durations=DurationsOut(
            received_to_assigned=assigned,
            assigned_to_accepted=acceptance.seconds if acceptance else None,
            received_to_first_response=responded,
        ),
        breaches=[BreachOut(**breach._asdict()) for breach in domain.breaches(entries)],
        timeline=[entry_out(entry, contact=contact) for entry in entries],
    )


def _score_out(lead: Lead, event: Mapping[str, Any]) -> ScoreOut | None:
    if lead.points is None:
        return None
    return ScoreOut(
        points=lead.points,
        grade=lead.grade,
        qualification=lead.qualification,
        scorecard_version=lead.scorecard_version,
        reasons=event.get("reasons", []),
    )


def _owner_out(lead: Lead, event: Mapping[str, Any], acceptance: Acceptance | None) -> OwnerOut | None:
    if lead.owner is None:
        return None
    return OwnerOut(
        agent_id=lead.owner,
        agent_name=lead.agent_name,
        pool=lead.pool,
        assignment_id=lead.assignment_id,
        assigned_at=lead.assigned_at,
        how=lead.how,
        accepted_at=acceptance.at if acceptance else None,
        accepted_by=acceptance.by if acceptance else None,
        rule=event.get("rule"),
        why=event.get("why"),
    )


def entry_out(entry: Entry, *, contact: bool) -> EntryOut:
    # What a person wrote may name the contact.
    data = entry.data if contact else {name: value for name, value in entry.data.items() if name != "note"}
    return EntryOut(
        at=entry.at,
        service=entry.service,
        type=entry.type,
        summary=domain.summary(entry.type, entry.data),
        data=data,
        sequence=entry.sequence,
        event_id=entry.event_id,
        causation=entry.causation,
        trace_id=entry.trace_id,
    )
