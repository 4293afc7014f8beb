"""The decision: who gets a lead, and why.

Pure: deciding changes nothing, save that the state moves on to `now`. Whoever asks appends `Decision.entry` to the
ledger and applies it to the state before the next decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.availability import Gate
from services.router.domain.ledger import Entry, assigned
from services.router.domain.policy import Match, Policy
from services.router.domain.rotation import PARTS, Counters
from services.router.domain.state import GroupState
from services.router.domain.strategies import EVERYONE


class Lead(Protocol):
    """What the router must know of a lead."""

    @property
    def lead_id(self) -> UUID: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def points(self) -> int: ...
    @property
    def grade(self) -> str: ...
    @property
    def qualification(self) -> str: ...


class Waiting(Protocol):
    """A lead in a hold queue."""

    @property
    def lead_id(self) -> UUID: ...
    @property
    def points(self) -> int: ...
    @property
    def queued_at(self) -> datetime: ...


W = TypeVar("W", bound=Waiting)


class Outcome(StrEnum):
    """What became of a lead. A closed list."""

    ASSIGNED = "assigned"
    QUEUED = "queued"  # every member of the pool is stopped by a gate
    REJECTED = "rejected"  # the qualification is not routed; revisable when the lead is scored again
    RESTORED = "restored"  # back with the agent who had it: a merge was undone. No turn of the pool's rotation


class Winner(NamedTuple):
    """The agent who gets the lead. Counters of its turns in the pool, open leads and leads of its day: once it has it.

    `period` and `hour` are the key of the day and the number of the hour that the assignment counts in, `work` is what it adds to `open`;
    a cap of None is no cap; `level` is its own in the pool.
    """

    agent_id: UUID
    before: Counters
    after: Counters
    open: int
    open_cap: int | None
    daily: int
    daily_cap: int | None
    period: str
    hour: int = 0
    work: int = 1
    level: int = 1


class Decision(NamedTuple):
    """What was decided for a lead, with all that explains it. A tuple, as `Winner` is: to make one is a fourth of the cost.

    `facts` is what the rules were asked of; `now` is the time that counted, which never goes back in a group. `rule` is
    None where the default pool was taken; `pool` and `winner` are None where there is none. `strategy` is that of the
    pool, `of` the requirement class (`Turns.name`) that the winner was chosen from, and `via` the pool
    that overflowed to it.
    """

    lead_id: UUID
    outcome: Outcome
    qualification: str
    facts: Mapping[str, Any]
    now: datetime
    rule: str | None = None
    pool: str | None = None
    winner: Winner | None = None
    eligible: int = 0
    stopped: Mapping[Gate, int] = MappingProxyType({})
    strategy: str = "rotation"
    of: int | str = EVERYONE
    via: str | None = None

    @property
    def agent_id(self) -> UUID | None:
        return self.winner.agent_id if self.winner else None

    @property
    def home(self) -> str | None:
        """The pool that the lead belongs to, and waits for."""
        return self.via or self.pool

    @property
    def reason(self) -> str:
        """Why, in one sentence for a person."""
        if self.outcome is Outcome.REJECTED:
            return f"Leads qualified as {self.qualification} are not routed."
        chosen = f"rule {self.rule} chose pool {self.home}" if self.rule else f"pool {self.home}"
        chosen += f", which overflows to pool {self.pool}" if self.via else ""
        members = self.eligible + sum(self.stopped.values())
        if self.winner is None:
            return f"Nobody can receive: {chosen}, and {_stops(self.stopped) or 'it has no members'}."
        if self.outcome is Outcome.RESTORED:
            return f"Back with the agent who had it in pool {self.pool}: its merge into another lead was undone."
        first, standing = _chosen(self.strategy, self.winner)
        unfit = self.stopped.get(Gate.REQUIREMENT, 0)
        receive = (
            f"{self.eligible} of {members} members can receive{f' ({unfit} more do not meet what is asked)' if unfit else ''}"
        )
        return f"{first}: {chosen}, {receive}, and {standing}."

    def entry(self, number: int) -> Entry:
        """The ledger entry of an assignment. Raises ValueError for a decision that assigned nobody."""
        if self.winner is None:
            raise ValueError(f"lead {self.lead_id} was {self.outcome}, which is no ledger entry")
        winner = self.winner
        return assigned(
            number,
            self.now,
            agent_id=winner.agent_id,
            lead_id=self.lead_id,
            pool=self.pool,
            turn=self.outcome is Outcome.ASSIGNED,
            period=winner.period,
            hour=winner.hour,
            work=winner.work,
            of=self.of,
        )


def decide(lead: Lead, policy: Policy, state: GroupState, now: datetime) -> Decision:
    """Decides a lead by the policy's rules, in the state of the group that the chosen pool belongs to.

    Raises NotInGroup when the pool belongs to another group; `match_lead` tells the pool beforehand, `reject` whether one is
    needed at all. `now` is aware; the state rolls on to it.
    """
    if rejection := reject(lead, policy, now):
        return rejection
    facts = facts_of(lead)
    return _give(lead, facts, policy.match(facts), state, now, policy)


def decide_in_pool(
    lead: Lead, pool: str, state: GroupState, now: datetime, *, rule: str | None = None, policy: Policy | None = None
) -> Decision:
    """Decides a lead whose pool is known already, as in a hold queue; `rule` is the one that chose the pool.

    Without a policy nothing is asked of who receives it, and no pool overflows.
    """
    return _give(lead, facts_of(lead), Match(rule, pool), state, now, policy)


def restore(lead: Lead, agent_id: UUID, pool: str, state: GroupState, now: datetime) -> Decision | None:
    """The decision that gives a lead back to the agent who had it in this pool; None where that one is not in it any more or may not
    receive now. No turn: whose turn it is stays as it was.

    Raises NotInGroup when the pool belongs to another group.
    """
    now = state.roll(now)
    turns = state.pool(pool).turns
    if agent_id not in turns or not state.availability(agent_id, now).available:
        return None
    if not state.agent(agent_id).has_room(_work_of(lead)(state.agent(agent_id).settings)):
        return None
    return Decision(
        lead_id=lead.lead_id,
        outcome=Outcome.RESTORED,
        qualification=lead.qualification,
        facts=facts_of(lead),
        now=now,
        pool=pool,
        winner=_winner(lead, agent_id, pool, state, turn=False),
        eligible=turns.eligible_count(),
        stopped=state.pool(pool).stopped,
    )


def reject(lead: Lead, policy: Policy, now: datetime) -> Decision | None:
    """The decision for a lead whose qualification is not routed; needs no group. None for every other lead."""
    if lead.qualification in policy.routed:
        return None
    return Decision(lead.lead_id, Outcome.REJECTED, lead.qualification, facts_of(lead), now)


def match_lead(lead: Lead, policy: Policy) -> Match:
    """The pool that a lead belongs to by the policy's rules."""
    return policy.match(facts_of(lead))


