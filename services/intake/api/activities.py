"""POST /v1/activities: what the persons of leads do, as the site, the mailing tool or the calendar tells it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.intake import domain
from services.intake.domain.identity import Identifier, Kind
from services.intake.handlers import activities
from services.intake.handlers.activities import Activity
from shared.auth import Caller, Role
from shared.errors import invalid
from shared.web.requests import Body, Moment, OnceOnly, Uow, allow, cause_of

router = APIRouter(tags=["activities"])

Sender = Annotated[Caller, allow(Role.MARKETING, Role.SERVICE)]
KINDS = "page_view download email_open email_click email_reply meeting meeting_canceled form_view call chat video webinar other"
AHEAD = timedelta(minutes=5)  # how far a sender's clock may be ahead of ours


class ActivityIn(Body):
    """Something a person did, and who: a lead, an e-mail address, a phone number, or a browser that may be unknown yet."""

    kind: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$", description=f"What it was: {KINDS}, or a word of your own")
    at: Moment | None = Field(None, description="When; now where it is left out")
    id: UUID | None = Field(None, description="The same id again is the same activity")
    lead_id: UUID | None = None
    email: str | None = Field(None, max_length=300)
    phone: str | None = Field(None, max_length=60, description="With its country code: +1 202 555 0101")
    visitor_id: str | None = Field(
        None, min_length=1, max_length=300, description="Kept until a lead comes with the same visitor_id"
    )
    source: str | None = Field(None, max_length=63)
    data: dict[str, str | int | float | bool | None] = Field({}, max_length=50, description="No contact data: rules may ask it")


class ActivitiesIn(Body):
    activities: list[ActivityIn] = Field(min_length=1, max_length=1000)


@router.post("/v1/activities", status_code=202, summary="Tell what people do")
async def post_activities(body: ActivitiesIn, request: Request, uow: Uow, _: Sender, once: OnceOnly) -> Response:
    """Answers for each: recorded on a lead, kept for a visitor who is not known yet, a duplicate, or unknown."""
    told = [_activity(n, activity, uow.now) for n, activity in enumerate(body.activities)]

    async def work() -> dict[str, Any]:
        done = await activities.record_activities(told, uow, cause=cause_of(request))
        return {"results": [{"index": n, "status": r.status, "id": r.id, "lead_id": r.lead_id} for n, r in enumerate(done)]}

    return await once(work, status=202)


def _activity(n: int, given: ActivityIn, now: datetime) -> Activity:
    at = f"/activities/{n}"
    if not (given.lead_id or given.email or given.phone or given.visitor_id):
        raise invalid(at, "says of nobody: name a lead_id, an email, a phone or a visitor_id")
    if given.at and given.at > now + AHEAD:
        raise invalid(f"{at}/at", "lies in the future")
    found = domain.identify({"email": given.email, "phone": given.phone})
    return Activity(
        kind=given.kind,
        occurred_at=given.at or now,
        id=given.id,
        lead_id=given.lead_id,
        identifiers=tuple(found),
        visitor=Identifier(Kind.VISITOR, given.visitor_id) if given.visitor_id else None,
        source=given.source,
        data=given.data,
    )
