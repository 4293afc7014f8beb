"""/v1/scores/rescores: scoring all leads anew, after a new version. A job with progress."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from services.scoring.api.documents import MAX_VERSION, Editor, Reader
from services.scoring.handlers import rescores as handlers
from shared import jobs
from shared.web.requests import Body, OnceOnly, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["scores"])

Tried = Annotated[
    int | None, Field(None, ge=1, le=MAX_VERSION, description="To try another version than the active one, in a dry run")
]


class RescoreIn(Body):
    dry_run: bool = Field(False, description="Only say what would change")
    closed: bool = Field(False, description="Leads too that are won, lost, disqualified or recycled")
    scorecard_version: Tried
    definition_version: Tried


class MoveOut(BaseModel):
    """`from` and `to` are grade and qualification."""

    from_: str = Field(alias="from", examples=["B2 sales_qualified"])
    to: str
    leads: int


class RescoreOut(BaseModel):
    """A re-score, and how far it is. `moves` counts the leads that changed, most first."""

    id: UUID
    state: str = Field(description="waiting, running, done, failed or cancelled")
    dry_run: bool
    closed: bool
    done: int
    total: int | None
    changed: int
    moves: list[MoveOut]
    scorecard_version: int | None
    definition_version: int | None
    error: str | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None


@router.post("/v1/scores/rescores", status_code=202, response_model=RescoreOut, summary="Score all leads anew")
async def post_rescore(body: RescoreIn, uow: Uow, caller: Editor, once: OnceOnly) -> Response:
    """By the active versions. A lead is announced once, and only where its grade, qualification or thresholds change."""

    async def work() -> dict[str, Any]:
        return handlers.shown(await handlers.create(uow, by=caller.subject, **body.model_dump()))

    return await once(work, status=202)


@router.get("/v1/scores/rescores", response_model=list[RescoreOut], summary="Re-scores, newest first")
async def get_rescores(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[UUID])
    found = await jobs.page(uow, kind=handlers.KIND, before=before[0] if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda job: (job.id,))
    return json_response({**page, "items": [handlers.shown(job) for job in page["items"]]})


@router.get("/v1/scores/rescores/{id}", response_model=RescoreOut, summary="One re-score, and how far it is")
async def get_rescore(id: UUID, uow: Uow, _: Reader) -> Response:
    return json_response(handlers.shown(await jobs.find(uow, id, kind=handlers.KIND, noun=handlers.NOUN)))


@router.post("/v1/scores/rescores/{id}/cancel", response_model=RescoreOut, summary="Give a re-score up")
async def post_cancel(id: UUID, uow: Uow, _: Editor, once: OnceOnly) -> Response:
    """After the step in hand. What was scored by then stays scored."""

    async def work() -> dict[str, Any]:
        return handlers.shown(await jobs.give_up(uow, id, kind=handlers.KIND, noun=handlers.NOUN))

    return await once(work)
