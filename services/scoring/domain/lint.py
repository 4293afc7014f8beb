"""What is wrong with a scorecard, found before it can be active."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from services.scoring.domain.scorecard import MAX_POINTS, MIN_POINTS, Grade, Qualification, Rule, Scorecard
from shared.rules import Condition, Problem, check, implies

MAX_RULES = 100
MAX_GRADES = 20
MAX_QUALIFICATIONS = 50
MAX_NAME = 100
# A lead that matches every rule must still fit into one event with its facts: 100 reasons of 200 characters do.
MAX_REASON = 200
MAX_WHOLE = 2**53  # beyond it, JSON readers disagree about a number
_QUALIFICATION = re.compile(r"[a-z][a-z0-9_]{0,62}")


def lint(scorecard: Scorecard) -> list[Problem]:
    """All problems of a scorecard; it may be activated when there are none. Paths point into its document."""
    return [
        *_of_name(scorecard.name),
        *_of_rules(scorecard.rules),
        *_of_grades(scorecard.grades),
        *_of_qualifications(scorecard.qualifications),
        *_unreachable(scorecard.qualifications),
    ]


def _of_name(name: str | None) -> Iterator[Problem]:
    if name is not None and (fault := _text_fault(name, MAX_NAME)):
        yield Problem("/name", fault)


def _of_rules(rules: Sequence[Rule]) -> Iterator[Problem]:
    if len(rules) > MAX_RULES:
        yield Problem("/rules", f"must hold at most {MAX_RULES} rules")
        return
    seen = set()
    for index, rule in enumerate(rules):
        path = f"/rules/{index}"
        if rule.name in seen:
            yield Problem(f"{path}/name", "is the name of an earlier rule")
        yield from _of_rule(rule, path)
        seen.add(rule.name)


def _of_rule(rule: Rule, path: str) -> Iterator[Problem]:
    if fault := _text_fault(rule.name, MAX_NAME):
        yield Problem(f"{path}/name", fault)
    if fault := _text_fault(rule.reason, MAX_REASON):
        yield Problem(f"{path}/reason", fault)
    if not -MAX_POINTS <= rule.points <= MAX_POINTS or rule.points == 0:
        yield Problem(f"{path}/points", f"must be from {-MAX_POINTS} to {MAX_POINTS}, and not 0")
    yield from _of_conditions(rule.when, f"{path}/when")


def _of_grades(grades: Sequence[Grade]) -> Iterator[Problem]:
    if not 1 <= len(grades) <= MAX_GRADES:
        yield Problem("/grades", f"must hold 1 to {MAX_GRADES} grades")
        return
    for index, grade in enumerate(grades):
        if fault := _text_fault(grade.grade, MAX_NAME):
            yield Problem(f"/grades/{index}/grade", fault)
        if grade.grade in {earlier.grade for earlier in grades[:index]}:
            yield Problem(f"/grades/{index}/grade", "is an earlier grade")
        if fault := _min_fault(grade.min):
            yield Problem(f"/grades/{index}/min", fault)
        elif index and grade.min >= grades[index - 1].min:
            yield Problem(f"/grades/{index}/min", "must be less than that of the grade before")
    if grades[-1].min != MIN_POINTS:
        yield Problem(f"/grades/{len(grades) - 1}/min", f"must be {MIN_POINTS}, for the last grade catches all")


def _of_qualifications(qualifications: Sequence[Qualification]) -> Iterator[Problem]:
    if len(qualifications) > MAX_QUALIFICATIONS:
        yield Problem("/qualifications", f"must hold at most {MAX_QUALIFICATIONS} qualifications")
        return
    for index, one in enumerate(qualifications):
        path = f"/qualifications/{index}"
        if not _QUALIFICATION.fullmatch(one.qualification):
            yield Problem(f"{path}/qualification", "must be lower case letters, digits and underscores, such as sales_qualified")
        if fault := _min_fault(one.min):
            yield Problem(f"{path}/min", fault)
        yield from _of_conditions(one.when, f"{path}/when")


def _unreachable(qualifications: Sequence[Qualification]) -> Iterator[Problem]:
    """Qualifications that can never be given, because an equal or weaker one stands before them.

    Compared one by one, so what only several earlier ones together cover is not found.
    """
    sound = [(index, one) for index, one in enumerate(qualifications[:MAX_QUALIFICATIONS]) if not check(one.when, "")]
    for position, (index, one) in enumerate(sound):
        if any(_covers(earlier, one) for _, earlier in sound[:position]):
            yield Problem(f"/qualifications/{index}", "can never be given: one before it matches all its leads")


def _covers(earlier: Qualification, later: Qualification) -> bool:
    weaker = all(any(implies(strong, weak) for strong in later.when) for weak in earlier.when)
    return earlier.min <= later.min and weaker


def _of_conditions(when: Sequence[Condition], path: str) -> Iterator[Problem]:
    yield from check(when, path)
    for index, condition in enumerate(when):
        values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        if any(type(value) is int and abs(value) > MAX_WHOLE for value in values):
            yield Problem(f"{path}/{index}/value", f"must be at most {MAX_WHOLE}")


def _min_fault(least: int) -> str | None:
    return None if MIN_POINTS <= least <= MAX_POINTS else f"must be from {MIN_POINTS} to {MAX_POINTS}"


def _text_fault(text: str, longest: int) -> str | None:
    if not text.strip() or not text.isprintable():
        return "must be text of one line, and not empty"
    return f"must be at most {longest} characters" if len(text) > longest else None
