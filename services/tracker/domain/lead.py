"""A lead: its stages, how far it has got, who may see it, who the person is, how fast we were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.tracker.domain.touches import Filled, completed

YOUNG = timedelta(seconds=60)  # a lead that is unknown for longer than this after its id was made is not on its way
AHEAD = timedelta(minutes=5)  # how far a sender's clock may be ahead of ours


class Stage(StrEnum):
    """Where in its life a lead is. A closed list."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    WON = "won"
    LOST = "lost"
    DISQUALIFIED = "disqualified"


CLOSED = frozenset({Stage.WON, Stage.LOST, Stage.DISQUALIFIED})
RESPONSES = frozenset({Stage.CONTACTED, Stage.QUALIFIED, Stage.WON})  # nobody gets there without having talked to the person


class Routing(StrEnum):
    """How far the router is with a lead. A closed list."""

    PENDING = "pending"
    QUEUED = "queued"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    REJECTED = "rejected"
    ENDED = "ended"


class Until(StrEnum):
    """What a reader may wait for: that the lead is here, has a score, that the router spoke of it, or what it said."""

    VISIBLE = "visible"
    SCORED = "scored"
    ROUTED = "routed"
    QUEUED = "queued"
    OFFERED = "offered"
    ASSIGNED = "assigned"


class LeadClosed(Exception):
    """A lead that is won, lost or disqualified changes its stage no more."""


@dataclass(frozen=True)
class Lead:
    """A lead as the tracker knows it now. What has not come yet is None; `*_seq` is the highest sequence folded from a topic.

    `contact` and `facts` are as they were received, `filled` is what touches added to them. Of an erased lead only `erased_at` is left.
    """

    lead_id: UUID
    sequence: int
    received_seq: int
    received_at: datetime | None
    source: str | None
    contact: Mapping[str, Any] | None
    facts: Mapping[str, Any] | None
    scored_seq: int
    points: int | None
    grade: str | None
    qualification: str | None
    scorecard_version: int | None
    routed_seq: int
    routing: str
    ended_reason: str | None
    owner_seq: int
    assignment_id: UUID | None
    agent_id: UUID | None
    agent_name: str | None
    pool: str | None
    assigned_at: datetime | None
    how: str | None
    first_assigned_at: datetime | None
    stage: str
    stage_at: datetime | None
    stage_by: str | None
    stage_reason: str | None
    outcome: str | None
    value: float | None
    currency: str | None
    first_responded_at: datetime | None
    filled: Filled | None
    corrected: Mapping[str, Any] | None
    contact_seq: int
    contact_id: UUID | None
    merged_seq: int
    merged_into: UUID | None
    erased_at: datetime | None

    @property
    def owner(self) -> UUID | None:
        """The agent whose lead it is: while assigned, and when it was closed in their hands."""
        held = self.routing == Routing.ASSIGNED or (self.routing == Routing.ENDED and self.ended_reason == "closed")
        return self.agent_id if held else None

    @property
    def known_contact(self) -> dict[str, Any] | None:
        """Who the person is: as they said when the lead came, and where they did not, as they said first since."""
        filled, said = self.filled or {}, self._read("contact")
        contact = completed(said, filled.get("contact"))
        extra = completed((said or {}).get("extra"), filled.get("extra"))
        return {**(contact or {}), **({"extra": extra} if extra else {})} if contact or extra or said is not None else None

    @property
    def known_facts(self) -> dict[str, Any] | None:
        """What a rule may ask, likewise completed; the contact's id is the one that holds now."""
        facts = completed(self._read("facts"), (self.filled or {}).get("facts"))
        return facts if self.contact_id is None else {**(facts or {}), "contact_id": str(self.contact_id)}

    def _read(self, block: str) -> Mapping[str, Any] | None:
        """A block as intake reads it now: it may have been read anew, by a better mapping, since the lead came."""
        read: Mapping[str, Any] | None = (self.corrected or {}).get(block, getattr(self, block))
        return read


def advance(current: str, wanted: Stage) -> bool:
    """Does saying `wanted` change the stage? False where it is said again. Raises LeadClosed where the lead is closed otherwise.

    From any open stage to any other: going back from qualified to contacted is a correction. No way leads back to new.
    """
    if wanted == current:
        return False
    if current in CLOSED:
        raise LeadClosed(f"The lead is {current}; that is final.")
    return True


def reached(lead: Lead, until: Until) -> bool:
    """Has the lead got as far as a reader waits for? One that is assigned or was rejected is past the queue; one that was merged into
    another gets no further.
    """
    if until is Until.VISIBLE or lead.merged_into:
        return lead.received_seq > 0
    if until is Until.SCORED:
        return lead.received_seq > 0 and lead.scored_seq > 0
    if until is Until.ROUTED:
        return lead.received_seq > 0 and lead.routed_seq > 0
    return lead.received_seq > 0 and lead.routing == until


def is_young(made_at: datetime | None, now: datetime) -> bool:
    """May a lead whose id was made then (None: not by us) still be on its way here?"""
    return made_at is not None and abs(now - made_at) < YOUNG


def seconds_between(begin: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other; 0 where clocks that disagree would make it negative, None where one is not known."""
    if begin is None or end is None:
        return None
    return max(0.0, (end - begin).total_seconds())
