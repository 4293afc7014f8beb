"""A lead's timeline: one entry an event, in the order in which a person reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

SERVICES = ("intake", "scoring", "router", "tracker")  # the way a lead takes, which orders entries of one moment
CORRECTED = "corrected"  # likewise: what came before was read anew, by a better mapping
RECOGNISED = "recognised"  # the touch in which nobody came: a person was found to be a known one


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


def display_order(entry: Entry) -> tuple[datetime, int, int]:
    """Time sorts what is shown; a lead's way and each service's own numbering order what falls on one moment."""
    rank = SERVICES.index(entry.service) if entry.service in SERVICES else len(SERVICES)
    return entry.at, rank, entry.sequence


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=display_order)


def times_touched(entries: Iterable[Entry]) -> list[datetime]:
    """When the person came again, earliest first."""
    return sorted(
        entry.at for entry in entries if entry.type == "LeadTouched" and entry.data.get("kind") not in (RECOGNISED, CORRECTED)
    )


def times_active(entries: Iterable[Entry]) -> list[datetime]:
    """When the person did something, earliest first."""
    return sorted(entry.at for entry in entries if entry.type == "ActivityRecorded")
