"""The policy: one versioned document of pools and ordered rules, as values, and its form as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn
from uuid import UUID

from shared.rules import Condition, Facts, Predicate, Problem, compile_conditions


class InvalidPolicy(ValueError):
    """A document that is not a policy; `problems` names each field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Member:
    """An agent in a pool. `weight` (1 to 1,000) is its part of the pool's leads relative to the others' weights."""

    agent_id: UUID
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Pool:
    """Agents who share a kind of lead."""

    name: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Sends the leads of which all conditions hold to a pool; without conditions it matches every lead."""

    name: str
    when: tuple[Condition, ...]
    pool: str


@dataclass(frozen=True, slots=True)
class Match:
    """The pool a lead belongs to, and the rule that said so; None is the default pool."""

    rule: str | None
    pool: str


@dataclass(frozen=True)
class Policy:
    """Pools, and the rules that choose one: the first that matches, else the default pool.

    `routed` are the qualifications whose leads are routed at all. A policy is taken as it is; `lint` judges it.
    """

    version: int
    pools: Mapping[str, Pool]
    rules: tuple[Rule, ...]
    default_pool: str
    routed: frozenset[str]

    def match(self, facts: Facts) -> Match:
        for matches, found in self._compiled:
            if matches(facts):
                return found
        return self._default

    @cached_property
    def _compiled(self) -> tuple[tuple[Predicate, Match], ...]:
        return tuple((compile_conditions(rule.when), Match(rule.name, rule.pool)) for rule in self.rules)

    @cached_property
    def _default(self) -> Match:
        return Match(None, self.default_pool)


def groups_of(policy: Policy) -> tuple[frozenset[str], ...]:
    """Names of the pools that are tied by shared agents, a set a group, ordered by each group's first name.

    Every pool is in one group, and so is every agent. Union-find with path halving over the pools of each agent.
    """
    parent = {name: name for name in policy.pools}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    first_pool: dict[UUID, str] = {}
    for pool in policy.pools.values():
        for member in pool.members:
            parent[root(pool.name)] = root(first_pool.setdefault(member.agent_id, pool.name))
    groups: dict[str, set[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), set()).add(name)
    return tuple(frozenset(names) for names in groups.values())


def to_document(policy: Policy) -> dict[str, Any]:
    """The policy without its version as data that JSON can carry; `from_document` reads it back."""
    return {
        "pools": {
            pool.name: {"members": [{"agent_id": str(one.agent_id), "weight": one.weight} for one in pool.members]}
            for pool in policy.pools.values()
        },
        "rules": [
            {"name": rule.name, "when": [_condition_document(one) for one in rule.when], "pool": rule.pool}
            for rule in policy.rules
        ],
        "default_pool": policy.default_pool,
        "routed": sorted(policy.routed),
    }


def from_document(version: int, document: object) -> Policy:
    """Reads a policy; raises InvalidPolicy for data of the wrong shape. What it says is judged by `lint`, not here."""
    top = _mapping(document, "")
    pools = _mapping(_field(top, "pools", ""), "/pools")
    rules = _sequence(_field(top, "rules", ""), "/rules")
    routed = _sequence(_field(top, "routed", ""), "/routed")
    return Policy(
        version=version,
        pools={name: _pool(name, pool, f"/pools/{pointer(name)}") for name, pool in pools.items()},
        rules=tuple(_rule(rule, f"/rules/{index}") for index, rule in enumerate(rules)),
        default_pool=_text(_field(top, "default_pool", ""), "/default_pool"),
        routed=frozenset(_text(one, f"/routed/{index}") for index, one in enumerate(routed)),
    )


def pointer(name: str) -> str:
    """A name as one step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _condition_document(condition: Condition) -> dict[str, Any]:
    value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    return {"field": condition.field, "op": condition.op, "value": value}


def _pool(name: str, document: object, path: str) -> Pool:
    members = _sequence(_field(_mapping(document, path), "members", path), f"{path}/members")
    return Pool(name, tuple(_member(one, f"{path}/members/{index}") for index, one in enumerate(members)))


def _member(document: object, path: str) -> Member:
    member = _mapping(document, path)
    weight = member.get("weight", 1)
    if type(weight) is not int:
        _refuse(f"{path}/weight", "must be a whole number")
    return Member(_agent_id(_field(member, "agent_id", path), f"{path}/agent_id"), weight)


def _rule(document: object, path: str) -> Rule:
    rule = _mapping(document, path)
    when = _sequence(_field(rule, "when", path), f"{path}/when")
    return Rule(
        name=_text(_field(rule, "name", path), f"{path}/name"),
        when=tuple(_condition(one, f"{path}/when/{index}") for index, one in enumerate(when)),
        pool=_text(_field(rule, "pool", path), f"{path}/pool"),
    )


def _condition(document: object, path: str) -> Condition:
    condition = _mapping(document, path)
    value = _field(condition, "value", path)
    return Condition(
        field=_text(_field(condition, "field", path), f"{path}/field"),
        op=_text(_field(condition, "op", path), f"{path}/op"),
        value=tuple(value) if isinstance(value, list) else value,
    )


def _field(document: Mapping[str, Any], name: str, path: str) -> Any:
    return document[name] if name in document else _refuse(f"{path}/{name}", "is missing")


def _mapping(value: object, path: str) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _refuse(path, "must be an object")


def _sequence(value: object, path: str) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else _refuse(path, "must be a list")


def _text(value: object, path: str) -> str:
    return value if isinstance(value, str) else _refuse(path, "must be text")


def _agent_id(value: object, path: str) -> UUID:
    try:
        return UUID(_text(value, path))
    except ValueError:
        _refuse(path, "must be an agent's id (a UUID)")


def _refuse(path: str, message: str) -> NoReturn:
    raise InvalidPolicy([Problem(path, message)])
