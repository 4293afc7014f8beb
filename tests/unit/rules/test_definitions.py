"""Named conditions, declared facts, and the problems of a document's rules."""

from __future__ import annotations

import pytest

from shared.rules import Definitions, DocumentError, Kind, Problem, Vocabulary, compile_rule, declared, problems_of

FACTS = Vocabulary({"company_size": Kind.NUMBER, "budget": Kind.NUMBER, "country": Kind.TEXT})


def test_definitions_are_used_by_rules_and_by_one_another_in_any_order() -> None:
    defined = Definitions({"big_deal": "enterprise && budget > 10000", "enterprise": "company_size >= 500"}, FACTS)
    rule = compile_rule("big_deal && country == 'DE'", defined.vocabulary)
    lead = {"company_size": 500, "budget": 10_001, "country": "DE"}
    assert defined.extend(lead) == {**lead, "enterprise": True, "big_deal": True}
    assert rule(defined.extend(lead))
    assert not rule(defined.extend({**lead, "budget": 10_000}))


def test_a_definition_that_cannot_be_evaluated_is_not_there() -> None:
    defined = Definitions({"enterprise": "company_size >= 500", "small": "!enterprise"}, FACTS)
    assert defined.extend({"country": "DE"}) == {"country": "DE"}
    assert not compile_rule("!enterprise", defined.vocabulary)(defined.extend({}))


def test_a_fact_that_is_called_as_a_definition_does_not_stand_for_it() -> None:
    defined = Definitions({"enterprise": "company_size >= 500"}, FACTS)
    assert defined.extend({"enterprise": True}) == {}
    assert defined.extend({"enterprise": True, "company_size": 1}) == {"enterprise": False, "company_size": 1}


def test_without_definitions_the_facts_are_what_they_were() -> None:
    lead = {"budget": 1}
    assert Definitions({}, FACTS).extend(lead) is lead


@pytest.mark.parametrize(
    ("texts", "problems"),
    [
        ({"a": "b", "b": "a"}, [Problem("/define/a", "is defined by itself: a -> b -> a")]),
        ({"z": "!z"}, [Problem("/define/z", "is defined by itself: z -> z")]),
        (
            {"c": "a && budget > 1", "a": "b", "b": "c"},
            [Problem("/define/a", "is defined by itself: a -> b -> c -> a")],
        ),
        ({"budget": "country == 'DE'"}, [Problem("/define/budget", "`budget` is a fact already: a definition must not hide it")]),
        ({"a b": "true"}, [Problem("/define/a b", "is not a name: letters, digits and _, with dots between")]),
        ({"in": "true"}, [Problem("/define/in", "is a word of the rule language")]),
        ({"a/b~": "true"}, [Problem("/define/a~1b~0", "is not a name: letters, digits and _, with dots between")]),
        (
            {"a": "buget > 1", "b": "budget > 'x'"},
            [
                Problem("/define/a", "there is no fact `buget`; did you mean `budget`?", line=1, column=1),
                Problem("/define/b", "`>` cannot compare a number with text", line=1, column=8),
            ],
        ),
        (
            {"a": "budget > 2 && budget < 1"},
            [Problem("/define/a", "can never be true: `budget` cannot be above 2 and below 1", line=1, column=1)],
        ),
    ],
)
def test_what_is_wrong_with_definitions_is_named(texts: dict[str, str], problems: list[Problem]) -> None:
    with pytest.raises(DocumentError) as caught:
        Definitions(texts, FACTS)
    assert list(caught.value.problems) == problems


def test_definitions_are_bounded_in_number() -> None:
    with pytest.raises(DocumentError, match="/rules/define: must hold at most 100 definitions"):
        Definitions({f"d{n}": "true" for n in range(101)}, FACTS, "/rules/define")


def test_the_problems_of_a_rule_have_their_place_in_the_document_and_in_the_text() -> None:
    assert problems_of("budget > 1", FACTS, "/rules/0/when") == []
    assert problems_of(3, FACTS, "/rules/0/when") == [Problem("/rules/0/when", "must be a rule, which is text")]
    assert problems_of("budget > 1 &&\n  contry == 'DE'", FACTS, "/rules/0/when") == [
        Problem("/rules/0/when", "there is no fact `contry`; did you mean `country`?", line=2, column=3)
    ]
    assert problems_of("false", FACTS, "/w") == [
        Problem("/w", "can never be true: it is false whatever the lead", line=1, column=1)
    ]


def test_declared_facts_are_read_beside_those_of_every_lead() -> None:
    facts, problems = declared({"team_size": "number", "budget": "text", "a b": "text", "x": "int", "y": 3}, "/facts", FACTS)
    assert facts == {"team_size": Kind.NUMBER}
    assert [(problem.path, problem.message) for problem in problems] == [
        ("/facts/budget", "`budget` is a fact of every lead already (number)"),
        ("/facts/a b", "is not a name: letters, digits and _, with dots between"),
        ("/facts/x", "must be one of text, number, truth, texts"),
        ("/facts/y", "must be one of text, number, truth, texts"),
    ]
    assert declared([], "/facts", FACTS) == ({}, [Problem("/facts", "must be an object of names and kinds")])
    assert declared({str(n): "text" for n in range(201)}, "/facts", FACTS)[1][0].message == "must hold at most 200 facts"
