"""The routes that every service has: health, metrics, dead letters; and timers, where it sets any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from shared import timers
from shared.auth import Caller, Role
from shared.consumer import Redriven, Subscriptions, redrive
from shared.db import deadletters
from shared.db.uow import Database
from shared.errors import not_found
from shared.telemetry import render_metrics
from shared.timers import TimerState
from shared.web.requests import Body, Uow, allow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain


@dataclass(frozen=True)
class Health:
    """A service's checks: each gives the reason why it is not ready, or None."""

    checks: Mapping[str, Callable[[], str | None]]

    def faults(self) -> dict[str, str]:
        return {name: fault for name, check in self.checks.items() if (fault := check())}


platform = APIRouter(tags=["platform"])
dead_letters = APIRouter(prefix="/deadletters", tags=["dead letters"])
timer_routes = APIRouter(prefix="/timers", tags=["timers"])


@platform.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@platform.get("/readyz", summary="Is the service ready, and if not, why?")
async def readyz(request: Request) -> Response:
    faults = request.app.state.health.faults()
    status = {"status": "not ready", "faults": faults} if faults else {"status": "ready"}
    return json_response(status, 503 if faults else 200)


@platform.get("/metrics", summary="Metrics in Prometheus' text format")
async def metrics(_: Annotated[Caller, allow(Role.SERVICE, Role.VIEWER)]) -> Response:
    return Response(render_metrics(), media_type="text/plain; version=0.0.4")


class DeadLetterOut(BaseModel):
    """A record that could not be handled. `data` and `headers` are shown where one letter is read."""

    id: int
    event_id: UUID
    lead_id: UUID | None
    kind: str
    type: str | None
    reason: str
    attempts: int
    place: str
    first_seen: Any
    last_tried: Any
    headers: dict[str, str] | None = None
    data: str | None = None


class RedriveIn(Body):
    """Which dead letters to handle again: one, those of a lead, or (both left out) all."""

    id: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    lead_id: UUID | None = None


def _letter_out(letter: deadletters.DeadLetter, *, whole: bool = False) -> DeadLetterOut:
    return DeadLetterOut(
        id=letter.id,
        event_id=letter.event_id,
        lead_id=letter.lead_id,
        kind=letter.kind,
        type=letter.type,
        reason=letter.reason,
        attempts=letter.attempts,
        place=f"{letter.record.topic}/{letter.record.partition}/{letter.record.offset}",
        first_seen=letter.first_seen,
        last_tried=letter.last_tried,
        headers=dict(letter.record.headers) if whole else None,
        data=letter.record.value.decode(errors="replace") if whole else None,
    )


@dead_letters.get("", summary="Dead letters, oldest first")
async def list_dead_letters(
    uow: Uow,
    _: Annotated[Caller, allow()],
    limit: Limit = 100,
    cursor: Cursor = None,
    lead_id: UUID | None = None,
    kind: Annotated[str | None, Query(pattern="^(poison|suspect|parked)$")] = None,
) -> Response:
    after = decode_cursor(cursor, tuple[int])
    letters = await deadletters.page(uow, after=after[0] if after else 0, limit=limit + 1, lead_id=lead_id, kind=kind)
    found = page_of(letters, limit=limit, key=lambda letter: (letter.id,))
    return json_response({**found, "items": [plain(_letter_out(letter)) for letter in found["items"]]})


@dead_letters.get("/{id}", summary="One dead letter, with its headers and data")
async def get_dead_letter(id: int, uow: Uow, _: Annotated[Caller, allow()]) -> DeadLetterOut:
    letter = await deadletters.get(uow, id) if 0 < id < 2**63 else None
    if letter is None:
        raise not_found("dead letter", id)
    return _letter_out(letter, whole=True)


@dead_letters.post("/redrive", summary="Handle dead letters again")
async def post_redrive(body: RedriveIn, request: Request, _: Annotated[Caller, allow()]) -> Response:
    """Each lead's letters are handled in order; a lead stops at the first that fails again. Other leads go on."""
    results = await redrive_all(request.app.state.database, request.app.state.subscriptions, id=body.id, lead_id=body.lead_id)
    return json_response({"repaired": sum(result.repaired for result in results), "leads": results})


async def redrive_all(
    database: Database, subscriptions: Subscriptions, *, id: int | None = None, lead_id: UUID | None = None
) -> list[Redriven]:
    """Redrives the chosen letters, lead by lead. Raises Refused (404) where there is no such letter, Transient for the world."""
    chosen: dict[object, deadletters.DeadLetter] = {}
    after = 0
    while True:
        async with database.begin() as uow:
            if id is not None:
                found = await deadletters.get(uow, id)
                letters = [found] if found else []
            else:
                letters = await deadletters.page(uow, after=after, limit=500, lead_id=lead_id)
        for letter in letters:
            chosen.setdefault(letter.lead_id or letter.id, letter)
            after = letter.id
        if id is not None or len(letters) < 500:
            break
    if not chosen and (id is not None or lead_id is not None):
        raise not_found("dead letter", id if id is not None else f"of lead {lead_id}")
    return [await redrive(database, subscriptions, letter) for letter in chosen.values()]


class RetryTimersIn(Body):
    """Which failed timers become due again: those of a kind, of a subject, with a key, or (all left out) every one."""

    kind: Annotated[str | None, Field(max_length=200)] = None
    subject: UUID | None = None
    key: Annotated[str | None, Field(max_length=200)] = None


@timer_routes.get("", summary="Timers of one state, the earliest first")
async def list_timers(
    uow: Uow,
    _: Annotated[Caller, allow()],
    limit: Limit = 100,
    cursor: Cursor = None,
    state: TimerState = TimerState.DUE,
    kind: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """`due`: its moment has come and it is being handled, or tried again. `failed`: `fault` says why; it is kept until it is retried."""
    after = decode_cursor(cursor, tuple[datetime, UUID, str, str])
    found = await timers.page(uow, state, kind=kind, after=after, limit=limit + 1)
    return json_response(page_of(found, limit=limit, key=lambda timer: (timer.due_at, timer.subject, timer.kind, timer.key)))


@timer_routes.post("/retry", summary="Make failed timers due again")
async def retry_timers(body: RetryTimersIn, uow: Uow, _: Annotated[Caller, allow()]) -> Response:
    """They are handled at once, each with as many tries as a new one."""
    retried = await timers.retry(uow, kind=body.kind, subject=body.subject, key=body.key)
    if not retried and body.subject:
        raise not_found("failed timer of", body.subject)
    return json_response({"retried": retried})
