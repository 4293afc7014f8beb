"""Fewest so far: whoever received fewest leads for its weight. A new member starts level, not at nought."""

from __future__ import annotations

from services.router.domain.strategies.line import Line, Place
from services.router.domain.strategies.standings import Standing, rate


class Fewest(Line):
    def place(self, one: Standing) -> Place:
        return rate(one), one.turns[-1], one.tie, one.rank
