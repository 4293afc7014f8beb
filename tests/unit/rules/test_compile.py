"""What is refused when a rule is saved: with the place, and in words that say what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import MAX_RULE, Fault, Kind, RuleError, Vocabulary, compile_rule
from shared.rules.source import Source
from tests.unit.rules.expressions import deterministic

NAMES = Vocabulary(
    {
        "budget": Kind.NUMBER,
        "country": Kind.TEXT,
        "has_email": Kind.TRUTH,
        "tags": Kind.TEXTS,
        "agent.languages": Kind.TEXTS,
    }
)

IN_A_LOOP = "a runaway: within a loop, a pattern may hold one group, repeat nothing and have no (?i)"


def faults(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(RuleError) as caught:
        compile_rule(text, NAMES)
    return [(fault.message, fault.line, fault.column) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("budgett > 5", "there is no fact `budgett`; did you mean `budget`?", 1, 1),
        ("has_email &&\n  contry == 'DE'", "there is no fact `contry`; did you mean `country`?", 2, 3),
        ("has_email && agent.langages == ['de']", "there is no fact `agent.langages`; did you mean `agent.languages`?", 1, 14),
        ("'de' in agent.lang.uages", "there is no fact `agent.lang.uages`; did you mean `agent.languages`?", 1, 9),
        ("budget > 10 && known(budgett)", "there is no fact `budgett`; did you mean `budget`?", 1, 16),
        ("zzz", "there is no fact `zzz`", 1, 1),
        ("budget >= 10 && budget > '80'", "`>` cannot compare a number with text", 1, 24),
        ("country == 3", "`==` cannot compare text with a number", 1, 9),
        ("'ß😀' == country && country == 3", "`==` cannot compare text with a number", 1, 28),
        ("tags == 'vip'", "`==` cannot compare a list of texts with text", 1, 6),
        ("budget in ['a']", "`in` cannot look for a number in a list of texts", 1, 8),
        ("'x' in country", "`in` cannot look for text in text", 1, 5),
        ("budget && has_email", "`&&` is between truths, not a number", 1, 8),
        ("!budget", "`!` is between truths, not a number", 1, 1),
        ("budget + country > 3", "`+` does not work on a number and text", 1, 8),
        ("country.startsWith(3)", "`startsWith` does not work on text and a number", 1, 19),
        ("size(budget) > 3", "`size` does not work on a number", 1, 5),
        ("budget", "a rule is true or false, and this is a number", 1, 1),
        ("tags", "a rule is true or false, and this is a list of texts", 1, 1),
        ("null == budget", "`==` cannot compare null with a number", 1, 6),
        ("10u < budget", "`<` cannot compare an unsigned number with a number", 1, 5),
        ("budget >", "the rule ends too early", 1, 9),
        ("", "the rule ends too early", 1, 1),
        ("// nothing\n", "the rule ends too early", 2, 1),
        ("country = 'DE'", "write `==` for `=`", 1, 9),
        ("has_email and true", "write `&&` for `and`", 1, 11),
        ("not has_email", "write `!` for `not`", 1, 1),
        ("not(has_email)", "write `!` for `not`", 1, 1),
        ("budget > 3)", "`)` is not expected here", 1, 11),
        ("country == 'DE", "a text that does not end, or with a backslash that means nothing", 1, 12),
        ("country.lowercase() == 'de'", "there is no function `lowercase`", 1, 9),
        ("country.startswith('D')", "there is no function `startswith`; did you mean `startsWith`?", 1, 9),
        ("has_email && int(budget) > 3", "there is no function `int`", 1, 14),
        ("tags.map(t, t + t) == tags", "there is no function `map`", 1, 6),
        ("dyn(budget) == 'a'", "there is no function `dyn`", 1, 1),
        ("has((budget))", "there is no function `has`", 1, 1),
        ("timestamp('2026-01-01T00:00:00Z') < timestamp('2027-01-01T00:00:00Z')", "there is no function `timestamp`", 1, 1),
        ("{'a': budget}['a'] > 3", "maps, bytes and fields of values are no part of the rule language", 1, 1),
        ("tags[0] == 'a'", "an item of a list has no place in a rule: ask with `in`", 1, 5),
        (
            "b'a' == b'a'",
            "a rule knows texts, numbers, true and false; whether a fact is there is asked with `known(budget)`",
            1,
            1,
        ),
        ("budget in [1, 'a']", "a list holds values of one kind: texts, numbers or truths", 1, 11),
        ("tags in [['a']]", "a list holds values of one kind: texts, numbers or truths", 1, 9),
        ("country.matches('(')", "the pattern cannot be read: invalid regular expression: missing ): (", 1, 16),
        (
            "country.matches('a{2,1}')",
            "the pattern cannot be read: invalid regular expression: invalid repetition size: {2,1}",
            1,
            16,
        ),
        ("country.matches(country)", "the pattern of `matches` must be written in the rule", 1, 16),
        ("tags.exists(country, true)", "`country` is a fact: call what runs through the list something else", 1, 12),
        ("country == '\0'", "holds a character that is no text", 1, 13),
        ("country == '\ud800'", "holds a character that is no text", 1, 13),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, message: str, line: int, column: int) -> None:
    assert (message, line, column) in faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "tags.exists(a, tags.exists(b, tags.exists(c, a + b == c)))",
        "tags.exists(a, tags.exists(b, size(tags.filter(c, a + b == c)) > 0))",
        "[1, 2].all(a, [1, 2].all(b, [1, 2].all(c, a + b + c > budget)))",
    ],
)
def test_a_runaway_is_refused(text: str) -> None:
    assert [message for message, _, _ in faults(text)] == ["a runaway: at most 2 loops may stand within one another"]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("tags.exists(a, tags.exists(b, b.matches('x')))", "a runaway: `matches` may not stand within two loops", 40),
        (
            "tags.exists(a, a.matches('x+'))",
            "a runaway: within a loop, a pattern may hold one group, repeat nothing and have no (?i)",
            25,
        ),
        (
            "tags.exists(a, a.matches('(?i)x'))",
            "a runaway: within a loop, a pattern may hold one group, repeat nothing and have no (?i)",
            25,
        ),
        ("country.matches('(x{1,60}){2}')", "a runaway: the pattern repeats up to 120 times, and may 100 times", 16),
        ("'a' in (tags + ['b'])", "lists cannot be added: ask each of them", 14),
        (
            " || ".join(["tags.exists(a, tags.exists(b, a < b))"] * 4),
            "a runaway: at most 3 loops of a rule may hold another",
            135,
        ),
    ],
)
def test_what_could_take_too_long_is_refused(text: str, message: str, column: int) -> None:
    assert faults(text) == [(message, 1, column)]


@pytest.mark.parametrize("text", ["(" * 60 + "true" + ")" * 60, "1 + " * 60 + "1 > 1", "[" * 60 + "]" * 60 + " == tags"])
def test_deep_nesting_is_refused(text: str) -> None:
    assert faults(text) == [("is nested too deeply", 1, 1)]


def test_a_long_rule_is_refused_before_it_is_read() -> None:
    assert faults("true || " * 300) == [(f"a rule holds at most {MAX_RULE} characters, this one 2400", 1, MAX_RULE + 1)]
    assert compile_rule(" || ".join(["has_email"] * 150), NAMES)({"has_email": True})


def test_all_faults_are_found_at_once_and_in_order() -> None:
    assert faults("budgett > 1 &&\n country == 3 && budget > 0x10 && contry == 'DE'") == [
        ("there is no fact `budgett`; did you mean `budget`?", 1, 1),
        ("`==` cannot compare text with a number", 2, 10),
        ("there is no fact `contry`; did you mean `country`?", 2, 35),
    ]
    assert str(RuleError([])) == ""


@pytest.mark.parametrize(
    ("text", "cel"),
    [
        ("budget > 10", "budget > 10.0"),
        ("x10 > 0x1F", "x10 > 31.0"),
        ("1.5 + .5 + 1e3 + 2", "1.5 + .5 + 1e3 + 2.0"),
        ('\'10\' == "1\\"0" // 10', '\'10\' == "1\\"0" // 10'),
        ("r'\\' == '''1'1''' + 1", "r'\\' == '''1'1''' + 1.0"),
        ("known( agent.languages )", "known. agent.languages  "),
        ("unknown(x) && a.known(x)", "unknown(x) && a.known(x)"),
        ("has(budget) && size (x)", "known.budget  && len_ (x)"),
    ],
)
def test_the_engine_is_given_numbers_as_doubles_and_known_as_a_truth(text: str, cel: str) -> None:
    assert Source(text).cel == cel


@deterministic
@given(st.text(alphabet="1 x\n'(", max_size=12))
def test_places_lead_back_to_the_text(text: str) -> None:
    source = Source(text)
    lines = text.split("\n")
    for offset, char in enumerate(source.cel):
        line, column = source.place(offset)
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
        if char in "x'(":
            assert lines[line - 1][column - 1] == char


names = st.sampled_from(["budget", "tags", "country", "has_email", "t,", "true", "null", "é"])
signs = st.sampled_from(
    ["(", ")", "&&", "||", "!", "==", "<", "in", "+", "?", ":", "[", "]", "{", "}", ",", ".", "//", "\n", "\\", "@"]
)
others = st.sampled_from(["known(", "size(", "exists(", "1", "2.5", "0x1F", "10u", "'a'", "b'x'", "'", '"'])


@deterministic
@given(st.lists(st.one_of(names, signs, others), max_size=9), st.sampled_from(["", " "]))
def test_whatever_is_written_is_a_rule_or_has_faults_with_a_place(parts: list[str], between: str) -> None:
    text = between.join(parts)
    lines = text.split("\n")
    found = faults_of(text)
    for fault in found:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        assert "len_" not in fault.message
        assert "<input>" not in fault.message
    if not found:
        assert compile_rule(text, NAMES)({}) in (True, False)


def faults_of(text: str) -> tuple[Fault, ...]:
    try:
        compile_rule(text, NAMES)
    except RuleError as error:
        return error.faults or (Fault("an error without a fault", 0, 0),)
    return ()
