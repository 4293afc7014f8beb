"""Who has which lead, over HTTP: an agent's own leads and what it answers, and assignment by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.router.api.callers import Manager, Owner, Personal, check_own
from services.router.handlers import answers, holdings
from services.router.handlers.answers import By
from services.router.handlers.holdings import Promise
from shared.auth import Caller, Role
from shared.db.uow import Row, UnitOfWork
from shared.errors import Refused, invalid
from shared.web.requests import Body, OnceOnly, Uow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["assignments"])

Why = Annotated[
    str, Field(min_length=1, max_length=500, description="For people; no contact data", examples=["is on a trip this week"])
]
Pool = Annotated[str | None, Field(max_length=100, description="One of the agent's; chosen where it is left out")]


class GiveUpIn(Body):
    reason: Why


class HandOverIn(Body):
    agent_id: UUID
    pool: Pool = None
    reason: Why


class AssignmentIn(HandOverIn):
    lead_id: UUID
    force: bool = Field(False, description="Past the gates, but for that of the inactive; admins only, and marked")


class OfferIn(Body):
    """An offer is answered for oneself; who may speak for others names the agent."""

    lead_id: UUID
    agent_id: UUID | None = None


# -- Reading ---------------------------------------------------------------------------------------------------------------------


@router.get("/v1/agents/{id}/leads", summary="An agent's leads and what is offered to it, newest first, with what was promised")
async def get_leads(id: UUID, uow: Uow, caller: Owner, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Agents and partners see their own. No contact data: GET /v1/leads/{id} has it, for those who may see it."""
    check_own(caller, id)
    before = decode_cursor(cursor, tuple[datetime, UUID])
    rows = await holdings.holdings_of(id, uow, before=before, limit=limit + 1)
    items = [_held_out(row, promises) for row, promises in rows]
    return json_response(page_of(items, limit=limit, key=lambda one: (one["at"], one["lead_id"])))


@router.get("/v1/assignments/{id}", summary="One assignment, with what was promised for its lead")
async def get_assignment(id: UUID, uow: Uow, caller: Owner) -> Response:
    row = await answers.assignment_row(id, uow, _by(caller))
    return json_response(await _assignment_out(row, uow))


# -- Owners ----------------------------------------------------------------------------------------------------------------------


@router.post("/v1/assignments/{id}/accept", summary="Take the lead on")
async def post_accept(id: UUID, request: Request, uow: Uow, caller: Personal, once: OnceOnly) -> Response:
    """By its owner, or somebody above. A second time changes nothing; 409 says what became of an assignment that has ended."""

    async def work() -> dict[str, Any]:
        row = await answers.accept_assignment(id, uow, by=_by(caller), cause=cause_of(request))
        return await _assignment_out(row, uow)

    return await once(work)


@router.post("/v1/assignments/{id}/decline", summary="Do not take the lead on: it is decided anew")
@router.post("/v1/assignments/{id}/return", summary="Give the lead back: it is decided anew")
async def post_give_up(id: UUID, body: GiveUpIn, request: Request, uow: Uow, caller: Personal, once: OnceOnly) -> Response:
    """The agent does not get this lead again by itself. Only one that is not accepted yet is declined."""
    reason = "declined" if request.url.path.endswith("/decline") else "returned"

    async def work() -> dict[str, Any]:
        row = await answers.give_up(id, reason, body.reason, uow, by=_by(caller), cause=cause_of(request))
        return await _assignment_out(row, uow)

    return await once(work)


@router.post("/v1/assignments/{id}/handover", summary="Give the lead to a colleague")
async def post_handover(id: UUID, body: HandOverIn, request: Request, uow: Uow, caller: Personal, once: OnceOnly) -> Response:
    """Who may not receive now is refused with the reason (409). Agents hand over within their own pools."""

    async def work() -> dict[str, Any]:
        said, cause = (body.agent_id, body.pool, body.reason), cause_of(request)
        ended, made = await answers.hand_over(id, *said, uow, by=_by(caller), cause=cause)
        to = {"assignment_id": made["id"], "agent_id": made["agent_id"], "pool": made["pool"]}
        return {**await _assignment_out(ended, uow), "to": to}

    return await once(work)


