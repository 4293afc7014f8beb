"""Trying a policy version over HTTP, before it is active."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from services.router.api.callers import Manager
from services.router.api.policies import Version
from services.router.handlers import previewing
from services.router.handlers.previewing import Outlook, Tried
from shared.web.requests import Body, Uow
from shared.web.responses import json_response

router = APIRouter(tags=["policies"])


class PreviewIn(Body):
    """On what to try it: on a lead, on facts (points, grade and qualification among them), or on the last leads."""

    lead_id: UUID | None = None
    facts: dict[str, Any] | None = Field(None, max_length=500)
    last: int | None = Field(None, ge=1, le=1000)

    @model_validator(mode="after")
    def _one_of_them(self) -> PreviewIn:
        if sum(value is not None for value in (self.lead_id, self.facts, self.last)) != 1:
            raise ValueError("needs one of lead_id, facts and last")
        return self


@router.post("/v1/policies/{version}/preview", summary="What a version would do: with a lead, with facts, with the last leads")
async def post_preview(version: Version, body: PreviewIn, uow: Uow, caller: Manager) -> Response:
    """Changes nothing; the version's audit keeps that it was done. `next` is who would get such a lead if the version took effect now."""
    if body.lead_id is not None:
        return json_response(_tried(version, await previewing.preview_lead(version, body.lead_id, uow, by=caller.subject)))
    if body.facts is not None:
        return json_response(_tried(version, await previewing.preview_facts(version, body.facts, uow, by=caller.subject)))
    assert body.last is not None
    return json_response(_outlook(version, await previewing.preview_last(version, body.last, uow, by=caller.subject)))


def _tried(version: int, tried: Tried) -> dict[str, Any]:
    match, decision = tried.match, tried.decision
    return {
        "version": version,
        "routed": tried.routed,
        "rule": match and match.rule,
        "pool": match and match.pool,
        "next": {"agent_id": decision.agent_id, "name": tried.name} if decision and decision.agent_id else None,
        "why": decision.reason if decision else _nowhere(tried),
        "members": decision and {"can_receive": decision.eligible, "stopped": decision.stopped},
        "rules": [
            {"name": name, "pool": pool, "matches": verdict is True, "unknown": verdict if isinstance(verdict, str) else None}
            for name, pool, verdict in tried.verdicts
        ],
        "facts": tried.facts,
        "facts_not_known": tried.unknown,
    }


def _nowhere(tried: Tried) -> str:
    if tried.match:
        return f"The version has no pool {tried.match.pool}."
    return f"Leads qualified as {tried.facts.get('qualification')} are not routed."


def _outlook(version: int, outlook: Outlook) -> dict[str, Any]:
    """Moves, most frequent first: also those that go where they went."""
    moves = [
        {
            "from": was,
            "to": becomes,
            "leads": count,
            "same_pool": was.pool == becomes.pool,
            "examples": outlook.examples[was, becomes],
        }
        for (was, becomes), count in outlook.moves.most_common()
    ]
    rules = [{"rule": name, "leads": count} for name, count in outlook.matched.items()]
    return {"version": version, "looked_at": outlook.looked_at, "moved": outlook.moved, "moves": moves, "rules": rules}
