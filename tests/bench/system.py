"""What a system must offer to be measured; `naive/system.py` is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Counts:
    """Distinct leads that are stored, scored, assigned and in the timeline; equal when all is done."""

    received: int
    scored: int
    assigned: int
    tracked: int

    def complete(self, leads: int) -> bool:
        return self == Counts(leads, leads, leads, leads)


class SystemUnderTest(Protocol):
    """Four stages from intake to timeline, started with an empty database of its own."""

    name: str
    intake_url: str
    """Where one lead is posted, e.g. http://127.0.0.1:8000/v1/leads; known after `start`."""
    token: str
    """Sent as a bearer token; empty when none is needed."""

    async def start(self) -> None:
        """Returns when every process can do its work, so that starting is not charged to the first leads."""

    async def stop(self) -> None:
        """Ends its processes and removes what it made; callable after a failed start."""

    def processes(self) -> Mapping[str, int]:
        """The ids of its service processes by name, without database and broker."""

    async def counts(self) -> Counts:
        """As committed now, over all leads since the start."""

    async def intake_to_assigned(self, since: float) -> list[float]:
        """Seconds from stored receipt to stored assignment of each lead received after `since` (Unix seconds)."""
