"""Decisions over HTTP: what was decided, by what, and how everybody stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.router import store
from services.router.api.callers import Owner, Reader, check_own
from services.router.api.policies import MAX_VERSION
from services.router.domain import PARTS, Counters, Gate, Outcome
from services.router.handlers import explaining
from services.router.handlers.explaining import Explained
from services.router.store import Sought
from shared.db.uow import Row
from shared.web.requests import Moment, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["decisions"])

Named = Annotated[str | None, Query(max_length=200)]
Since = Annotated[Moment | None, Query(alias="from", description="Decided at this moment or later")]
Until = Annotated[Moment | None, Query(alias="to", description="Decided before this moment")]
Version = Annotated[int | None, Query(ge=1, le=MAX_VERSION)]


@router.get("/v1/decisions", summary="What was decided and why, newest first")
async def get_decisions(
    uow: Uow,
    _: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    lead: UUID | None = None,
    agent: UUID | None = None,
    pool: Named = None,
    rule: Named = None,
    outcome: Outcome | None = None,
    policy_version: Version = None,
    since: Since = None,
    until: Until = None,
) -> Response:
    before = decode_cursor(cursor, tuple[UUID])
    sought = Sought(lead, agent, pool, rule, outcome, policy_version, since, until)
    rows = await store.page_of_decisions(uow, before=before[0] if before else None, limit=limit + 1, sought=sought)
    return json_response(page_of([decision_out(row) for row in rows], limit=limit, key=lambda one: (one["id"],)))


@router.get("/v1/decisions/{id}", summary="One decision, with all that it was made of")
async def get_decision(id: UUID, uow: Uow, _: Reader) -> Response:
    return json_response(decision_out(await explaining.find_decision(id, uow)))


@router.get("/v1/decisions/{id}/why-not/{agent_id}", summary="Why an agent did not get a lead")
async def get_why_not(id: UUID, agent_id: UUID, uow: Uow, caller: Owner) -> Response:
    """Answered from the state that the decision was made in. Agents and partners ask for themselves, and are not told who came first."""
    check_own(caller, agent_id)
    explained = await explaining.explain(id, agent_id, uow)
    return json_response(_why_not(explained, named=not caller.only_own_leads))


@router.get("/v1/decisions/{id}/replay", summary="A decision made again from what was recorded")
async def get_replay(id: UUID, uow: Uow, _: Reader) -> Response:
    """`differences` is empty where the same comes out."""
    made = await explaining.replay(id, uow)
    differences = [{"field": name, "recorded": was, "again": now} for name, (was, now) in made.differences.items()]
    return json_response({"id": id, "same": not differences, "winner": made.decision["agent_id"], "differences": differences})


# -- Answers ---------------------------------------------------------------------------------------------------------------------


def decision_out(row: Row) -> dict[str, Any]:
    """The decision for a person. Of an erased lead the facts are gone."""
    same = ("id", "lead_id", "decided_at", "outcome", "why", "policy_version", "rule", "pool", "via")
    stops = [{"gate": gate, "count": count, "text": f"{count} {Gate(gate).phrase}"} for gate, count in row["gates"].items()]
    return {
        **{name: row[name] for name in same},
        "winner": _winner(row),
        "members": {"all": row["eligible"] + sum(row["gates"].values()), "can_receive": row["eligible"], "stopped": stops},
        **_more(row["more"] or {}),
        "facts": row["facts"],
        "group": row["group_id"],
        "ledger_number": row["number"],
        "ordinal": row["ordinal"],
    }


def _more(more: Mapping[str, Any]) -> dict[str, Any]:
    """What most decisions do not have: who said so and why, to whom the lead is offered, who was left out, whose it was, failed rules."""
    owners = [{"agent_id": id, "same": key, "since": at} for id, key, at in more.get("owners", ())]
    offered = {"agents": more["offer"], "until": more["until"]} if "offer" in more else None
    return {
        "by": more.get("by"),
        "reason": more.get("said"),
        "offered": offered,
        "after_offer": more.get("offered", False),
        "left_out": more.get("without", []),
        "owners": owners,
        "waiting_since": more.get("since"),
        "failed_rules": more.get("failed", []),
    }


def _winner(row: Row) -> dict[str, Any] | None:
    """Who got the lead: turns before and after, and beside each cap what it counts, this lead among it."""
    if row["agent_id"] is None:
        return None
    counters = row["counters"] or {}
    turns = {when: turns_out(counters[when]) for when in ("before", "after") if when in counters}
    caps = {name: {"count": pair[0], "cap": pair[1]} for name, pair in counters.items() if isinstance(pair, list)}
    return {"agent_id": row["agent_id"], "name": row["agent_name"], **turns, "caps": caps, "day": counters.get("period")}


def _why_not(explained: Explained, *, named: bool) -> dict[str, Any]:
    row, found = explained.decision, explained.why_not
    turns = {"agent": _standing(found.standing), "winner": _standing(found.winner)} if found.standing else None
    return {
        "decision_id": row["id"],
        "lead_id": row["lead_id"],
        "decided_at": row["decided_at"],
        "pool": row["pool"],
        "agent_id": explained.agent_id,
        "verdict": found.verdict,
        "text": f"{explained.name} {found.text}.",
        "gate": found.gate,
        "until": found.until,
        "pools": explained.pools,
        "turns": turns,
        "leads_before": found.ahead,
        "winner": {"agent_id": row["agent_id"], "name": row["agent_name"]} if named and row["agent_id"] else None,
        "why": row["why"],
    }


def _standing(counters: Counters | None) -> dict[str, Any] | None:
    return turns_out({"received": counters.received, "difference": counters.difference}) if counters else None


def turns_out(counters: Mapping[str, int]) -> dict[str, Any]:
    """What somebody was entitled to and what they received, in turns."""
    owed = round(counters["difference"] / PARTS, 6)
    return {"entitled": round(counters["received"] + owed, 6), "received": counters["received"], "difference": owed}
