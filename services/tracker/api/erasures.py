"""Reports on erasures: what was removed where, and when the topics are clean."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.tracker import store
from services.tracker.domain import SERVICES, Erasure, clean_at
from shared.auth import Caller, Role
from shared.contracts.topics import RETENTION_DAYS, TOPIC_OF
from shared.errors import not_found
from shared.web.requests import Uow, allow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

KEPT = timedelta(days=RETENTION_DAYS)
BACKUPS = "Backups of the databases and of the broker are the operator's: what they hold goes when they do."

router = APIRouter(tags=["reports"])

Reader = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER)]


class ConfirmationOut(BaseModel):
    """When a service had forgotten the lead, and how many rows of which of its tables it removed or emptied."""

    at: datetime
    removed: dict[str, int]


class ErasedLeadOut(BaseModel):
    """`services` is null for a service that has not confirmed yet."""

    lead_id: UUID
    reason: str
    by: str
    erased_at: datetime
    complete: bool
    services: dict[str, ConfirmationOut | None]


class TopicOut(BaseModel):
    """`clean_at` is null until the topic's service has confirmed every lead."""

    topic: str
    clean_at: datetime | None


class ErasureOut(BaseModel):
    """Proof that a person was forgotten. Holds no contact data: the contact and the leads are named by their ids."""

    contact_id: UUID
    complete: bool
    leads: list[ErasedLeadOut]
    topics: list[TopicOut]
    topics_clean_at: datetime | None
    backups: str


@router.get("/v1/reports/erasures", summary="Erased contacts, newest first")
async def get_erasures(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[datetime, UUID])
    rows = await store.page_of_erasures(uow, before=before, limit=limit + 1)
    return json_response(page_of(rows, limit=limit, key=lambda row: (row["erased_at"], row["contact_id"])))


@router.get("/v1/reports/erasures/{contact_id}", response_model=ErasureOut, summary="How one contact was erased")
async def get_erasure(contact_id: UUID, uow: Uow, _: Reader) -> Response:
    """Which of the person's leads each service has forgotten, when, and what it removed; and when the topics hold nothing of them.

    Complete once all four services have confirmed every lead that is known to be erased. What lies on a topic cannot be taken out: it is
    dropped with its day when it is older than the topic's retention.
    """
    erasures = await store.erasures_of_contact(uow, contact_id)
    if not erasures:
        raise not_found("erasure of the contact", contact_id)
    return json_response(_erasure_out(contact_id, erasures))


def _erasure_out(contact_id: UUID, erasures: list[Erasure]) -> ErasureOut:
    topics = [TopicOut(topic=TOPIC_OF[name].name, clean_at=clean_at(erasures, name, kept=KEPT)) for name in SERVICES]
    moments = [topic.clean_at for topic in topics if topic.clean_at]
    return ErasureOut(
        contact_id=contact_id,
        complete=all(erasure.complete for erasure in erasures),
        leads=[_lead_out(erasure) for erasure in erasures],
        topics=topics,
        topics_clean_at=max(moments) if len(moments) == len(topics) else None,
        backups=BACKUPS,
    )


def _lead_out(erasure: Erasure) -> ErasedLeadOut:
    said = {name: erasure.received.get(name) for name in SERVICES}
    return ErasedLeadOut(
        lead_id=erasure.lead_id,
        reason=erasure.reason,
        by=erasure.by,
        erased_at=erasure.erased_at,
        complete=erasure.complete,
        services={name: ConfirmationOut(at=one.at, removed=dict(one.removed)) if one else None for name, one in said.items()},
    )
