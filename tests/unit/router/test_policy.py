"""The policy: which pool, what lint finds, how pools make groups, and the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import (
    InvalidPolicy,
    Match,
    Member,
    Policy,
    Pool,
    Rule,
    from_document,
    groups_of,
    lint,
    to_document,
)
from shared.rules import Condition
from tests.unit.router.worlds import deterministic, pool_lists

ANN, BEN, CYD = (UUID(int=number) for number in (1, 2, 3))
GERMAN = Condition("country", "==", "DE")
LARGE = Condition("employees", ">=", 500)


def a_policy(*rules: Rule, **changes: Any) -> Policy:
    pools = {"north": Pool("north", (Member(ANN, 2), Member(BEN))), "south": Pool("south", (Member(CYD),))}
    parts = {"version": 1, "pools": pools, "rules": rules, "default_pool": "south", "routed": frozenset({"sales"})}
    return Policy(**{**parts, **changes})


def found(policy: Policy) -> list[tuple[str, str]]:
    return [(problem.path, problem.severity) for problem in lint(policy)]


def test_the_first_rule_that_matches_decides_and_the_default_pool_is_last() -> None:
    policy = a_policy(Rule("large german", (GERMAN, LARGE), "south"), Rule("german", (GERMAN,), "north"))
    assert policy.match({"country": "DE", "employees": 500}) == Match("large german", "south")
    assert policy.match({"country": "DE"}) == Match("german", "north")
    assert policy.match({"country": "FR"}) == Match(None, "south")


def test_a_sound_policy_has_no_problems() -> None:
    policy = a_policy(Rule("large german", (GERMAN, LARGE), "south"), Rule("german", (GERMAN,), "north"))
    assert lint(policy) == []


@pytest.mark.parametrize(
    ("policy", "problems"),
    [
        (a_policy(Rule("r", (GERMAN,), "west")), [("/rules/0/pool", "error")]),
        (a_policy(Rule("r", (GERMAN,), "north"), Rule("r", (LARGE,), "north")), [("/rules/1/name", "error")]),
        (a_policy(Rule("", (GERMAN,), "north")), [("/rules/0/name", "error")]),
        (a_policy(Rule("r", (Condition("", "==", 1),), "north")), [("/rules/0/when/0/field", "error")]),
        (a_policy(default_pool="west"), [("/default_pool", "error")]),
        (a_policy(routed=frozenset()), [("/routed", "warning")]),
        (a_policy(pools={"south": Pool("south")}), [("/pools/south/members", "warning")]),
        (a_policy(pools={"south": Pool("north", (Member(ANN),))}), [("/pools/south", "error")]),
        (
            a_policy(pools={"a/b": Pool("a/b", (Member(ANN),))}, default_pool="a/b"),
            [("/pools/a~1b", "error")],
        ),
        (
            a_policy(pools={"south": Pool("south", (Member(ANN), Member(BEN), Member(ANN)))}),
            [("/pools/south/members/2/agent_id", "error")],
        ),
        (
            a_policy(pools={"south": Pool("south", (Member(ANN, 0), Member(BEN, 1_001), Member(CYD, 1_000)))}),
            [("/pools/south/members/0/weight", "error"), ("/pools/south/members/1/weight", "error")],
        ),
    ],
)
def test_lint_names_the_field_that_is_wrong(policy: Policy, problems: list[tuple[str, str]]) -> None:
    assert found(policy) == problems


@pytest.mark.parametrize(
    ("earlier", "later", "unreachable"),
    [
        ((GERMAN,), (GERMAN,), True),
        ((GERMAN,), (LARGE, GERMAN), True),
        ((), (GERMAN,), True),
        ((Condition("country", "in", ("DE", "AT")),), (GERMAN,), True),
        ((Condition("employees", ">=", 100),), (LARGE,), True),
        ((GERMAN, LARGE), (GERMAN,), False),
        ((LARGE,), (GERMAN,), False),
        ((GERMAN,), (), False),
    ],
)
def test_a_rule_behind_an_equal_or_weaker_one_can_never_match(
    earlier: tuple[Condition, ...], later: tuple[Condition, ...], unreachable: bool
) -> None:
    policy = a_policy(Rule("first", earlier, "north"), Rule("second", later, "south"))
    assert found(policy) == ([("/rules/1", "error")] if unreachable else [])


def test_pools_that_share_an_agent_are_one_group() -> None:
    shared = {"a": (ANN,), "b": (BEN,), "c": (BEN, CYD), "d": (CYD,), "e": ()}
    pools = {name: Pool(name, tuple(Member(one) for one in agents)) for name, agents in shared.items()}
    assert groups_of(a_policy(pools=pools)) == (frozenset("a"), frozenset("bcd"), frozenset("e"))


@deterministic
@given(pool_lists(agents_at_most=8), st.randoms(use_true_random=False))
def test_groups_are_a_partition_and_no_agent_is_in_two(drawn: list[Pool], shuffler: Any) -> None:
    pools = {pool.name: pool for pool in drawn}
    groups = groups_of(a_policy(pools=pools))
    assert sorted(name for group in groups for name in group) == sorted(pools)
    agents = [{one.agent_id for name in group for one in pools[name].members} for group in groups]
    assert sum(len(one) for one in agents) == len(set().union(*agents))
    assert all(is_tied_together(group, pools) for group in groups)
    shuffler.shuffle(drawn)
    assert groups_of(a_policy(pools={pool.name: pool for pool in drawn})) == groups


def is_tied_together(group: frozenset[str], pools: Mapping[str, Pool]) -> bool:
    reached = {min(group)}
    for _ in group:
        agents = {one.agent_id for name in reached for one in pools[name].members}
        reached |= {name for name in group if agents & {one.agent_id for one in pools[name].members}}
    return reached == group


def test_a_policy_survives_its_document() -> None:
    policy = a_policy(Rule("r", (GERMAN, Condition("tags", "in", ("a", "b"))), "north"))
    assert from_document(1, json.loads(json.dumps(to_document(policy)))) == policy


def test_a_member_without_a_weight_weighs_one() -> None:
    document = to_document(a_policy())
    document["pools"]["south"]["members"] = [{"agent_id": str(ANN)}]
    assert from_document(1, document).pools["south"].members == (Member(ANN, 1),)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("", []),
        ("/pools", []),
        ("/pools/south", "x"),
        ("/pools/south/members", {}),
        ("/pools/south/members/0", 1),
        ("/pools/south/members/0/agent_id", "ann"),
        ("/pools/south/members/0/weight", True),
        ("/rules", None),
        ("/rules/0/name", 1),
        ("/rules/0/pool", None),
        ("/rules/0/when", {}),
        ("/rules/0/when/0/op", 1),
        ("/default_pool", None),
        ("/routed", "sales"),
        ("/routed/0", 1),
    ],
)
def test_a_document_of_the_wrong_shape_is_refused_by_name(path: str, wrong: Any) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        from_document(1, with_value(to_document(a_policy(Rule("r", (GERMAN,), "north"))), path, wrong))
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_missing_field_is_refused_by_name() -> None:
    document = to_document(a_policy(Rule("r", (GERMAN,), "north")))
    del document["rules"][0]["when"][0]["value"]
    with pytest.raises(InvalidPolicy, match="/rules/0/when/0/value: is missing"):
        from_document(1, document)


def with_value(document: Any, path: str, value: Any) -> Any:
    """The document with another value at a JSON Pointer."""
    if not path:
        return value
    _, step, *rest = path.split("/")
    at: Any = int(step) if isinstance(document, list) else step
    document[at] = with_value(document[at], "".join(f"/{one}" for one in rest), value)
    return document
