"""The policy as values: pools, ordered rules, service levels, calendars, and which pool a lead belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from services.router.domain.agent import Agent, Week
from services.router.domain.availability import days_off
from services.router.domain.policy.requirement import Requirement, Requirements
from services.router.domain.sla import Sla, named_calendar
from services.router.domain.sla.levels import HOPS
from services.router.domain.strategies.sticky import Stickiness
from shared.rules import Definitions, Facts, RuleSet
from shared.rules import Rule as Condition

AGEING = 10  # points an hour
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
    """What else is here are those of a claim: to how many it is offered (None: to all), for how many seconds, what then, and whether a
    claim is a turn."""

    kind: StrategyKind = StrategyKind.ROTATION
    to: int | None = None
    seconds: int | None = None
    fallback: StrategyKind | None = None
    counts: bool = False


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
class Sticky(Stickiness):
    """Keeps the owner that the same contact, company or account had; `counts` tells whether that is a turn."""

    counts: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """How a pool's queue is served: points that a lead gains by an hour of waiting, and the minutes that were promised at most.

    By default a lead that waits is served at some time, however many better ones come. With no points it may wait for ever.
    """

    ageing_points_per_hour: int = AGEING
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


@dataclass(frozen=True, slots=True)
class Reroute:
    """Moves an owned lead that was scored again, out of one of these pools (any, where there are none): to a pool, None is by the rules.

    A lead that was moved on `max_hops` times stays.
    """

    when: Condition
    sources: tuple[str, ...] = ()
    to: str | None = None
    max_hops: int = HOPS
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Timetable:
    """A calendar that the document names: an IANA zone, working hours (None: always), and calendars of holidays (DE-BY) and dates."""

    zone: str = "UTC"
    hours: Week | None = None
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The pool a lead belongs to, and the rule that said so; None is the default pool.

    `failed` are the rules before it that could not be evaluated, and so did not match: a fact is of another kind than declared, or they
    take too many steps. One that asks what is not known of the lead is none of them.
    """

    rule: str | None
    pool: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """Pools, and the rules that choose one: the first that matches, else the default pool.

    `routed` are the qualifications whose leads are routed at all; `facts` are those that it declares itself. A policy is taken as it is:
    `lint` judges it. `holidays` are the dates, with names, of the calendars of holidays that its timetables keep, copied when the policy
    was activated; of one that never was there are none.
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
    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    holidays: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def match(self, facts: Facts) -> Match:
        """Costs no more than the rules that can match these facts: the others are ruled out by indexes, all at once."""
        place, failed = self._set.search(facts)
        found = self._default if place is None else self._matches[place]
        return replace(found, failed=tuple(self.rules[one].name for one in failed)) if failed else found

    def failures(self, facts: Facts) -> tuple[tuple[str, str], ...]:
        """The rules that `match` names as failed, each with why, for a person."""
        _, failed = self._set.search(facts)
        extended, wrong = self.definitions.examine(facts) if self.definitions else (facts, {})
        rules = (self.rules[one] for one in failed)
        return tuple((rule.name, why) for rule in rules if (why := rule.when.judge(extended, wrong)[1]))

    def verdicts(self, facts: Facts) -> tuple[tuple[Rule, bool | str], ...]:
        """Of each rule whether it matches, or why it could not be evaluated: for explaining, not for deciding."""
        extended = self.extend(facts)
        return tuple((rule, rule.when.verdict(extended)) for rule in self.rules)

    def extend(self, facts: Facts) -> Facts:
        """The facts, and of each of the policy's definitions whether it holds."""
        return self.definitions.extend(facts) if self.definitions else facts

    def asks_definitions(self, requirements: Requirements) -> bool:
        """Whether one of these requirements asks for a definition of the policy, so that facts must be extended for it."""
        return bool(requirements and self.definitions and not requirements.lead_facts.isdisjoint(self.definitions.rules))

    def rule(self, name: str | None) -> Rule | None:
        """The rule of that name; None where there is none any more, and for the default."""
        return self._named.get(name) if name is not None else None

    def requirements(self, pool: str, rule: str | None) -> Requirements:
        """What is asked of who receives a lead in a pool: by the pool, and by the rule that sent it, where they are there."""
        found = self._asked.get((pool, rule))
        if found is None:
            asking = (self.pools.get(pool), self.rule(rule))
            found = self._asked[pool, rule] = Requirements(one.requires for one in asking if one and one.requires)
        return found

    def promises(self, pool: str, rule: str | None) -> tuple[Sla, ...]:
        """The service levels of a lead in a pool: of the rule that sent it, then of the pool, each once."""
        if not self.slas:
            return ()
        asking = (self.rule(rule), self.pools.get(pool))
        named = dict.fromkeys(name for one in asking if one for name in one.sla)
        return tuple(self.slas[name] for name in named if name in self.slas)

    def stickiness(self, pool: str) -> Stickiness | None:
        """How a pool keeps owners; None for one that does not, or is not there."""
        found = self.pools.get(pool)
        return found.sticky if found else None

    def rerouted(self, facts: Facts, pool: str) -> Reroute | None:
        """The first re-routing that takes a lead out of this pool, given its facts and what changed about them (`facts.MOVED`)."""
        leaving = [one for one in self.reroute if not one.sources or pool in one.sources]
        extended = self.extend(facts) if leaving else facts
        return next((one for one in leaving if one.when(extended)), None)

    def ways(self, pool: str) -> tuple[str, ...]:
        """The pool, and those that it overflows to, in order."""
        return self._ways.get(pool) or (pool,)

    def asking_ways(self, pool: str, rule: str | None) -> tuple[tuple[str, Requirements, bool], ...]:
        """The `ways` of a lead that this rule sent, each with what it asks (`requirements`), and whether that takes definitions."""
        found = self._asking.get((pool, rule))
        if found is None:
            asked = ((name, self.requirements(name, rule)) for name in self.ways(pool))
            found = self._asking[pool, rule] = tuple((name, all_, self.asks_definitions(all_)) for name, all_ in asked)
        return found

    def with_version(self, version: int) -> Policy:
        return replace(self, version=version)

    @cached_property
    def calendars(self) -> Mapping[str, Agent]:
        """Its calendars by name, in the form in which working time is asked."""
        return {
            name: named_calendar(one.zone, one.hours, days_off(one.holidays, self.holidays))
            for name, one in self.timetables.items()
        }

    @cached_property
    def _set(self) -> RuleSet:
        return RuleSet([rule.when for rule in self.rules], self.definitions)

    @cached_property
    def _matches(self) -> tuple[Match, ...]:
        return tuple(Match(rule.name, rule.pool) for rule in self.rules)

    @cached_property
    def _ways(self) -> dict[str, tuple[str, ...]]:
        return {name: (name, *(one for one in pool.overflow if one in self.pools)) for name, pool in self.pools.items()}

    @cached_property
    def _asking(self) -> dict[tuple[str, str | None], tuple[tuple[str, Requirements, bool], ...]]:
        return {}

    @cached_property
    def _asked(self) -> dict[tuple[str, str | None], Requirements]:
        return {}

    @cached_property
    def _named(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self.rules}

    @cached_property
    def _default(self) -> Match:
        return Match(None, self.default_pool)
