"""What a rule means: its facts, their kinds, and what is not known."""

from __future__ import annotations

from enum import StrEnum
from time import perf_counter
from typing import Any

import pytest

from shared.rules import MAX_TEXTS, Kind, Vocabulary, compile_rule

NAMES = Vocabulary(
    {
        "budget": Kind.NUMBER,
        "country": Kind.TEXT,
        "has_email": Kind.TRUTH,
        "tags": Kind.TEXTS,
        "agent.languages": Kind.TEXTS,
    }
)
LEAD = {"budget": 10, "country": "DE", "has_email": True, "tags": ["vip", "fair"]}


def matches(text: str, **facts: Any) -> bool:
    return compile_rule(text, NAMES)(facts)


def verdict(text: str, **facts: Any) -> bool | str:
    return compile_rule(text, NAMES).verdict(facts)


@pytest.mark.parametrize(
    "text",
    [
        "budget == 10",
        "budget == 10.0",
        "budget >= 10",
        "budget > 0.5",
        "budget in [1, 10]",
        "budget in [1.5, 10]",
        "budget < 0x0B",
        "budget < 1e2",
        "budget == 20 / 2",
        "budget / 4 == 2.5",
        "-budget < 0",
        "country == 'DE' && has_email",
        'country in ["DE", "AT"]',
        "country.startsWith('D') && country.endsWith('E') && country.contains('DE')",
        "country.lowerAscii() == 'de' && country.upperAscii() == 'DE'",
        "country.matches('^[A-Z]{2}$') && country.matches(r'^\\w+$')",
        "'vip' in tags",
        "size(tags) == 2 && tags.size() < 3 && size(country) == 2",
        "tags.exists(t, t.startsWith('v')) && tags.all(t, size(t) > 2) && tags.exists_one(t, t == 'fair')",
        "size(tags.filter(t, t != 'vip')) == 1",
        "tags.exists(t, tags.exists(u, t > u))",
        "tags.exists(t, t.matches('^v')) && !tags.exists(t, country.matches('^v'))",
        "known(budget) && known( tags ) && has(country) && !known(agent.languages)",
        "agent.languages.exists(l, l == 'de') || has_email",
        "has_email ? budget > 5 : budget > 50",
        "// a comment: size(tags), known(budget) and 10 are left alone\n'size( known(x) 10' != country",
        "country + '-' + country == 'DE-DE'",
    ],
)
def test_a_rule_is_true_of_a_lead(text: str) -> None:
    assert compile_rule(text, NAMES)(LEAD) is True
    assert compile_rule(f"!({text})", NAMES)(LEAD) is False


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("budget >= 0", {"budget": "10"}),
        ("budget >= 0", {"budget": True}),
        ("budget >= 0", {"budget": float("nan")}),
        ("budget >= 0", {"budget": float("inf")}),
        ("budget >= 0", {"budget": 10**400}),
        ("country != 'DE'", {"country": 5}),
        ("country != 'DE'", {"country": None}),
        ("country != 'DE'", {}),
        ("country != 'DE'", {"country": "x" * 10_001}),
        ("!('vip' in tags)", {"tags": ["x" * 10_001]}),
        ("!has_email", {"has_email": 0}),
        ("!has_email", {}),
        ("!('vip' in tags)", {"tags": "vip"}),
        ("!('vip' in tags)", {"tags": ["new", 3]}),
        ("!('vip' in tags)", {"tags": {"vip": 1}}),
        ("!('vip' in tags)", {"tags": ["x"] * (MAX_TEXTS + 1)}),
    ],
)
def test_a_fact_that_is_missing_or_of_another_kind_is_not_there(text: str, facts: dict[str, object]) -> None:
    rule = compile_rule(text, NAMES)
    (name,) = rule.names
    assert rule(facts) is False
    assert isinstance(rule.verdict(facts), str)
    assert compile_rule(f"!known({name})", NAMES)(facts) is True


def test_why_a_rule_could_not_be_evaluated_is_said() -> None:
    assert verdict("budget > 1") == "`budget` is not known"
    assert verdict("budget > 1", budget="ten") == "`budget` is not a number"
    assert verdict("!('a' in tags)", tags=["a", 1]) == "`tags` is not a list of at most 1000 texts"
    assert verdict("budget > 1 && has_email", has_email=False) is False
    assert verdict("budget > 1 || has_email", has_email=True) is True


