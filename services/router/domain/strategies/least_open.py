"""Least open work: whoever holds the least for its weight, so that weight 2 holds twice as much."""

from __future__ import annotations

from services.router.domain.strategies.line import Line
from services.router.domain.strategies.standings import Standing


class LeastOpen(Line):
    def key(self, one: Standing) -> tuple[int, ...]:
        return (one.open * 10**6 // one.weight,)  # exact for weights up to 1,000, as `rate` is
