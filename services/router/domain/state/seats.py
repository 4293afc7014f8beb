"""Who sits in a group, and under which gate: booked in its pools anew whenever an entry or the time may have changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from uuid import UUID

from services.router.domain.agent import Agent, Settings
from services.router.domain.availability import Duty, Gate, absence, caps_gate, catches_up, days_off, duty
from services.router.domain.availability.gates import earliest
from services.router.domain.ledger import NotInGroup
from services.router.domain.period import Calendar, Periods
from services.router.domain.pool_state import PoolState


@dataclass(slots=True)
class Seat:
    """An agent in its group: its pools, and the gate under which it is booked in all of them until `until`.

    `following` are those of the pools that choose by open work. `duty` is what hours, leave and the like say, which an assignment does not
    change. `back` is when the present absence is over, leaves that meet or overlap being one; `catching_up` tells that nothing but leave
    with catch-up stops the agent. `today` are the periods that were its present ones when they were last asked for (`Seats.today`).
    """

    agent_id: UUID
    agent: Agent
    pools: tuple[PoolState, ...]
    following: tuple[PoolState, ...]
    duty: Duty
    gate: Gate | None = None
    until: datetime | None = None
    back: datetime | None = None
    catching_up: bool = False
    today: Periods | None = None


class Seats:
    """The seats of all members of these pools, at a `now` that never goes back.

    What `roll` leaves behind depends on the time that it is rolled to and not on the steps: an absence that was over before anybody
    looked has ended all the same.
    """

    def __init__(
        self,
        pools: Iterable[PoolState],
        agents: Mapping[UUID, Agent],
        now: datetime,
        calendars: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.now = now
        self.calendars = dict(calendars)
        self._periods = Calendar()
        self._days_off: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._changes: list[tuple[datetime, UUID]] = []
        self.to_settle: list[PoolState] = []
        pools_of: dict[UUID, tuple[PoolState, ...]] = {}
        for pool in pools:
            for agent_id in pool.turns.members:
                pools_of[agent_id] = (*pools_of.get(agent_id, ()), pool)
        self.weighing: set[UUID] = set()  # those to whom a lead may be more than one piece of open work
        self._seats = {agent_id: self._take_seat(agent_id, agents, pools_of[agent_id]) for agent_id in sorted(pools_of)}
        self.settle()

    def of(self, agent_id: UUID | None) -> Seat:
        """Raises NotInGroup."""
        seat = self._seats.get(agent_id) if agent_id else None
        if seat is None:
            raise NotInGroup(f"the group has no agent {agent_id}")
        return seat

    def agents(self) -> dict[UUID, Agent]:
        return {agent_id: seat.agent for agent_id, seat in self._seats.items()}

    def today(self, seat: Seat) -> Periods:
        """The agent's present hour, day, week and month."""
        known = seat.today
        if known is None or self.now >= known.hour.ends:
            known = seat.today = self._periods.at(seat.agent.settings.zone, self.now)
        return known

    def roll(self, now: datetime) -> datetime:
        """Lets time pass: those whose availability it may have changed are booked anew. Returns the `now` that counts."""
        if now > self.now:
            self.now = now
            while self._changes and self._changes[0][0] <= now:
                moment, agent_id = heappop(self._changes)
                seat = self._seats[agent_id]
                if seat.until == moment:  # else it was booked anew meanwhile
                    seat.until = None
                    self.look_again(seat)
            if self.to_settle:
                self.settle()
        return self.now

    def settle(self) -> None:
        """Credits those who came back from leave; to be called after seats were booked, before turns are asked for."""
        pools, self.to_settle = self.to_settle, []
        for pool in pools:
            pool.book.settle()

    @property
    def next_change(self) -> datetime | None:
        """A moment before which time alone makes nobody available or unavailable; None for never."""
        while self._changes and self._seats[self._changes[0][1]].until != self._changes[0][0]:
            heappop(self._changes)
        return self._changes[0][0] if self._changes else None

    def look_again(self, seat: Seat) -> None:
        """Books an agent of whom more has changed than what it holds and received."""
        seat.duty = duty(seat.agent, self.now)
        self.book(seat)

    def book(self, seat: Seat) -> None:
        """Moves an agent, in all its pools, to the gate that holds now."""
        if seat.agent.leaves or seat.back:
            self._see_absence(seat)
        gate, catching_up = self._gate(seat)
        if gate is not seat.gate:
            for pool in seat.pools:
                pool.leave(seat.agent_id, seat.gate)
                pool.enter(seat.agent_id, gate)
            seat.gate = gate
        if catching_up is not seat.catching_up:
            for pool in seat.pools:
                pool.book.catch_up(seat.agent_id, catching_up)
            seat.catching_up = catching_up

    def change_settings(self, seat: Seat, settings: Settings, calendars: Mapping[str, Mapping[str, str]]) -> None:
        """Gives an agent other settings. Newer dates of a calendar are for all who keep it, from now on."""
        changed = {name: dates for name, dates in calendars.items() if self.calendars.get(name) != dates}
        if changed:
            self.calendars |= changed
            self._days_off.clear()
            for other in self._seats.values():
                if not changed.keys().isdisjoint(other.agent.settings.holidays):
                    other.agent.days_off = self._days_off_of(other.agent.settings)
                    self.look_again(other)
        seat.agent.settings, seat.today = settings, None
        self._weigh(seat)
        seat.agent.days_off = self._days_off_of(settings)

    def _take_seat(self, agent_id: UUID, agents: Mapping[UUID, Agent], pools: tuple[PoolState, ...]) -> Seat:
        if agent_id not in agents:
            raise NotInGroup(f"agent {agent_id} is in a pool but has no settings")
        agent = agents[agent_id].copy()
        agent.days_off = self._days_off_of(agent.settings)
        seat = Seat(agent_id, agent, pools, tuple(pool for pool in pools if pool.turns.follows_standings), duty(agent, self.now))
        self._weigh(seat)
        self._see_absence(seat)
        seat.gate, seat.catching_up = self._gate(seat)
        for pool in pools:
            pool.hold(agent_id, agent)
            pool.enter(agent_id, seat.gate)
            pool.book.catch_up(agent_id, seat.catching_up)
        if seat.back is None:
            self._come_back(seat)  # from a leave that was over before this group opened
        return seat

    def _weigh(self, seat: Seat) -> None:
        if seat.agent.settings.open_weights:
            self.weighing.add(seat.agent_id)
        else:
            self.weighing.discard(seat.agent_id)

    def _days_off_of(self, settings: Settings) -> Mapping[str, str]:
        """Those with the same holidays share one mapping."""
        if settings.holidays not in self._days_off:
            self._days_off[settings.holidays] = days_off(settings.holidays, self.calendars)
        return self._days_off[settings.holidays]

    def _see_absence(self, seat: Seat) -> None:
        absent, until = absence(seat.agent.leaves, self.now)
        if seat.back and (not absent or seat.back <= self.now):
            self._come_back(seat)
        seat.back = until if absent else None

    def _come_back(self, seat: Seat) -> None:
        self.to_settle += [pool for pool in seat.pools if pool.book.come_back(seat.agent_id)]

    def _gate(self, seat: Seat) -> tuple[Gate | None, bool]:
        """The gate that stops an agent now, and whether it is catching up. When that may change goes into the heap."""
        (gate, until), catching_up = seat.duty, False
        if gate is None:
            gate, ends = caps_gate(seat.agent, self.today(seat))
            until = until if ends is None else earliest(until, ends)
        elif gate is Gate.ABSENT and any(leave.catch_up for leave in seat.agent.leaves):
            catching_up, ends = catches_up(seat.agent, self.today(seat), self.now)
            until = earliest(until, ends)
        if seat.back is not None:
            until = earliest(until, seat.back)
        if until is not seat.until and until != seat.until:
            seat.until = until
            if until is not None:
                heappush(self._changes, (until, seat.agent_id))
        return gate, catching_up
