"""When the next request is due: as soon as a connection is free, or at a time set beforehand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ClosedLoop:
    """The next request is due as soon as a connection is free, until `total` were sent or `seconds` have passed."""

    total: int | None
    seconds: float | None
    start: float = 0.0
    issued: int = 0

    def take(self, now: float) -> float | None:
        """The scheduled time of the request to send now, counted as issued; None when none is due."""
        if self.finished(now):
            return None
        self.issued += 1
        return now

    def finished(self, now: float) -> bool:
        counted = self.total is not None and self.issued >= self.total
        return counted or (self.seconds is not None and now - self.start >= self.seconds)

    def next_due(self) -> float | None:
        return None

    def unsent(self) -> int:
        """Requests still to be sent when the run is cut short."""
        return max(0, (self.total or 0) - self.issued)


@dataclass
class OpenLoop:
    """Request n is due at start + n / rate, whatever became of those before it."""

    rate: float
    seconds: float
    start: float = 0.0
    issued: int = 0

    def take(self, now: float) -> float | None:
        due = self.next_due()
        if due is None or due > now:
            return None
        self.issued += 1
        return due

    def finished(self, now: float) -> bool:
        return self.issued >= self._total()

    def next_due(self) -> float | None:
        return None if self.issued >= self._total() else self.start + self.issued / self.rate

    def unsent(self) -> int:
        return self._total() - self.issued

    def _total(self) -> int:
        return int(self.rate * self.seconds)
