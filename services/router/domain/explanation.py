"""A decision looked at again: made anew from what was recorded, and asked why a certain agent did not get the lead.

Pure, and by the very functions that decide: there is no second reading of the rules that could say something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.router.domain.availability import Gate
from services.router.domain.decision import PLACED, PLAIN, Decision, Lead, Outcome, Terms, decide_in_pool, facts_of, place, reject
from services.router.domain.ledger import NotInGroup
from services.router.domain.policy import Policy
from services.router.domain.rotation import PARTS, Counters
from services.router.domain.state import GroupState

MOST_TURNS = 1_000  # that are looked ahead


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of a decision once it is written. `pool` is None where the lead was rejected, for which no group was asked.

    `via` is the pool that the lead belongs to, where that one overflowed to `pool`; `counts` is whether it was a turn though no strategy
    chose, and `offered` are those to whom it was.
    """

    outcome: Outcome
    now: datetime
    rule: str | None
    pool: str | None
    agent_id: UUID | None
    via: str | None = None
    terms: Terms = PLAIN
    counts: bool = False
    offered: tuple[UUID, ...] = ()


class Verdict(StrEnum):
    """What became of an agent in a decision. A closed list."""

    RECEIVED = "received"
    NOT_ROUTED = "not_routed"  # nobody was asked
    NOT_A_MEMBER = "not_a_member"
    STOPPED = "stopped"  # by a gate
    UNFIT = "unfit"  # does not meet what is asked for this lead
    NO_ROOM = "no_room"  # for work as heavy as this lead
    OFFERED = "offered"  # the lead, among others
    REFUSED = "refused"  # had this lead before, or its time passed there
    PLACED = "placed"  # the lead was claimed, given by hand or given back, and nobody else was asked
    KEPT = "kept"  # by the owner of the same contact, company or account; or it waits for that one
    OTHERS_WAITED = "others_waited"  # the lead had to queue behind them
    NOT_IN_TURN = "not_in_turn"  # could receive, and another came first


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer for one agent; `text` reads on from its name.

    `until` is the moment from which time alone may have changed the answer of a gate. `standing` and `winner` are turns before the
    decision; `ahead` is after how many leads, this one among them, the next would have been the agent's if nothing else had happened.
    """

    verdict: Verdict
    text: str
    gate: Gate | None = None
    until: datetime | None = None
    standing: Counters | None = None
    winner: Counters | None = None
    ahead: int | None = None


def decide_again(recorded: Recorded, lead: Lead, policy: Policy, state: GroupState | None) -> Decision | None:
    """The decision as it comes out now; `state` is the group's before it, and rolls on. None where there is none to be made."""
    if recorded.outcome is Outcome.REJECTED or recorded.pool is None or state is None:
        return reject(lead, policy, recorded.now)
    if recorded.outcome in PLACED:
        if recorded.agent_id is None:
            return None
        how, counts = recorded.outcome, recorded.counts
        return place(lead, recorded.agent_id, recorded.pool, state, recorded.now, how=how, counts=counts, rule=recorded.rule)
    pool = recorded.via or recorded.pool
    return decide_in_pool(lead, pool, state, recorded.now, rule=recorded.rule, policy=policy, terms=recorded.terms)


def explain_why_not(agent_id: UUID, recorded: Recorded, lead: Lead, policy: Policy, state: GroupState | None) -> WhyNot:
    """Why the agent did not get the lead. `state` is the group's before the decision; it is used up."""
    if recorded.pool is None or state is None:
        return WhyNot(Verdict.NOT_ROUTED, f"was not asked: leads qualified as {lead.qualification} were not routed")
    now = state.roll(recorded.now)
    pool = next((name for name in (recorded.pool, recorded.via) if name and _is_member(agent_id, name, state)), None)
    if pool is None:
        return WhyNot(Verdict.NOT_A_MEMBER, f"was not a member of pool {recorded.pool}")
    standing = state.pool(pool).turns.counters(agent_id)
    if agent_id == recorded.agent_id:
        return WhyNot(Verdict.RECEIVED, "received the lead", standing=standing, winner=standing)
    if stopped := _stopped(agent_id, recorded, standing, state, now):
        return stopped
    asked = policy.requirements(pool, recorded.rule)
    among = state.among(pool, asked, policy.extend(facts_of(lead)))
    if among is not None and agent_id not in among:
        text = f"could receive, but did not meet what was asked: {' && '.join(one.text for one in asked)}"
        return WhyNot(Verdict.UNFIT, text, Gate.REQUIREMENT, standing=standing)
    if recorded.outcome is Outcome.KEPT or _waited(recorded, lead, policy, state):
        return WhyNot(Verdict.KEPT, "was not asked: the lead belongs to an owner who had one before", standing=standing)
    return _passed_over(agent_id, recorded, lead, pool, among, state)


