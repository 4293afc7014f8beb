"""A set of rules answers as each of them would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import Comparison, Kind, RuleSet, Vocabulary, compile_rule
from tests.unit.rules.expressions import VOCABULARY, deterministic, leads, plain_rules, rules

many = st.lists(st.one_of(plain_rules(), plain_rules(), rules(2)), max_size=6)


@deterministic
@given(many, leads)
def test_a_set_matches_what_its_rules_match(texts: list[str], facts: dict[str, Any]) -> None:
    compiled = [compile_rule(text, VOCABULARY) for text in texts]
    each = [place for place, rule in enumerate(compiled) if rule(facts)]
    several = RuleSet(compiled)
    assert several.matching(facts) == each
    assert several.first(facts) == (each[0] if each else None)


@deterministic
@given(st.one_of(plain_rules(), rules()), leads)
def test_a_rule_is_its_conjuncts_and_the_rest(text: str, facts: dict[str, Any]) -> None:
    rule = compile_rule(text, VOCABULARY)
    held = all(RuleSet([compile_rule(_written(one), VOCABULARY)]).matching(facts) == [0] for one in rule.conjuncts)
    assert (held and (rule.rest is None or rule.rest(facts))) is rule(facts)


def _written(one: Comparison) -> str:
    values = [f"'{value}'" if isinstance(value, str) else str(value).lower() for value in one.values]
    if one.op == "has":
        return f"{values[0]} in {one.name}"
    return f"{one.name} in [{', '.join(values)}]" if one.op == "in" else f"{one.name} {one.op} {values[0]}"


def test_conjuncts_are_the_comparisons_with_constants_at_the_top() -> None:
    rule = compile_rule(
        "has_email && !known_before && (country in ['DE', 'AT'] && 5 <= budget) && 'vip' in tags && (budget > 9 || country < 'x')",
        VOCABULARY,
    )
    assert rule.conjuncts == (
        Comparison("has_email", "==", (True,)),
        Comparison("known_before", "==", (False,)),
        Comparison("country", "in", ("DE", "AT")),
        Comparison("budget", ">=", (5.0,)),
        Comparison("tags", "has", ("vip",)),
    )
    assert rule.rest is not None
    assert rule.rest.conjuncts == ()
    assert rule.rest.rest is rule.rest
    assert rule.rest.names == {"budget", "country"}
    assert compile_rule("budget > 5", VOCABULARY).rest is None


def test_a_set_of_no_rules_matches_nothing() -> None:
    assert RuleSet([]).matching({"budget": 1}) == []
    assert RuleSet([]).first({}) is None


def test_only_what_the_comparisons_leave_is_evaluated() -> None:
    several = RuleSet([compile_rule(f"country == 'C{n}' && agent.title.contains('x')", VOCABULARY) for n in range(100)])
    asked: list[int] = []
    for place, holds in list(several._rests.items()):
        several._rests[place] = lambda lead, place=place, holds=holds: asked.append(place) or holds(lead)
    assert several.matching({"country": "C7", "agent.title": "xx"}) == [7]
    assert asked == [7]


def test_rules_that_disagree_on_a_fact_are_no_set() -> None:
    one = compile_rule("budget > 1", VOCABULARY)
    other = compile_rule("budget == 'a'", Vocabulary({"budget": Kind.TEXT}))
    with pytest.raises(ValueError, match="'budget' is number to one rule and text to another"):
        RuleSet([one, other])