# -- Offers ----------------------------------------------------------------------------------------------------------------------


@router.post("/v1/assignments/claims", summary="Claim a lead that is on offer")
async def post_claim(body: OfferIn, request: Request, uow: Uow, caller: Personal, once: OnceOnly) -> Response:
    """The first gets it, and has accepted it with that; a claim that comes late counts until the lead has moved on.

    409 of type taken, over, not-offered, declined or cannot-receive says why not.
    """

    async def work() -> dict[str, Any]:
        agent_id = _speaker(caller, body)
        ruling, row = await answers.claim_lead(body.lead_id, agent_id, uow, by=_by(caller), cause=cause_of(request))
        answer = {"answer": ruling.answer, "text": ruling.text, "late": ruling.late}
        return {**answer, "assignment": await _assignment_out(row, uow)}

    return await once(work)


@router.post("/v1/assignments/refusals", summary="Decline a lead that is on offer")
async def post_refusal(body: OfferIn, request: Request, uow: Uow, caller: Personal, once: OnceOnly) -> Response:
    """The others may still claim it; once nobody is left, the pool's fall-back decides. 409 as for a claim, or of type yours."""

    async def work() -> dict[str, Any]:
        ruling = await answers.refuse_offer(body.lead_id, _speaker(caller, body), uow, cause=cause_of(request))
        return {"answer": ruling.answer, "text": ruling.text}

    return await once(work)


# -- By hand ---------------------------------------------------------------------------------------------------------------------


@router.post("/v1/assignments", status_code=201, summary="Say who is to have a lead")
async def post_assignment(body: AssignmentIn, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """Whoever has it now and wherever it waits; not of a lead that is closed, merged or erased (409). Who may not receive is refused with
    the reason (409), unless an admin forces it. One who has the lead already keeps the assignment.
    """
    if body.force and caller.role is not Role.ADMIN:
        raise Refused(403, "forbidden", detail="Only an admin may force an assignment.")

    async def work() -> dict[str, Any]:
        said, cause = (body.lead_id, body.agent_id, body.pool, body.reason), cause_of(request)
        anew, row = await answers.assign_by_hand(*said, uow, by=_by(caller), forced=body.force, cause=cause)
        return {**await _assignment_out(row, uow), "changed": anew}

    return await once(work, status=201)


# -- Answers ---------------------------------------------------------------------------------------------------------------------


def _by(caller: Caller) -> By:
    return By(caller.subject, caller.agent_id if caller.only_own_leads else None)


def _speaker(caller: Caller, body: OfferIn) -> UUID:
    """For whom an offer is answered. Raises Refused (404, 422)."""
    if body.agent_id is not None:
        check_own(caller, body.agent_id)
        return body.agent_id
    if caller.agent_id is None:
        raise invalid("/agent_id", "must say for whom")
    return caller.agent_id


async def _assignment_out(row: Row, uow: UnitOfWork) -> dict[str, Any]:
    shown = (
        "id",
        "lead_id",
        "agent_id",
        "agent_name",
        "pool",
        "rule",
        "policy_version",
        "assigned_at",
        "accepted_at",
        "how",
        "why",
    )
    ended = ("closed_at", "close_reason", "outcome")
    promises = promises_out(await holdings.promises_of(row, uow))
    return {**{name: row[name] for name in (*shown, *ended)}, "promises": promises}


def _held_out(row: Row, promises: Iterable[Promise]) -> dict[str, Any]:
    """An assignment, or an offer: that has no assignment yet, and an end."""
    same = ("lead_id", "pool", "rule", "how", "why", "at", "accepted_at", "until", "points", "grade", "qualification", "stage")
    return {"assignment_id": row["id"], **{name: row[name] for name in same}, "promises": promises_out(promises)}


def promises_out(promises: Iterable[Promise]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.clock.name,
            "clock": one.clock.sla.clock,
            "status": one.status.state,
            "deadline": one.deadline,
            "remaining_seconds": one.status.remaining,
            "ended_at": one.status.ended_at,
        }
        for one in promises
    ]
