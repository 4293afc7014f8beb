"""What lint finds in a policy, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Policy, Profile, lint, read_draft
from services.router.domain.lint.reach import gaps, hidden_rules
from tests.unit.router.documents import AGENTS, CYD, FACTS, WHOLE, a_draft, a_rule
from tests.unit.router.worlds import deterministic

Found = list[tuple[str, str, str]]
ALL = ("country == 'DE'", "country != 'DE'", "!known(country)")


def found(*rules: dict[str, Any], agents: tuple[Profile, ...] | None = AGENTS, given: Any = (), **changes: Any) -> Found:
    problems = lint(a_draft(*rules, **changes), agents, qualifications=given)
    return [(problem.path, problem.severity, problem.message) for problem in problems]


def errors(*rules: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    return [(path, message) for path, severity, message in found(*rules, **changes) if severity == "error"]


def warnings(*rules: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    return [(path, message) for path, severity, message in found(*rules, **changes) if severity == "warning"]


def test_a_sound_policy_has_no_problems() -> None:
    assert found() == []
    assert found(given={"sales_qualified", "marketing_qualified"}) == []
    assert [one for one in lint(read_draft(WHOLE, FACTS), AGENTS) if one.severity == "error"] == []


# -- Conditions ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "message", "place"),
    [
        ("has_email &&\n  contry == 'DE'", "there is no fact `contry`; did you mean `country`?", (2, 3)),
        ("budget == 'much'", "`==` cannot compare a number with text", (1, 8)),
        ("budget", "a rule is true or false, and this is a number", (1, 1)),
        ("budget > 10 && budget < 5", "can never be true: `budget` cannot be above 10 and below 5", (1, 1)),
        ("agent.weight > 1", "there is no fact `agent.weight`", (1, 1)),
    ],
)
def test_a_wrong_condition_is_named_with_its_place(when: str, message: str, place: tuple[int, int]) -> None:
    problems = [one for one in lint(a_draft(a_rule(when), {"name": "rest", "pool": "south"}), AGENTS) if one.severity == "error"]
    assert [(one.path, (one.line, one.column)) for one in problems] == [("/rules/0/when", place)]
    assert message in problems[0].message


def test_conditions_elsewhere_are_held_against_what_they_may_ask() -> None:
    pools = {"south": {"members": [{"agent": "Cyd"}], "member_rule": "lead.country == 'DE'", "requires": "country == 'DE'"}}
    rules = [{"name": "r", "when": "true", "pool": "south", "requires": "agent.skils == ['x']"}]
    found = errors(pools=pools, rules=rules, reroute=[{"when": "changed_grad == 'up'", "to": "rules"}])
    assert [path for path, _ in found] == [
        "/pools/south/member_rule",
        "/pools/south/requires",
        "/rules/0/requires",
        "/reroute/0/when",
    ]
    assert "did you mean `agent.skills`" in found[2][1]


def test_definitions_and_declared_facts_are_checked() -> None:
    define = {"a": "b", "b": "a", "country": "true", "big": "compny_size > 5", "fine": "budget > 1"}
    found = dict(errors(a_rule("fine && team > 3"), facts={"country": "text", "team": "number", "for": "text"}, define=define))
    assert found["/define/a"] == "is defined by itself: a -> b -> a"
    assert "did you mean `company_size`" in found["/define/big"]
    assert {"/define/country", "/facts/country", "/facts/for"} <= found.keys()
    assert "/rules/0/when" not in found


# -- Names -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"default": "sooth"}, "/default", "there is no pool sooth; did you mean `south`?"),
        ({"rules": [{"name": "r", "pool": "west"}]}, "/rules/0/pool", "there is no pool west"),
        ({"rules": [a_rule("has_email"), {**a_rule("budget > 1"), "name": "rule has_email"}]}, "/rules/1/name", "earlier rule"),
        ({"rules": [a_rule("has_email", sla="fast")]}, "/rules/0/sla", "there is no sla fast"),
        ({"rules": [a_rule("has_email", sla=["fast"])]}, "/rules/0/sla/0", "there is no sla fast"),
        (
            {"pools": {"south": {"members": [{"agent": "Cyd"}], "overflow": ["east"]}}, "rules": []},
            "/pools/south/overflow/0",
            "no pool east",
        ),
        ({"pools": {"south": {"members": [{}]}}, "rules": []}, "/pools/south/members/0/agent", "is missing"),
        (
            {"pools": {"south": {"members": [{"agent": "Zoe"}]}}, "rules": []},
            "/pools/south/members/0/agent",
            "there is no agent Zoe",
        ),
        (
            {"pools": {"south": {"members": [{"agent": "Cyd", "agent_id": str(CYD.id)}]}}, "rules": []},
            "/pools/south/members/0/agent_id",
            "a second time",
        ),
        ({"reroute": [{"when": "has_email", "to": "east"}]}, "/reroute/0/to", "there is no pool east"),
        ({"reroute": [{"when": "has_email", "from": ["east"], "to": "rules"}]}, "/reroute/0/from/0", "there is no pool east"),
        (
            {"slas": {"s": {"clock": "accept", "minutes": 1, "ladder": [{"at": 100, "do": "pool"}]}}},
            "/slas/s/ladder/0/pool",
            "names the pool that the lead goes to",
        ),
        (
            {"slas": {"s": {"clock": "accept", "minutes": 1, "ladder": [{"at": 100, "do": "pool", "pool": "x"}]}}},
            "/slas/s/ladder/0/pool",
            "there is no pool x",
        ),
        (
            {"slas": {"s": {"clock": "accept", "minutes": 1, "ladder": [{"at": 5, "do": "remind", "pool": "south"}]}}},
            "/slas/s/ladder/0/pool",
            "for a rung that does pool and no other",
        ),
        (
            {
                "slas": {
                    "s": {"clock": "accept", "minutes": 1, "ladder": [{"at": 50, "do": "remind"}, {"at": 49, "do": "manager"}]}
                }
            },
            "/slas/s/ladder/1/at",
            "must not be less",
        ),
        (
            {
                "pools": {"south": {"members": [{"agent": "Cyd"}], "strategy": {"kind": "share", "percent": {"Cyd": 90}}}},
                "rules": [],
            },
            "/pools/south/strategy/percent",
            "adds up to 90, not to 100",
        ),
    ],
)
def test_a_wrong_reference_is_an_error_where_it_stands(changes: dict[str, Any], path: str, message: str) -> None:
    found = errors(**changes)
    assert [one for one, _ in found] == [path]
    assert message in found[0][1]


def test_overflow_in_a_circle_is_named_once() -> None:
    def pool(*overflow: str) -> dict[str, Any]:
        return {"members": [{"agent": "Cyd"}], "overflow": list(overflow)}

    pools = {"a": pool("b", "south"), "b": pool("south", "c"), "c": pool("a"), "south": pool(), "self": pool("self")}
    assert errors(pools=pools, rules=[]) == [
        ("/pools/c/overflow/0", "leads go round in a circle: a -> b -> c -> a"),
        ("/pools/self/overflow/0", "leads go round in a circle: self -> self"),
    ]


def test_a_long_chain_of_overflow_is_no_circle() -> None:
    pools = {f"p{n}": {"members": [{"agent": "Cyd"}], "overflow": [f"p{n + 1}"]} for n in range(999)} | {"p999": {"members": []}}
    assert errors(pools=pools, rules=[], default="p0") == []


def test_what_nothing_uses_is_a_warning() -> None:
    pools = {"south": {"members": [{"agent": "Cyd"}]}, "west": {"members": [{"agent": "Ben"}]}}
    slas = {"s": {"clock": "accept", "minutes": 1}}
    assert warnings(pools=pools, rules=[], slas=slas) == [
        ("/pools/west", "no rule sends a lead here"),
        ("/slas/s", "no pool and no rule asks for it"),
    ]


# -- Reach -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        ("country == 'DE'", "country == 'DE'", True),
        ("country == 'DE'", "budget > 3 && country == 'DE'", True),
        ("true", "country == 'DE'", True),
        ("country in ['DE', 'AT']", "country == 'DE'", True),
        ("company_size >= 100", "company_size >= 500", True),
        ("company_size >= 100 || has_email", "company_size >= 500", True),
        ("big", "company_size >= 500", True),
        ("company_size >= 100", "big", True),
        ("country == 'DE' && budget > 3", "country == 'DE'", False),
        ("budget > 3", "country == 'DE'", False),
        ("country == 'DE'", "true", False),
        ("company_size >= 501", "big", False),
        ("country.startsWith('D')", "country.startsWith('D')", True),
        ("country.startsWith('D')", "country == 'DE'", False),  # it does hide it; that is not found
    ],
)
def test_a_rule_behind_an_equal_or_weaker_one_can_never_match(earlier: str, later: str, hidden: bool) -> None:
    rules = [{"name": "first", "when": earlier, "pool": "north"}, {"name": "second", "when": later, "pool": "south"}]
    message = "can never match: rule first before it matches all its leads"
    assert errors(*rules, define={"big": "company_size >= 500"}) == ([("/rules/1", message)] if hidden else [])


_CONDITIONS = st.lists(
    st.sampled_from(
        [
            "country == 'DE'",
            "country in ['DE', 'AT']",
            "country != 'DE'",
            "budget > 5",
            "budget >= 5",
            "budget < 5",
            "has_email",
            "!has_email",
            "'a' in tags",
            "known(budget)",
            "(country == 'AT' || budget > 7)",
        ]
    ),
    min_size=1,
    max_size=3,
    unique=True,
).map(" && ".join)
_LEADS = [
    {
        name: value
        for name, value in (("country", country), ("budget", budget), ("has_email", mail), ("tags", tags))
        if value is not None
    }
    for country in ("DE", "AT", "FR", None)
    for budget in (4, 5, 6, 8, None)
    for mail in (True, False, None)
    for tags in (["a"], [], None)
]


def policy_of(texts: list[str]) -> Policy:
    return a_draft(*({"name": f"r{n}", "when": text, "pool": "north"} for n, text in enumerate(texts))).policy


@deterministic
@given(st.lists(_CONDITIONS, min_size=1, max_size=5))
def test_what_is_called_hidden_never_matches_a_lead(texts: list[str]) -> None:
    policy = policy_of(texts)
    reached = {policy.match(lead).rule for lead in _LEADS}
    assert {problem.path for problem in hidden_rules(policy)}.isdisjoint(
        rule.path for rule in policy.rules if rule.name in reached
    )


@deterministic
@given(st.lists(_CONDITIONS, min_size=1, max_size=5))
def test_where_a_lead_falls_to_the_default_lint_says_so(texts: list[str]) -> None:
    policy = policy_of(texts)
    if any(policy.match(lead).rule is None for lead in _LEADS):
        assert list(gaps(policy))


def test_a_thousand_rules_are_compared_by_an_index() -> None:
    """Of rules of which nearly none can hide another, nearly no pair is compared."""
    rules = [{"name": f"r{n}", "when": f"product == 'p{n}' && budget > {n}", "pool": "north"} for n in range(999)]
    problems = errors(*rules, {"name": "last", "when": "product == 'p7' && budget > 8", "pool": "north"})
    assert problems == [("/rules/999", "can never match: rule r7 before it matches all its leads")]


@pytest.mark.parametrize(
    ("rules", "example"),
    [
        (["company_size < 100", "company_size > 100"], "company_size 100"),
        (["country == 'DE'"], "country 'other'"),
        (["country == 'DE'", "has_email"], "country 'other', has_email false"),
        (["'a' in tags"], "tags []"),
        (["country == 'DE' && budget > 5", "country != 'DE'"], "budget 5, country 'DE'"),
    ],
)
def test_a_gap_is_a_warning_with_an_example(rules: list[str], example: str) -> None:
    [(path, message)] = warnings(*(a_rule(text, "south") for text in rules), pools={"south": {"members": [{"agent": "Cyd"}]}})
    assert path == "/rules"
    assert message == f"leads that no rule matches go to the default pool, south, such as one with {example}"


def test_a_gap_for_leads_of_which_nothing_is_known() -> None:
    rules = (a_rule("country == 'DE'", "south"), a_rule("country != 'DE'", "south"))
    [(_, message)] = warnings(*rules, pools={"south": {"members": [{"agent": "Cyd"}]}})
    assert message == "a lead of which nothing is known goes to the default pool, south"


def test_no_gap_where_every_lead_has_a_rule() -> None:
    pools = {"south": {"members": [{"agent": "Cyd"}]}}
    assert warnings(a_rule("country == 'DE'", "south"), {"name": "rest", "pool": "south"}, pools=pools) == []
    assert warnings(*(a_rule(text, "south") for text in ALL), pools=pools) == []
    assert warnings(rules=[], pools=pools) == []


# -- Who receives ----------------------------------------------------------------------------------------------------------------

WAITS = "its leads will wait in the queue"


@pytest.mark.parametrize(
    ("pool", "path", "why"),
    [
        ({"members": []}, "members", "has no members"),
        ({}, "members", "has no members"),
        ({"member_rule": "'golf' in agent.skills"}, "member_rule", "nobody meets it"),
        ({"members": [{"agent": "Dee"}]}, "members", "Dee is not active"),
        ({"members": [{"agent": "Dee"}, {"agent": "Eli"}]}, "members", "no member can ever receive"),
        (
            {"members": [{"agent": "Ann"}, {"agent": "Dee"}], "requires": "'retail' in agent.skills"},
            "requires",
            "nobody in this pool meets it",
        ),
        (
            {"members": [{"agent": "Ann"}], "requires": "agent.kind == 'partner' && lead.country == 'DE'"},
            "requires",
            "nobody in this pool meets it",
        ),
    ],
)
def test_a_pool_nobody_can_receive_from_is_a_warning(pool: dict[str, Any], path: str, why: str) -> None:
    dee = Profile(UUID(int=4), "Dee", skills=("retail",), never="is not active")
    eli = Profile(UUID(int=5), "Eli", never="has no working hours")
    found = warnings(pools={"south": pool}, rules=[], agents=(*AGENTS, dee, eli))
    assert found == [(f"/pools/south/{path}", f"{why}: {WAITS}")]


def test_a_rule_that_asks_what_nobody_in_its_pool_is() -> None:
    rules = (a_rule("has_email", requires="'fr' in agent.languages"), {"name": "rest", "pool": "south"})
    assert warnings(*rules) == [("/rules/0/requires", f"nobody in pool north meets it: {WAITS}")]
    assert warnings(a_rule("has_email", requires="lead.language in agent.languages"), {"name": "rest", "pool": "south"}) == []


def test_without_the_agents_only_an_empty_pool_is_told() -> None:
    pools = {"south": {"members": []}, "north": {"members": [{"agent": "Nobody"}]}}
    assert found(a_rule("true"), pools=pools, agents=None)[0] == ("/pools/south/members", "warning", f"has no members: {WAITS}")
    assert len(errors(a_rule("true"), pools=pools, agents=None)) == 0


# -- Qualifications --------------------------------------------------------------------------------------------------------------


def test_qualifications_that_nothing_gives_are_a_warning() -> None:
    given = {"sales_qualified", "insufficient"}
    assert warnings(routed=["sales_qualifed"], given=given) == [
        ("/routed", "no lead has been qualified as sales_qualifed; did you mean `sales_qualified`?")
    ]
    assert warnings(routed=["sales_qualifed"]) == []
    assert warnings(routed=[]) == [("/routed", "names no qualification: every lead will be rejected")]


def test_a_rule_for_leads_that_are_not_routed_is_a_warning() -> None:
    rules = (a_rule("qualification == 'insufficient'"), {"name": "rest", "pool": "south"})
    assert warnings(*rules) == [("/rules/0/when", "leads qualified as insufficient are not routed, so no lead comes here")]


# -- The rest --------------------------------------------------------------------------------------------------------------------


def test_paths_of_the_first_form_are_its_own() -> None:
    document = {"pools": {"north": {"members": []}}, "rules": [], "default_pool": "x"}
    found = {problem.path for problem in lint(read_draft(document, FACTS), ())}
    assert "/default_pool" in found
    assert "/default" not in found


def test_agents_change_what_lint_finds() -> None:
    gone = tuple(replace(one, never="is not active") for one in AGENTS)
    assert {path for path, _ in warnings(agents=gone)} == {"/pools/north/members", "/pools/south/members"}
