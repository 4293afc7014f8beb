"""What became of leads, over HTTP: assignments and queue."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.router import store
from services.router.api.callers import Owner, Reader
from shared.web.requests import Uow
from shared.web.responses import Cursor, Limit, decode_cursor, encode_cursor, json_response, page_of

router = APIRouter()


@router.get("/v1/assignments", tags=["assignments"], summary="Assignments as a feed: read on from `next`, and miss none")
async def get_assignments(
    uow: Uow,
    caller: Owner,
    limit: Limit = 100,
    cursor: Cursor = None,
    agent_id: UUID | None = None,
    lead_id: UUID | None = None,
    open: Annotated[bool, Query(description="Only those that are open")] = False,
) -> Response:
    """`next` is where to go on, also when there is no more for now: ask again with it. Agents and partners see their own.

    No contact data: GET /v1/leads/{id} has it, for those who may see it.
    """
    after = decode_cursor(cursor, tuple[int, UUID])
    rows = await store.page_of_assignments(
        uow,
        after=after,
        limit=limit,
        agent_id=caller.agent_id if caller.only_own_leads else agent_id,
        lead_id=lead_id,
        open_only=open,
    )
    items = [dict(row) for row in rows]
    positions = [(item.pop("written_by"), item["id"]) for item in items]
    return json_response({"items": items, "next": encode_cursor(positions[-1]) if positions else cursor})


@router.get("/v1/queue", tags=["queue"], summary="Who waits, best and oldest first")
async def get_queue(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None, pool: str | None = None) -> Response:
    after = decode_cursor(cursor, tuple[int, datetime, UUID])
    rows = await store.page_of_queue(uow, after=after, limit=limit + 1, pool=pool)
    key = lambda row: (row["rank"], row["queued_at"], row["lead_id"])  # noqa: E731
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=key))
