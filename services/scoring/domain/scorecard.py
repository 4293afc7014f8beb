"""The scorecard, as values, and what it says of a lead: additive points with a reason each, a grade, a qualification."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from shared.rules import Condition, Facts, Predicate, compile_conditions

MIN_POINTS, MAX_POINTS = 0, 100
UNQUALIFIED = "unqualified"


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence for a person, and the points it stands for. The reasons of a score add up to its points."""

    text: str
    points: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Adds `points` (or takes them away) where all conditions hold; without conditions, always."""

    name: str
    when: tuple[Condition, ...]
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of every lead with at least `min` points that no better grade took."""

    grade: str
    min: int


@dataclass(frozen=True, slots=True)
class Qualification:
    """What a lead is where it has at least `min` points and all conditions hold."""

    qualification: str
    min: int
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorecard says of a lead: 0 to 100 points, and why."""

    points: int
    grade: str
    qualification: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Scorecard:
    """Rules that add up, grades from the best to the last, and qualifications of which the first that matches holds.

    A scorecard is taken as it is; `lint` judges it. It is compiled once, when it first scores.
    """

    rules: tuple[Rule, ...]
    grades: tuple[Grade, ...]
    qualifications: tuple[Qualification, ...]
    name: str | None = None

    @cached_property
    def _rules(self) -> tuple[tuple[Predicate, Reason], ...]:
        return tuple((compile_conditions(rule.when), Reason(rule.reason, rule.points)) for rule in self.rules)

    @cached_property
    def _qualifications(self) -> tuple[tuple[Predicate, int, str], ...]:
        return tuple((compile_conditions(one.when), one.min, one.qualification) for one in self.qualifications)

    def reasons(self, facts: Facts) -> list[Reason]:
        """Those of the rules that match, in the rules' order."""
        return [reason for matches, reason in self._rules if matches(facts)]

    def grade(self, points: int) -> str:
        """The first grade that is reached; the last one catches all."""
        return next((one.grade for one in self.grades if points >= one.min), self.grades[-1].grade)

    def qualification(self, points: int, facts: Facts) -> str:
        """The first qualification that matches, else `unqualified`."""
        for matches, least, name in self._qualifications:
            if points >= least and matches(facts):
                return name
        return UNQUALIFIED


def evaluate(scorecard: Scorecard, facts: Facts) -> Score:
    """Scores a lead by its facts. Never raises for a scorecard in which `lint` found nothing, whatever the facts."""
    reasons = scorecard.reasons(facts)
    total = sum(reason.points for reason in reasons)
    points = min(max(total, MIN_POINTS), MAX_POINTS)
    # A bound is a reason like any other, so that whoever adds the reasons up arrives at the points.
    if total > MAX_POINTS:
        reasons.append(Reason(f"capped at {MAX_POINTS}", points - total))
    elif total < MIN_POINTS:
        reasons.append(Reason(f"not below {MIN_POINTS}", points - total))
    return Score(points, scorecard.grade(points), scorecard.qualification(points, facts), tuple(reasons))