def test_numbers_are_doubles_as_in_cel() -> None:
    assert matches("budget == 9007199254740993", budget=2**53)
    assert matches("budget > 1e300", budget=10**308)
    assert matches("budget / 0 > 1e308", budget=1)
    assert not matches("budget / 0 >= 0 || budget / 0 < 0", budget=0)


def test_a_member_of_a_closed_list_is_its_text() -> None:
    class Country(StrEnum):
        GERMANY = "DE"

    assert matches("country == 'DE' && country.matches('^DE$')", country=Country.GERMANY)


def test_a_list_of_texts_may_be_a_tuple_or_a_set() -> None:
    assert matches("'vip' in tags && size(tags) == 1", tags=("vip",))
    assert matches("'vip' in tags && size(tags) == 1", tags=frozenset(["vip"]))


def test_a_rule_never_takes_the_engines_error_for_true() -> None:
    """The engine's error is a text, and Python takes a text for true."""
    assert not matches("country.matches('^D+')")
    assert verdict("country.matches('^D+')") == "`country` is not known"
    assert not matches("tags.exists(t, agent.languages.exists(u, u == t))", tags=["a"])


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "\udfff" * 10])
def test_text_that_the_engine_cannot_take_never_raises(odd: str) -> None:
    assert matches("country != 'x'", country=odd)
    assert not matches("country.matches('x+')", country=odd)
    assert matches("country.matches('x+') || country != 'x'", country=odd)


def test_names_are_the_facts_that_are_asked_for() -> None:
    rule = compile_rule("known(budget) && tags.exists(t, t == country) && size(agent.languages) > 0", NAMES)
    assert rule.names == {"budget", "tags", "country", "agent.languages"}
    assert rule.text.startswith("known(budget)")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("tags.exists(t, tags.exists(u, t + u == 'x'))", {"tags": ["a"] * MAX_TEXTS}),
        (" || ".join(["tags.exists(t, t == 'b')"] * 70), {"tags": ["a"] * MAX_TEXTS}),
        (" || ".join(["tags.exists(t, tags.exists(u, t == 'b'))"] * 3), {"tags": ["a"] * MAX_TEXTS}),
        ("country.matches('(a+)+$')", {"country": "a" * 9_999 + "b"}),
        ("country.matches('(a|a)*(a|aa)*(x{1,20}){1,5}$')", {"country": "a" * 10_000}),
        ("tags.exists(t, t.matches('" + "|".join(f"w{n}" for n in range(400)) + "'))", {"tags": ["ä" * 100] * MAX_TEXTS}),
        (" || ".join(["country.matches('(.*)(.*)(x{1,20}){1,5}$')"] * 40), {"country": "a" * 10_000}),
        ("tags.exists(t, (country + country).lowerAscii().contains(t))", {"tags": ["b"] * MAX_TEXTS, "country": "a" * 10_000}),
    ],
)
def test_the_worst_that_a_rule_can_do_is_bounded(text: str, facts: dict[str, object]) -> None:
    rule = compile_rule(text, NAMES)
    started = perf_counter()
    rule(facts)
    assert perf_counter() - started < 5


def test_loops_within_loops_stop_after_ten_thousand_steps() -> None:
    rule = compile_rule("!tags.exists(t, tags.exists(u, t + u == 'x'))", NAMES)
    assert rule.verdict({"tags": ["a"] * 90}) is True
    assert rule.verdict({"tags": ["a"] * 110}) == "takes too many steps"


@pytest.mark.parametrize("name", ["", "a b", "1a", "a.", "a..b", "true", "a.in", "string", "known.budget", "ä", "a" * 201])
def test_a_name_that_no_rule_could_say_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is"):
        Vocabulary({name: Kind.TEXT})


def test_a_vocabulary_is_added_to_without_being_changed() -> None:
    more = NAMES.plus({"team_size": Kind.NUMBER})
    assert "team_size" in more
    assert "team_size" not in NAMES
    assert more != NAMES
    assert more == Vocabulary({**NAMES.names, "team_size": Kind.NUMBER})
    assert NAMES.plus({}) is NAMES
    assert compile_rule("duration > 3", Vocabulary({"duration": Kind.NUMBER}))({"duration": 4})
