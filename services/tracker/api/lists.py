"""Lists of leads, and reports on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from services.tracker import store
from services.tracker.api.lead import Reader
from services.tracker.domain import Lead, Routing, Stage
from services.tracker.store import Filter
from shared.auth import Caller
from shared.db.uow import Row
from shared.errors import invalid
from shared.web.requests import Moment, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

router = APIRouter()

Dimension = Literal["stage", "source", "agent", "grade", "routing", "how"]
Word = Annotated[str | None, Query(max_length=200)]


class LeadLine(BaseModel):
    """A lead in a list. `name` and `company` are null for a caller whose role sees no contact data."""

    lead_id: UUID
    received_at: datetime | None
    source: str | None
    name: str | None
    company: str | None
    points: int | None
    grade: str | None
    qualification: str | None
    routing: str
    pool: str | None
    agent_id: UUID | None
    agent_name: str | None
    assigned_at: datetime | None
    stage: str
    outcome: str | None
    first_responded_at: datetime | None
    merged_into: UUID | None


def between(
    received_from: Annotated[Moment | None, Query(description="Received at or after this moment.")] = None,
    received_to: Annotated[Moment | None, Query(description="Received before this moment.")] = None,
) -> Filter:
    return Filter(received_from=received_from, received_to=received_to)


Between = Annotated[Filter, Depends(between)]


def chosen(
    span: Between,
    stage: Stage | None = None,
    source: Word = None,
    agent_id: UUID | None = None,
    pool: Word = None,
    grade: Word = None,
    qualification: Word = None,
    routing: Routing | None = None,
    outcome: Literal["won", "lost", "disqualified"] | None = None,
    how: Word = None,
    breached: Annotated[bool | None, Query(description="Whether a promise on the lead was broken.")] = None,
    merged: Annotated[bool, Query(description="Also those that were merged into another.")] = False,
) -> Filter:
    return replace(
        span,
        stage=stage,
        source=source,
        agent_id=agent_id,
        pool=pool,
        grade=grade,
        qualification=qualification,
        routing=routing,
        outcome=outcome,
        how=how,
        breached=breached,
        merged=merged,
    )


@router.get("/v1/leads", tags=["leads"], summary="Leads, newest first")
async def get_leads(
    uow: Uow, caller: Reader, wanted: Annotated[Filter, Depends(chosen)], limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Agents and partners see their own. A lead is listed once its receipt has come, and until it is merged into another or erased."""
    before = decode_cursor(cursor, tuple[datetime, UUID])
    found = await store.page_of_leads(uow, own(wanted, caller), before=before, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda lead: (lead.received_at, lead.lead_id))
    return json_response({**page, "items": [plain(_line(lead, contact=caller.sees_contacts)) for lead in page["items"]]})


@router.get("/v1/reports/counts", tags=["reports"], summary="How many leads, by one or two dimensions")
async def get_counts(
    uow: Uow,
    caller: Reader,
    wanted: Between,
    by: Annotated[list[Dimension], Query(min_length=1, max_length=2, description="Give it twice for two.")] = ["stage"],  # noqa: B006
) -> Response:
    check_dimensions(by)
    columns = ["agent_id" if name == "agent" else name for name in by]
    found = await store.counts(uow, own(wanted, caller), columns)
    return json_response({"by": by, "total": sum(row["count"] for row in found), "counts": found})


@router.get("/v1/reports/response", tags=["reports"], summary="How fast leads are assigned and answered, by source")
async def get_response_times(uow: Uow, caller: Reader, wanted: Between) -> Response:
    """Seconds from receipt to the first assignment and to the first response: the quantiles of those that have one."""
    found = await store.response_times(uow, own(wanted, caller))
    return json_response({"sources": [_response_out(row) for row in found]})


def check_dimensions(by: Sequence[str]) -> None:
    """Raises Refused (422) where one is named twice."""
    if len(set(by)) < len(by):
        raise invalid("by", "names a dimension twice")


def own(wanted: Filter, caller: Caller) -> Filter:
    return replace(wanted, owner=caller.agent_id) if caller.only_own_leads else wanted


def _line(lead: Lead, *, contact: bool) -> LeadLine:
    known = (lead.known_contact or {}) if contact else {}
    return LeadLine(
        lead_id=lead.lead_id,
        received_at=lead.received_at,
        source=lead.source,
        name=known.get("name") or " ".join(filter(None, (known.get("first_name"), known.get("last_name")))) or None,
        company=known.get("company"),
        points=lead.points,
        grade=lead.grade,
        qualification=lead.qualification,
        routing=lead.routing,
        pool=lead.pool,
        agent_id=lead.agent_id,
        agent_name=lead.agent_name,
        assigned_at=lead.assigned_at,
        stage=lead.stage,
        outcome=lead.outcome,
        first_responded_at=lead.first_responded_at,
        merged_into=lead.merged_into,
    )


def _response_out(row: Row) -> dict[str, Any]:
    return {
        "source": row["source"],
        "leads": row["leads"],
        "received_to_assigned": quantiles(row["assigned"], row["to_assigned"]),
        "received_to_first_response": quantiles(row["responded"], row["to_first_response"]),
    }


def quantiles(count: int, found: list[float] | None) -> dict[str, float | int | None]:
    p50, p90, p99 = found or (None, None, None)
    return {"count": count, "p50": p50, "p90": p90, "p99": p99}
