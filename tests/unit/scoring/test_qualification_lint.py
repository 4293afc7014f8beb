"""Each thing that can be wrong with a definition is found when it is saved, all at once, and named by its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.scoring.domain.qualification import from_document, lint, load
from shared.rules import DocumentError
from tests.unit.scoring.qualifying import FACTS, judged

GOOD: dict[str, Any] = {
    "name": "What sales takes",
    "facts": {"team_size": "number"},
    "define": {"enterprise": "company_size >= 500 || team_size >= 50"},
    "dimensions": {
        "budget": {
            "evidence": [
                {"when": "budget >= 10000", "value": "10,000 or more", "confidence": 90, "fact": "budget"},
                {"when": "budget > 0", "value": "below 10,000", "confidence": 40},
            ],
            "half_life_days": 90,
        },
        "need": {"evidence": [{"when": "enterprise", "value": "large", "confidence": 60}]},
    },
    "disqualify": [{"when": "'student' in tags", "reason": "is studying"}],
    "levels": [
        {"name": "sales_qualified", "label": "SQL", "when": "points >= 60", "floors": {"budget": 50, "need": 50}, "total": 120},
        {"name": "marketing_qualified", "label": "MQL", "when": "points >= 20"},
    ],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The good definition with one place of it set to something else."""
    document = copy.deepcopy(GOOD)
    *steps, last = path.strip("/").split("/")
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return document


def errors(document: object) -> list[str]:
    return [problem.path for problem in lint(document, FACTS) if problem.severity == "error"]


def warnings(document: object) -> list[str]:
    return [problem.path for problem in lint(document, FACTS) if problem.severity == "warning"]


def messages(document: object, path: str) -> str:
    return "; ".join(problem.message for problem in lint(document, FACTS) if problem.path == path)


def test_a_sound_definition_has_no_problem() -> None:
    assert lint(GOOD, FACTS) == []
    assert from_document(GOOD, FACTS).levels[0].label == "SQL"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/name", ""),
        ("/name", "two\nlines"),
        ("/surprise", 1),
        ("/facts", []),
        ("/facts/team_size", "integer"),
        ("/facts/team_size", ["number"]),
        ("/facts/budget", "number"),
        ("/facts/points", "number"),
        ("/facts/no name", "text"),
        ("/facts/need.confidence", "number"),
        ("/define/enterprise", "company_size >= '500'"),
        ("/define/enterprise", 500),
        ("/define/country", "budget > 1"),
        ("/define/grade", "budget > 1"),
        ("/define/enterprise", "points >= 10"),
        ("/dimensions", None),
        ("/dimensions", "budget"),
        ("/dimensions/Budget", {}),
        ("/dimensions/score", {}),
        ("/dimensions/budget/half_life_days", 0),
        ("/dimensions/budget/half_life_days", float("nan")),
        ("/dimensions/budget/half_life_days", "90"),
        ("/dimensions/budget/weight", 3),
        ("/dimensions/budget/evidence", {}),
        ("/dimensions/budget/evidence/0/confidence", 101),
        ("/dimensions/budget/evidence/0/confidence", 0),
        ("/dimensions/budget/evidence/0/confidence", 50.5),
        ("/dimensions/budget/evidence/0/confidence", True),
        ("/dimensions/budget/evidence/0/value", ""),
        ("/dimensions/budget/evidence/0/value", "v" * 201),
        ("/dimensions/budget/evidence/0/fact", "budgett"),
        ("/dimensions/budget/evidence/0/fact", 3),
        ("/dimensions/budget/evidence/0/when", "budgett > 0"),
        ("/dimensions/budget/evidence/0/when", "points > 0"),
        ("/dimensions/budget/evidence/0/when", "budget > 10 && budget < 5"),
        ("/disqualify", {}),
        ("/disqualify/0/reason", None),
        ("/disqualify/0/when", None),
        ("/disqualify/0/when", "budget"),
        ("/disqualify/0/when", "budget > 10 && budget < 5"),
        ("/disqualify/0/when", "true"),
        ("/levels", []),
        ("/levels", None),
        ("/levels/0", "sales"),
        ("/levels/0/name", "Sales qualified"),
        ("/levels/0/name", "insufficient"),
        ("/levels/0/name", None),
        ("/levels/1/name", "sales_qualified"),
        ("/levels/0/label", "l" * 201),
        ("/levels/0/when", "point >= 60"),
        ("/levels/0/when", "points >= '60'"),
        ("/levels/0/when", "points > 60 && points < 50"),
        ("/levels/0/when", "budgets.confidence > 3"),
        ("/levels/0/floors", [50]),
        ("/levels/0/floors/budget", 101),
        ("/levels/0/floors/budget", 0),
        ("/levels/0/floors/budget", "50"),
        ("/levels/0/floors/authority", 50),
        ("/levels/0/total", 0),
        ("/levels/0/total", 201),
        ("/levels/0/total", 120.5),
    ],
)
def test_what_is_wrong_is_named(path: str, value: object) -> None:
    assert path in errors(changed(path, value))


