"""What is told of rules without a lead is right of every lead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.rules import Definitions, Kind, Vocabulary, always, compile_rule, contradiction, implies
from tests.unit.rules.expressions import VOCABULARY, deterministic, leads, plain_rules, rules

NAMES = Vocabulary(
    {
        "budget": Kind.NUMBER,
        "company_size": Kind.NUMBER,
        "country": Kind.TEXT,
        "has_email": Kind.TRUTH,
        "tags": Kind.TEXTS,
    }
)
DEFINED = Definitions({"enterprise": "company_size >= 500", "big_deal": "enterprise && budget > 10000"}, NAMES).vocabulary


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("budget > 10 && budget < 5", "`budget` cannot be above 10 and below 5"),
        ("budget > 5 && budget <= 5", "`budget` cannot be above 5 and at most 5"),
        ("budget == 5 && 5.5 < budget", "`budget` cannot be above 5.5 and 5"),
        ("budget in [1, 2] && budget in [3]", "`budget` cannot be one of 1, 2 and one of 3"),
        ("budget in []", "`budget` cannot be one of none"),
        ("budget >= 5 && budget <= 5 && budget != 5", "`budget` cannot be at least 5 and other than 5 and at most 5"),
        ("country == 'DE' && country == 'AT'", "`country` cannot be 'AT' and 'DE'"),
        ("country == 'DE' && !(country in ['AT', 'DE'])", "`country` cannot be 'DE' and none of 'AT', 'DE'"),
        ("country < 'B' && country > 'C'", "`country` cannot be above 'C' and below 'B'"),
        ("has_email && !has_email", "`has_email` cannot be false and true"),
        ("has_email == false && has_email", "`has_email` cannot be false and true"),
        ("'vip' in tags && !('vip' in tags)", "`tags` cannot be with 'vip' and without 'vip'"),
        ("!known(budget) && budget > 4", "`budget` is compared where it is not known"),
        ("known(budget) && !known(budget)", "`budget` cannot be known and not known"),
        ("country.contains('a') && !country.contains('a')", "one part says what another denies"),
        ("(budget > 10 || country == 'DE') && budget < 5 && country == 'AT'", "`budget` cannot be above 10 and below 5"),
        ("!(budget > 3 || has_email) && has_email", "`has_email` cannot be false and true"),
        ("has_email ? budget > 3 && budget < 2 : false", "`budget` cannot be above 3 and below 2"),
        ("false", "it is false whatever the lead"),
        ("1 > 2 || 'a' == 'b'", "it is false whatever the lead"),
        ("big_deal && company_size < 100", "`company_size` cannot be at least 500 and below 100"),
        ("!enterprise && company_size > 600", "`company_size` cannot be above 600 and below 500"),
    ],
)
def test_a_rule_that_can_never_be_true_is_told_and_why(text: str, why: str) -> None:
    assert contradiction(compile_rule(text, DEFINED)) == why


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "budget >= 5 && budget <= 5",
        "budget > 5 || false",
        "budget > 10 && company_size < 5",
        "country != 'DE' && country != 'AT'",
        "!known(budget) || budget > 4",
        "'a' in tags && !('b' in tags)",
        "!big_deal && company_size < 100",
        "has_email in [true, false]",
        "!(has_email in [true])",
    ],
)
def test_a_rule_that_can_be_true_is_let_be(text: str) -> None:
    assert contradiction(compile_rule(text, DEFINED)) is None


@pytest.mark.parametrize(
    ("strong", "weak", "expected"),
    [
        ("budget > 10", "budget > 5", True),
        ("budget > 5", "budget > 10", False),
        ("budget > 5", "budget >= 5", True),
        ("budget >= 5", "budget > 5", False),
        ("budget == 7", "budget > 5 && budget < 10", True),
        ("country == 'DE'", "country in ['DE', 'AT']", True),
        ("country == 'DE'", "country != 'AT'", True),
        ("country != 'AT'", "country == 'DE'", False),
        ("country == 'DE' || country == 'AT'", "country in ['AT', 'DE']", True),
        ("country == 'DE' && budget > 3", "country == 'DE'", True),
        ("country == 'DE'", "country == 'DE' && budget > 3", False),
        ("budget > 3", "known(budget)", True),
        ("known(budget)", "budget > 3", False),
        ("!(budget < 5)", "budget >= 5", True),
        ("'a' in tags && 'b' in tags", "'b' in tags", True),
        ("country.contains('x') && has_email", "country.contains('x')", True),
        ("big_deal", "enterprise", True),
        ("enterprise", "company_size > 400", True),
        ("has_email", "true", True),
        ("budget > 1 && budget < 0", "has_email", True),
        ("has_email", "company_size > 3", False),
    ],
)
def test_implication(strong: str, weak: str, expected: bool) -> None:
    assert implies(compile_rule(strong, DEFINED), compile_rule(weak, DEFINED)) is expected


def test_a_rule_is_always_true_only_where_no_lead_could_make_it_unknown() -> None:
    assert always(compile_rule("true", NAMES))
    assert always(compile_rule("has_email || 1 < 2", NAMES))
    assert not always(compile_rule("has_email || !has_email", NAMES))


@deterministic
@given(st.one_of(rules(), plain_rules()), leads)
def test_a_contradiction_never_matches_and_what_is_always_true_always_does(text: str, facts: dict[str, Any]) -> None:
    rule = compile_rule(text, VOCABULARY)
    if contradiction(rule):
        assert not rule(facts)
    if always(rule):
        assert rule(facts)


@deterministic
@given(st.one_of(rules(2), plain_rules()), st.one_of(rules(2), plain_rules(2)), leads)
@example("budget == 1", "budget in [1, 2]", {"budget": 1})
@example("country < 'b'", "country < 'c'", {"country": "a"})
@example("has_email ? budget > 1 : false", "budget > 0.5", {"has_email": True, "budget": 2})
def test_what_is_implied_matches_too(strong: str, weak: str, facts: dict[str, Any]) -> None:
    one, other = compile_rule(strong, VOCABULARY), compile_rule(weak, VOCABULARY)
    if implies(one, other) and one(facts):
        assert other(facts)
    assert implies(one, one)


def test_definitions_that_grow_when_they_are_written_out_are_bounded() -> None:
    texts = {"d0": "budget > 0"} | {f"d{n}": " && ".join([f"d{n - 1}"] * 50) for n in range(1, 20)}
    rule = compile_rule("d19 && budget < 0", Definitions(texts, NAMES).vocabulary)
    assert rule.cases is None
    assert contradiction(rule) is None


def test_many_cases_are_not_written_out() -> None:
    rule = compile_rule(" && ".join(f"(budget == {n} || company_size == {n})" for n in range(30)), NAMES)
    assert rule.cases is None
    assert implies(rule, rule)
