"""Cheap answers to when a lead may fade: never too late, and rarely early by much.

An engagement that nothing counts against can only fall. What is left of evidence, rounded to whole per cent, is at least its exponential
less one half. A floor's exponential is solved; a total's sum of exponentials is convex and falls, so that Newton's method from now on stays
before the root however few steps it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import exp2, log, log2
from typing import NamedTuple

from services.scoring.domain.qualification import Definition, Evidence, Judgement, Level, Outcome, confidence_of
from services.scoring.domain.scorecard import Announced, Marks, Score, Scorecard

NEVER = datetime.max.replace(tzinfo=UTC)
STEPS = 3
SOON = 0.05  # days; what is nearer is worth a closer look
_DAY = timedelta(days=1)
_LN2 = log(2)


def engagement_is_idle(card: Scorecard, marks: Marks, score: Score, announced: Announced) -> bool:
    """Whether forgetting changes nothing that is announced, to the last point. False also where only a closer look can tell.

    Where nothing counts against the lead, its engagement can only fall, and not below nought.
    """
    if marks.blind or any(
        one.points < 0 and not one.name.startswith("cap:") for one in score.reasons if one.part == "engagement"
    ):
        return False
    eased = card.hysteresis
    held = [step.min - eased for step in card.numbers if step.number == announced.number and step.min is not None]
    held += [one.min - eased - score.fit for one in card.thresholds if one.name in announced.thresholds]
    held += [cut - eased - score.fit for cut in marks.points]
    held += [cut - eased for cut in marks.engagement]
    return not any(0 < least <= score.engagement for least in held)


class _Fading(NamedTuple):
    """Per cent now, unrounded, and days in which half of it is forgotten; None where nothing is."""

    left: float
    half_life: float | None


def levels_of(definition: Definition) -> Mapping[str, Level]:
    """The levels that only floors and totals hold a lead in; none where a rule asks a confidence."""
    confidences = {confidence_of(name) for name in definition.dimensions}
    if any(not confidences.isdisjoint(rule.names) for rule in definition.conditions):
        return {}
    return {level.name: level for level in definition.levels}


def early_look(levels: Mapping[str, Level], definition: Definition, judgement: Judgement, now: datetime) -> datetime | None:
    """Until when evidence that fades surely leaves a qualified lead in its level. None: only a closer look can tell."""
    level = levels.get(judgement.level or "") if judgement.outcome is Outcome.QUALIFIED else None
    if level is None:
        return None
    known = {name: _fading(one, definition.dimensions[name].half_life_days) for name, one in judgement.dimensions.items()}
    days = [_until(known[name], floor - 0.5) for name, floor in level.floors.items()]
    if level.total is not None:
        days.append(_until_total(list(known.values()), level.total))
    soonest = min(days, default=None)
    if soonest is None or soonest > 366:
        return NEVER
    return now + soonest * _DAY if soonest > SOON else None


def _fading(evidence: Evidence, half_life: float | None) -> _Fading:
    if half_life is None:
        return _Fading(evidence.stated, None)
    return _Fading(evidence.stated * exp2(-(evidence.age / _DAY) / half_life), half_life)


def _until(one: _Fading, least: float) -> float:
    """Days until less than `least` is left; a second less, for rounding."""
    if one.half_life is None:
        return float("inf")
    return one.half_life * log2(one.left / least) - 1 / 86_400 if one.left > least else 0.0


def _until_total(known: Sequence[_Fading], total: int) -> float:
    """Days until less than `total` may be left of all together; 0 where it is too near to tell."""
    lasting = sum(one.left for one in known if one.half_life is None)
    fading = [(one.left, one.half_life) for one in known if one.half_life is not None]
    least = total + 0.5 * len(fading) - lasting
    if least <= 0:
        return float("inf")
    days = 0.0
    for _ in range(STEPS):
        terms = [(left * exp2(-days / half_life), half_life) for left, half_life in fading]
        over = sum(left for left, _ in terms) - least
        if over <= 0:
            break
        days += over / (_LN2 * sum(left / half_life for left, half_life in terms))
    return days - 1 / 86_400
