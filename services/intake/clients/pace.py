"""How often a source's sender may be called: a token bucket a source, and a silence after it complained. In this process only."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

BURST = 10.0  # seconds' worth of calls that may be made at once


@dataclass
class Bucket:
    """A token bucket: `per_minute` calls on average, BURST seconds' worth of them at once. Times are seconds that never go back."""

    per_minute: float
    since: float
    tokens: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.tokens = self._full()

    def available(self, now: float) -> int:
        """Calls that may be made now."""
        self.tokens = min(self._full(), self.tokens + (now - self.since) * self.per_minute / 60)
        self.since = now
        return int(self.tokens)

    def take(self, calls: int) -> None:
        self.tokens -= calls

    def _full(self) -> float:
        return max(1.0, self.per_minute * BURST / 60)


class Pace:
    """The buckets of all sources."""

    def __init__(self) -> None:
        self._buckets: dict[UUID, Bucket] = {}
        self._silent: dict[UUID, float] = {}

    def available(self, source_id: UUID, per_minute: float, now: float) -> int:
        if self._silent.get(source_id, now) > now:
            return 0
        bucket = self._buckets.setdefault(source_id, Bucket(per_minute, now))
        bucket.per_minute = per_minute
        return bucket.available(now)

    def take(self, source_id: UUID, calls: int = 1) -> None:
        """Counts calls that `available` allowed."""
        self._buckets[source_id].take(calls)

    def hold(self, source_id: UUID, until: float) -> None:
        """No calls before then."""
        self._silent[source_id] = until

    def forgive(self, source_id: UUID) -> None:
        """Ends a hold: somebody repaired what was wrong."""
        self._silent.pop(source_id, None)
