"""Rate limits: how many deliveries of a source a process takes in a minute. A bucket that fills evenly, so that bursts are allowed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class RateLimits:
    """The buckets of one process; each replica has its own, so the limit of a source is per replica."""

    buckets: dict[Hashable, tuple[float, datetime]] = field(default_factory=dict)

    def take(self, bucket: Hashable, per_minute: int | None, now: datetime) -> bool:
        """Takes one from a bucket, such as a source's; False where it is empty. Where there is no limit there is no bucket."""
        if per_minute is None:
            return True
        level, at = self.buckets.get(bucket, (float(per_minute), now))
        level = min(per_minute, level + max((now - at).total_seconds(), 0.0) * per_minute / 60)
        taken = level >= 1
        self.buckets[bucket] = (level - 1 if taken else level, now)
        return taken
