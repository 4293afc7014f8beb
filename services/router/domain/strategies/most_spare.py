"""Most spare capacity: whoever has the most room below its cap of open work.

One without a cap has more room than any other; among several of them, and of equal room, the least open work for the
weight is first.
"""

from __future__ import annotations

from services.router.domain.strategies.line import Line, Place
from services.router.domain.strategies.standings import Standing


class MostSpare(Line):
    def place(self, one: Standing) -> Place:
        capped, short = (0, 0) if one.capacity is None else (1, one.open - one.capacity)
        return capped, short, one.open * 10**6 // one.weight, one.turns[-1], one.tie, one.rank
