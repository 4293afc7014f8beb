"""Why, in one sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.router.domain.availability import Gate
from services.router.domain.decision.outcome import Outcome, Winner
from services.router.domain.rotation import PARTS

if TYPE_CHECKING:
    from services.router.domain.decision.values import Decision


def reason_of(decision: Decision) -> str:
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
    unclaimed = "nobody claimed it, " if decision.terms.offered else ""
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
