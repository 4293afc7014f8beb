"""What is wrong with a policy, found before it can be active."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from services.router.domain.policy import Policy, Pool, Rule, pointer
from shared.rules import Problem, check, implies

MAX_WEIGHT = 1_000
MAX_NAME = 100
_NAME = re.compile(r"\w[\w .-]*")  # what can stand in an address and in a sentence


def lint(policy: Policy) -> list[Problem]:
    """All problems of a policy; it may be activated when none of them is an error. Paths point into its document."""
    return [*_of_pools(policy.pools), *_of_rules(policy), *_unreachable(policy.rules), *_of_defaults(policy)]


def _of_pools(pools: Mapping[str, Pool]) -> Iterator[Problem]:
    for name, pool in pools.items():
        path = f"/pools/{pointer(name)}"
        if fault := _name_fault(name):
            yield Problem(path, fault)
        if pool.name != name:
            yield Problem(path, f"holds a pool of another name, {pool.name}")
        if not pool.members:
            yield Problem(f"{path}/members", "has no members: its leads will wait in the queue", "warning")
        yield from _of_members(pool, f"{path}/members")


def _of_members(pool: Pool, path: str) -> Iterator[Problem]:
    seen = set()
    for index, member in enumerate(pool.members):
        if member.agent_id in seen:
            yield Problem(f"{path}/{index}/agent_id", "is in this pool already")
        if not 1 <= member.weight <= MAX_WEIGHT:
            yield Problem(f"{path}/{index}/weight", f"must be from 1 to {MAX_WEIGHT}")
        seen.add(member.agent_id)


def _of_rules(policy: Policy) -> Iterator[Problem]:
    seen = set()
    for index, rule in enumerate(policy.rules):
        path = f"/rules/{index}"
        if fault := _name_fault(rule.name):
            yield Problem(f"{path}/name", fault)
        if rule.name in seen:
            yield Problem(f"{path}/name", "is the name of an earlier rule")
        if rule.pool not in policy.pools:
            yield Problem(f"{path}/pool", f"there is no pool {rule.pool}")
        yield from check(rule.when, f"{path}/when")
        seen.add(rule.name)


def _unreachable(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules that can never match, because an equal or weaker one stands before them.

    Conditions are compared one by one, so rules that are covered only by several earlier ones together are not found.
    """
    sound = [(index, rule) for index, rule in enumerate(rules) if not check(rule.when, "")]
    for position, (index, rule) in enumerate(sound):
        blocker = next((earlier for _, earlier in sound[:position] if _covers(earlier, rule)), None)
        if blocker:
            yield Problem(f"/rules/{index}", f"can never match: rule {blocker.name} before it matches all its leads")


def _covers(earlier: Rule, later: Rule) -> bool:
    return all(any(implies(strong, weak) for strong in later.when) for weak in earlier.when)


def _of_defaults(policy: Policy) -> Iterator[Problem]:
    if policy.default_pool not in policy.pools:
        yield Problem("/default_pool", f"there is no pool {policy.default_pool}")
    if not policy.routed:
        yield Problem("/routed", "names no qualification: every lead will be rejected", "warning")


def _name_fault(name: str) -> str | None:
    if len(name) > MAX_NAME:
        return f"must be at most {MAX_NAME} characters"
    if not _NAME.fullmatch(name):
        return "must begin with a letter or digit and hold only letters, digits, spaces, dots, dashes and underscores"
    return None
