"""The policy as values: pools, ordered rules, service levels, and which pool a lead belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from services.router.domain.policy.requirement import Requirement
from shared.rules import Definitions, Facts, RuleSet
from shared.rules import Rule as Condition

CATCH_UP = 20
"""Turns that a pool credits at most after one leave with catch-up, where it does not say otherwise."""


class StrategyKind(StrEnum):
    """How a pool chooses among its members. A closed list."""

    ROTATION = "rotation"  # in turn, by weight
    FEWEST = "fewest"  # who received fewest so far, by weight
    LEAST_OPEN = "least_open"  # who holds the least open work
    MOST_SPARE = "most_spare"  # who has the most room below the cap
    CLAIM = "claim"  # offered to several; the first to claim gets it
    WATERFALL = "waterfall"  # the lowest level that has somebody who can receive
    SHARE = "share"  # by percentage


@dataclass(frozen=True, slots=True)
class Strategy:
    """`to`, `seconds` and `fallback` are those of a claim: to how many it is offered (None: to all), for how long, and what then."""

    kind: StrategyKind = StrategyKind.ROTATION
    to: int | None = None
    seconds: int | None = None
    fallback: StrategyKind | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """An agent in a pool. `weight` (1 to 1,000) is its part of the pool's leads relative to the others' weights.

    `level` is asked by a waterfall, 1 first; `percent` is the part of the leads where the pool shares by percentage.
    """

    agent_id: UUID
    weight: int = 1
    level: int = 1
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as the document names it: by id or by exact name. A weight of None is the agent's own."""

    agent: str
    path: str = field(default="", compare=False)
    weight: int | None = None
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Sticky:
    """Keeps the owner that the same contact, company or account had within so many days.

    `absent` is what becomes of a lead whose owner may not receive now: wait or reassign. `counts` tells whether it is a turn,
    `hold_minutes` how long it waits at most before somebody else gets it (None: no bound).
    """

    by: tuple[str, ...]
    days: int = 180
    absent: str = "reassign"
    departed: str = "reassign"
    counts: bool = False
    hold_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """How a pool's queue is served: points that a lead gains by an hour of waiting, and the minutes that were promised at most."""

    ageing_points_per_hour: int = 0
    promise_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Agents who share a kind of lead. `members` is who was in it when the policy was activated; `listed` and `member_rule` say who shall.

    `percent` is by agent, as the document names it. `overflow` are the pools to try in order where nobody here may receive; `returns` are
    the ends of an assignment that give count and turn back; `catch_up` is how many turns somebody is credited at most after leave with
    catch-up; `sla` are names of service levels.
    """

    name: str
    members: tuple[Member, ...] = ()
    listed: tuple[Listed, ...] = ()
    member_rule: Requirement | None = None
    strategy: Strategy = Strategy()
    percent: tuple[tuple[str, int], ...] = ()
    requires: Requirement | None = None
    sticky: Sticky | None = None
    overflow: tuple[str, ...] = ()
    returns: frozenset[str] = frozenset()
    hold: Hold = Hold()
    catch_up: int = CATCH_UP
    sla: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Sends the leads that `when` matches to a pool, there to somebody who meets `requires`. `path` is where it stands in the document."""

    name: str
    when: Condition
    pool: str
    requires: Requirement | None = None
    sla: tuple[str, ...] = ()
    path: str = field(default="", compare=False)


class SlaClock(StrEnum):
    """What a service level measures. A closed list."""

    ACCEPT = "accept"
    FIRST_RESPONSE = "first_response"
    FOLLOW_UP = "follow_up"


class Escalation(StrEnum):
    """A step of the ladder. A closed list."""

    REMIND = "remind"
    NEXT_AGENT = "next_agent"
    MANAGER = "manager"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done at so many per cent of the time; `pool` is where a lead goes, for a step that moves it to one."""

    at: int
    do: Escalation
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Sla:
    """A promise on a lead's owner: within `minutes`, of the agent's working time or of the wall's.

    `warn` are per cents of the time at which the owner is warned, `counts` what keeps the promise, `max_hops` how often a lead moves at
    most.
    """

    name: str
    clock: SlaClock
    minutes: int
    working: bool = True
    warn: tuple[int, ...] = ()
    ladder: tuple[Step, ...] = ()
    counts: tuple[str, ...] = ()
    max_hops: int = 3


@dataclass(frozen=True, slots=True)
class Reroute:
    """Moves an owned lead that was scored again, out of one of these pools (any, where there are none): to a pool, None is by the rules."""

    when: Condition
    sources: tuple[str, ...] = ()
    to: str | None = None
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Match:
    """The pool a lead belongs to, and the rule that said so; None is the default pool."""

    rule: str | None
    pool: str


@dataclass(frozen=True)
class Policy:
    """Pools, and the rules that choose one: the first that matches, else the default pool.

    `routed` are the qualifications whose leads are routed at all; `facts` are those that it declares itself. A policy is taken as it is:
    `lint` judges it.
    """

    version: int
    pools: Mapping[str, Pool]
    rules: tuple[Rule, ...]
    default_pool: str
    routed: frozenset[str]
    name: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    definitions: Definitions | None = field(default=None, compare=False)
    slas: Mapping[str, Sla] = field(default_factory=dict)
    reroute: tuple[Reroute, ...] = ()

    def match(self, facts: Facts) -> Match:
        """Costs no more than the rules that can match these facts: the others are ruled out by indexes, all at once."""
        place = self._set.first(self.extend(facts))
        return self._default if place is None else self._matches[place]

    def verdicts(self, facts: Facts) -> tuple[tuple[Rule, bool | str], ...]:
        """Of each rule whether it matches, or why it could not be evaluated: for explaining, not for deciding."""
        extended = self.extend(facts)
        return tuple((rule, rule.when.verdict(extended)) for rule in self.rules)

    def extend(self, facts: Facts) -> Facts:
        """The facts, and of each of the policy's definitions whether it holds."""
        return self.definitions.extend(facts) if self.definitions else facts

    def rule(self, name: str | None) -> Rule | None:
        """The rule of that name; None where there is none any more, and for the default."""
        return self._named.get(name) if name is not None else None

    def requirements(self, pool: str, rule: str | None) -> tuple[Requirement, ...]:
        """What is asked of who receives a lead in a pool: by the pool, and by the rule that sent it, where they are there."""
        asking = (self.pools.get(pool), self.rule(rule))
        return tuple(one.requires for one in asking if one and one.requires)

    def returning(self, reason: str) -> tuple[str, ...]:
        """The pools in which an assignment that ends so gives its count and its turn back."""
        return tuple(name for name, pool in self.pools.items() if reason in pool.returns)

    def ways(self, pool: str) -> tuple[str, ...]:
        """The pool, and those that it overflows to, in order."""
        found = self.pools.get(pool)
        return (pool, *(one for one in found.overflow if one in self.pools)) if found else (pool,)

    def with_version(self, version: int) -> Policy:
        return replace(self, version=version)

    @cached_property
    def _set(self) -> RuleSet:
        return RuleSet([rule.when for rule in self.rules])

    @cached_property
    def _matches(self) -> tuple[Match, ...]:
        return tuple(Match(rule.name, rule.pool) for rule in self.rules)

    @cached_property
    def _named(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self.rules}

    @cached_property
    def _default(self) -> Match:
        return Match(None, self.default_pool)
