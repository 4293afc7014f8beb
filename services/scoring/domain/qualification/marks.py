"""The points at which a fading score may change a qualification: what the definition's rules compare them with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from services.scoring.domain.points import HUNDRED
from services.scoring.domain.qualification.definition import Definition
from shared.rules import Comparison

# Letter, number, grade and thresholds turn where the scorecard's own steps are, and fit does not fade.
FADING = ("points", "engagement")


@dataclass(frozen=True, slots=True)
class ScoreMarks:
    """Hundredths of a point: a rule can change its answer only where points or engagement fall below one of them, or rise to it.

    `blind`: a rule asks them in a way that cannot be read as comparisons with constants; then any change may matter.
    """

    points: tuple[int, ...] = ()
    engagement: tuple[int, ...] = ()
    blind: bool = False


def score_marks(definition: Definition) -> ScoreMarks:
    """What to watch of a fading score on behalf of this definition."""
    rules = definition.conditions
    points, engagement = (
        {mark for rule in rules for one in rule.conjuncts if one.name == name for mark in marks_of(one, per=HUNDRED)}
        for name in FADING
    )
    blind = any(rule.rest is not None and not rule.rest.names.isdisjoint(FADING) for rule in rules)
    return ScoreMarks(tuple(sorted(points)), tuple(sorted(engagement)), blind)


def marks_of(comparison: Comparison, *, per: int = 1) -> Iterable[int]:
    """The whole numbers, of which `per` make one of the rule's, below which the comparison's answer may be another than from them on."""
    for value in comparison.values:
        if isinstance(value, (int, float)) and abs(value) < 2**40:
            at = round(value * per, 6)  # 12.34 * 100 is a little more than 1234
            if comparison.op not in (">", "<="):
                yield math.ceil(at)
            if comparison.op not in (">=", "<"):
                yield math.floor(at) + 1
