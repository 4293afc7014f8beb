"""What happened to leads at the desk, as it is told outside: one value each, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.router.domain.decision import Decision
from services.router.domain.lead import Held, Offered
from services.router.domain.sla import Clock, Step


class How(StrEnum):
    """How a lead came to its owner. A closed list."""

    DECIDED = "decided"
    STICKY = "sticky"
    CLAIMED = "claimed"
    BY_HAND = "by_hand"
    FORCED = "forced"
    RESTORED = "restored"
    NEXT_AGENT = "next_agent"  # the time of the one before was up
    REROUTED = "rerouted"
    HANDED_OVER = "handed_over"


class Assigned(NamedTuple):
    """`why` is for a person."""

    decision: Decision
    held: Held
    how: How
    why: str


@dataclass(frozen=True, slots=True)
class OfferMade:
    decision: Decision
    offered: Offered


@dataclass(frozen=True, slots=True)
class Waited:
    """The lead queues. `why` is for a person."""

    decision: Decision
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The lead is not routed. `code` is for a machine, `why` for a person."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An assignment is over; `by` is who said so, `why` what they said, where somebody did."""

    held: Held
    reason: str
    at: datetime
    gave_back: bool = False
    outcome: str | None = None
    by: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    held: Held
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Warned:
    """The owner is told that a promise's time passes; `due_at` is when it breaks."""

    clock: Clock
    step: Step
    held: Held | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Breached:
    """A promise is broken, or its breach is taken to the manager. `step` is None where an action told it that came too late."""

    clock: Clock
    step: Step | None
    held: Held | None
    at: datetime
    manager_id: UUID | None = None


Happening = Assigned | OfferMade | Waited | Refused | Ended | Accepted | Warned | Breached
