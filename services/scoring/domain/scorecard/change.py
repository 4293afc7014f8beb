"""When what is announced of a lead would change by itself: by forgetting, with nothing else happening.

The occurrences of one behaviour fade together, so `ahead` seconds from a moment their worth lies between what it is then and that times
2^(-ahead/half-life). Rounding, caps and sums keep the order of such bounds. So the engagement lies between two bounds that only part as
time goes on, and the last second at which both are within what is announced is found by bisection. From there it starts anew:
conservative advancement (B. Mirtich, 1996), as colliding bodies are found. Where all points have one sign, the first step is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp2, inf
from typing import Protocol

from services.scoring.domain.scorecard.announce import Announced
from services.scoring.domain.scorecard.card import Facts, Group, Scorecard
from services.scoring.domain.scorecard.decay import Occurrence, Remembered, remember
from services.scoring.domain.scorecard.scoring import score_fit

HORIZON = timedelta(days=365)
SHORTEST = 60  # seconds; so that a timer that is set again and again gets on
STEPS = 64
BLIND = timedelta(days=1)
_HORIZON = int(HORIZON.total_seconds())


class Marks(Protocol):
    """Hundredths of the whole score and of the engagement below which a qualification may be another than from them on.

    `blind`: it asks points in a way that cannot be read as comparisons with constants; such a lead is looked at once a day.
    """

    @property
    def points(self) -> Sequence[int]: ...
    @property
    def engagement(self) -> Sequence[int]: ...
    @property
    def blind(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _NoMarks:
    points: tuple[int, ...] = ()
    engagement: tuple[int, ...] = ()
    blind: bool = False


NO_MARKS: Marks = _NoMarks()


def next_change(
    card: Scorecard,
    facts: Facts,
    occurrences: Iterable[Occurrence],
    announced: Announced,
    now: datetime,
    *,
    marks: Marks = NO_MARKS,
    fit: int | None = None,
) -> datetime | None:
    """When to look at this lead again: before that, nothing announced changes, but for the last minute before it. None: never again.

    At least a minute from now and at most `HORIZON`. It may be too early, never more than a minute too late. `announced` is what
    `announce` said of the score at `now`. `marks` are the points at which the qualification may turn. `fit` is the score's,
    where it is known, so that the rules are not asked again.
    """
    fading = _Fading(card.engagement_groups, remember(card, occurrences, now))
    if not fading.fades:
        return None
    if fit is None:
        fit, _ = score_fit(card, facts)
    seconds = _seconds_until(fading, _room(card, announced, fit, fading.engagement(0), marks))
    if marks.blind and fading.bounds(0, inf) != (fading.engagement(0),) * 2:
        seconds = min(BLIND.total_seconds(), inf if seconds is None else seconds)
    return None if seconds is None else now + timedelta(seconds=seconds)


def _seconds_until(fading: _Fading, room: _Room) -> float | None:
    elapsed = 0
    for _ in range(STEPS):
        if room.holds(*fading.bounds(elapsed, inf)):
            return None
        elapsed += max(fading.safe(elapsed, room) + 1, SHORTEST)
        if elapsed >= _HORIZON:
            return _HORIZON
        if not room.holds(engagement := fading.engagement(elapsed), engagement):
            break
    return elapsed


@dataclass(frozen=True, slots=True)
class _Room:
    """Engagements, in hundredths, at which what is announced stays as it is: from `least` to below `limit`."""

    least: float
    limit: float

    def holds(self, low: float, high: float) -> bool:
        return self.least <= low and high < self.limit


def _room(card: Scorecard, announced: Announced, fit: int, engagement: int, marks: Marks) -> _Room:
    falls, rises = [-inf], [inf]
    better: int | None = None
    for step in card.numbers:
        if step.number == announced.number:
            falls.append(-inf if step.min is None else step.min - card.hysteresis)
            break
        better = step.min
    if better is not None:
        rises.append(better)
    for threshold in card.thresholds:
        if threshold.name in announced.thresholds:
            falls.append(threshold.min - card.hysteresis - fit)
        else:
            rises.append(threshold.min - fit)
    for cut in (*[cut - fit for cut in marks.points], *marks.engagement):
        if cut > engagement:
            rises.append(cut)
        if cut - card.hysteresis <= engagement:
            falls.append(cut - card.hysteresis)
    return _Room(max(falls), min(rises))


class _Fading:
    """The engagement from now on, if nothing else happens."""

    def __init__(self, groups: Mapping[str, Group], remembered: Sequence[Remembered]) -> None:
        self._groups, self._remembered = groups, remembered
        self.fades = any(one.behaviour.half_life is not None for one in remembered)

    def engagement(self, elapsed: int) -> int:
        """In hundredths, `elapsed` seconds from now."""
        return self._sum([(one.behaviour.group, round(one.worth(elapsed))) for one in self._remembered])

    def bounds(self, elapsed: int, ahead: float) -> tuple[int, int]:
        """The least and the most that the engagement can be at any moment from `elapsed` seconds to `ahead` seconds later."""
        return self._between([(one, one.worth(elapsed)) for one in self._remembered], ahead)

    def safe(self, elapsed: int, room: _Room) -> int:
        """For how many whole seconds from `elapsed` on the engagement is surely within the room; -1 where it is not even now."""
        worths = [(one, one.worth(elapsed)) for one in self._remembered]
        safe, unsafe = -1, _HORIZON
        while unsafe - safe > 1:
            middle = (safe + unsafe) // 2
            if room.holds(*self._between(worths, middle)):
                safe = middle
            else:
                unsafe = middle
        return safe

    def _between(self, worths: Sequence[tuple[Remembered, float]], ahead: float) -> tuple[int, int]:
        low, high = [], []
        for one, worth in worths:
            group, half_life = one.behaviour.group, one.behaviour.half_life
            later = worth if half_life is None else worth * exp2(-ahead / half_life)
            low.append((group, round(min(worth, later))))
            high.append((group, round(max(worth, later))))
        return self._sum(low), self._sum(high)

    def _sum(self, worths: Iterable[tuple[str | None, int]]) -> int:
        total, sums = 0, dict.fromkeys(self._groups, 0)
        for group, points in worths:
            if group is None:
                total += points
            else:
                sums[group] += points
        return total + sum(self._groups[group].bounded(points) for group, points in sums.items())
