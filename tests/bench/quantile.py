"""Quantiles of a list of measurements, by nearest rank: every figure printed is one that was really measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at `share` (0 to 1] of a sorted sequence that is not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_milliseconds(seconds: Iterable[float]) -> dict[str, float]:
    """`QUANTILES` of durations given in seconds, in milliseconds; empty when nothing was measured."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {name: round(quantile(ordered, share) * 1000, 3) for name, share in QUANTILES.items()}