def _stopped(agent_id: UUID, recorded: Recorded, standing: Counters, state: GroupState, now: datetime) -> WhyNot | None:
    """What kept a member out before anybody's turn was asked for."""
    if agent_id in recorded.offered:
        return WhyNot(Verdict.OFFERED, "was offered the lead, as others were", standing=standing)
    found = state.availability(agent_id, now)
    if not found.available:
        return WhyNot(Verdict.STOPPED, found.text, found.gate, found.until, standing)
    if recorded.outcome in PLACED:
        return WhyNot(Verdict.PLACED, f"was not asked: {_PLACED[recorded.outcome]}", standing=standing)
    if agent_id in recorded.terms.without:
        return WhyNot(
            Verdict.REFUSED, "had this lead already, and does not get it again by itself", Gate.REFUSED, standing=standing
        )
    return None


def _waited(recorded: Recorded, lead: Lead, policy: Policy, state: GroupState) -> bool:
    """Whether a lead queued because it waits for its own owner."""
    if recorded.outcome is not Outcome.QUEUED or not recorded.terms.owners:
        return False
    again = decide_again(recorded, lead, policy, state)
    return again is not None and again.stuck is not None and again.stuck.agent_id is not None


_PLACED = {
    Outcome.CLAIMED: "the lead was on offer, and another claimed it first",
    Outcome.BY_HAND: "the lead was given to another by hand",
    Outcome.FORCED: "the lead was given to another by hand, whatever the gates said",
    Outcome.RESTORED: "the lead went back to who had it before it was merged",
}


def _is_member(agent_id: UUID, pool: str, state: GroupState) -> bool:
    try:
        return agent_id in state.pool(pool).turns
    except NotInGroup:
        return False


def _passed_over(
    agent_id: UUID, recorded: Recorded, lead: Lead, pool: str, among: frozenset[UUID] | None, state: GroupState
) -> WhyNot:
    """Why a member who could receive the lead did not get it."""
    agent, turns = state.agent(agent_id), state.pool(pool).turns
    standing, work = turns.counters(agent_id), agent.settings.work_of(lead.qualification, lead.grade)
    if not agent.has_room(work):
        text = f"held work of {agent.open} and might hold {agent.caps.open}, and this lead is {work} more"
        return WhyNot(Verdict.NO_ROOM, text, Gate.OPEN_CAP, standing=standing)
    if recorded.agent_id is None or recorded.agent_id not in turns:
        return WhyNot(Verdict.OTHERS_WAITED, "could receive, but others waited for the pool and came first", standing=standing)
    winner = turns.counters(recorded.agent_id)
    mine, theirs = (_stood(one, pool, state) for one in (agent_id, recorded.agent_id))
    text = f"could receive, but another came first: this one {mine}, the other {theirs}"
    return WhyNot(Verdict.NOT_IN_TURN, text, standing=standing, winner=winner, ahead=_ahead(agent_id, pool, among, lead, state))


def _stood(agent_id: UUID, pool: str, state: GroupState) -> str:
    """What the pool's strategy looks for, of one member."""
    turns, agent = state.pool(pool).turns, state.agent(agent_id)
    counters = turns.counters(agent_id)
    turn = f"was entitled to {counters.entitled / PARTS:.2f} turns and had received {counters.received}"
    match turns.way.kind:
        case "fewest":
            return f"had received {counters.received} at weight {turns.weight(agent_id)}"
        case "least_open":
            return f"held {agent.open}"
        case "most_spare":
            return f"held {agent.open} and {'has no cap' if agent.caps.open is None else f'might hold {agent.caps.open}'}"
        case "waterfall":
            return f"is of level {turns.level(agent_id)}, {turn}"
    return turn


def _ahead(agent_id: UUID, pool: str, among: frozenset[UUID] | None, lead: Lead, state: GroupState) -> int | None:
    """How many turns the others have before the agent's; None for more than are looked ahead, and where open work counts, of which
    nobody knows when it ends. Takes the turns."""
    turns = state.pool(pool).turns
    if turns.way.kind not in _BY_TURNS:
        return None
    for turn in range(MOST_TURNS):
        following = state.next_with_room(pool, lambda settings: settings.work_of(lead.qualification, lead.grade), among=among)
        if following is None or following == agent_id:
            return turn if following else None
        turns.take(following, of=turns.name(among))
    return None


_BY_TURNS = frozenset(("rotation", "fewest", "share"))
