"""The world of a scenario: a policy in force, the states of its groups, leads, agents and a clock, all in memory.

It does what the handlers do around the desk, and no more: opens it, passes time, gives out what waits, keeps what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from services.router.domain.availability import copy_calendars
from services.router.domain.desk import ActivePolicy, Desk, due, pass_time, unchanged, with_groups
from services.router.domain.desk.promises import calendars_of
from services.router.domain.lead import Case
from services.router.domain.policy import Policy, copy_holidays, groups_of
from services.router.domain.scenario.history import History
from services.router.domain.scenario.ledgers import Ledgers
from services.router.domain.scenario.people import People
from services.router.domain.scenario.values import InvalidScenario
from services.router.domain.sla import StepKind
from services.router.domain.sla import due as sla_steps
from services.router.domain.state import GroupState
from services.router.domain.strategies import keys_of
from shared.rules import Problem

MOST_MOMENTS = 10_000  # at which time does something, in one scenario
MOST_RESTLESS = 100  # looks at the same moment
NOUGHT = timedelta()


class World:
    """`policy` is enrolled, `people` are all that there are, `now` is when it begins. `people` and the rest are changed as it goes on."""

    def __init__(self, policy: Policy, people: People, now: datetime) -> None:
        self.now = now
        self.people = people
        self.cases: dict[UUID, Case] = {}
        self.deadlines: dict[tuple[UUID, str], datetime] = {}  # when each lead's promises break, or broke, by name
        self.history = History()
        self.ledgers = Ledgers()
        self._ids = 0
        self._timers: list[tuple[datetime, UUID]] = []
        self._moments = 0
        opening = copy_holidays(policy, policy, now.year)
        self.active = ActivePolicy(opening, {}, {}, {})
        self._regroup(opening)

    @property
    def states(self) -> dict[int, GroupState]:
        return self.ledgers.states

    # -- The desk

    def open(self, leads: Iterable[Case] = ()) -> Desk:
        """A desk for one unit of work: states brought up to now, who had whom looked up for these leads."""
        for state in self.states.values():
            state.roll(self.now)
        desk = Desk(self.active, self.states, self.now, self._next_id)
        desk.busy = {lead.queued.pool for lead in self.waiting() if lead.queued}
        self.learn(desk, leads)
        return desk

    def learn(self, desk: Desk, leads: Iterable[Case]) -> None:
        """Looks up who had leads of the same people, and how those work who own leads and are in no pool."""
        sticky = [found for pool in self.active.policy.pools if (found := self.active.policy.stickiness(pool))]
        since = self.now - timedelta(days=max((one.days for one in sticky), default=0))
        for lead in leads:
            for key, value in keys_of(lead.facts or {}).items() if sticky else ():
                desk.owners.learn(key, value, self.history.owners(key, value, since, self.cases))
            if lead.held and lead.clocks and lead.held.agent_id not in self.active.group_of_agent:
                desk.others[lead.held.agent_id] = self.people.by_id[lead.held.agent_id].agent()

    def settle(self, desk: Desk, *, draining: bool = True) -> None:
        """Keeps what was done at the desk, gives out what waits and can be, and sets the timers."""
        self._keep(desk)
        if draining:
            self._drain(desk)
            self._keep(desk)

    def waiting(self) -> Iterator[Case]:
        """Leads that wait."""
        return (lead for lead in self.history.queue.values() if lead.queued)

    def in_line(self) -> list[Case]:
        """Leads that wait in the order in which they are served: the highest rank first, of equals the oldest."""
        return sorted(self.waiting(), key=lambda one: (-one.queued.rank, one.queued.queued_at, one.lead_id))  # type: ignore[union-attr]

    def _drain(self, desk: Desk) -> None:
        open_pools = {pool for pool in {one.queued.pool for one in self.waiting() if one.queued} if desk.can_receive(pool)}
        found = [one for one in self.in_line() if one.queued and one.queued.pool in open_pools]
        if found:
            self.learn(desk, found)
            desk.give_out(found, "a place is free")

    def _keep(self, desk: Desk) -> None:
        done = desk.take_record()
        self.ledgers.keep(done.entries)
        self.history.keep(done, self.now, self.active.policy)
        for lead in (*done.new.values(), *done.changed.values()):
            self.cases[lead.lead_id] = lead
            self._note_deadlines(desk, lead)
            moment = due(desk, lead)
            if moment != lead.due_at:
                lead.due_at = moment
                if moment:
                    heappush(self._timers, (moment, lead.lead_id))

    def _note_deadlines(self, desk: Desk, lead: Case) -> None:
        for clock in lead.clocks:
            steps = sla_steps(clock, calendars_of(desk, lead))
            if breach := next((step.at for step in steps if step.kind is StepKind.BREACH), None):
                self.deadlines[lead.lead_id, clock.name] = breach

    def _next_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    # -- Time

    def advance(self, to: datetime) -> None:
        """Lets time pass, and stops wherever it does something: a lead's timer rings, or hours, leave or a cap's period free somebody
        for whom leads wait."""
        while (moment := self._next_moment()) is not None and moment <= to:
            self._count()
            self.now = max(self.now, moment)
            self.look()
        self.now = max(self.now, to)

    def pass_over(self, to: datetime) -> None:
        """Nothing runs until then; what fell due meanwhile is seen to afterwards, in the knowledge of that."""
        outage, self.now = to - self.now, to
        self.look(outage=outage)

    def set_back(self, to: datetime) -> None:
        """The clock is set back; the groups' own time does not go back with it."""
        self.now = to

    def look(self, *, outage: timedelta = NOUGHT) -> None:
        """Does what is due now."""
        for _ in range(MOST_RESTLESS):
            leads = self._due()
            desk = self.open(leads)
            for lead in leads:
                lead.due_at = None
                pass_time(desk, lead, "time", outage=outage)
                desk.change(lead)
            self.settle(desk)
            if not self._rings():
                return
        raise InvalidScenario([Problem("/", f"time does not go on at {self.now.isoformat()}: a lead is due again and again")])

    def catch_up(self) -> None:
        """Does what fell due by what was done just now."""
        if self._rings():
            self.look()

    def _next_moment(self) -> datetime | None:
        groups = {self.active.group_of_pool[lead.queued.pool] for lead in self.waiting() if lead.queued}
        moments = [self.states[group].next_change for group in groups]
        if self._timer():
            moments.append(self._timers[0][0])
        return min((one for one in moments if one), default=None)

    def _timer(self) -> bool:
        """Whether a timer is set. What was set otherwise since is dropped."""
        while self._timers and self.cases[self._timers[0][1]].due_at != self._timers[0][0]:
            heappop(self._timers)
        return bool(self._timers)

    def _rings(self) -> bool:
        return self._timer() and self._timers[0][0] <= self.now

    def _due(self) -> list[Case]:
        found: dict[UUID, Case] = {}
        while self._rings():
            _, id = heappop(self._timers)
            found[id] = self.cases[id]
        return list(found.values())

    def _count(self) -> None:
        self._moments += 1
        if self._moments > MOST_MOMENTS:
            raise InvalidScenario([Problem("/", f"time does something at more than {MOST_MOMENTS} moments: make it shorter")])

    # -- Policies

    def activate(self, policy: Policy) -> None:
        """An enrolled policy takes effect: groups that change open anew, who waits for a pool that is no more is matched again."""
        after = copy_holidays(policy.with_version(self.active.policy.version + 1), self.active.policy, self.now.year)
        self._regroup(after)
        desk = self.open()
        for lead in list(self.waiting()):
            queued = lead.queued
            assert queued
            if queued.pool not in after.pools:
                match = desk.match(lead)
                queued = queued._replace(pool=match.pool, rule=match.rule)
            lead.queued = queued.scored(queued.points, after.pools[queued.pool].hold.ageing_points_per_hour)
        self.settle(desk)

    def _regroup(self, policy: Policy) -> None:
        kept = unchanged(self.active, policy)
        closing = [self.states[id] for id in self.active.groups if id not in kept.values()]
        for state in closing:
            state.roll(self.now)
        carried = {name: counters for state in closing for name, counters in state.counters().items()}
        stood = {name: pool for state in closing for name, pool in state.standings().items()}
        groups = {id: pools for pools, id in kept.items()}
        self.ledgers.close(set(self.active.groups) - set(groups))
        for pools in groups_of(policy):
            if pools not in kept:
                opening = [policy.pools[name] for name in sorted(pools)]
                groups[self.ledgers.open(self._opened(opening, carried, stood))] = pools
        self.active = with_groups(policy, groups)

    def _opened(self, pools: list[Any], carried: Any, stood: Any) -> Callable[[], GroupState]:
        """Opens a group as activation does; again and again the same."""
        members = sorted({member.agent_id for pool in pools for member in pool.members})
        agents = {id: self.history.counted(self.people.by_id[id], self.now) for id in members}
        calendars = copy_calendars({name for one in agents.values() for name in one.settings.holidays}, self.now.year)
        now = self.now
        return lambda: GroupState(pools, agents, now=now, carried=carried, stood=stood, calendars=calendars)
