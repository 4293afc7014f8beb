"""The decision: who gets a lead, and why.

Pure: deciding changes nothing, save that the state moves on to `now`. Whoever asks appends `Decision.entry` to the
ledger and applies it to the state before the next decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain import offers, strategies
from services.router.domain.agent import Settings
from services.router.domain.availability import Gate
from services.router.domain.decision.keeping import keep
from services.router.domain.decision.outcome import Outcome, Winner
from services.router.domain.decision.terms import PLAIN, Terms
from services.router.domain.decision.values import Decision, Lead
from services.router.domain.policy import NOTHING, Match, Policy
from services.router.domain.pool_state import PoolState
from services.router.domain.rotation import Counters
from services.router.domain.state import GroupState
from services.router.domain.strategies import RequirementClass, Stuck, Verdict

# Looked up once: an enumeration finds its members by a function, and each decision asks for several.
_ASSIGNED, _KEPT, _OFFERED, _QUEUED = Outcome.ASSIGNED, Outcome.KEPT, Outcome.OFFERED, Outcome.QUEUED
_REQUIREMENT, _REFUSED = Gate.REQUIREMENT, Gate.REFUSED


def decide(lead: Lead, policy: Policy, state: GroupState, now: datetime, *, terms: Terms = PLAIN) -> Decision:
    """Decides a lead by the policy's rules, in the state of the group that the chosen pool belongs to.

    Raises NotInGroup when the pool belongs to another group; `match_lead` tells the pool beforehand, `reject` whether one is
    needed at all. `now` is aware; the state rolls on to it.
    """
    if rejection := reject(lead, policy, now):
        return rejection
    facts = facts_of(lead)
    return _give(lead, facts, policy.match(facts), state, now, policy, terms)


def decide_in_pool(
    lead: Lead,
    pool: str,
    state: GroupState,
    now: datetime,
    *,
    rule: str | None = None,
    policy: Policy | None = None,
    terms: Terms = PLAIN,
) -> Decision:
    """Decides a lead whose pool is known already, as in a hold queue; `rule` is the one that chose the pool.

    Without a policy nothing is asked of who receives it, no pool overflows, and no owner is kept.
    """
    return decide_matched(lead, Match(rule, pool), state, now, policy=policy, terms=terms)


def decide_matched(
    lead: Lead, match: Match, state: GroupState, now: datetime, *, policy: Policy | None, terms: Terms = PLAIN
) -> Decision:
    """Decides a lead of which the rules were asked already."""
    return _give(lead, facts_of(lead), match, state, now, policy, terms)


def place(
    lead: Lead,
    agent_id: UUID,
    pool: str,
    state: GroupState,
    now: datetime,
    *,
    how: Outcome,
    counts: bool = False,
    rule: str | None = None,
) -> Decision | None:
    """The decision that gives a lead to this agent in this pool, whoever's turn it is; None where `hindrance` says why not.

    `how` is one of PLACED; `counts` tells whether it is a turn; `rule` is the one that brought the lead into this pool, if one did.
    Raises NotInGroup when the pool belongs to another group.
    """
    now = state.roll(now)
    if hindrance(lead, agent_id, pool, state, now, forced=how is Outcome.FORCED):
        return None
    held = state.pool(pool)
    everyone = held.turns.of(None)
    return Decision(
        lead_id=lead.lead_id,
        outcome=how,
        qualification=lead.qualification,
        facts=facts_of(lead),
        now=now,
        rule=rule,
        pool=pool,
        winner=_winner(lead, agent_id, held, everyone, state, turn=counts),
        eligible=everyone.strategy.eligible_count,
        stopped=held.stopped,
        counts=counts,
    )


def hindrance(lead: Lead, agent_id: UUID, pool: str, state: GroupState, now: datetime, *, forced: bool = False) -> str | None:
    """Why this agent may not get this lead here, to be read on from its name; None where it may. Nobody forces work on the inactive."""
    if agent_id not in state.pool(pool).turns:
        return f"is not a member of pool {pool}"
    found = state.availability(agent_id, now)
    if not found.available and (not forced or found.gate is Gate.INACTIVE):
        return found.text
    agent = state.agent(agent_id)
    if not forced and not agent.has_room(agent.settings.work_of(lead.qualification, lead.grade)):
        return "has no room for open work as heavy as this lead"
    return None


def reject(lead: Lead, policy: Policy, now: datetime) -> Decision | None:
    """The decision for a lead whose qualification is not routed; needs no group. None for every other lead."""
    if lead.qualification in policy.routed:
        return None
    return Decision(lead.lead_id, Outcome.REJECTED, lead.qualification, facts_of(lead), now)


def match_lead(lead: Lead, policy: Policy) -> Match:
    """The pool that a lead belongs to by the policy's rules."""
    return policy.match(facts_of(lead))


def facts_of(lead: Lead) -> dict[str, Any]:
    """What a rule may ask of a lead: its facts, and what scoring found: `points`, `grade`, `qualification` and the rest."""
    return {**lead.facts, **lead.scored, "points": lead.points, "grade": lead.grade, "qualification": lead.qualification}


@dataclass(slots=True)  # not frozen, which would cost each decision more than to choose
class _Question:
    """One decision to be made: which lead, matched to which pool, in which state, on which terms."""

    lead: Lead
    facts: Mapping[str, Any]
    match: Match
    state: GroupState
    now: datetime
    policy: Policy | None
    terms: Terms

    def work_of(self, settings: Settings) -> int:
        """What the lead adds to an agent's open work."""
        return settings.work_of(self.lead.qualification, self.lead.grade)


