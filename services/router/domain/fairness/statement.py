"""An agent's statement: entitled, received, difference, and the lines that add up to them exactly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.router.domain.fairness.tally import Note
from services.router.domain.rotation import PARTS


class Reason(StrEnum):
    """Why a member is entitled to something or received it. A closed list, in the order of a statement's lines."""

    OPENING = "opening"  # carried from before the group opened; nought for a new member, who starts level
    TURNS = "turns"  # its share of the leads given out, and those it got
    RETURNED = "returned"  # its turns that did not count
    CAUGHT_UP = "caught_up"  # what it missed of leads given out while it was on leave with catch-up
    FORFEITED = "forfeited"  # what the limit of catch-up cut off
    CREDITED = "credited"  # by hand
    DEBITED = "debited"
    OTHERS = "others"  # its part in what others were credited, caught up or left behind: a credit is at the pool's expense


@dataclass(frozen=True, slots=True)
class Line:
    """`entitled` is in PARTS of a turn, `received` in turns; either may be negative. `times` is how often it happened."""

    reason: Reason
    entitled: int
    received: int
    times: int = 0

    @property
    def text(self) -> str:
        """For a person."""
        return _TEXTS[self.reason].format(times=self.times, entitled=turns_text(self.entitled), received=self.received)


@dataclass(frozen=True, slots=True)
class Statement:
    """What one member of a pool was entitled to, in PARTS of a turn, and received, in turns; the lines sum to both.

    `to_come` is what it will be credited for leave that is not over, if that ended now: PARTS of a turn, and in no sum. `notes` are the
    latest credits and debits.
    """

    pool: str
    agent_id: UUID
    weight: int
    entitled: int
    received: int
    lines: tuple[Line, ...]
    to_come: int = 0
    notes: tuple[Note, ...] = ()

    @property
    def difference(self) -> int:
        """In PARTS of a turn: positive is owed, negative is ahead."""
        return self.entitled - PARTS * self.received

    @property
    def text(self) -> str:
        """The difference, in one sentence for a person."""
        turns = turns_text(abs(self.difference))
        standing = (
            "is level" if turns == "0.00" else f"is owed {turns} turns" if self.difference > 0 else f"is {turns} turns ahead"
        )
        later = f" {turns_text(self.to_come)} turns more are credited after its leave." if self.to_come else ""
        return f"Was entitled to {turns_text(self.entitled)} turns and received {self.received}: {standing}.{later}"


def turns_text(parts: int) -> str:
    """PARTS as turns with two decimals, rounded: the floors that shares are made of do not show."""
    hundredths = (abs(parts) * 100 + PARTS // 2) // PARTS
    sign = "-" if parts < 0 and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


_TEXTS = {
    Reason.OPENING: "Carried from before: entitled to {entitled} turns, received {received}.",
    Reason.TURNS: "Its share of the leads given out while it could receive: {entitled} turns; received {received}.",
    Reason.RETURNED: "Leads that went back and count for nobody: {times}.",
    Reason.CAUGHT_UP: "What it missed on leave with catch-up: {entitled} turns.",
    Reason.FORFEITED: "Above what may be caught up, and so left to the pool: {entitled} turns.",
    Reason.CREDITED: "Credits ({times}): {entitled} turns.",
    Reason.DEBITED: "Debits ({times}): {entitled} turns.",
    Reason.OTHERS: "Its part in what others were credited, debited, caught up or left behind: {entitled} turns.",
}
