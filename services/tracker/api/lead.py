"""One lead: all that is known of it, its timeline, and its status."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.tracker import domain, handlers, store
from services.tracker.api.shown import LeadOut, entry_out, lead_out
from services.tracker.domain import Entry, Lead, Stage, Until
from services.tracker.handlers import Status
from shared.auth import Caller, Role
from shared.clock import uuid7_time
from shared.db.uow import Database, UnitOfWork
from shared.errors import Refused, invalid, not_found
from shared.web.requests import Body, Moment, OnceOnly, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

LOOK = 0.04  # seconds between looks of a reader who waits

router = APIRouter(tags=["leads"])

Reader = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER, Role.AGENT, Role.PARTNER, Role.SERVICE, Role.VIEWER)]
Speaker = Annotated[Caller, allow(Role.SALES_MANAGER, Role.AGENT, Role.PARTNER, Role.SERVICE)]


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
    """A lead that was accepted a moment ago may not be here yet: that is a 404 of type `not-yet-visible`; ask again or wait.

    One that was merged into another is shown as it is; `merged_into` and a Link name the one that goes on. An erased one is a 410.
    """
    found = await _await_lead(request.app.state.database, id, caller, wait=wait, until=until)
    response = json_response(lead_out(found.lead, found.entries, found.merged, contact=caller.sees_contacts))
    if into := found.lead.merged_into:
        response.headers["Link"] = f'</v1/leads/{into}>; rel="canonical"'
    return response


@router.get("/v1/leads/{id}/timeline", summary="One lead's timeline, page by page")
async def get_timeline(id: UUID, uow: Uow, caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = decode_cursor(cursor, tuple[datetime, int, int])
    if await _shown(await store.get_lead(uow, id), caller, uow) is None:
        raise _unknown(id, uow.now)
    entries = domain.in_order(await store.entries_of(uow, id))
    left = [entry for entry in entries if after is None or domain.display_order(entry) > after]
    page = page_of(left[: limit + 1], limit=limit, key=domain.display_order)
    return json_response({**page, "items": [plain(entry_out(entry, contact=caller.sees_contacts)) for entry in page["items"]]})


@router.post("/v1/leads/{id}/status", response_model=StatusOut, summary="Say how a lead is doing")
async def post_status(id: UUID, body: StatusIn, request: Request, uow: Uow, caller: Speaker, once: OnceOnly) -> Response:
    """Won, lost and disqualified close the lead for good. The same status again is answered and changes nothing.

    Of a lead that was merged into another nothing is said any more: say it of that one.
    """
    _check_together(body)

    async def work() -> StatusOut:
        lead = await _shown(await store.lock_lead(uow, id), caller, uow)
        if lead is None:
            raise _unknown(id, uow.now)
        status = Status(Stage(body.status), body.at, body.reason, body.note, body.value, body.currency)
        said = await handlers.set_status(lead, status, uow, by=caller.subject, cause=cause_of(request))
        return StatusOut(lead_id=said.lead_id, stage=said.stage, previous=said.previous, changed=said.changed)

    return await once(work)


class _Found(NamedTuple):
    """A lead, its timeline, and the leads that were merged into it."""

    lead: Lead
    entries: list[Entry]
    merged: list[UUID]


async def _await_lead(database: Database, id: UUID, caller: Caller, *, wait: float, until: Until) -> _Found:
    """The lead as soon as it has got that far, else as it is when the time is up.

    Holds no transaction while it waits. Raises Refused: 404 for a lead that has not come, at once where it cannot be on its way; 410 for
    an erased one.
    """
    end = database.clock.monotonic() + wait
    while True:
        async with database.begin() as uow:
            lead = await _shown(await store.get_lead(uow, id), caller, uow)
            late = database.clock.monotonic() + LOOK > end
            if lead and (late or domain.reached(lead, until)):
                return _Found(lead, domain.in_order(await store.entries_of(uow, id)), await store.merged_into(uow, id))
            if lead is None and (late or not domain.is_young(uuid7_time(id), uow.now)):
                raise _unknown(id, uow.now)
        await asyncio.sleep(LOOK)


async def _shown(lead: Lead | None, caller: Caller, uow: UnitOfWork) -> Lead | None:
    """The lead, if this caller may know of it. Raises Refused (410) where it was erased."""
    if lead and lead.erased_at:
        raise await handlers.gone(lead.lead_id, uow)
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
