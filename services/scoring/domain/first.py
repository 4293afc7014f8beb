"""The scorecard's first form, conditions as data. Goes when the handlers read the second one (`scorecard/`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.rules import Condition, Facts, Predicate, Problem, check, compile_conditions, implies

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


def from_document(document: Mapping[str, Any]) -> Scorecard:
    """Reads a scorecard from a document of the right shape: the HTTP edge sees to that. What it says is judged by `lint`.

        {"name": …, "rules": [{"name", "when": [{"field", "op", "value"}], "points", "reason"}],
         "grades": [{"grade", "min"}], "qualifications": [{"qualification", "min", "when"}]}

    `name` and `when` may be missing. Raises KeyError or TypeError for another shape.
    """
    return Scorecard(
        name=document.get("name"),
        rules=tuple(_rule(rule) for rule in document["rules"]),
        grades=tuple(Grade(one["grade"], one["min"]) for one in document["grades"]),
        qualifications=tuple(
            Qualification(one["qualification"], one["min"], _conditions(one.get("when", ())))
            for one in document["qualifications"]
        ),
    )


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(rule["name"], _conditions(rule.get("when", ())), rule["points"], rule["reason"])


def _conditions(when: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(Condition(one["field"], one["op"], _value(one["value"])) for one in when)


def _value(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


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


EARLY = ["now", "asap", "immediately", "today", "this week", "this month", "0-3 months", "1-3 months"]
DECIDES = [
    "CEO",
    "CFO",
    "CIO",
    "CMO",
    "COO",
    "CTO",
    "Director",
    "Founder",
    "Head of Sales",
    "Managing Director",
    "Owner",
    "VP Sales",
]
STUDIES = ["Student", "student", "Intern", "intern"]


def _default_rule(name: str, points: int, reason: str, *when: tuple[str, str, Any]) -> dict[str, Any]:
    conditions = [{"field": field, "op": op, "value": value} for field, op, value in when]
    return {"name": name, "when": conditions, "points": points, "reason": reason}


# One way to reach the person is worth 20, which is what marketing_qualified asks: whoever can be answered is worth an answer.
DEFAULT: dict[str, Any] = {
    "name": "Default",
    "rules": [
        _default_rule("email", 20, "can be reached by e-mail", ("has_email", "==", True)),
        _default_rule("email-invalid", -20, "the e-mail address does not look like one", ("email_kind", "==", "invalid")),
        _default_rule("phone", 20, "can be reached by phone", ("has_phone", "==", True)),
        _default_rule("company-email", 15, "writes from a company's address", ("email_kind", "==", "company")),
        _default_rule("product", 10, "names a product", ("product", "!=", "")),
        _default_rule("budget", 15, "has a budget of 10,000 or more", ("budget", ">=", 10_000)),
        _default_rule("budget-large", 10, "has a budget of 50,000 or more", ("budget", ">=", 50_000)),
        _default_rule("company-size", 10, "works at a company of 50 or more", ("company_size", ">=", 50)),
        _default_rule("timeframe", 15, "wants it soon", ("timeframe", "in", EARLY)),
        _default_rule("decides", 10, "can decide", ("job_title", "in", DECIDES)),
        _default_rule("referred", 10, "was referred to us", ("medium", "in", ["referral", "partner"])),
        _default_rule("studies", -20, "is still studying", ("job_title", "in", STUDIES)),
    ],
    "grades": [
        {"grade": "A", "min": 80},
        {"grade": "B", "min": 60},
        {"grade": "C", "min": 40},
        {"grade": "D", "min": 0},
    ],
    "qualifications": [
        {"qualification": "sales_qualified", "min": 60, "when": []},
        {"qualification": "marketing_qualified", "min": 20, "when": []},
    ],
}
