"""A set of rules answers as each of them would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import Comparison, Definitions, Kind, Rule, RuleSet, Vocabulary, compile_rule
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
@given(many, leads)
def test_a_search_tells_the_rules_that_failed_before_the_first_that_matches(texts: list[str], facts: dict[str, Any]) -> None:
    compiled = [compile_rule(text, VOCABULARY) for text in texts]
    found, failed = RuleSet(compiled).search(facts)
    assert found == RuleSet(compiled).first(facts)
    before = compiled[:found]
    assert set(failed) <= {place for place, rule in enumerate(before) if rule.judge(facts)[1]}
    sure = (place for place, rule in enumerate(before) if rule.judge(facts)[1] and not missing(rule, facts))
    assert set(failed) >= set(sure)


def missing(rule: Rule, facts: dict[str, Any]) -> set[str]:
    """The facts that it asks for and the lead does not have."""
    return {name for name in rule.names if facts.get(name) is None}


@pytest.mark.parametrize(
    ("text", "facts", "why"),
    [
        ("budget > 5", {"budget": "much"}, "`budget` is not a number"),
        ("budget > 5", {"budget": float("nan")}, "`budget` is not a number"),
        ("'a' in tags", {"tags": "a"}, "`tags` is not a list of at most 1000 texts"),
        ("country == 'DE'", {"country": "D" * 10_001}, "`country` is not a text of at most 10000 characters"),
        ("country == 'DE' && budget > 5", {"country": "DE", "budget": "much"}, "`budget` is not a number"),
        ("!tags.exists(t, tags.exists(u, t + u == 'x'))", {"tags": ["a"] * 110}, "takes too many steps"),
        (
            "has_email && tags.exists(t, tags.exists(u, t + u == 'x'))",
            {"has_email": True, "tags": ["a"] * 110},
            "takes too many steps",
        ),
        ("budget > 5", {}, None),  # not known is nothing wrong
        ("budget > 5", {"budget": None}, None),
        ("budget > 5", {"budget": 5}, None),
        ("country == 'DE' && budget > 5", {"country": "FR", "budget": "much"}, None),
        ("country == 'DE' || budget > 5", {"country": "DE", "budget": "much"}, None),
        ("known(budget) && budget > 5", {"budget": "much"}, None),
        ("country == 'DE'", {"budget": "much"}, None),
    ],
)
def test_a_rule_fails_where_something_is_wrong_and_not_where_something_is_not_known(
    text: str, facts: dict[str, Any], why: str | None
) -> None:
    rule = compile_rule(text, VOCABULARY)
    assert rule.judge(facts)[1] == why
    last = compile_rule("true", VOCABULARY)
    place = 0 if rule(facts) else 1
    assert RuleSet([rule, last]).search(facts) == (place, (0,) if why else ())


def test_a_rule_behind_the_one_that_matches_is_not_asked() -> None:
    several = RuleSet([compile_rule(text, VOCABULARY) for text in ("has_email", "budget > 5")])
    assert several.search({"has_email": True, "budget": "much"}) == (0, ())
    assert several.search({"has_email": False, "budget": "much"}) == (None, (1,))


def test_a_rule_that_asks_a_failed_definition_fails_with_its_reason() -> None:
    define = Definitions(
        {"large": "budget > 5", "huge": "large && company_size > 9"}, VOCABULARY.plus({"company_size": Kind.NUMBER})
    )
    extended, failed = define.examine({"budget": "much", "company_size": 10})
    assert failed == {"large": "`budget` is not a number", "huge": "`large` cannot be evaluated: `budget` is not a number"}
    assert "large" not in extended
    rule = compile_rule("huge || country == 'DE'", define.vocabulary)
    assert rule.judge(extended, failed) == (
        None,
        "`huge` cannot be evaluated: `large` cannot be evaluated: `budget` is not a number",
    )
    several = RuleSet([rule], define)
    assert several.search({"budget": "much", "company_size": 10}) == (None, (0,))
    assert several.search({"budget": "much", "company_size": 10, "country": "DE"}) == (0, ())
    assert define.examine({"company_size": 10})[1] == {}


@pytest.mark.parametrize("facts", [{"budget": 9, "company_size": 10}, {"budget": 9}, {"company_size": 10}, {"large": True}, {}])
def test_definitions_are_judged_on_the_way(facts: dict[str, object]) -> None:
    define = Definitions(
        {"large": "budget > 5", "huge": "large && company_size > 9"}, VOCABULARY.plus({"company_size": Kind.NUMBER})
    )
    rules = [compile_rule(text, define.vocabulary) for text in ("huge", "large", "!large", "known(large) || budget > 1")]
    extended = define.extend(facts)
    assert RuleSet(rules, define).matching(facts) == [place for place, rule in enumerate(rules) if rule(extended)]


def test_where_nothing_fails_nothing_more_is_evaluated() -> None:
    several = RuleSet([compile_rule("country.startsWith('D')", VOCABULARY), compile_rule("budget > 5 && has_email", VOCABULARY)])
    several.rules = ()  # what would be asked again
    assert several.search({"country": "FR", "budget": 6, "has_email": True}) == (1, ())
    assert several.search({"country": "FR"}) == (None, ())


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
