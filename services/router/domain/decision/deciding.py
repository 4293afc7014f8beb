"""The decision: who gets a lead, and why.

Pure: deciding changes nothing, save that the state moves on to `now`. Whoever asks appends `Decision.entry` to the
ledger and applies it to the state before the next decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain import offers, strategies
from services.router.domain.agent import Settings
from services.router.domain.availability import Gate
from services.router.domain.decision.keeping import keep
from services.router.domain.decision.outcome import Outcome, Winner
from services.router.domain.decision.terms import PLAIN, Terms
from services.router.domain.decision.values import Decision, Lead
from services.router.domain.policy import Match, Policy
from services.router.domain.pool_state import PoolState
from services.router.domain.rotation import Counters
from services.router.domain.state import GroupState
from services.router.domain.strategies import Stuck, Verdict


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
    turns = state.pool(pool).turns
    return Decision(
        lead_id=lead.lead_id,
        outcome=how,
        qualification=lead.qualification,
        facts=facts_of(lead),
        now=now,
        rule=rule,
        pool=pool,
        winner=_winner(lead, agent_id, pool, state, turn=counts),
        eligible=turns.eligible_count(),
        stopped=state.pool(pool).stopped,
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
    if not forced and not agent.has_room(_work_of(lead)(agent.settings)):
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


class _Question(NamedTuple):
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
    for pool in policy.ways(match.pool) if policy else (match.pool,):
        requirements = policy.requirements(pool, match.rule) if policy else ()
        if extended is None and requirements and policy and policy.asks_definitions(requirements):
            extended = policy.extend(facts)
        among = state.among(pool, requirements, extended or facts)
        stuck = _keep(asked, pool, among)
        chosen = _choose(asked, pool, among, stuck)
        if chosen is not None or waits is None:
            decision = _decision(asked, pool, chosen, among, stuck)
            if chosen is not None or _waits(stuck):
                return decision
            waits = decision
    assert waits is not None
    return waits


def _keep(asked: _Question, pool: str, among: frozenset[UUID] | None) -> Stuck | None:
    """What is found of the lead's own owner, which only the pool that it belongs to asks."""
    if asked.policy is None or not asked.terms.owners or pool != asked.match.pool:
        return None
    return keep(pool, asked.terms, asked.policy, asked.state, asked.now, work_of=asked.work_of, among=among)


def _choose(asked: _Question, pool: str, among: frozenset[UUID] | None, stuck: Stuck | None) -> UUID | tuple[UUID, ...] | None:
    """Who gets the lead, or to whom it is offered; None for nobody."""
    if stuck and stuck.verdict is not Verdict.NONE:
        return stuck.agent_id if stuck.verdict is Verdict.OWNER else None
    state, terms = asked.state, asked.terms
    turns = state.pool(pool).turns
    if turns.way.kind == "claim" and not terms.offered:
        found = turns.peek(asked.now, among=among, without=terms.without)
        if isinstance(found, strategies.Offer):
            agents = ((one, state.agent(one)) for one in found.agents)
            return tuple(one for one, agent in agents if agent.has_room(asked.work_of(agent.settings))) or None
    return state.next_with_room(pool, asked.work_of, among=among, without=terms.without)


def _waits(stuck: Stuck | None) -> bool:
    return stuck is not None and stuck.verdict is Verdict.WAIT


def _decision(
    asked: _Question, pool: str, chosen: UUID | tuple[UUID, ...] | None, among: frozenset[UUID] | None, stuck: Stuck | None
) -> Decision:
    held, match, terms = asked.state.pool(pool), asked.match, asked.terms
    agent_id = chosen if isinstance(chosen, UUID) else None
    outcome = _outcome(chosen, stuck)
    counts = outcome is Outcome.KEPT and _counts(asked.policy, pool)
    eligible, stopped = _members(held, among, terms.without)
    turn = counts or outcome is Outcome.ASSIGNED
    return Decision(
        lead_id=asked.lead.lead_id,
        outcome=outcome,
        qualification=asked.lead.qualification,
        facts=asked.facts,
        now=asked.now,
        rule=match.rule,
        pool=pool,
        winner=_winner(asked.lead, agent_id, pool, asked.state, turn=turn, among=among, without=terms.without)
        if agent_id
        else None,
        eligible=eligible,
        stopped=stopped,
        strategy=held.turns.way.kind,
        of=held.turns.name(among) if outcome is Outcome.ASSIGNED else strategies.EVERYONE,
        via=None if pool == match.pool else match.pool,
        offer=offers.offer(chosen, held.turns.way, asked.now) if isinstance(chosen, tuple) else None,
        terms=terms,
        stuck=stuck,
        counts=counts,
        failed=match.failed,
    )


def _outcome(chosen: UUID | tuple[UUID, ...] | None, stuck: Stuck | None) -> Outcome:
    if chosen is None:
        return Outcome.QUEUED
    if isinstance(chosen, tuple):
        return Outcome.OFFERED
    return Outcome.KEPT if stuck and stuck.verdict is Verdict.OWNER else Outcome.ASSIGNED


def _counts(policy: Policy | None, pool: str) -> bool:
    """Whether a lead that its owner keeps is a turn."""
    sticky = policy.pools[pool].sticky if policy else None
    return sticky is not None and sticky.counts


def _members(pool: PoolState, among: frozenset[UUID] | None, without: tuple[UUID, ...]) -> tuple[int, dict[Gate, int]]:
    """How many members may receive this lead, and how many each gate stops: the last two are what is asked, and having sent it back."""
    turns, stopped = pool.turns, pool.stopped
    eligible = turns.eligible_count(among)
    if unfit := turns.eligible_count() - eligible:
        stopped[Gate.REQUIREMENT] = unfit
    if refused := sum(turns.is_eligible(one, among=among) for one in without):
        stopped[Gate.REFUSED] = refused
    return eligible - refused, stopped


def _work_of(lead: Lead) -> Callable[[Settings], int]:
    return lambda settings: settings.work_of(lead.qualification, lead.grade)


def _winner(
    lead: Lead,
    agent_id: UUID,
    pool: str,
    state: GroupState,
    *,
    turn: bool,
    among: frozenset[UUID] | None = None,
    without: tuple[UUID, ...] = (),
) -> Winner:
    turns, agent, today = state.pool(pool).turns, state.agent(agent_id), state.today(agent_id)
    before, work = turns.counters(agent_id), _work_of(lead)(agent.settings)
    share = turns.share(agent_id, among=among, without=without) if turn else 0
    return Winner(
        agent_id=agent_id,
        before=before,
        after=Counters(before.entitled + share, before.received + 1) if turn else before,
        open=agent.open + work,
        open_cap=agent.caps.open,
        daily=agent.received(today.day.key) + 1,
        daily_cap=agent.caps.day,
        period=today.day.key,
        hour=today.number,
        work=work,
        level=turns.level(agent_id),
    )
