"""Conditions: what they mean, that they never raise, and what is refused when they are saved."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.rules import MAX_CONDITIONS, MAX_VALUES, OPERATORS, Condition, check, compile_conditions, implies

deterministic = settings(derandomize=True, deadline=None, max_examples=200)

scalars = st.one_of(st.sampled_from(["", "a", "b", "vip"]), st.integers(-2, 2), st.sampled_from([-1.5, 0.0, 1.0]), st.booleans())
json_values = st.recursive(
    st.one_of(st.none(), scalars, st.floats(), st.text(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
fields = st.sampled_from(["a", "b", "a.b", "b.a.b"])
facts = st.dictionaries(fields, json_values, max_size=4)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    op = draw(st.sampled_from(OPERATORS))
    value: Any = draw(scalars.filter(lambda one: op not in (">=", "<=") or not isinstance(one, bool)))
    if op == "in":
        value = tuple(draw(st.lists(scalars, min_size=1, max_size=3)))
    return Condition(draw(fields), op, value)


def holds(field: str, op: str, value: object, /, **given_facts: object) -> bool:
    return compile_conditions([Condition(field, op, value)])(given_facts)


@pytest.mark.parametrize(
    ("op", "value", "fact", "expected"),
    [
        ("==", "DE", "DE", True),
        ("==", "DE", "de", False),
        ("!=", "DE", "FR", True),
        ("!=", "DE", "DE", False),
        ("in", ("DE", "AT"), "AT", True),
        ("in", ("DE", "AT"), "CH", False),
        (">=", 50, 50, True),
        (">=", 50, 49.5, False),
        ("<=", 50, 50.0, True),
        ("<=", "m", "a", True),
        ("==", 1, 1.0, True),
    ],
)
def test_an_operator_compares_a_fact_with_a_value(op: str, value: object, fact: object, expected: bool) -> None:
    assert holds("field", op, value, field=fact) is expected


@pytest.mark.parametrize(
    ("op", "value"), [("==", "x"), ("!=", "x"), ("in", ("x",)), (">=", 1), ("<=", 1), ("!=", 1), ("!=", True)]
)
@pytest.mark.parametrize("lead", [{}, {"field": None}, {"field": {}}], ids=["missing", "null", "an object"])
def test_a_fact_that_is_missing_or_does_not_compare_never_matches(op: str, value: object, lead: dict[str, object]) -> None:
    assert not compile_conditions([Condition("field", op, value)])(lead)


@pytest.mark.parametrize(
    ("op", "value", "fact"),
    [
        ("!=", 5, "five"),
        ("!=", "5", 5),
        (">=", 1, "2"),
        (">=", "1", 2),
        ("==", 1, True),
        ("==", True, 1),
        ("!=", 0, True),
        ("in", (0, 1), True),
        (">=", 0, True),
    ],
)
def test_kinds_that_do_not_compare_never_match_and_truth_is_no_number(op: str, value: object, fact: object) -> None:
    assert not holds("field", op, value, field=fact)


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("==", "vip", True),
        ("==", "new", False),
        ("in", ("new", "vip"), True),
        ("in", ("new",), False),
        ("!=", "vip", False),
        ("!=", "new", True),
        (">=", "a", False),
        ("<=", "z", False),
    ],
)
def test_a_list_is_asked_as_a_set(op: str, value: object, expected: bool) -> None:
    assert holds("tags", op, value, tags=["fair", "vip", 3, None, {}]) is expected


def test_a_dotted_field_is_the_fact_of_that_name_or_else_the_path() -> None:
    of_germany = compile_conditions([Condition("place.country", "==", "DE")])
    assert of_germany({"place": {"country": "DE"}})
    assert of_germany({"place.country": "DE", "place": {"country": "FR"}})
    assert not of_germany({"place": "DE"})
    assert not of_germany({"place": {"country": None}})


def test_conditions_are_joined_by_and() -> None:
    both = compile_conditions([Condition("country", "==", "DE"), Condition("points", ">=", 50)])
    assert both({"country": "DE", "points": 50})
    assert not both({"country": "DE", "points": 49})
    assert not both({"country": "FR", "points": 50})
    assert compile_conditions([])({})


def test_an_unknown_operator_is_not_compiled() -> None:
    with pytest.raises(ValueError, match="no operator '~'"):
        compile_conditions([Condition("a", "~", 1)])


@deterministic
@given(st.lists(conditions(), max_size=3), facts)
def test_conditions_never_raise_and_are_the_conjunction_of_each(several: list[Condition], lead: dict[str, Any]) -> None:
    assert check(several, "/when") == []
    each = [compile_conditions([one])(lead) for one in several]
    assert compile_conditions(several)(lead) is all(each)


@deterministic
@given(conditions(), conditions(), facts)
@example(Condition("a", "==", "x"), Condition("a", ">=", "a"), {"a": ["x"]})
@example(Condition("a", "==", 1), Condition("a", "in", (True,)), {"a": 1})
@example(Condition("a", ">=", 2), Condition("a", ">=", 1), {"a": 2})
def test_what_is_implied_also_matches(strong: Condition, weak: Condition, lead: dict[str, Any]) -> None:
    if implies(strong, weak) and compile_conditions([strong])(lead):
        assert compile_conditions([weak])(lead)


@pytest.mark.parametrize(
    ("strong", "weak", "expected"),
    [
        (Condition("a", "==", "x"), Condition("a", "in", ("x", "y")), True),
        (Condition("a", "in", ("x", "y")), Condition("a", "==", "x"), False),
        (Condition("a", "in", ("y", "x")), Condition("a", "in", ("x", "y")), True),
        (Condition("a", ">=", 60), Condition("a", ">=", 50), True),
        (Condition("a", ">=", 50), Condition("a", ">=", 60), False),
        (Condition("a", "<=", 5), Condition("a", "<=", 6), True),
        (Condition("a", "!=", "x"), Condition("a", "!=", "x"), True),
        (Condition("a", "!=", 1), Condition("a", "!=", True), False),
        (Condition("a", "==", 1), Condition("a", "==", True), False),
        (Condition("a", "==", "x"), Condition("b", "==", "x"), False),
        (Condition("a", ">=", 1), Condition("a", ">=", "1"), False),
    ],
)
def test_implication(strong: Condition, weak: Condition, expected: bool) -> None:
    assert implies(strong, weak) is expected


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (Condition("", "==", 1), "/when/0/field"),
        (Condition("a..b", "==", 1), "/when/0/field"),
        (Condition("a" * 201, "==", 1), "/when/0/field"),
        (Condition("a", "~", 1), "/when/0/op"),
        (Condition("a", "in", ()), "/when/0/value"),
        (Condition("a", "in", "text"), "/when/0/value"),
        (Condition("a", "in", (1, None)), "/when/0/value"),
        (Condition("a", "in", tuple(range(MAX_VALUES + 1))), "/when/0/value"),
        (Condition("a", ">=", True), "/when/0/value"),
        (Condition("a", "<=", (1,)), "/when/0/value"),
        (Condition("a", ">=", float("nan")), "/when/0/value"),
        (Condition("a", "==", None), "/when/0/value"),
        (Condition("a", "==", "x" * 1_001), "/when/0/value"),
    ],
)
def test_check_names_the_field_that_is_wrong(condition: Condition, path: str) -> None:
    assert [problem.path for problem in check([condition], "/when")] == [path]


def test_check_finds_all_problems_and_bounds_their_number() -> None:
    wrong = Condition("", "~", None)
    assert [problem.path for problem in check([wrong, wrong], "/w")] == ["/w/0/field", "/w/0/op", "/w/1/field", "/w/1/op"]
    assert [problem.path for problem in check([wrong] * (MAX_CONDITIONS + 1), "/w")] == ["/w"]
