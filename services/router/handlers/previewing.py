"""A policy version tried before it is active: on a lead, on facts, on the last leads. Writes nothing but that it was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import (
    Decision,
    GroupState,
    Match,
    Policy,
    copy_calendars,
    decide_in_pool,
    enrol,
    facts_of,
    groups_of,
)
from services.router.domain.lead import View
from services.router.domain.policy import of_lead
from services.router.handlers.policies import Action, find, read
from services.router.handlers.profiles import profiles_for
from services.router.handlers.work import Work
from shared.contracts.vocabulary import FACTS
from shared.db.uow import UnitOfWork
from shared.errors import Refused, not_found

EXAMPLES = 5  # leads named for each move
NOBODY_YET = UUID(int=0)  # the id of a lead that is not one


@dataclass(frozen=True)
class Tried:
    """What a version would do with one lead. `match` and `decision` are None where it would not be routed at all.

    `verdicts` is of each rule whether it matches, or why it could not be evaluated; `unknown` are facts that no rule may ask.
    """

    facts: Mapping[str, Any]
    routed: bool
    match: Match | None
    decision: Decision | None
    name: str | None
    verdicts: list[tuple[str, str, bool | str]]
    unknown: list[str]


@dataclass(frozen=True)
class Place:
    """Where a lead goes: a pool by a rule, by the default where there is none, or nowhere."""

    pool: str | None
    rule: str | None


@dataclass(frozen=True)
class Outlook:
    """What would become of the last leads. `moves` counts them by where they went and would go, with some of their ids as examples.

    `matched` counts the leads that each rule would send, in the order of the rules; None is the default.
    """

    looked_at: int
    moved: int
    moves: Counter[tuple[Place, Place]]
    examples: dict[tuple[Place, Place], list[UUID]]
    matched: dict[str | None, int]


async def preview_lead(version: int, lead_id: UUID, uow: UnitOfWork, *, by: str) -> Tried:
    """What a version would do with a lead as it is now. Raises Refused (404, 410, 422)."""
    policy = await _policy(version, uow)
    lead = (await store.get_leads(uow, [lead_id])).get(lead_id)
    if lead and lead.status == "erased":
        raise Refused(410, "erased", detail=f"The lead {lead_id} was erased.")
    if lead is None or lead.facts is None:
        raise not_found("scored lead", lead_id)
    tried = await _try(lead.view, policy, uow, said=True)
    await _record(version, {"lead_id": str(lead_id)}, uow, by=by)
    return tried


async def preview_facts(version: int, facts: Mapping[str, Any], uow: UnitOfWork, *, by: str) -> Tried:
    """What a version would do with a lead of these facts; without a qualification it is taken as routed. Raises Refused (404, 422)."""
    policy = await _policy(version, uow)
    points = facts.get("points", 0)
    grade, qualification = (str(facts.get(name, "")) for name in ("grade", "qualification"))
    view = View(NOBODY_YET, facts, points if isinstance(points, int) else 0, grade, qualification)
    tried = await _try(view, policy, uow, said="qualification" in facts)
    await _record(version, {"facts": len(facts)}, uow, by=by)
    return tried


async def preview_last(version: int, count: int, uow: UnitOfWork, *, by: str) -> Outlook:
    """Where the newest decided leads would go, asked of the facts that each was decided by. Raises Refused (404, 422)."""
    policy = await _policy(version, uow)
    rows = await store.last_decided(uow, count)
    moves: Counter[tuple[Place, Place]] = Counter()
    examples: dict[tuple[Place, Place], list[UUID]] = {}
    matched: dict[str | None, int] = {rule.name: 0 for rule in policy.rules} | {None: 0}
    for row in rows:
        match = policy.match(row["facts"]) if row["facts"].get("qualification") in policy.routed else None
        move = Place(row["pool"], row["rule"]), Place(match.pool, match.rule) if match else Place(None, None)
        moves[move] += 1
        if match:
            matched[match.rule] += 1
        if len(named := examples.setdefault(move, [])) < EXAMPLES:
            named.append(row["lead_id"])
    moved = sum(many for (was, becomes), many in moves.items() if was.pool != becomes.pool)
    await _record(version, {"last": count, "looked_at": len(rows), "moved": moved}, uow, by=by)
    return Outlook(len(rows), moved, moves, examples, matched)


async def _policy(version: int, uow: UnitOfWork) -> Policy:
    """A version with the members that it would have now. Raises Refused (404)."""
    policy = read((await find(uow, version))["document"]).policy.with_version(version)
    return enrol(policy, await profiles_for(uow, policy))[0]


async def _record(version: int, detail: Mapping[str, Any], uow: UnitOfWork, *, by: str) -> None:
    # Last of all: the audit's row holds the version's, and whoever activates it holds the policy's lock first.
    await store.record_action(uow, version, Action.PREVIEWED, by, detail)


async def _try(view: View, policy: Policy, uow: UnitOfWork, *, said: bool) -> Tried:
    facts = facts_of(view) if said else view.facts
    known = {*of_lead(FACTS), *policy.facts}
    unknown = sorted(name for name in facts if name not in known)
    verdicts = [(rule.name, rule.pool, verdict) for rule, verdict in policy.verdicts(facts)]
    if said and view.qualification not in policy.routed:
        return Tried(facts, False, None, None, None, verdicts, unknown)
    match = policy.match(facts)
    if match.pool not in policy.pools:  # a draft may say so: lint tells
        return Tried(facts, True, match, None, None, verdicts, unknown)
    decision = decide_in_pool(
        view, match.pool, await _as_if_active(policy, match.pool, uow), uow.now, rule=match.rule, policy=policy
    )
    names = await store.agents_by_id(uow, [decision.agent_id] if decision.agent_id else [])
    name = names[decision.agent_id]["name"] if decision.agent_id else None
    return Tried(facts, True, match, decision, name, verdicts, unknown)


async def _as_if_active(policy: Policy, pool: str, uow: UnitOfWork) -> GroupState:
    """The state that the pool's group would begin with if the version took effect now: members of today, with what they are owed today."""
    [names] = [group for group in groups_of(policy) if pool in group]
    work = await Work.open(uow)
    await work.look({work.active.group_of_pool[name] for name in names if name in work.active.group_of_pool})
    carried = {name: counters for state in work.states.values() for name, counters in state.counters().items()}
    stood = {name: pool for state in work.states.values() for name, pool in state.standings().items()}
    ids = sorted({member.agent_id for name in names for member in policy.pools[name].members})
    agents = await store.agents_as_they_are(uow, ids)
    calendars = copy_calendars({name for agent in agents.values() for name in agent.settings.holidays}, uow.now.year)
    pools = [policy.pools[name] for name in sorted(names)]
    return GroupState(pools, agents, now=uow.now, carried=carried, stood=stood, calendars=calendars)
