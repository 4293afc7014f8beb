"""What a card says of a lead at a moment: points with a reason each, which add up to the score exactly.

A rule gives one reason, a behaviour one for all its occurrences, decayed and rounded once. Then each group that is beyond its bound gives a
reason that takes back what is too much. A score is the sum of its reasons in whole hundredths; nothing else bounds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.scoring.domain.points import shown
from services.scoring.domain.scorecard.card import Facts, Group, Letter, Number, Scorecard
from services.scoring.domain.scorecard.decay import Occurrence, Remembered, remember
from services.scoring.domain.scorecard.reason import CAP, Part, Reason


class Score(NamedTuple):
    """What a lead is worth, in hundredths of a point. `points` are fit and engagement, each the sum of its part's reasons."""

    fit: int
    engagement: int
    points: int
    letter: str
    number: int
    thresholds: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def grade(self) -> str:
        """Letter and number, from A1 to D4 by the default card."""
        return f"{self.letter}{self.number}"


def score(card: Scorecard, facts: Facts, occurrences: Iterable[Occurrence], now: datetime) -> Score:
    """Scores a lead by its facts and by what happened, as of `now`.

    Equal for the same occurrences in whatever order. Never raises for a card that `lint` accepts, whatever the facts and the occurrences'
    data. An occurrence that lies ahead of `now` counts in full: whoever asks for a moment in the past leaves out what came after it.
    """
    fit, fit_reasons = score_fit(card, facts)
    engagement, engagement_reasons = _score_engagement(card, remember(card, occurrences, now))
    return _score(card, fit, engagement, (*fit_reasons, *engagement_reasons))


def relaxed(card: Scorecard, score: Score) -> Score:
    """The same score as if the card's hysteresis had not yet been lost of it. What it still reaches is not yet given up."""
    more = card.hysteresis
    eased = _score(card, score.fit + more, score.engagement + more, score.reasons)
    return eased._replace(points=score.points + more, thresholds=_thresholds(card, score.points + more))


def score_fit(card: Scorecard, facts: Facts) -> tuple[int, list[Reason]]:
    """The rules that match, in the card's order, and the caps of their groups; first what they add up to."""
    told = card.told
    reasons: list[Reason] = []
    total, sums = 0, dict[str, int]()
    for place in card.rules.matching(card.definitions.extend(facts)):
        reason, group = told[place]
        reasons.append(reason)
        total += reason.points
        if group is not None:
            sums[group] = sums.get(group, 0) + reason.points
    return _capped("fit", total, reasons, card.fit_groups, sums)


def _score_engagement(card: Scorecard, remembered: Iterable[Remembered]) -> tuple[int, list[Reason]]:
    reasons: list[Reason] = []
    total, sums = 0, dict[str, int]()
    for one in remembered:
        if points := round(one.worth()):
            behaviour, count = one.behaviour, len(one.ages)
            text = f"{behaviour.reason} ({count} times)" if count > 1 else behaviour.reason
            reasons.append(Reason(behaviour.name, "engagement", text, points, count))
            total += points
            if behaviour.group is not None:
                sums[behaviour.group] = sums.get(behaviour.group, 0) + points
    return _capped("engagement", total, reasons, card.engagement_groups, sums)


def _capped(
    part: Part, total: int, reasons: list[Reason], groups: Mapping[str, Group], sums: Mapping[str, int]
) -> tuple[int, list[Reason]]:
    """With a reason more for each group beyond its bound: what is taken back, or given."""
    for name, points in sums.items():
        if (bound := groups[name].bounded(points)) != points:
            side = "at most" if bound < points else "at least"
            reasons.append(Reason(CAP + name, part, f"{side} {shown(bound)} for {name}", bound - points))
            total += bound - points
    return total, reasons


def letter_of(letters: Sequence[Letter], fit: int) -> str:
    """The first that is reached; the last one catches all."""
    for one in letters:
        if one.min is None or fit >= one.min:
            return one.letter
    return letters[-1].letter


def number_of(numbers: Sequence[Number], engagement: int) -> int:
    """The first that is reached; the last one catches all."""
    for one in numbers:
        if one.min is None or engagement >= one.min:
            return one.number
    return numbers[-1].number


def _score(card: Scorecard, fit: int, engagement: int, reasons: tuple[Reason, ...]) -> Score:
    points = fit + engagement
    letter, number = letter_of(card.letters, fit), number_of(card.numbers, engagement)
    return Score(fit, engagement, points, letter, number, _thresholds(card, points), reasons)


def _thresholds(card: Scorecard, points: int) -> tuple[str, ...]:
    return tuple([one.name for one in card.thresholds if points >= one.min])
