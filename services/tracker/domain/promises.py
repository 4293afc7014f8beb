"""What was promised on a lead and what became of it, read from its timeline: when it was offered, accepted, and which promises broke."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.tracker.domain.timeline import Entry

BREACH = "breach"  # the step of a promise's clock at which its time was up


class Acceptance(NamedTuple):
    """An agent took a lead on. `seconds` is from the assignment to that, as the router had it; None where it does not say."""

    at: datetime
    by: str
    seconds: float | None


class Breach(NamedTuple):
    """A promise was broken, by its name in the policy and what it times, and who had the lead then, if anybody."""

    sla: str
    clock: str
    breached_at: datetime
    agent_id: UUID | None


def first_offered(entries: Iterable[Entry]) -> datetime | None:
    """When the lead was first offered to somebody."""
    offers = _told(entries, "LeadOffered")
    return datetime.fromisoformat(offers[0].data["offered_at"]) if offers else None


def accepted(entries: Iterable[Entry], assignment_id: UUID | None) -> Acceptance | None:
    """How this assignment was accepted. What another owner of the lead accepted is not asked."""
    for entry in _told(entries, "AssignmentAccepted"):
        if (said := entry.data)["assignment_id"] == str(assignment_id):
            seconds = said.get("seconds")
            return Acceptance(datetime.fromisoformat(said["accepted_at"]), said["by"], seconds and max(0.0, seconds))
    return None


def breaches(entries: Iterable[Entry]) -> list[Breach]:
    """Promises that were broken, in the order in which that was said. That a manager was told of one, later, is no second breach."""
    return [_breach(entry.data) for entry in _told(entries, "SlaBreached") if entry.data["step"] == BREACH]


def _breach(data: Mapping[str, Any]) -> Breach:
    agent_id = data.get("agent_id")
    return Breach(data["sla"], data["clock"], datetime.fromisoformat(data["breached_at"]), UUID(agent_id) if agent_id else None)


def _told(entries: Iterable[Entry], type_: str) -> list[Entry]:
    """What the router told of one kind, in its own order."""
    return sorted((entry for entry in entries if entry.type == type_), key=_sequence)


def _sequence(entry: Entry) -> int:
    return entry.sequence
