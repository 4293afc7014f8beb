"""Decisions explained: each is made again from the group's snapshot, the ledger up to its number, and the facts that it was asked of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import GroupState, Outcome, Policy, Terms, read_draft
from services.router.domain.desk import Made
from services.router.domain.explanation import Recorded, WhyNot, decide_again, explain_why_not
from services.router.domain.lead import View
from services.router.handlers.memory import as_activated
from services.router.handlers.rows import decision_row
from shared.contracts.vocabulary import FACTS
from shared.db.uow import Row, UnitOfWork
from shared.errors import conflict, not_found

COMPARED = ("outcome", "agent_id", "eligible", "gates", "counters", "more")


@dataclass(frozen=True)
class Explained:
    """An agent's answer, with its name and the pools that it was in."""

    decision: Row
    why_not: WhyNot
    agent_id: UUID
    name: str
    pools: list[str]


@dataclass(frozen=True)
class Replay:
    """A decision made again: what differs, by name, as (recorded, made again). Nothing, where the recorded inputs explain it all."""

    decision: Row
    differences: dict[str, tuple[object, object]]


async def find_decision(id: UUID, uow: UnitOfWork) -> Row:
    """Raises Refused (404)."""
    row = await store.get_decision(uow, id)
    if row is None:
        raise not_found("decision", id)
    return row


async def explain(id: UUID, agent_id: UUID, uow: UnitOfWork) -> Explained:
    """Why an agent did not get a lead. Raises Refused (404, 409)."""
    row = await find_decision(id, uow)
    agent = await store.get_agent(uow, agent_id)
    if agent is None:
        raise not_found("agent", agent_id)
    policy = await policy_of(uow, row["policy_version"])
    pools = sorted(name for name, pool in policy.pools.items() if any(one.agent_id == agent_id for one in pool.members))
    answer = explain_why_not(agent_id, _recorded(row), _lead(row), policy, await state_before(row, uow))
    return Explained(row, answer, agent_id, agent["name"], pools)


async def replay(id: UUID, uow: UnitOfWork) -> Replay:
    """Makes a decision again and compares. Raises Refused (404, 409)."""
    row = await find_decision(id, uow)
    return Replay(row, differences(row, await policy_of(uow, row["policy_version"]), await state_before(row, uow)))


def differences(row: Row, policy: Policy, state: GroupState | None) -> dict[str, tuple[object, object]]:
    """What of a decision's row comes out otherwise when it is made again in the state before it, which rolls on; see `Replay`."""
    decision = decide_again(_recorded(row), _lead(row), policy, state)
    if decision is None:
        return {"outcome": (row["outcome"], None)}
    # Who may receive is as it was where a lead queued behind others; that they waited is the queue's doing, not the state's.
    behind = row["outcome"] == Outcome.QUEUED and row["eligible"] > 0
    outcome = Outcome.QUEUED if behind else decision.outcome
    # Who said so, and which rules could not be evaluated on the way to this one, is no outcome of the state.
    more = row["more"] or {}
    decision = decision._replace(failed=tuple(more.get("failed", ())))
    by, said = more.get("by"), more.get("said")
    made = Made(row["id"], decision, row["group_id"], row["number"], row["ordinal"], outcome, row["why"], by, said)
    again = decision_row(made, row["policy_version"])
    values = again._replace(gates=json.loads(again.gates), counters=_parsed(again.counters), more=_parsed(again.more))
    pairs = {name: (row[name], getattr(values, name)) for name in COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _parsed(text: str | None) -> Any:
    return text and json.loads(text)


async def state_before(row: Row, uow: UnitOfWork) -> GroupState | None:
    """The state that a decision was made in; None where it needed none. Raises Refused (409) where it cannot be had any more."""
    if row["group_id"] is None:
        return None
    snapshot = await store.snapshot_before(uow, row["group_id"], row["number"])
    if snapshot is None:
        detail = f"No snapshot of group {row['group_id']} at ledger number {row['number']} was kept."
        raise conflict("not-kept", detail)
    state = GroupState.restore(snapshot)
    state.apply_all(await store.ledger_after(uow, row["group_id"], state.number, until=row["number"]))
    return state


async def policy_of(uow: UnitOfWork, version: int) -> Policy:
    """A version that was active, as it was."""
    row = await store.get_policy(uow, version)
    assert row is not None
    return as_activated(read_draft(row["document"], FACTS, version=version).policy, row)


def _recorded(row: Row) -> Recorded:
    more = row["more"] or {}
    return Recorded(
        Outcome(row["outcome"]),
        row["decided_at"],
        row["rule"],
        row["pool"],
        row["agent_id"],
        row["via"],
        Terms.from_document(more),
        more.get("counts", False),
        tuple(UUID(one) for one in more.get("offer", ())),
    )


def _lead(row: Row) -> View:
    """The lead as it was decided. Of an erased one the facts are gone: its pool was chosen, and the rest is the ledger's."""
    facts: dict[str, Any] = row["facts"]
    known = {name: facts.get(name, "") for name in ("grade", "qualification")}
    return View(row["lead_id"], facts, facts.get("points", 0), **known)