def facts_of(lead: Lead) -> dict[str, Any]:
    """What a rule may ask of a lead: its facts, and as `points`, `grade` and `qualification` what scoring found."""
    return {**lead.facts, "points": lead.points, "grade": lead.grade, "qualification": lead.qualification}


def in_order(waiting: Iterable[W]) -> list[W]:
    """Leads of a hold queue as they are to be decided: best first, of equals the oldest."""
    return sorted(waiting, key=lambda lead: (-lead.points, lead.queued_at, lead.lead_id))


def _give(
    lead: Lead, facts: Mapping[str, Any], found: Match, state: GroupState, now: datetime, policy: Policy | None
) -> Decision:
    """The first of the pool and those it overflows to in which somebody may receive; else the lead waits for the pool itself."""
    now, work_of, asked = state.roll(now), _work_of(lead), None
    waits: Decision | None = None
    for name in policy.ways(found.pool) if policy else (found.pool,):
        requirements = policy.requirements(name, found.rule) if policy else ()
        if requirements and policy and asked is None:
            asked = policy.extend(facts)
        among = state.among(name, requirements, asked or facts)
        agent_id = state.next_with_room(name, work_of, among=among)
        if agent_id is not None or waits is None:
            turns, stopped = (pool := state.pool(name)).turns, pool.stopped
            eligible = turns.eligible_count(among)
            if unfit := turns.eligible_count() - eligible:
                stopped[Gate.REQUIREMENT] = unfit
            decision = Decision(
                lead_id=lead.lead_id,
                outcome=Outcome.QUEUED if agent_id is None else Outcome.ASSIGNED,
                qualification=lead.qualification,
                facts=facts,
                now=now,
                rule=found.rule,
                pool=name,
                winner=None if agent_id is None else _winner(lead, agent_id, name, state, turn=True, among=among),
                eligible=eligible,
                stopped=stopped,
                strategy=turns.way.kind,
                of=turns.name(among) if agent_id is not None else EVERYONE,
                via=None if name == found.pool else found.pool,
            )
            if agent_id is not None:
                return decision
            waits = decision
    assert waits is not None
    return waits


def _work_of(lead: Lead) -> Callable[[Settings], int]:
    return lambda settings: settings.work_of(lead.qualification, lead.grade)


def _winner(
    lead: Lead, agent_id: UUID, pool: str, state: GroupState, *, turn: bool, among: frozenset[UUID] | None = None
) -> Winner:
    turns, agent, today = state.pool(pool).turns, state.agent(agent_id), state.today(agent_id)
    before, work = turns.counters(agent_id), _work_of(lead)(agent.settings)
    return Winner(
        agent_id=agent_id,
        before=before,
        after=Counters(before.entitled + turns.share(agent_id, among=among), before.received + 1) if turn else before,
        open=agent.open + work,
        open_cap=agent.caps.open,
        daily=agent.received(today.day.key) + 1,
        daily_cap=agent.caps.day,
        period=today.day.key,
        hour=today.number,
        work=work,
        level=turns.level(agent_id),
    )


def _stops(stopped: Mapping[Gate, int]) -> str:
    return "of its members " + ", ".join(f"{count} {gate.phrase}" for gate, count in stopped.items()) if stopped else ""


def _chosen(strategy: str, winner: Winner) -> tuple[str, str]:
    """What the strategy looks for, and how the winner stood by it."""
    before, held = winner.before, winner.open - winner.work
    turn = f"this one was entitled to {_turns(before.entitled)} turns and had received {before.received}"
    match strategy:
        case "fewest":
            return "Fewest received for its weight", f"this one had received {before.received}"
        case "least_open":
            return "Least open work", f"this one held {held}"
        case "most_spare":
            cap = "has no cap" if winner.open_cap is None else f"may hold {winner.open_cap}"
            return "Most room for open work", f"this one held {held} and {cap}"
        case "waterfall":
            return "Lowest level in which somebody can receive", f"this one is of level {winner.level}; {turn}"
        case "share":
            return "Next in turn by percentage", turn
    return "Next in turn by weight", turn


def _turns(parts: int) -> str:
    """PARTS as turns with two decimals, cut off."""
    return f"{parts // PARTS}.{parts % PARTS * 100 // PARTS:02d}"
