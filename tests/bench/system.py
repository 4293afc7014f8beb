"""What a system must offer to be measured; `naive/system.py` is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Counts:
    """How many of what was accepted came how far: new leads, and touches of leads that were there before.

    The first stage is "received"; all stages are equal when all is done. A system that knows nobody takes everything for a new lead.
    """

    leads: Mapping[str, int]
    touches: Mapping[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.leads["received"] + self.touches.get("received", 0)

    def complete(self, leads: int, touches: int) -> bool:
        return set(self.leads.values()) == {leads} and set(self.touches.values() or [0]) == {touches}


class SystemUnderTest(Protocol):
    """Stages from intake on, started with a database of its own."""

    name: str
    known: int
    """How many contacts its database holds at the start; the leads are a Mix for so many."""
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
        """As committed now, over all that was accepted since the start."""

    async def backlog(self) -> int:
        """What is left to do that nobody waits for, such as weighing fuzzy evidence."""

    async def intake_to_assigned(self, since: float) -> list[float] | None:
        """Seconds from stored receipt to stored assignment of each lead received after `since` (Unix seconds); None without a router."""
