"""Rules of a lead's life: its stages, who may see it, how fast we were, and its timeline as a person reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

SERVICES = ("intake", "scoring", "router", "tracker")  # the way a lead takes, which orders entries of one moment
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
    ASSIGNED = "assigned"
    REJECTED = "rejected"
    ENDED = "ended"


class Until(StrEnum):
    """What a reader may wait for: that the lead is here, has a score, that the router spoke of it, or what it said."""

    VISIBLE = "visible"
    SCORED = "scored"
    ROUTED = "routed"
    QUEUED = "queued"
    ASSIGNED = "assigned"


class LeadClosed(Exception):
    """A lead that is won, lost or disqualified changes its stage no more."""


@dataclass(frozen=True)
class Lead:
    """A lead as the tracker knows it now. What has not come yet is None; `*_seq` is the highest sequence folded from a topic."""

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
    first_assigned_at: datetime | None
    stage: str
    stage_at: datetime | None
    stage_by: str | None
    stage_reason: str | None
    outcome: str | None
    value: float | None
    currency: str | None
    first_responded_at: datetime | None

    @property
    def owner(self) -> UUID | None:
        """The agent whose lead it is: while assigned, and when it was closed in their hands."""
        held = self.routing == Routing.ASSIGNED or (self.routing == Routing.ENDED and self.ended_reason == "closed")
        return self.agent_id if held else None


class Entry(NamedTuple):
    """One event in a lead's timeline. `at` is when it happened by the clock of who said it; (service, sequence) is its identity."""

    lead_id: UUID
    service: str
    sequence: int
    event_id: UUID
    type: str
    at: datetime
    data: Any
    causation: str
    trace_id: str


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
    """Has the lead got as far as a reader waits for? One that is assigned or was rejected is past the queue."""
    if until is Until.VISIBLE:
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


def display_order(entry: Entry) -> tuple[datetime, int, int]:
    """Time sorts what is shown; a lead's way and each service's own numbering order what falls on one moment."""
    rank = SERVICES.index(entry.service) if entry.service in SERVICES else len(SERVICES)
    return entry.at, rank, entry.sequence


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=display_order)


def summary(type_: str, data: Mapping[str, Any]) -> str:
    """One sentence for a person. Holds no contact data. An event of a kind not known here is called by its name."""
    sentence = SENTENCES.get(type_)
    return sentence(data) if sentence else f"{type_}."


def _scored(data: Mapping[str, Any]) -> str:
    reasons = ", ".join(f"{reason['text']} {reason['points']:+d}" for reason in data["reasons"])
    return f"Scored {data['points']}, grade {data['grade']}: {data['qualification']}{f' ({reasons})' if reasons else ''}."


def _stage_changed(data: Mapping[str, Any]) -> str:
    worth = f", worth {data['value']:g} {data.get('currency', '')}".rstrip() if data.get("value") is not None else ""
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"From {data['previous']} to {data['stage']}{worth}, said {data['by']}{reason}."


def _first_responded(data: Mapping[str, Any]) -> str:
    seconds = data.get("seconds")
    return f"First response by {data['by']}{'' if seconds is None else f', {span(seconds)} after receipt'}."


def span(seconds: float) -> str:
    """A length of time in the two largest units that matter: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    whole = round(seconds)
    for unit, name, part, part_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s" if whole else f"{seconds:.3g} s"


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "LeadReceived": lambda data: f"Received from {data['source']}.",
    "LeadScored": _scored,
    "LeadAssigned": lambda data: f"Assigned to {data['agent_name']} in {data['pool']}: {data['why']}",
    "LeadQueued": lambda data: f"Waits in the queue of {data['pool']}: {data['why']}",
    "LeadRejected": lambda data: f"Not routed ({data['code']}): {data['why']}",
    "AssignmentEnded": lambda data: f"The assignment ended: {data['reason']}.",
    "StageChanged": _stage_changed,
    "FirstResponded": _first_responded,
}
