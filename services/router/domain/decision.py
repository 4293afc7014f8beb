"""The decision: who gets a lead, and why.

Pure: deciding changes nothing, save that the state moves on to `now`. Whoever asks appends `Decision.entry` to the
ledger and applies it to the state before the next decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.availability import Gate
from services.router.domain.ledger import Entry, assigned
from services.router.domain.policy import Match, Policy
from services.router.domain.rotation import PARTS, Counters
from services.router.domain.state import GroupState


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


@dataclass(frozen=True, slots=True)
class Winner:
    """The agent who gets the lead. Counters of its turns in the pool, open leads and leads of its day: once it has it.

    `period` and `hour` are the key of the day and the number of the hour that the assignment counts in, `work` is what it adds to `open`;
    a cap of None is no cap.
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


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a lead, with all that explains it.

    `facts` is what the rules were asked of; `now` is the time that counted, which never goes back in a group. `rule` is
    None where the default pool was taken; `pool` and `winner` are None where there is none.
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
    stopped: Mapping[Gate, int] = field(default_factory=dict)

    @property
    def agent_id(self) -> UUID | None:
        return self.winner.agent_id if self.winner else None

    @property
    def reason(self) -> str:
        """Why, in one sentence for a person."""
        if self.outcome is Outcome.REJECTED:
            return f"Leads qualified as {self.qualification} are not routed."
        chosen = f"rule {self.rule} chose pool {self.pool}" if self.rule else f"pool {self.pool}"
        members = self.eligible + sum(self.stopped.values())
        if self.winner is None:
            return f"Nobody can receive: {chosen}, and {_stops(self.stopped) or 'it has no members'}."
        if self.outcome is Outcome.RESTORED:
            return f"Back with the agent who had it in pool {self.pool}: its merge into another lead was undone."
        before = self.winner.before
        standing = f"this one was entitled to {_turns(before.entitled)} turns and had received {before.received}"
        return f"Next in turn by weight: {chosen}, {self.eligible} of {members} members can receive, and {standing}."

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
        )


def decide(lead: Lead, policy: Policy, state: GroupState, now: datetime) -> Decision:
    """Decides a lead by the policy's rules, in the state of the group that the chosen pool belongs to.

    Raises NotInGroup when the pool belongs to another group; `match_lead` tells the pool beforehand, `reject` whether one is
    needed at all. `now` is aware; the state rolls on to it.
    """
    if rejection := reject(lead, policy, now):
        return rejection
    facts = facts_of(lead)
    return _give(lead, facts, policy.match(facts), state, now)


def decide_in_pool(lead: Lead, pool: str, state: GroupState, now: datetime, *, rule: str | None = None) -> Decision:
    """Decides a lead whose pool is known already, as in a hold queue; `rule` is the one that chose the pool."""
    return _give(lead, facts_of(lead), Match(rule, pool), state, now)


def restore(lead: Lead, agent_id: UUID, pool: str, state: GroupState, now: datetime) -> Decision | None:
    """The decision that gives a lead back to the agent who had it in this pool; None where that one is not in it any more or may not
    receive now. No turn: whose turn it is stays as it was.

    Raises NotInGroup when the pool belongs to another group.
    """
    now = state.roll(now)
    rotation = state.pool(pool).rotation
    if agent_id not in rotation or not state.availability(agent_id, now).available:
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
        eligible=rotation.eligible_count,
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


def _give(lead: Lead, facts: Mapping[str, Any], found: Match, state: GroupState, now: datetime) -> Decision:
    now = state.roll(now)
    pool = state.pool(found.pool)
    agent_id = state.next_with_room(found.pool, _work_of(lead))
    return Decision(
        lead_id=lead.lead_id,
        outcome=Outcome.QUEUED if agent_id is None else Outcome.ASSIGNED,
        qualification=lead.qualification,
        facts=facts,
        now=now,
        rule=found.rule,
        pool=found.pool,
        winner=None if agent_id is None else _winner(lead, agent_id, found.pool, state, turn=True),
        eligible=pool.rotation.eligible_count,
        stopped=pool.stopped,
    )


def _work_of(lead: Lead) -> Callable[[Settings], int]:
    return lambda settings: settings.work_of(lead.qualification, lead.grade)


def _winner(lead: Lead, agent_id: UUID, pool: str, state: GroupState, *, turn: bool) -> Winner:
    rotation, agent, today = state.pool(pool).rotation, state.agent(agent_id), state.today(agent_id)
    before, work = rotation.counters(agent_id), _work_of(lead)(agent.settings)
    return Winner(
        agent_id=agent_id,
        before=before,
        after=Counters(before.entitled + rotation.share(agent_id), before.received + 1) if turn else before,
        open=agent.open + work,
        open_cap=agent.caps.open,
        daily=agent.received(today.day.key) + 1,
        daily_cap=agent.caps.day,
        period=today.day.key,
        hour=today.number,
        work=work,
    )


def _stops(stopped: Mapping[Gate, int]) -> str:
    return "of its members " + ", ".join(f"{count} {gate.phrase}" for gate, count in stopped.items()) if stopped else ""


def _turns(parts: int) -> str:
    """PARTS as turns with two decimals, cut off."""
    return f"{parts // PARTS}.{parts % PARTS * 100 // PARTS:02d}"
