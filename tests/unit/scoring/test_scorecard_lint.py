"""Each thing that can be wrong with a scorecard is found, and named by a JSON pointer into its document, and a place within a rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.scoring.domain.scorecard import DEFAULT, from_document, lint
from shared.contracts.vocabulary import FACTS
from shared.rules import DocumentError, Problem
from tests.unit.scoring.cards import VOCABULARY, changed, small

RULE = {"name": "r", "points": 1, "reason": "is a lead"}


def problems(document: object, severity: str = "error") -> list[Problem]:
    return [problem for problem in lint(document, VOCABULARY) if problem.severity == severity]


def paths(document: object, severity: str = "error") -> list[str]:
    return [problem.path for problem in problems(document, severity)]


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != field}


@pytest.mark.parametrize(
    "document",
    [
        small(),
        without(small(), "define") | {"fit": {"rules": [{**RULE, "when": None, "group": None}]}},
        small(fit={}, engagement=None, thresholds=None, name=None, hysteresis=0),
        small(facts={"team_size": "number"}, define={"german": "team_size > 3.5"}),
    ],
)
def test_a_sound_scorecard_has_no_error(document: dict[str, Any]) -> None:
    assert problems(document) == []
    from_document(document, VOCABULARY)


@pytest.mark.parametrize("document", [None, 7, "card", [small()], {}])
def test_what_is_no_scorecard_at_all_is_refused(document: object) -> None:
    assert problems(document)
    with pytest.raises(DocumentError):
        from_document(document, VOCABULARY)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/name", " "),
        ("/name", "n" * 201),
        ("/colour", "red"),
        ("/facts", ["team_size"]),
        ("/facts", {"budget": "number"}),
        ("/facts", {"team size": "number"}),
        ("/facts", {"team_size": "integer"}),
        ("/activity_facts", {"page": "text"}),
        ("/define", {"has_phone": "budget > 1"}),
        ("/define", {"german": "budget >"}),
        ("/define", {"german": 7}),
        ("/define", []),
        ("/fit", None),
        ("/fit", []),
        ("/fit/rulez", []),
        ("/fit/rules", {}),
        ("/fit/rules/0", "budget > 1"),
        ("/fit/rules/0/name", ""),
        ("/fit/rules/0/name", "n" * 101),
        ("/fit/rules/0/name", "cap:reach"),
        ("/fit/rules/1/name", "german"),
        ("/fit/rules/0/points", 0),
        ("/fit/rules/0/points", "10"),
        ("/fit/rules/0/points", True),
        ("/fit/rules/0/points", None),
        ("/fit/rules/0/points", 1.234),
        ("/fit/rules/0/points", 0.001),
        ("/fit/rules/0/points", 1_000.01),
        ("/fit/rules/0/points", -1_001),
        ("/fit/rules/0/points", 10**400),
        ("/fit/rules/0/points", float("nan")),
        ("/fit/rules/0/reason", ""),
        ("/fit/rules/0/reason", "r" * 201),
        ("/fit/rules/0/reason", "two\nlines"),
        ("/fit/rules/0/group", "reading"),
        ("/fit/rules/0/group", 7),
        ("/fit/rules/0/when", 7),
        ("/fit/rules/0/when", ["budget > 1"]),
        ("/fit/rules/0/when", ""),
        ("/fit/rules/0/when", "budgett > 1"),
        ("/fit/rules/0/when", "budget > 'much'"),
        ("/fit/rules/0/when", "budget"),
        ("/fit/rules/0/when", "budget > 10 && budget < 5"),
        ("/fit/rules/0/when", "false"),
        ("/fit/rules/0/when", "country == 'DE' && country == 'AT'"),
        ("/fit/rules/0/when", "page == '/'"),
        ("/fit/rules/0/when", "tags.exists(a, tags.exists(b, tags.exists(c, a == b)))"),
        ("/fit/rules/0/when", "country == '" + "x" * 2_000 + "'"),
        ("/fit/groups/reach", {}),
        ("/fit/groups/reach", 30),
        ("/fit/groups/reach/max", -1),
        ("/fit/groups/reach/max", 1.005),
        ("/fit/groups/reach/min", 1),
        ("/fit/groups/reach/least", 1),
        ("/fit/groups/Out of reach", {"max": 1}),
        ("/engagement/behaviours/0/on", []),
        ("/engagement/behaviours/0/on", "page_view"),
        ("/engagement/behaviours/0/on", None),
        ("/engagement/behaviours/0/on", ["page_view", "page_view"]),
        ("/engagement/behaviours/0/on", ["Page view"]),
        ("/engagement/behaviours/0/name", "german"),
        ("/engagement/behaviours/0/times", 0),
        ("/engagement/behaviours/0/times", 201),
        ("/engagement/behaviours/0/times", 2.5),
        ("/engagement/behaviours/0/half_life_days", 0),
        ("/engagement/behaviours/0/half_life_days", -3),
        ("/engagement/behaviours/0/half_life_days", "a week"),
        ("/engagement/behaviours/0/half_life_days", float("inf")),
        ("/engagement/behaviours/0/when", "budget > 10"),
        ("/engagement/behaviours/0/when", "german"),
        ("/engagement/behaviours/0/when", "pages == '/'"),
        ("/engagement/behaviours/0/when", "kind == 'call' && kind == 'chat'"),
        ("/letters", []),
        ("/letters", None),
        ("/letters/0/letter", ""),
        ("/letters/1/letter", "A"),
        ("/letters/1/min", 50),
        ("/letters/1/min", 60),
        ("/letters/1/min", None),
        ("/letters/2/min", 0),
        ("/letters/0/grade", "A"),
        ("/numbers/0/number", "1"),
        ("/numbers/1/number", 1),
        ("/numbers/0/min", 2.555),
        ("/numbers/2/min", 1),
        ("/thresholds/0/min", None),
        ("/thresholds/0/name", None),
        ("/hysteresis", -1),
        ("/hysteresis", 101),
    ],
)
def test_what_is_wrong_is_named(path: str, value: object) -> None:
    """At the path that was changed, or at what stands in it."""
    found = paths(changed(small(), path, value))
    assert any(one == path or one.startswith(f"{path}/") for one in found), found


def test_a_name_with_a_slash_is_escaped_in_its_pointer() -> None:
    assert paths(small(**{"a/b~c": 1})) == ["/a~1b~0c"]


def test_a_problem_in_a_rule_has_a_line_and_a_column() -> None:
    (problem,) = problems(changed(small(), "/fit/rules/0/when", "has_phone &&\n  budgett >= 10"))
    assert (problem.path, problem.line, problem.column) == ("/fit/rules/0/when", 2, 3)
    assert "budgett" in problem.message
    assert "budget" in problem.message.replace("budgett", "")


def test_an_unknown_field_says_what_may_have_been_meant() -> None:
    (problem,) = problems(changed(small(), "/fit/rules/0/reasons", "is in Germany"))
    assert problem.path == "/fit/rules/0/reasons"
    assert "`reason`" in problem.message


def test_a_behaviour_that_asks_the_lead_is_told_why_it_may_not() -> None:
    (problem,) = problems(changed(small(), "/engagement/behaviours/1/when", "budget > 10"))
    assert "a fact of the lead" in problem.message


def test_a_circle_of_definitions_is_named() -> None:
    document = small(define={"german": "a", "a": "b && has_phone", "b": "a"})
    (problem,) = problems(document)
    assert problem.path == "/define/a"
    assert "a -> b -> a" in problem.message


def test_all_problems_are_found_at_once() -> None:
    document = changed(small(), "/fit/rules/0/points", 1.234)
    document = changed(document, "/fit/rules/0/when", "budget > 10 && budget < 5")
    document = changed(document, "/fit/rules/1/when", "hasphone")
    document = changed(document, "/engagement/behaviours/0/half_life_days", 0)
    document = changed(document, "/letters/1/min", 70)
    document = changed(document, "/oops", 1)
    assert sorted(paths(document)) == [
        "/engagement/behaviours/0/half_life_days",
        "/fit/rules/0/points",
        "/fit/rules/0/when",
        "/fit/rules/1/when",
        "/letters/1/min",
        "/oops",
    ]


@pytest.mark.parametrize(
    ("path", "item", "most"),
    [
        ("/fit/rules", RULE, 100),
        ("/engagement/behaviours", {**RULE, "on": ["call"]}, 50),
        ("/letters", {"letter": "A"}, 20),
        ("/numbers", {"number": 1}, 20),
        ("/thresholds", {"name": "hot", "min": 1}, 20),
        ("/engagement/behaviours/0/on", "call", 20),
    ],
)
def test_a_scorecard_has_bounds(path: str, item: object, most: int) -> None:
    document = changed(small(), path, [copy.deepcopy(item) for _ in range(most + 1)])
    assert path in paths(document)


def test_a_scorecard_with_very_many_groups_facts_or_definitions_is_refused() -> None:
    assert "/fit/groups" in paths(changed(small(), "/fit/groups", {f"g{n}": {"max": 1} for n in range(21)}))
    assert "/facts" in paths(small(facts={f"f{n}": "text" for n in range(1_001)}))
    assert "/define" in paths(small(define={f"d{n}": "has_phone" for n in range(101)}))


def test_all_texts_together_fit_into_one_event() -> None:
    rules = [{"name": f"rule {n}", "points": 1, "reason": "\U0001f600" * 200} for n in range(100)]
    behaviours = [{**rule, "name": f"behaviour {n}", "on": ["call"]} for n, rule in enumerate(rules[:50])]
    assert problems(small(fit={"rules": rules}, engagement={})) == []
    assert paths(small(fit={"rules": rules}, engagement={"behaviours": behaviours})) == [""]


def test_very_many_unknown_fields_are_not_named_one_by_one() -> None:
    assert len(problems(small(**{f"field{n}": n for n in range(5_000)}))) <= 20


# -- Warnings ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("/fit/groups/spare", {"max": 10}, "/fit/groups/spare"),
        ("/engagement/behaviours/0/group", None, "/engagement/groups/reading"),
        ("/fit/rules/1/when", "german", "/fit/rules/1/when"),
        ("/engagement/behaviours/1/on", ["page_view", "call"], None),
        ("/fit/rules/1/points", 31, "/fit/rules/1/points"),
        ("/letters/0/min", 100, "/letters/0/min"),
        ("/numbers/0/min", 500, "/numbers/0/min"),
        ("/thresholds/0/min", 900, "/thresholds/0/min"),
    ],
)
def test_what_may_not_be_meant_is_a_warning(path: str, value: object, at: str | None) -> None:
    document = changed(small(), path, value)
    assert problems(document) == []
    assert paths(document, "warning") == ([at] if at else [])
    from_document(document, VOCABULARY)


def test_the_same_condition_counted_twice_is_a_warning_where_both_can_count() -> None:
    both = {"on": ["call"], "points": 1, "reason": "calls", "when": "channel == 'phone'"}
    apart = {**both, "name": "b", "on": ["chat"]}
    assert paths(
        small(engagement={"behaviours": [{**both, "name": "a"}, {**both, "name": "b"}]}, numbers=[{"number": 1}]), "warning"
    ) == ["/engagement/behaviours/1/when"]
    assert paths(small(engagement={"behaviours": [{**both, "name": "a"}, apart]}, numbers=[{"number": 1}]), "warning") == []


def test_the_default_has_neither_errors_nor_warnings() -> None:
    assert lint(DEFAULT, FACTS) == []
