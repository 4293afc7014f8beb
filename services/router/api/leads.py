"""What became of leads, over HTTP: assignments and queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.router import store
from services.router.api.callers import Owner, Reader
from services.router.handlers.waiting import list_waiting, summarise_queues
from services.router.store import Waiting
from shared.web.requests import Uow
from shared.web.responses import Cursor, Limit, decode_cursor, encode_cursor, json_response, page_of

router = APIRouter()

Name = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


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


@router.get("/v1/queue", tags=["queue"], summary="Who waits, best and oldest first, and why")
async def get_queue(
    uow: Uow,
    _: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    pool: Name = None,
    rule: Name = None,
    older_than: Annotated[float | None, Query(ge=0, le=10**9, description="Seconds: only those who waited longer")] = None,
) -> Response:
    """`position` is the place in the pool's queue, 1 is served next. `expected_at` is when the pool's members will have come so far, at the
    rate that their caps and hours let them take (null where that does not tell). `until`: for so long the lead waits for its own owner.
    `will_break`: it has waited longer than the pool promises, or is expected to. `total` and `pools` count all pages.
    """
    after = decode_cursor(cursor, tuple[int, datetime, UUID])
    sought = Waiting(pool, rule, None if older_than is None else uow.now - timedelta(seconds=older_than))
    items, lengths = await list_waiting(uow, after=after, limit=limit + 1, sought=sought)
    page = page_of(items, limit=limit, key=lambda item: (item["rank"], item["queued_at"], item["lead_id"]))
    return json_response({**page, "total": sum(lengths.values()), "pools": lengths})


@router.get("/v1/queue/summary", tags=["queue"], summary="How many wait for each pool, since when, and what is wrong with it")
async def get_queue_summary(uow: Uow, _: Reader) -> Response:
    pools = await summarise_queues(uow)
    return json_response({"total": sum(pool["waiting"] for pool in pools), "pools": pools})