def test_a_runaway_or_a_circle_is_refused() -> None:
    circle = changed("/define/enterprise", "huge || budget > 3")
    circle["define"]["huge"] = "enterprise"
    assert messages(circle, "/define/enterprise").endswith("enterprise -> huge -> enterprise")
    loops = "tags.exists(a, tags.exists(b, tags.exists(c, a == b && b == c)))"
    assert errors(changed("/levels/1/when", loops)) == ["/levels/1/when"]


def test_a_fault_within_a_rule_has_line_and_column() -> None:
    problems = lint(changed("/levels/0/when", "points >= 60 &&\n  budgett > 0"), FACTS)
    assert [(one.path, one.line, one.column) for one in problems] == [("/levels/0/when", 2, 3)]
    assert "did you mean" in problems[0].message


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert "did you mean `budget`?" in messages(changed("/levels/0/floors/budgte", 10), "/levels/0/floors/budgte")


def test_all_problems_are_found_at_once() -> None:
    document = changed("/dimensions/budget/evidence/0/when", "budgett > 0")
    document["levels"][0]["floors"]["authority"] = 50
    document["disqualify"][0]["reason"] = ""
    document["define"]["enterprise"] = "company_size >= "
    assert set(errors(document)) == {
        "/define/enterprise",
        "/dimensions/budget/evidence/0/when",
        "/disqualify/0/reason",
        "/levels/0/floors/authority",
    }, "what uses a definition that is at fault is not at fault too"


@pytest.mark.parametrize(
    "document", [None, [], "text", 3, {}, {"levels": [None], "dimensions": {"need": None}}, {"levels": {"a": {}}}]
)
def test_whatever_is_sent_is_answered_with_problems(document: object) -> None:
    assert errors(document)


@pytest.mark.parametrize(
    ("path", "most"),
    [("/dimensions/budget/evidence", 50), ("/disqualify", 50), ("/levels", 20), ("/dimensions", 20), ("/define", 100)],
)
def test_a_definition_has_bounds(path: str, most: int) -> None:
    big: Any = {f"n{n}": {} for n in range(most + 1)} if path in ("/dimensions", "/define") else [{}] * (most + 1)
    assert path in errors(changed(path, big))


# -- Sense -------------------------------------------------------------------------------------------------------------------------


