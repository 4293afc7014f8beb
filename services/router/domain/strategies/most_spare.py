"""Most spare capacity: whoever has the most room below its cap of open work.

One without a cap has more room than any other; among several of them, and of equal room, the least open work for the
weight is first.
"""

from __future__ import annotations

from services.router.domain.strategies.line import Line
from services.router.domain.strategies.standings import Standing


class MostSpare(Line):
    def key(self, one: Standing) -> tuple[int, ...]:
        held = one.open * 10**6 // one.weight
        return (0, 0, held) if one.capacity is None else (1, one.open - one.capacity, held)
