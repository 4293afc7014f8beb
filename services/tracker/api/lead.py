"""One lead: all that is known of it, its timeline, and its status."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.tracker import domain, handlers, store
from services.tracker.domain import Entry, Lead, Stage, Until
from services.tracker.handlers import Status
from shared.auth import Caller, Role
from shared.clock import uuid7_time
from shared.db.uow import Database
from shared.errors import Refused, invalid, not_found
from shared.web.requests import Body, Moment, OnceOnly, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

LOOK = 0.04  # seconds between looks of a reader who waits

router = APIRouter(tags=["leads"])

Reader = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER, Role.AGENT, Role.PARTNER, Role.SERVICE, Role.VIEWER)]
Speaker = Annotated[Caller, allow(Role.SALES_MANAGER, Role.AGENT, Role.PARTNER, Role.SERVICE)]


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
    """A lead with its whole timeline. `contact` is null for a caller whose role sees none."""

    lead_id: UUID
    received_at: datetime | None
    source: str | None
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


class StatusIn(Body):
    """What you say of a lead. Lost and disqualified need a reason; only a won lead has a value."""

    status: Literal["contacted", "qualified", "won", "lost", "disqualified"]
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(None, examples=["no-budget"])
    note: Annotated[str, Field(max_length=5000)] | None = None
    at: Moment | None = Field(None, description="When it was so, if not now; at the most 5 minutes ahead.")
    value: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class StatusOut(BaseModel):
    """The lead's stage now and before. `changed` is false where the same was said again."""

    lead_id: UUID
    stage: str
    previous: str
    changed: bool


@router.get("/v1/leads/{id}", response_model=LeadOut, summary="One lead, with its whole timeline")
async def get_lead(
    id: UUID,
    request: Request,
    caller: Reader,
    wait: Annotated[float, Query(ge=0, le=30, description="Seconds to wait for the lead to get that far.")] = 0,
    until: Annotated[Until, Query(description="How far.")] = Until.VISIBLE,
) -> Response:
    """A lead that was accepted a moment ago may not be here yet: that is a 404 of type `not-yet-visible`; ask again or wait."""
    lead, entries = await _await_lead(request.app.state.database, id, caller, wait=wait, until=until)
    return json_response(_lead_out(lead, entries, contact=caller.sees_contacts))


@router.get("/v1/leads/{id}/timeline", summary="One lead's timeline, page by page")
async def get_timeline(id: UUID, uow: Uow, caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = decode_cursor(cursor, tuple[datetime, int, int])
    if _shown(await store.get_lead(uow, id), caller) is None:
        raise _unknown(id, uow.now)
    entries = domain.in_order(await store.entries_of(uow, id))
    left = [entry for entry in entries if after is None or domain.display_order(entry) > after]
    page = page_of(left[: limit + 1], limit=limit, key=domain.display_order)
    return json_response({**page, "items": [plain(_entry_out(entry, contact=caller.sees_contacts)) for entry in page["items"]]})


@router.post("/v1/leads/{id}/status", response_model=StatusOut, summary="Say how a lead is doing")
async def post_status(id: UUID, body: StatusIn, request: Request, uow: Uow, caller: Speaker, once: OnceOnly) -> Response:
    """Won, lost and disqualified close the lead for good. The same status again is answered and changes nothing."""
    _check_together(body)

    async def work() -> StatusOut:
        lead = _shown(await store.lock_lead(uow, id), caller)
        if lead is None:
            raise _unknown(id, uow.now)
        status = Status(Stage(body.status), body.at, body.reason, body.note, body.value, body.currency)
        said = await handlers.set_status(lead, status, uow, by=caller.subject, cause=cause_of(request))
        return StatusOut(lead_id=said.lead_id, stage=said.stage, previous=said.previous, changed=said.changed)

    return await once(work)


async def _await_lead(database: Database, id: UUID, caller: Caller, *, wait: float, until: Until) -> tuple[Lead, list[Entry]]:
    """The lead and its timeline as soon as it has got that far, else as it is when the time is up.

    Holds no transaction while it waits. Raises Refused (404) for a lead that has not come, at once where it cannot be on its way.
    """
    end = database.clock.monotonic() + wait
    while True:
        async with database.begin() as uow:
            lead = _shown(await store.get_lead(uow, id), caller)
            late = database.clock.monotonic() + LOOK > end
            if lead and (late or domain.reached(lead, until)):
                return lead, domain.in_order(await store.entries_of(uow, id))
            if lead is None and (late or not domain.is_young(uuid7_time(id), uow.now)):
                raise _unknown(id, uow.now)
        await asyncio.sleep(LOOK)


def _shown(lead: Lead | None, caller: Caller) -> Lead | None:
    """The lead, if this caller may know of it."""
    if lead and caller.only_own_leads and lead.owner != caller.agent_id:
        return None
    return lead


def _unknown(id: UUID, now: datetime) -> Refused:
    if domain.is_young(uuid7_time(id), now):
        detail = f"The lead {id} is not visible here yet. Ask again, or wait with ?wait=5."
        return Refused(404, "not-yet-visible", detail=detail, headers={"Retry-After": "1"})
    return not_found("lead", id)


def _check_together(body: StatusIn) -> None:
    """Raises Refused (422) where fields of a status do not go together."""
    if body.status in ("lost", "disqualified") and not (body.reason and body.reason.strip()):
        raise invalid("/reason", f"a lead that is {body.status} needs one")
    if body.status != "won" and body.value is not None:
        raise invalid("/value", "only a won lead has one")
    if (body.currency is None) != (body.value is None):
        raise invalid("/value" if body.value is None else "/currency", "value and currency go together")


def _lead_out(lead: Lead, entries: Sequence[Entry], *, contact: bool) -> LeadOut:
    said = {(entry.service, entry.sequence): entry.data for entry in entries}
    assigned = domain.seconds_between(lead.received_at, lead.first_assigned_at)
    responded = domain.seconds_between(lead.received_at, lead.first_responded_at)
    return LeadOut(
        lead_id=lead.lead_id,
        received_at=lead.received_at,
        source=lead.source,
        contact=dict(lead.contact) if contact and lead.contact is not None else None,
        facts=dict(lead.facts) if lead.facts is not None else None,
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
        timeline=[_entry_out(entry, contact=contact) for entry in entries],
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


def _entry_out(entry: Entry, *, contact: bool) -> EntryOut:
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