def test_a_level_behind_a_weaker_one_can_never_be_given() -> None:
    turned = {**GOOD, "levels": GOOD["levels"][::-1]}
    assert errors(turned) == ["/levels/1"]
    assert "marketing_qualified before it takes all its leads" in messages(turned, "/levels/1")


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        ({}, {"floors": {"budget": 50}}, True),
        ({"floors": {"budget": 50}}, {"floors": {"budget": 60, "need": 10}}, True),
        ({"floors": {"budget": 60}}, {"floors": {"budget": 50}}, False),
        ({"floors": {"budget": 50}}, {"when": "points >= 60"}, False),
        ({"floors": {"budget": 50}}, {"when": "budget.confidence >= 50"}, True),
        ({"total": 100}, {"total": 110}, True),
        ({"total": 100}, {"floors": {"budget": 50, "need": 50}}, True),
        ({"total": 100}, {"floors": {"budget": 50}}, False),
        ({"when": "country == 'DE'"}, {"when": "country == 'DE' && points >= 60"}, True),
        ({"when": "country == 'DE'"}, {"when": "points >= 60"}, False),
    ],
)
def test_a_level_is_hidden_by_one_before_it_that_asks_no_more(
    earlier: dict[str, Any], later: dict[str, Any], hidden: bool
) -> None:
    levels = [{"name": "first", **earlier}, {"name": "second", **later}]
    assert (errors({**GOOD, "levels": levels}) == ["/levels/1"]) is hidden


@pytest.mark.parametrize(
    "level",
    [
        {"floors": {"budget": 50}, "when": "budget.confidence < 20"},
        {"when": "budget.confidence > 100"},
        {"when": "'student' in tags && points > 3"},
    ],
)
def test_a_level_that_nobody_can_meet_is_refused(level: dict[str, Any]) -> None:
    assert errors({**GOOD, "levels": [{"name": "never", **level}]}) == ["/levels/0"]


def test_what_only_a_person_can_make_known_is_worth_a_warning() -> None:
    assert warnings(changed("/levels/0/floors/need", 70)) == ["/levels/0/floors/need"]
    assert warnings(changed("/levels/0/total", 160)) == ["/levels/0/total"]


def test_what_is_never_used_is_worth_a_warning() -> None:
    twice = GOOD["dimensions"]["budget"]["evidence"][::-1]
    assert warnings(changed("/dimensions/budget/evidence", twice)) == ["/dimensions/budget/evidence/1"]
    assert warnings({**GOOD, "levels": GOOD["levels"][1:]}) == ["/dimensions/budget", "/dimensions/need"]


# -- Tolerance ---------------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_raises_where_all_is_needed() -> None:
    with pytest.raises(DocumentError) as caught:
        from_document(changed("/levels/0/when", "point >= 60"), FACTS)
    assert [problem.path for problem in caught.value.problems] == ["/levels/0/when"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/levels/0/when", "point >= 60"),
        ("/levels/0/floors/authority", 50),
        ("/levels/0/total", "120"),
        ("/levels/0/name", "Sales qualified"),
    ],
)
def test_a_level_with_a_part_that_cannot_be_read_is_left_out_and_the_others_hold(path: str, value: object) -> None:
    definition, problems = load(changed(path, value), FACTS)
    assert [problem.path for problem in problems] == [path]
    assert judged(definition, {"budget": 20_000, "company_size": 900}, points=9000).qualification == "marketing_qualified"


def test_clues_and_disqualifying_rules_that_cannot_be_read_are_left_out() -> None:
    document = changed("/dimensions/budget/evidence/0/when", "budgett > 0")
    document["disqualify"][0]["when"] = "tags == 3"
    definition, problems = load(document, FACTS)
    assert {problem.path for problem in problems} == {"/dimensions/budget/evidence/0/when", "/disqualify/0/when"}
    judgement = judged(definition, {"budget": 20_000, "tags": ["student"]}, points=3000)
    assert (judgement.qualification, judgement.dimensions["budget"].confidence) == ("marketing_qualified", 40)


def test_of_a_definition_that_cannot_be_read_it_is_never_known_whether_it_holds() -> None:
    definition, problems = load(changed("/define/enterprise", "company_size >= "), FACTS)
    assert [problem.path for problem in problems] == ["/define/enterprise"]
    assert judged(definition, {"enterprise": True, "company_size": 900}).dimensions == {}
