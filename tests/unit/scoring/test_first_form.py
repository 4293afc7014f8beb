"""A scorecard of the first form, brought into the second one, says of every lead what it said before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import qualification
from services.scoring.domain.scorecard import DEFAULT, definition_from_v1, from_document, from_v1, lint, score
from shared.rules import Kind, Vocabulary
from tests.unit.scoring.cards import NOW, small

KNOWN = Vocabulary({"country": Kind.TEXT, "budget": Kind.NUMBER, "tags": Kind.TEXTS, "has_phone": Kind.TRUTH})
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "country": st.sampled_from(["DE", "US", "it's", "a\\b", '"', ""]),
    "budget": st.one_of(st.integers(-5, 5), st.sampled_from([2.5, -0.1])),
    "tags": st.sampled_from(["fair", "web", "it's"]),
    "has_phone": st.booleans(),
    "plan.size": st.integers(0, 3),
}
LEADS = st.fixed_dictionaries(
    {},
    optional={**VALUES, "tags": st.lists(VALUES["tags"], max_size=2), "plan.size": st.one_of(st.integers(0, 3), st.just("big"))},
)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(list(VALUES)))
    ops = ["==", "!=", "in"] + ([">=", "<="] if field not in ("tags", "has_phone") else [])
    op = draw(st.sampled_from(ops))
    value = draw(st.lists(VALUES[field], min_size=1, max_size=3) if op == "in" else VALUES[field])
    return {"field": field, "op": op, "value": value}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Cards of the first form."""
    whens = st.lists(conditions(), max_size=3)
    mins = sorted(draw(st.sets(st.integers(1, 100), max_size=3)), reverse=True)
    points = draw(st.lists(st.integers(-100, 100).filter(bool), max_size=6))
    return {
        "name": None,
        "rules": [{"name": f"r: {n}", "when": draw(whens), "points": p, "reason": f"reason {n}"} for n, p in enumerate(points)],
        "grades": [{"grade": f"G{n}", "min": least} for n, least in enumerate([*mins, 0])],
        "qualifications": [
            {"qualification": "sales_qualified", "min": draw(st.integers(0, 100)), "when": draw(whens)},
            {"qualification": "marketing_qualified", "min": draw(st.integers(0, 100)), "when": draw(whens)},
        ],
    }


def holds(condition: dict[str, Any], lead: dict[str, Any]) -> bool:
    """What a condition meant: of a missing fact nothing, of a list whether it holds a value; kinds that do not compare never match."""
    fact, op, value = lead.get(condition["field"]), condition["op"], condition["value"]
    values = value if op == "in" else [value]
    if isinstance(fact, list):
        return not set(values) & set(fact) if op == "!=" else bool(set(values) & set(fact))
    if fact is None or isinstance(fact, str) != isinstance(values[0], str):
        return False
    match op:
        case ">=":
            return bool(fact >= value)
        case "<=":
            return bool(fact <= value)
    return (fact in values) == (op != "!=")


@settings(max_examples=120, deadline=None)
@given(documents(), LEADS)
def test_every_lead_has_the_points_and_the_grade_that_it_had(document: dict[str, Any], lead: dict[str, Any]) -> None:
    brought = from_v1(document, KNOWN)
    found = score(from_document(brought, KNOWN), lead, [], NOW)
    matching = [rule["points"] for rule in document["rules"] if all(holds(one, lead) for one in rule["when"])]
    points = min(max(sum(matching), 0), 100)
    assert found.points == found.fit == points * 100
    assert found.letter == next(grade["grade"] for grade in document["grades"] if points >= grade["min"])
    assert found.number == 4


@settings(max_examples=60, deadline=None)
@given(documents(), LEADS)
def test_qualifications_become_a_definition_that_judges_the_same(document: dict[str, Any], lead: dict[str, Any]) -> None:
    definition = qualification.from_document(definition_from_v1(document, KNOWN), KNOWN)
    found = score(from_document(from_v1(document, KNOWN), KNOWN), lead, [], NOW)
    judged = qualification.judge(definition, lead, facts_at=NOW, told_by="website", score=found, now=NOW)
    reached = (
        one["qualification"]
        for one in document["qualifications"]
        if found.points >= one["min"] * 100 and all(holds(condition, lead) for condition in one["when"])
    )
    assert judged.level == next(reached, judged.level)
    assert (judged.outcome == "qualified") == any(
        found.points >= one["min"] * 100 and all(holds(condition, lead) for condition in one["when"])
        for one in document["qualifications"]
    )


def test_a_card_of_the_second_form_comes_back_as_it_is() -> None:
    assert from_v1(small(), KNOWN) == small()
    assert from_v1(DEFAULT, KNOWN) == DEFAULT


def rules_of(*when: tuple[str, str, Any]) -> dict[str, Any]:
    document = {
        "name": "Old",
        "rules": [
            {"name": "r", "when": [{"field": f, "op": op, "value": v} for f, op, v in when], "points": 5, "reason": "is a lead"}
        ],
        "grades": [{"grade": "A", "min": 80}, {"grade": "B", "min": 0}],
        "qualifications": [],
    }
    return from_v1(document, KNOWN)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ((), "true"),
        ((("country", "==", "DE"), ("budget", ">=", 10)), "country == 'DE' && budget >= 10"),
        ((("country", "in", ["DE", "AT"]),), "country in ['DE', 'AT']"),
        ((("country", "!=", "it's"),), 'country != "it\'s"'),
        ((("tags", "==", "fair"),), "'fair' in tags"),
        ((("tags", "!=", "fair"),), "!('fair' in tags)"),
        ((("has_phone", "==", True),), "has_phone"),
        ((("has_phone", "!=", True),), "!has_phone"),
        ((("Team Size", ">=", 5),), "false"),
        ((("country", ">=", 5),), "false"),
        ((("team_size", "<=", -1.5),), "team_size <= -1.5"),
    ],
)
def test_conditions_become_rules(when: tuple[tuple[str, str, Any], ...], text: str) -> None:
    assert rules_of(*when)["fit"]["rules"][0]["when"] == text


def test_a_fact_that_only_this_card_knows_is_declared_by_what_it_is_compared_with() -> None:
    brought = rules_of(("team_size", ">=", 5), ("plan", "in", ["a", "b"]), ("vip", "==", True), ("plan", "==", "b"))
    assert brought["facts"] == {"team_size": "number", "plan": "text", "vip": "truth"}
    assert [problem for problem in lint(brought, KNOWN) if problem.severity == "error"] == []


def test_a_rule_that_cannot_be_said_any_more_stays_in_sight_and_is_named() -> None:
    assert [problem.path for problem in lint(rules_of(("Team Size", ">=", 5)), KNOWN)] == ["/fit/rules/0/when"]


def test_a_level_is_not_called_like_an_outcome() -> None:
    one = {"qualification": "disqualified", "min": 20, "when": []}
    document = {"rules": [], "grades": [], "qualifications": [one, {**one, "min": 10}]}
    assert definition_from_v1(document, KNOWN)["levels"] == [
        {"name": "disqualified_lead", "when": "(points >= 20) || (points >= 10)"}
    ]
