"""Forgetting: what occurrences of a behaviour are still worth, by exponential decay at the behaviour's half-life.

The sum is taken with `math.fsum`, which is correctly rounded in whatever order the terms come, and then rounded once to hundredths, half to
even. So the order in which activities arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import exp2, fsum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from services.scoring.domain.scorecard.card import Behaviour, Scorecard

NOTHING: Mapping[str, object] = MappingProxyType({})


class Occurrence(NamedTuple):
    """Something that happened once. `data` is what is known of it, by the names of `vocabulary.ACTIVITY` and the card's own."""

    id: UUID
    kind: str
    at: datetime
    source: str | None = None
    data: Mapping[str, object] = NOTHING


class Remembered(NamedTuple):
    """What counts of one behaviour: how many seconds ago each of its newest occurrences was, negative for one that lies ahead."""

    behaviour: Behaviour
    ages: list[float]

    def worth(self, ahead: float = 0.0) -> float:
        """Hundredths, not rounded, `ahead` seconds from now. An occurrence ahead of the clock has not begun to fade."""
        ages, points, half_life = self.ages, self.behaviour.points, self.behaviour.half_life
        if half_life is None:
            return float(points * len(ages))
        if len(ages) == 1:
            age = ages[0] + ahead
            return points * exp2(-age / half_life) if age > 0.0 else float(points)
        return fsum([points * exp2(-(age + ahead) / half_life) if age + ahead > 0.0 else points for age in ages])


def remember(card: Scorecard, occurrences: Iterable[Occurrence], now: datetime) -> list[Remembered]:
    """By behaviour, in the card's order, what counts of these occurrences: of each the newest `times`."""
    behaviours, listeners = card.behaviours, card.listeners
    found: dict[int, list[float]] = {}
    for occurrence in occurrences:
        age: float | None = None
        for place, asks in listeners.get(occurrence.kind, ()):
            if asks is None or asks({**occurrence.data, "kind": occurrence.kind, "source": occurrence.source}):
                if age is None:
                    age = (now - occurrence.at).total_seconds()
                found.setdefault(place, []).append(age)
    return [Remembered(behaviours[place], _newest(behaviours[place].times, found[place])) for place in sorted(found)]


def _newest(times: int, ages: list[float]) -> list[float]:
    """Of those of one moment, which are as old and worth as much, it does not matter which."""
    return ages if len(ages) <= times else sorted(ages)[:times]
