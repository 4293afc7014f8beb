"""What a decision is, what it is made of, and why, in one sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from services.router.domain.availability import Gate
from services.router.domain.decision.outcome import Outcome, Winner
from services.router.domain.decision.terms import PLAIN, Terms
from services.router.domain.ledger import ASSIGNED, Entry, assignment
from services.router.domain.offers import Offer
from services.router.domain.rotation import PARTS
from services.router.domain.strategies import EVERYONE, Stuck

_ASSIGNED, _FORCED = Outcome.ASSIGNED, Outcome.FORCED  # looked up once: an enumeration finds its members by a function


class Lead(Protocol):
    """What the router must know of a lead. `scored` is what else scoring found: fit, engagement, letter, number, thresholds."""

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
    @property
    def scored(self) -> Mapping[str, Any]: ...


class Decision(NamedTuple):
    """What was decided for a lead, with all that explains it. A tuple, as `Winner` is: to make one is a fourth of the cost.

    `facts` is what the rules were asked of; `now` is the time that counted, which never goes back in a group. `rule` is
    None where the default pool was taken; `pool` and `winner` are None where there is none. `strategy` is that of the
    pool, `of` the requirement class (`Turns.name`) that the winner was chosen from, and `via` the pool
    that overflowed to it. `terms` are what else it was made of; `stuck` is what was found of the lead's own owner; `counts` tells whether
    a lead that no strategy gave out is a turn all the same. `failed` are rules that could not be evaluated, and so did not match.
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
    offer: Offer | None = None
    terms: Terms = PLAIN
    stuck: Stuck | None = None
    counts: bool = False
    failed: tuple[str, ...] = ()

    @property
    def agent_id(self) -> UUID | None:
        return self.winner.agent_id if self.winner else None

    @property
    def home(self) -> str | None:
        """The pool that the lead belongs to, and waits for."""
        return self.via or self.pool

    @property
    def until(self) -> datetime | None:
        """Until when a lead waits for its own owner, where it does and that is known."""
        return self.stuck.until if self.stuck and self.outcome is Outcome.QUEUED else None

    @property
    def reason(self) -> str:
        """Why, in one sentence for a person."""
        return _reason_of(self)

    @property
    def is_turn(self) -> bool:
        return self.counts or self.outcome is _ASSIGNED

    def entry(self, number: int) -> Entry:
        """The ledger entry of an assignment. Raises ValueError for a decision that assigned nobody."""
        if self.winner is None:
            raise ValueError(f"lead {self.lead_id} was {self.outcome}, which is no ledger entry")
        winner, chosen = self.winner, self.outcome is _ASSIGNED
        without = self.terms.without if chosen else ()
        forced = self.outcome is _FORCED
        data = assignment(self.counts or chosen, winner.period, winner.hour, winner.work, self.of, without, forced)
        return Entry(number, ASSIGNED, self.now, winner.agent_id, self.lead_id, self.pool, data)


# -- Why -------------------------------------------------------------------------------------------------------------------------


def _reason_of(decision: Decision) -> str:
    match decision.outcome:
        case Outcome.REJECTED:
            return f"Leads qualified as {decision.qualification} are not routed."
        case Outcome.RESTORED:
            return f"Back with the agent who had it in pool {decision.pool}: its merge into another lead was undone."
        case Outcome.CLAIMED:
            return f"Claimed: the lead was on offer in pool {decision.pool}, and this one was the first."
        case Outcome.BY_HAND:
            return f"Given by hand in pool {decision.pool}, to one who could receive."
        case Outcome.FORCED:
            return f"Forced by hand in pool {decision.pool}; what would have stopped it was passed over."
        case Outcome.OFFERED:
            return _offered(decision)
        case Outcome.KEPT:
            assert decision.stuck
            return f"Kept: {_place(decision)}, and {decision.stuck.reason}."
        case Outcome.QUEUED:
            return _queued(decision)
    return _in_turn(decision)


def _queued(decision: Decision) -> str:
    if decision.until or (decision.stuck and decision.stuck.agent_id):
        assert decision.stuck
        return f"Waits: {_place(decision)}, and {decision.stuck.reason}."
    return f"Nobody can receive: {_place(decision)}, and {_stops(decision.stopped) or 'it has no members'}."


def _offered(decision: Decision) -> str:
    assert decision.offer
    many, seconds = len(decision.offer.agents), decision.offer.seconds
    return f"Offered to {many} who can receive: {_place(decision)}, and the first to claim it within {seconds} seconds gets it."


def _in_turn(decision: Decision) -> str:
    assert decision.winner
    members = decision.eligible + sum(decision.stopped.values())
    first, standing = _chosen(decision.strategy, decision.winner)
    unfit = decision.stopped.get(Gate.REQUIREMENT, 0)
    more = f" ({unfit} more do not meet what is asked)" if unfit else ""
    owner = f"; {decision.stuck.reason}" if decision.stuck and decision.terms.owners else ""
    unclaimed = "nobody claimed it, " if decision.terms.offered and decision.strategy == "claim" else ""
    return f"{first}: {_place(decision)}, {unclaimed}{decision.eligible} of {members} members can receive{more}, and {standing}{owner}."


def _place(decision: Decision) -> str:
    chosen = f"rule {decision.rule} chose pool {decision.home}" if decision.rule else f"pool {decision.home}"
    return f"{chosen}, which overflows to pool {decision.pool}" if decision.via else chosen


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
