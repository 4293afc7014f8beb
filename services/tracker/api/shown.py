"""What a lead and its timeline look like to those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.tracker import domain
from services.tracker.domain import Entry, Lead


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
    """Whose lead it is, and why. A lead that was closed stays its last owner's."""

    agent_id: UUID
    agent_name: str | None
    pool: str | None
    assignment_id: UUID | None
    assigned_at: datetime | None
    rule: str | None
    why: str | None


class DurationsOut(BaseModel):
    """Seconds; null for what has not happened or is not known yet."""

    received_to_assigned: float | None
    received_to_first_response: float | None


class LeadOut(BaseModel):
    """A lead with its whole timeline. `contact` is null for a caller whose role sees none.

    `merged_into` is the lead that goes on in this one's place, `merged` are those in whose place this one does. `touches` counts how often
    the person came again, `activities` what they did since.
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
    timeline: list[EntryOut]


def lead_out(lead: Lead, entries: Sequence[Entry], merged: list[UUID], *, contact: bool) -> LeadOut:
    said = {(entry.service, entry.sequence): entry.data for entry in entries}
    assigned = domain.seconds_between(lead.received_at, lead.first_assigned_at)
    responded = domain.seconds_between(lead.received_at, lead.first_responded_at)
    touched, active = domain.times_touched(entries), domain.times_active(entries)
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
        owner=_owner_out(lead, said.get(("router", lead.owner_seq), {})),
        stage=lead.stage,
        stage_at=lead.stage_at,
        stage_by=lead.stage_by,
        stage_reason=lead.stage_reason,
        outcome=lead.outcome,
        value=lead.value,
        currency=lead.currency,
        first_responded_at=lead.first_responded_at,
        durations=DurationsOut(received_to_assigned=assigned, received_to_first_response=responded),
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


def _owner_out(lead: Lead, event: Mapping[str, Any]) -> OwnerOut | None:
    if lead.owner is None:
        return None
    return OwnerOut(
        agent_id=lead.owner,
        agent_name=lead.agent_name,
        pool=lead.pool,
        assignment_id=lead.assignment_id,
        assigned_at=lead.assigned_at,
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
