"""The closures mean what the engine does, unknown included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.rules import Rule, compile_rule
from shared.rules.engine import Unknown, load, parse
from shared.rules.patterns import compile_pattern
from shared.rules.source import Source
from shared.rules.tree import Tree, asked_names
from shared.rules.vocabulary import reader
from tests.unit.rules.expressions import VOCABULARY, deterministic, leads, rules


def engine_says(text: str, facts: dict[str, Any]) -> object:
    """True, False or None for unknown: the whole rule evaluated by the engine."""
    tree = Tree(parse(Source(text).cel, VOCABULARY).serialize())
    evaluate = load(tree.serialize(tree.root), VOCABULARY, asked_names(tree.root))
    found = evaluate(reader(VOCABULARY, VOCABULARY)(facts)[0])
    return None if isinstance(found, Unknown) else found


def rule_says(rule: Rule, facts: dict[str, Any]) -> object:
    found = rule.verdict(facts)
    return None if isinstance(found, str) else found


@deterministic
@given(rules(), leads)
@example("budget / 0 > 1", {"budget": 1})
@example("budget / -0.0 > 1", {"budget": -1})
@example("0 / budget == 0 / budget", {"budget": 0})
@example("tags.exists_one(t, t == 'a' || budget > 1)", {"tags": ["a", "b"]})
@example("size(tags.filter(t, budget > 1)) == 0", {"tags": []})
@example("tags.all(t, tags.exists(u, u > t) || t == 'b')", {"tags": ["a", "b"]})
@example("[country, 'a'].exists(t, t == 'a')", {})
@example("tags.exists(t, t.matches('^a(a|b)$'))", {"tags": ["b", "aa"]})
@example("country.matches('a+') || has_email", {"has_email": True})
@example("known(tags) && agent.title.lowerAscii() == 'ß'", {"tags": [], "agent.title": "ß"})
def test_a_rule_says_what_the_engine_says(text: str, facts: dict[str, Any]) -> None:
    rule = compile_rule(text, VOCABULARY)
    assert rule_says(rule, facts) is engine_says(text, facts)
    assert rule(facts) is (engine_says(text, facts) is True)


@pytest.mark.parametrize("name", ["has_email", "budget > 1", "country != 'DE'", "'a' in tags", "size(tags) == 0", "!has_email"])
@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{} || true", True),
        ("true || {}", True),
        ("{} && false", False),
        ("false && {}", False),
        ("{} || false", None),
        ("{} && true", None),
        ("!({})", None),
        ("({}) ? true : true", None),
        ("false ? ({}) : true", True),
        ("['x'].exists(t, t == 'x' || ({}))", True),
        ("['x', 'y'].all(t, t == 'x' || ({}))", None),
        ("['x', 'y'].all(t, t == 'x' && ({}))", False),
    ],
)
def test_unknown_spreads_only_as_far_as_it_matters(name: str, template: str, expected: bool | None) -> None:
    text = template.format(name)
    assert rule_says(compile_rule(text, VOCABULARY), {}) is expected
    assert engine_says(text, {}) is expected


atoms = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "1",
        " ",
        "-",
        ".",
        "^",
        "$",
        "|",
        r"\b",
        r"\B",
        r"\d",
        r"\w",
        r"\W",
        r"\.",
        r"\$",
        "(a|b)",
        "(?:1|)",
        "a*",
        "[ab]",
        "k",
    ]
)
texts = st.text(alphabet="abA1 -.\n_kKſ$", max_size=6)


@deterministic
@given(st.sampled_from(["", "(?i)"]), st.lists(atoms, max_size=5).map("".join), texts)
@example("", "a$", "a\n")
@example("(?i)", "k", "\u212a")
def test_a_pattern_matches_what_the_engine_matches(flag: str, pattern: str, text: str) -> None:
    rule = f"country.matches(r'{flag}{pattern}')"
    assert rule_says(compile_rule(rule, VOCABULARY), {"country": text}) is engine_says(rule, {"country": text})


@pytest.mark.parametrize(
    ("pattern", "is_simple"),
    [
        (r"(?i)\b(head|chief|vp) of\b", True),
        ("^Sales$|^Marketing$", True),
        ("(a+)+$", False),
        ("(a|a)(a|a)", False),
        ("a{3}", False),
        ("[ab]", False),
        ("é", False),
    ],
)
def test_only_patterns_without_repetition_are_left_to_python(pattern: str, is_simple: bool) -> None:
    assert (compile_pattern(pattern) is not None) is is_simple