def _give(
    lead: Lead, facts: Mapping[str, Any], match: Match, state: GroupState, now: datetime, policy: Policy | None, terms: Terms
) -> Decision:
    """The first of the pool and those it overflows to in which somebody may receive; else the lead waits for the pool itself."""
    asked = _Question(lead, facts, match, state, state.roll(now), policy, terms)
    extended: Mapping[str, Any] | None = None
    waits: Decision | None = None
    ways = policy.asking_ways(match.pool, match.rule) if policy else ((match.pool, NOTHING, False),)
    for name, requirements, takes_definitions in ways:
        if takes_definitions and extended is None and policy:
            extended = policy.extend(facts)
        pool, among = state.pool(name), state.among(name, requirements, extended or facts)
        held = pool.turns.of(among)
        stuck = _keep(asked, name, among) if terms.owners else None
        chosen = _choose(asked, pool, held, stuck)
        if chosen is not None or waits is None:
            decision = _decision(asked, pool, chosen, held, stuck)
            if chosen is not None or _waits(stuck):
                return decision
            waits = decision
    assert waits is not None
    return waits


def _keep(asked: _Question, pool: str, among: frozenset[UUID] | None) -> Stuck | None:
    """What is found of the lead's own owner, which only the pool that it belongs to asks."""
    if asked.policy is None or pool != asked.match.pool:
        return None
    return keep(pool, asked.terms, asked.policy, asked.state, asked.now, work_of=asked.work_of, among=among)


def _choose(asked: _Question, pool: PoolState, held: RequirementClass, stuck: Stuck | None) -> UUID | tuple[UUID, ...] | None:
    """Who gets the lead, or to whom it is offered; None for nobody."""
    if stuck and stuck.verdict is not Verdict.NONE:
        return stuck.agent_id if stuck.verdict is Verdict.OWNER else None
    state, terms = asked.state, asked.terms
    if pool.turns.way.kind == "claim" and not terms.offered:
        found = held.peek(asked.now, without=terms.without)
        if isinstance(found, strategies.Offer):
            agents = ((one, state.agent(one)) for one in found.agents)
            return tuple(one for one, agent in agents if agent.has_room(asked.work_of(agent.settings))) or None
    return state.first_with_room(held, asked.work_of, without=terms.without)


def _waits(stuck: Stuck | None) -> bool:
    return stuck is not None and stuck.verdict is Verdict.WAIT


def _decision(
    asked: _Question, pool: PoolState, chosen: UUID | tuple[UUID, ...] | None, held: RequirementClass, stuck: Stuck | None
) -> Decision:
    lead, match, terms, turns = asked.lead, asked.match, asked.terms, pool.turns
    outcome = _outcome(chosen, stuck)
    assigned = outcome is _ASSIGNED
    counts = outcome is _KEPT and _counts(asked.policy, pool.name)
    eligible, stopped = _members(pool, held, terms.without)
    winner, offer = None, None
    if isinstance(chosen, tuple):
        offer = offers.offer(chosen, turns.way, asked.now)
    elif chosen is not None:
        winner = _winner(lead, chosen, pool, held, asked.state, turn=counts or assigned, without=terms.without)
    return Decision(  # by place, which costs a third less: one is made for each lead
        lead.lead_id,
        outcome,
        lead.qualification,
        asked.facts,
        asked.now,
        match.rule,
        pool.name,
        winner,
        eligible,
        stopped,
        turns.way.kind,
        turns.name_of(held) if assigned else strategies.EVERYONE,
        None if pool.name == match.pool else match.pool,
        offer,
        terms,
        stuck,
        counts,
        match.failed,
    )


def _outcome(chosen: UUID | tuple[UUID, ...] | None, stuck: Stuck | None) -> Outcome:
    if chosen is None:
        return _QUEUED
    if isinstance(chosen, tuple):
        return _OFFERED
    return _KEPT if stuck and stuck.verdict is Verdict.OWNER else _ASSIGNED


def _counts(policy: Policy | None, pool: str) -> bool:
    """Whether a lead that its owner keeps is a turn."""
    sticky = policy.pools[pool].sticky if policy else None
    return sticky is not None and sticky.counts


def _members(pool: PoolState, held: RequirementClass, without: tuple[UUID, ...]) -> tuple[int, Mapping[Gate, int]]:
    """How many members may receive this lead, and how many each gate stops: the last two are what is asked, and having sent it back."""
    eligible, stopped = held.strategy.eligible_count, pool.stopped
    if held.number != strategies.EVERYONE and (unfit := pool.turns.eligible_count() - eligible):
        stopped = {**stopped, _REQUIREMENT: unfit}
    if without and (refused := sum(held.is_eligible(one) for one in without)):
        return eligible - refused, {**stopped, _REFUSED: refused}
    return eligible, stopped


def _winner(
    lead: Lead,
    agent_id: UUID,
    pool: PoolState,
    held: RequirementClass,
    state: GroupState,
    *,
    turn: bool,
    without: tuple[UUID, ...] = (),
) -> Winner:
    turns, (agent, today) = pool.turns, state.agent_today(agent_id)
    before, day = turns.counters(agent_id), today.day.key
    work = agent.settings.work_of(lead.qualification, lead.grade)
    after = before
    if turn:
        after = Counters(before.entitled + turns.share_in(held, agent_id, without=without), before.received + 1)
    return Winner(
        agent_id,
        before,
        after,
        agent.open + work,
        agent.settings.caps.open,
        agent.counts.get(day, 0) + 1,
        agent.settings.caps.day,
        day,
        today.number,
        work,
        turns.level(agent_id),
    )
