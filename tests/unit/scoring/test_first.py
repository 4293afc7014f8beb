"""What a scorecard says of a lead: reasons that add up, grades in order, the first qualification that matches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain import normalise
from services.scoring.domain import DEFAULT, evaluate, from_document, lint, outcome_of

FIELDS = ("country", "budget", "tags", "has_phone", "answers.size")
scalars = st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["DE", "US", "", "pro"]))
facts = st.dictionaries(
    st.sampled_from([*FIELDS, "answers"]),
    st.one_of(st.none(), scalars, st.floats(), st.lists(scalars), st.dictionaries(st.just("size"), scalars)),
)
conditions = st.one_of(
    st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "op": st.sampled_from(["==", "!="]), "value": scalars}),
    st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "op": st.sampled_from([">=", "<="]), "value": st.integers(-5, 5)}),
    st.fixed_dictionaries(
        {"field": st.sampled_from(FIELDS), "op": st.just("in"), "value": st.lists(scalars, min_size=1, max_size=3)}
    ),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Scorecards that lint takes."""
    points = draw(st.lists(st.integers(-100, 100).filter(bool), max_size=6))
    mins = sorted(draw(st.sets(st.integers(1, 100), max_size=3)), reverse=True)
    return {
        "rules": [
            {"name": f"r{n}", "when": draw(st.lists(conditions, max_size=2)), "points": p, "reason": f"reason {n}"}
            for n, p in enumerate(points)
        ],
        "grades": [{"grade": f"G{n}", "min": least} for n, least in enumerate([*mins, 0])],
        "qualifications": [{"qualification": "sales_qualified", "min": draw(st.integers(0, 100))}],
    }


@given(documents(), facts)
def test_the_reasons_add_up_to_the_points_and_the_points_stay_in_bounds(document: dict[str, Any], lead: dict[str, Any]) -> None:
    scorecard = from_document(document)
    assert lint(scorecard) == []
    score = evaluate(scorecard, lead)
    assert score.points == sum(reason.points for reason in score.reasons)
    assert 0 <= score.points <= 100


@given(documents(), facts)
def test_the_grade_is_the_best_that_the_points_reach(document: dict[str, Any], lead: dict[str, Any]) -> None:
    score = evaluate(from_document(document), lead)
    reached = {grade["grade"]: grade["min"] for grade in document["grades"] if grade["min"] <= score.points}
    assert score.grade == max(reached, key=lambda grade: reached[grade])


@given(documents(), facts)
def test_a_qualification_without_conditions_is_a_matter_of_points(document: dict[str, Any], lead: dict[str, Any]) -> None:
    score = evaluate(from_document(document), lead)
    reached = score.points >= document["qualifications"][0]["min"]
    assert score.qualification == ("sales_qualified" if reached else "unqualified")


def scored(points: list[int], *qualifications: dict[str, Any], **lead: Any) -> Any:
    document = {
        "rules": [{"name": f"r{n}", "points": p, "reason": f"reason {n}"} for n, p in enumerate(points)],
        "grades": [{"grade": "A", "min": 50}, {"grade": "B", "min": 0}],
        "qualifications": list(qualifications),
    }
    return evaluate(from_document(document), lead)


def test_the_cap_is_a_reason_of_its_own() -> None:
    score = scored([80, 45])
    assert score.points == 100
    assert [(reason.text, reason.points) for reason in score.reasons] == [
        ("reason 0", 80),
        ("reason 1", 45),
        ("capped at 100", -25),
    ]


def test_so_is_the_floor() -> None:
    score = scored([10, -40])
    assert (score.points, score.reasons[-1].text, score.reasons[-1].points) == (0, "not below 0", 30)


def test_points_within_the_bounds_get_no_reason_more() -> None:
    assert len(scored([60, 40]).reasons) == 2
    assert scored([10, -10]).reasons[-1].text == "reason 1"


def test_the_first_qualification_that_matches_holds() -> None:
    german = {"qualification": "local", "min": 0, "when": [{"field": "country", "op": "==", "value": "DE"}]}
    sales = {"qualification": "sales_qualified", "min": 50}
    assert scored([60], german, sales, country="DE").qualification == "local"
    assert scored([60], german, sales, country="FR").qualification == "sales_qualified"
    assert scored([49], german, sales).qualification == "unqualified"


# -- The default scorecard -----------------------------------------------------------------------------------------------------


def score_of(**fields: Any) -> Any:
    """A lead by the default scorecard, its facts made as intake makes them."""
    lead = normalise(fields, {}, source="website", defaults={}, fact_keys=())
    return evaluate(from_document(DEFAULT), lead.facts)


def test_the_default_scorecard_has_no_problem() -> None:
    assert lint(from_document(DEFAULT)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada@gmail.com"},
        {"email": "ada@example.com"},
        {"phone": "+14155552671"},
        {"email": "no address", "phone": "+14155552671"},
        {"email": "ada@gmail.com", "country": "US", "product": "pro", "company_size": 3, "budget": 0},
    ],
)
def test_whoever_can_be_reached_is_marketing_qualified(fields: dict[str, Any]) -> None:
    assert score_of(**fields).qualification == "marketing_qualified"


def test_a_lead_with_a_company_and_a_budget_is_sales_qualified() -> None:
    score = score_of(email="ada@example.com", phone="+14155552671", product="pro", budget="20,000")
    assert (score.points, score.grade, score.qualification) == (80, "A", "sales_qualified")


def test_a_lead_that_nobody_can_reach_is_not_qualified() -> None:
    # Intake refuses such a lead; another source of events may not.
    facts = {"source": "website", "has_email": True, "email_kind": "invalid", "has_phone": False, "phone_kind": "none"}
    score = evaluate(from_document(DEFAULT), facts)
    assert (score.points, score.grade, score.qualification) == (0, "D", "unqualified")


def test_every_rule_of_the_default_scorecard_can_match() -> None:
    asked = {rule["name"]: {one["field"]: one["value"] for one in rule["when"]} for rule in DEFAULT["rules"]}
    scorecard = from_document(DEFAULT)
    for rule, lead in zip(DEFAULT["rules"], asked.values(), strict=True):
        lead = {field: value[0] if isinstance(value, list) else value or "anything" for field, value in lead.items()}
        assert rule["reason"] in [reason.text for reason in evaluate(scorecard, lead).reasons]


@pytest.mark.parametrize(("stage", "outcome"), [("won", "won"), ("lost", "lost"), ("contacted", None), ("of-tomorrow", None)])
def test_only_an_end_is_an_outcome(stage: str, outcome: str | None) -> None:
    assert outcome_of(stage) == outcome
