"""Least open work: whoever holds the least for its weight, so that weight 2 holds twice as much."""

from __future__ import annotations

from services.router.domain.strategies.line import Line, Place
from services.router.domain.strategies.standings import Standing


class LeastOpen(Line):
    def place(self, one: Standing) -> Place:
        return one.open * 10**6 // one.weight, one.turns[-1], one.tie, one.rank  # exact for weights up to 1,000, as `rate` is
