"""Each thing that can be wrong with a scorecard is found, and named by a JSON pointer into its document."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.scoring.domain import DEFAULT, from_document, lint

GOOD: dict[str, Any] = {
    "name": "Small",
    "rules": [
        {"name": "german", "when": [{"field": "country", "op": "==", "value": "DE"}], "points": 40, "reason": "is in Germany"},
        {"name": "phone", "when": [{"field": "has_phone", "op": "==", "value": True}], "points": 20, "reason": "has a phone"},
    ],
    "grades": [{"grade": "A", "min": 40}, {"grade": "B", "min": 0}],
    "qualifications": [
        {"qualification": "sales_qualified", "min": 50, "when": [{"field": "country", "op": "==", "value": "DE"}]},
        {"qualification": "marketing_qualified", "min": 20, "when": []},
    ],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The good scorecard with one place of it set to something else."""
    document = copy.deepcopy(GOOD)
    *steps, last = path.strip("/").split("/")
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return document


@pytest.mark.parametrize("document", [GOOD, DEFAULT, changed("/qualifications", []), changed("/rules", [])])
def test_a_sound_scorecard_has_no_problem(document: dict[str, Any]) -> None:
    assert lint(from_document(document)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/name", " "),
        ("/name", "n" * 101),
        ("/rules/0/name", ""),
        ("/rules/1/name", "german"),
        ("/rules/0/points", 0),
        ("/rules/0/points", 101),
        ("/rules/0/points", -101),
        ("/rules/0/reason", ""),
        ("/rules/0/reason", "r" * 201),
        ("/rules/0/reason", "two\nlines"),
        ("/rules/0/when/0/op", "~"),
        ("/rules/0/when/0/field", "a..b"),
        ("/rules/0/when/0/value", {"no": "scalar"}),
        ("/rules/0/when/0/value", float("nan")),
        ("/rules/0/when/0/value", 10**30),
        ("/qualifications/0/when/0/value", -(10**30)),
        ("/grades", []),
        ("/grades/0/grade", ""),
        ("/grades/1/grade", "A"),
        ("/grades/0/min", 101),
        ("/grades/1/min", 1),
        ("/grades/1/min", -1),
        ("/qualifications/0/qualification", "Sales qualified"),
        ("/qualifications/0/min", 101),
        ("/qualifications/0/when/0/op", "like"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: object) -> None:
    assert path in [problem.path for problem in lint(from_document(changed(path, value)))]


def test_grades_descend() -> None:
    grades = [{"grade": "A", "min": 40}, {"grade": "B", "min": 40}, {"grade": "C", "min": 0}]
    assert [problem.path for problem in lint(from_document({**GOOD, "grades": grades}))] == ["/grades/1/min"]


def test_all_problems_are_found_at_once() -> None:
    document = changed("/rules/0/points", 0)
    document["rules"][1]["reason"] = ""
    document["grades"][1]["min"] = 7
    assert [p.path for p in lint(from_document(document))] == ["/rules/0/points", "/rules/1/reason", "/grades/1/min"]


@pytest.mark.parametrize(("room", "item"), [("rules", 0), ("grades", 0), ("qualifications", 0)])
def test_a_scorecard_has_bounds(room: str, item: int) -> None:
    document = {**GOOD, room: [GOOD[room][item]] * 101}
    assert f"/{room}" in [problem.path for problem in lint(from_document(document))]


def test_a_qualification_behind_a_weaker_one_can_never_be_given() -> None:
    turned = {**GOOD, "qualifications": GOOD["qualifications"][::-1]}
    assert [problem.path for problem in lint(from_document(turned))] == ["/qualifications/1"]


def test_one_that_asks_less_behind_one_that_asks_more_is_fine() -> None:
    first = {"qualification": "local", "min": 20, "when": [{"field": "country", "op": "in", "value": ["DE", "AT"]}]}
    assert lint(from_document({**GOOD, "qualifications": [first, GOOD["qualifications"][1]]})) == []
    behind = {"qualification": "german", "min": 20, "when": [{"field": "country", "op": "==", "value": "DE"}]}
    assert [p.path for p in lint(from_document({**GOOD, "qualifications": [first, behind]}))] == ["/qualifications/1"]
