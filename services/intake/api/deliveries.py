"""/v1/sources/{id}/…: how a source is doing, what it sent byte for byte, and reading that again."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.intake.api.sources import Admin, found_source
from services.intake.handlers import fetching, health, replays
from services.intake.store import deliveries
from shared import jobs
from shared.errors import not_found
from shared.web.requests import Body, Moment, OnceOnly, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["sources"])

# -- Health and deliveries ---------------------------------------------------------------------------------------------------------


@router.get("/v1/sources/{id}/health", summary="How a source is doing")
async def get_health(
    id: UUID, uow: Uow, _: Admin, hours: Annotated[int, Query(ge=1, le=2160, description="How far to look back")] = 24
) -> dict[str, Any]:
    """What became of its deliveries, by reason; the last one; the lag; what waits to be fetched or is held."""
    return await health.health_of(await found_source(id, uow), uow, since=uow.now - timedelta(hours=hours))


@router.get("/v1/sources/{id}/deliveries", summary="Raw deliveries of a source, newest first")
async def get_deliveries(
    id: UUID,
    uow: Uow,
    _: Admin,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[str | None, Query(max_length=20, description="Such as rejected or held")] = None,
) -> Response:
    await found_source(id, uow)
    before = decode_cursor(cursor, tuple[datetime, UUID])
    found = await deliveries.page_of_deliveries(uow, id, before=before, limit=limit + 1, state=state)
    page = page_of([dict(row) for row in found], limit=limit, key=lambda row: (row["received_at"], row["id"]))
    return json_response(page)


@router.get("/v1/sources/{id}/deliveries/{delivery_id}", summary="One raw delivery, byte for byte")
async def get_delivery(id: UUID, delivery_id: UUID, uow: Uow, _: Admin) -> dict[str, Any]:
    """The body is text where it is UTF-8, else Base64."""
    stored = await deliveries.get_delivery(uow, delivery_id)
    if stored is None or stored.source_id != id:
        raise not_found("delivery", delivery_id)
    shown = {name: value for name, value in vars(stored).items() if name != "body"}
    try:
        return {**shown, "encoding": "utf-8", "body": stored.body.decode()}
    except UnicodeDecodeError:
        return {**shown, "encoding": "base64", "body": b64encode(stored.body).decode()}


# -- Replays -------------------------------------------------------------------------------------------------------------------------


class ReplayIn(Body):
    """Which kept deliveries to read again by the mapping of now."""

    states: list[str] = Field(["rejected"], min_length=1, max_length=10, description="Such as rejected, ignored, spam, accepted")
    since: Moment | None = None


@router.post("/v1/sources/{id}/replays", status_code=202, summary="Read kept deliveries again")
async def post_replay(id: UUID, body: ReplayIn, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """After a mapping was mended. What is a lead already stays that lead: it is touched or a duplicate, never doubled."""
    source = await found_source(id, uow)

    async def work() -> dict[str, Any]:
        return replays.shown(await replays.create(source, uow, states=body.states, since=body.since, by=caller.subject))

    return await once(work, status=202)


@router.get("/v1/sources/{id}/replays/{job_id}", summary="How far a replay is")
async def get_replay(id: UUID, job_id: UUID, uow: Uow, _: Admin) -> dict[str, Any]:
    job = await jobs.get(uow, job_id)
    if job is None or job.about != id or job.kind != replays.KIND:
        raise not_found("replay", job_id)
    return replays.shown(job)


@router.post("/v1/sources/{id}/fetches/retry", status_code=202, summary="Fetch again what could not be fetched")
async def post_fetch_retry(id: UUID, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    source = await found_source(id, uow)

    async def work() -> dict[str, Any]:
        return {"waiting": await fetching.retry_fetches(source.id, uow)}

    return await once(work, status=202)
