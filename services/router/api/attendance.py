"""Leave, pause, presence and availability of agents, over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from services.router import store
from services.router.api.callers import Manager, Owner, Personal, Present, check_own
from services.router.domain import Pause
from services.router.handlers import attendance
from shared.web.requests import Body, Moment, OnceOnly, Uow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["agents"])

MOST_SECONDS = 7 * 24 * 3600


class LeaveIn(Body):
    """Two moments, or whole days in the agent's own zone, both included."""

    starts: Moment | None = None
    ends: Moment | None = None
    first_day: date | None = Field(None, examples=["2026-12-21"])
    last_day: date | None = Field(None, examples=["2026-12-23"])
    catch_up: bool = Field(False, description="Whether it is credited afterwards what it missed, up to `catch_up` of each pool")
    note: str = Field("", max_length=500, description="For people; it is not passed on")

    @model_validator(mode="after")
    def _either(self) -> LeaveIn:
        moments, days = (self.starts, self.ends), (self.first_day, self.last_day)
        if (None in moments or days != (None, None)) and (None in days or moments != (None, None)):
            raise ValueError("needs starts and ends, or first_day and last_day")
        return self


class PauseIn(Body):
    until: Moment | None = Field(None, description="Until somebody ends it, where it is left out")
    reason: str = Field("", max_length=200, examples=["in a meeting"])


class PresenceIn(Body):
    status: Literal["online", "away", "offline"]
    seconds: int = Field(300, ge=1, le=MOST_SECONDS, strict=True, description="How long this holds if nobody says it again")


@router.post("/v1/agents/{id}/leave", status_code=201, summary="Leave, of days or of hours")
async def post_leave(id: UUID, body: LeaveIn, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """The agent receives nothing from then to then. What it holds stays with it."""

    async def work() -> dict[str, Any]:
        starts, ends = await attendance.moments_of_leave(id, body.starts, body.ends, body.first_day, body.last_day, uow)
        by, cause = caller.subject, cause_of(request)
        leave = await attendance.add_leave(id, starts, ends, uow, catch_up=body.catch_up, note=body.note, by=by, cause=cause)
        return {**leave.to_document(), "id": leave.id, "catch_up": leave.catch_up, "note": body.note}

    return await once(work, status=201)


@router.get("/v1/agents/{id}/leave", summary="An agent's leave, in order")
async def get_leave(
    id: UUID,
    uow: Uow,
    caller: Personal,
    limit: Limit = 100,
    cursor: Cursor = None,
    past: Annotated[bool, Query(description="Also what is over")] = False,
) -> Response:
    check_own(caller, id)
    after = decode_cursor(cursor, tuple[datetime, UUID])
    rows = await store.page_of_leave(uow, id, after=after, limit=limit + 1, past=past)
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=lambda row: (row["starts"], row["id"])))


@router.delete("/v1/agents/{id}/leave/{leave_id}", status_code=204, summary="Take a leave back; one that has begun ends now")
async def delete_leave(id: UUID, leave_id: UUID, request: Request, uow: Uow, caller: Manager) -> None:
    await attendance.cancel_leave(id, leave_id, uow, by=caller.subject, cause=cause_of(request))


@router.post("/v1/agents/{id}/pause", summary="Take nothing new, until then or until resumed")
async def post_pause(id: UUID, body: PauseIn, request: Request, uow: Uow, caller: Personal) -> Response:
    check_own(caller, id)
    pause = Pause(body.until, body.reason)
    await attendance.set_pause(id, pause, uow, by=caller.subject, cause=cause_of(request))
    return json_response({"id": id, "pause": pause.to_document()})


@router.post("/v1/agents/{id}/resume", summary="End a pause")
async def post_resume(id: UUID, request: Request, uow: Uow, caller: Personal) -> Response:
    """Leads that wait are given out."""
    check_own(caller, id)
    await attendance.set_pause(id, None, uow, by=caller.subject, cause=cause_of(request))
    return json_response({"id": id, "pause": None})


@router.put("/v1/agents/{id}/presence", summary="Say whether an agent is there")
async def put_presence(id: UUID, body: PresenceIn, request: Request, uow: Uow, caller: Present) -> Response:
    """For agents with `needs_presence`. It ends by itself; say it again before it does."""
    check_own(caller, id)
    by, cause = caller.subject, cause_of(request)
    presence = await attendance.set_presence(id, body.status, body.seconds, uow, by=by, cause=cause)
    return json_response({"id": id, **presence.to_document()})


@router.get("/v1/agents/{id}/availability", summary="Can the agent receive, now or at another time, and when does that change?")
async def get_availability(
    id: UUID, uow: Uow, caller: Owner, at: Annotated[Moment | None, Query(description="Now, where it is left out")] = None
) -> Response:
    """`until` is the next moment at which time alone may change the answer, `available_from` when the agent can receive next if nobody
    does anything. A time to come is answered by what holds now, one that is past by what held then.
    """
    check_own(caller, id)
    return json_response(await attendance.tell_availability(id, at, uow))
