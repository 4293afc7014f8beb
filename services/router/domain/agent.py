"""An agent as the ledger left it, and the one truth on whether it can receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.router.domain.period import Period, days_before

# A change of zone moves the local date by two days at most; a count older than that can never be asked for again.
KEPT_DAYS = 3


class Gate(StrEnum):
    """Why an agent cannot receive. A closed list, in the order in which they are asked."""

    INACTIVE = "inactive"
    OPEN_CAP = "open_cap"
    DAILY_CAP = "daily_cap"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why an agent cannot receive now, for a person; `until` is the next change, where time alone will bring one."""

    gate: Gate
    text: str
    until: datetime | None = None


@dataclass(slots=True)
class Agent:
    """Settings and counts of one agent. A cap of None is no cap; `zone` is an IANA name.

    `open` is how many assignments are open; `counts` is how many were counted, by period key.
    """

    active: bool
    daily_cap: int | None
    open_cap: int | None
    zone: str
    open: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def gate(self, today: Period) -> Gate | None:
        """What stops the agent from receiving, or None: the one truth. Caps gate new assignments only."""
        if not self.active:
            return Gate.INACTIVE
        if self.open_cap is not None and self.open >= self.open_cap:
            return Gate.OPEN_CAP
        if self.daily_cap is not None and self.received(today) >= self.daily_cap:
            return Gate.DAILY_CAP
        return None

    def unavailable(self, today: Period) -> Unavailable | None:
        """The same, in words."""
        match self.gate(today):
            case Gate.INACTIVE:
                return Unavailable(Gate.INACTIVE, "is not active")
            case Gate.OPEN_CAP:
                return Unavailable(Gate.OPEN_CAP, f"holds {self.open} open leads and may hold {self.open_cap}")
            case Gate.DAILY_CAP:
                day = f"{today.key} ({self.zone})"
                text = f"received {self.received(today)} leads on {day} and may receive {self.daily_cap}"
                return Unavailable(Gate.DAILY_CAP, text, today.ends if self.daily_cap else None)
        return None

    def received(self, today: Period) -> int:
        """Assignments counted in a period."""
        return self.counts.get(today.key, 0)

    def assign(self, period: str) -> None:
        """Opens one assignment, counted in the period of that key."""
        self.open += 1
        if period not in self.counts:
            oldest = days_before(period, KEPT_DAYS)
            self.counts = {key: count for key, count in self.counts.items() if key >= oldest}
        self.counts[period] = self.counts.get(period, 0) + 1

    def end(self, *, give_back: str | None) -> None:
        """Closes one assignment; `give_back` is the period whose count it is taken off."""
        self.open -= 1
        if give_back in self.counts:
            self.counts[give_back] -= 1
            if not self.counts[give_back]:
                del self.counts[give_back]

    def change(self, data: Mapping[str, Any]) -> None:
        """Takes the settings of an `agent_changed` entry; what was counted stays."""
        self.active, self.zone = data["active"], data["zone"]
        self.daily_cap, self.open_cap = data["daily_cap"], data["open_cap"]

    def copy(self) -> Agent:
        return Agent(self.active, self.daily_cap, self.open_cap, self.zone, self.open, dict(self.counts))

    def to_document(self) -> dict[str, Any]:
        """The agent as data that JSON can carry; `Agent(**document)` reads it back."""
        settings = {"active": self.active, "daily_cap": self.daily_cap, "open_cap": self.open_cap, "zone": self.zone}
        return {**settings, "open": self.open, "counts": dict(sorted(self.counts.items()))}
