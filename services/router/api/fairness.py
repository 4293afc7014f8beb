"""Fairness over HTTP: credits and debits by hand, and statements of what everyone was entitled to and received."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, field_validator

from services.router.api.callers import Accountable, Manager, Supervisor, check_own
from services.router.api.pools import PoolName
from services.router.domain import PARTS, Statement
from services.router.handlers import fairness
from shared.web.requests import Body, OnceOnly, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["fairness"])

MOST_TURNS = 1_000


class CreditIn(Body):
    """Turns that an agent gets before the others of a pool, or after them where they are negative."""

    pool: str = Field(min_length=1, max_length=100, examples=["default"])
    turns: int = Field(ge=-MOST_TURNS, le=MOST_TURNS, strict=True, description="Negative is a debit", examples=[3])
    reason: str = Field(
        min_length=1, max_length=500, description="Shown in the agent's statement", examples=["three leads were wrong numbers"]
    )

    @field_validator("turns")
    @classmethod
    def _some(cls, turns: int) -> int:
        if turns == 0:
            raise ValueError("must not be 0")
        return turns


@router.post("/v1/agents/{id}/credits", status_code=201, summary="Credit an agent turns of a pool, or debit them")
async def post_credit(id: UUID, body: CreditIn, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """At the expense of the pool's other members, by weight. It is an entry of the group's ledger, with who made it and why."""

    async def work() -> dict[str, Any]:
        made = await fairness.correct(id, body.pool, body.turns, body.reason, uow, by=caller.subject)
        entered = {"group": made.group, "ledger_number": made.number, "by": caller.subject, **body.model_dump()}
        return {"agent_id": id, **entered, "statement": statement_out(made.statement)}

    return await once(work, status=201)


@router.get("/v1/agents/{id}/statement", summary="What an agent was entitled to and received in its pools, and why")
async def get_statement(
    id: UUID, uow: Uow, caller: Accountable, pool: Annotated[str | None, Query(max_length=100)] = None
) -> Response:
    """Agents and partners see their own. The lines of each statement add up to it."""
    check_own(caller, id)
    found = await fairness.statements_of_agent(id, pool, uow)
    return json_response({"agent_id": id, "items": [statement_out(one) for one in found], "next": None})


@router.get("/v1/pools/{name}/statement", summary="What each member of a pool was entitled to and received, and why")
async def get_pool_statement(name: PoolName, uow: Uow, _: Supervisor, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The differences of a pool's members add up to nought."""
    after = decode_cursor(cursor, tuple[UUID])
    found = await fairness.statements_of_pool(name, uow, after=after[0] if after else None, limit=limit + 1)
    items = [{"name": agent, **statement_out(statement)} for statement, agent in found]
    return json_response({"pool": name, **page_of(items, limit=limit, key=lambda one: (one["agent_id"],))})


def statement_out(statement: Statement) -> dict[str, Any]:
    """A statement for a person, in turns."""
    return {
        "agent_id": statement.agent_id,
        "pool": statement.pool,
        "weight": statement.weight,
        "entitled": _turns(statement.entitled),
        "received": statement.received,
        "difference": _turns(statement.difference),
        "to_come": _turns(statement.to_come),
        "text": statement.text,
        "lines": [
            {
                "reason": line.reason,
                "entitled": _turns(line.entitled),
                "received": line.received,
                "times": line.times,
                "text": line.text,
            }
            for line in statement.lines
        ],
        "notes": [{"text": note.text, **note.to_document()} for note in statement.notes],
    }


def _turns(parts: int) -> float:
    return round(parts / PARTS, 6)
