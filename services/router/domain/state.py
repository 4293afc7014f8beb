"""The state of a group: the fold of its ledger, with the indexes that make a decision cheap.

Who is eligible is kept up to date per pool as entries are applied and time passes, so that a decision looks at nobody who cannot
receive, and time costs only those whose answer it may change: a heap holds the moments. The indexes follow from agents, turns and
the time alone; a snapshot does not hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent, Leave, Pause, Presence, Settings, id_of
from services.router.domain.availability import Availability, Duty, Gate, availability, caps_gate, days_off, duty
from services.router.domain.availability.gates import earliest
from services.router.domain.ledger import (
    AGENT_CHANGED,
    ASSIGNED,
    ENDED,
    LEAVE,
    PAUSE,
    PRESENCE,
    Entry,
    LedgerError,
    LedgerGap,
    NotInGroup,
)
from services.router.domain.meeting import Meeting
from services.router.domain.period import Calendar, Periods, is_zone
from services.router.domain.policy import Pool, Requirement
from services.router.domain.pool_state import PoolState
from services.router.domain.rotation import Counters
from services.router.domain.strategies import EVERYONE, Turns
from shared.rules import Facts

VERSION = 3
"""Of a snapshot's form."""


@dataclass(slots=True)
class _Seat:
    """An agent in its group: its pools, and the gate under which it is booked in all of them until `until`.

    `duty` is what hours, leave and the like say, which an assignment does not change.
    """

    agent_id: UUID
    agent: Agent
    pools: tuple[PoolState, ...]
    duty: Duty
    gate: Gate | None = None
    until: datetime | None = None


class GroupState:
    """What one group's ledger amounts to after entry `number`.

    Pools and members are fixed for the life of a group; a change of membership opens a new group. Time never goes back:
    wherever a `now` is taken, one that is earlier than `last_now` counts as `last_now`.
    """

    def __init__(
        self,
        pools: Iterable[Pool],
        agents: Mapping[UUID, Agent],
        *,
        now: datetime,
        carried: Mapping[str, Mapping[UUID, Counters]],
        stood: Mapping[str, Mapping[str, Any]] | None = None,
        number: int = 0,
        calendars: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Opens a group at activation; its ledger begins at `number` + 1.

        `agents` holds settings and absence of every member, with open work and period counts recounted from assignments. `carried`
        holds `counters()` and `stood` holds `standings()` of older groups: a pool of the same name goes on with them, whoever is new
        starts level. `calendars` are the dates of the holidays that members keep (`copy_calendars`).
        Raises NotInGroup for a member without settings, KeyError or ValueError for a zone that does not exist.
        """
        known = stood or {}
        ordered = sorted(pools, key=lambda pool: pool.name)
        self._open(
            {pool.name: PoolState(pool, carried.get(pool.name, {}), known.get(pool.name)) for pool in ordered},
            agents,
            now,
            number,
            calendars or {},
        )

    def _open(
        self,
        pools: dict[str, PoolState],
        agents: Mapping[UUID, Agent],
        now: datetime,
        number: int,
        calendars: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.number = number
        self.last_now = now
        self._periods = Calendar()
        self._calendars = dict(calendars)
        self._days_off: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._changes: list[tuple[datetime, UUID]] = []
        self._pools = pools
        self._meetings: dict[str, Meeting] = {}
        self._seats = {agent_id: self._take_seat(agent_id, agents) for agent_id in self._members()}

    def apply(self, entry: Entry) -> int | None:
        """Advances the state by the next entry. Of a turn it returns the requirement class it was taken in, by which it is given back.

        Raises LedgerError for one that does not fit; then nothing but the time has changed.
        """
        if entry.number != self.number + 1:
            raise LedgerGap(f"entry {entry.number} cannot follow entry {self.number}")
        fold = _FOLDS.get(entry.kind)
        if fold is None:
            raise LedgerError(f"entry {entry.number} is of an unknown kind, {entry.kind}")
        seat = self._seat(entry.agent_id)
        self.roll(entry.at)
        turn = fold(self, seat, entry)
        if entry.kind not in _OF_COUNTS:
            seat.duty = duty(seat.agent, self.last_now)
        self._book(seat)
        for pool in seat.pools if entry.kind in _OF_WORK else ():
            pool.hold(seat.agent_id, seat.agent)
        self.number = entry.number
        return turn

    def roll(self, now: datetime) -> datetime:
        """Lets time pass: those whose availability it may have changed are booked anew. Returns the `now` that counts."""
        if now > self.last_now:
            self.last_now = now
            while self._changes and self._changes[0][0] <= now:
                moment, agent_id = heappop(self._changes)
                seat = self._seats[agent_id]
                if seat.until == moment:  # else it was booked anew meanwhile
                    seat.duty, seat.until = duty(seat.agent, now), None
                    self._book(seat)
        return self.last_now

    @property
    def next_change(self) -> datetime | None:
        """A moment before which time alone makes nobody in the group available or unavailable; None for never."""
        while self._changes and self._seats[self._changes[0][1]].until != self._changes[0][0]:
            heappop(self._changes)
        return self._changes[0][0] if self._changes else None

    def pool(self, name: str) -> PoolState:
        """Raises NotInGroup for a pool of another group."""
        try:
            return self._pools[name]
        except KeyError:
            raise NotInGroup(f"the group has no pool {name}") from None

    def agent(self, agent_id: UUID) -> Agent:
        """Settings and counts, for reading only. Raises NotInGroup for an agent of another group."""
        return self._seat(agent_id).agent

    def today(self, agent_id: UUID) -> Periods:
        """The agent's present hour, day, week and month: an assignment made now counts in them."""
        return self._periods.at(self._seat(agent_id).agent.zone, self.last_now)

    def availability(self, agent_id: UUID, now: datetime) -> Availability:
        """Whether the agent can receive at `now`, and why not; changes nothing."""
        return availability(self._seat(agent_id).agent, max(now, self.last_now))

    def next_with_room(
        self,
        pool: str,
        work_of: Callable[[Settings], int],
        *,
        among: frozenset[UUID] | None = None,
        without: Collection[UUID] = (),
    ) -> UUID | None:
        """Whose turn it is in a pool, of all or of these members, among those whose cap on open work leaves room for a lead of that
        much work; None for nobody.

        The gate of that cap asks for the lightest lead that an agent can be given, so with `open_weights` somebody eligible may
        have no room for this one: they are passed over, which changes nothing. Nor does anything for `without`, who get no part of it.
        """

        def fits(agent_id: UUID) -> bool:
            agent = self._seats[agent_id].agent
            return not agent.settings.open_weights or agent.has_room(work_of(agent.settings))

        return self.pool(pool).turns.first(self.last_now, fits, among=among, without=without)

    def among(self, pool: str, requirements: Sequence[Requirement], lead: Facts) -> frozenset[UUID] | None:
        """The members of a pool who meet what is asked for a lead of these facts; None where nothing is. Raises NotInGroup."""
        if not requirements:
            return None
        if pool not in self._meetings:
            self._meetings[pool] = Meeting(self.pool(pool).turns.members, lambda one: self._seats[one].agent.settings)
        return self._meetings[pool].among(requirements, lead)

    def counters(self) -> dict[str, dict[UUID, Counters]]:
        """What every member of every pool was entitled to and received, to be carried to the groups that follow."""
        return {name: {one: pool.turns.counters(one) for one in pool.turns.members} for name, pool in self._pools.items()}

    def standings(self) -> dict[str, dict[str, Any]]:
        """What every pool remembers of its turns, to be carried to the groups that follow."""
        return {name: pool.snapshot() for name, pool in self._pools.items()}

    def snapshot(self) -> dict[str, Any]:
        """The state as data that JSON can carry; `restore` reads it back."""
        return {
            "version": VERSION,
            "number": self.number,
            "last_now": self.last_now.isoformat(),
            "agents": {str(agent_id): seat.agent.to_document() for agent_id, seat in self._seats.items()},
            "calendars": {name: dict(dates) for name, dates in sorted(self._calendars.items())},
            "pools": self.standings(),
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> GroupState:
        """The state of which `snapshot` made this document, now or in an earlier version: without calendars, or without strategies."""
        state = cls.__new__(cls)
        state._open(
            {name: PoolState.restore(name, pool) for name, pool in document["pools"].items()},
            {id_of(agent_id): Agent.from_document(agent) for agent_id, agent in document["agents"].items()},
            datetime.fromisoformat(document["last_now"]),
            document["number"],
            document.get("calendars") or {},
        )
        return state

    def _members(self) -> list[UUID]:
        return sorted({agent_id for pool in self._pools.values() for agent_id in pool.turns.members})

    def _take_seat(self, agent_id: UUID, agents: Mapping[UUID, Agent]) -> _Seat:
        if agent_id not in agents:
            raise NotInGroup(f"agent {agent_id} is in a pool but has no settings")
        agent = agents[agent_id].copy()
        agent.days_off = self._days_off_of(agent.settings)
        pools = tuple(pool for pool in self._pools.values() if agent_id in pool.turns)
        seat = _Seat(agent_id, agent, pools, duty(agent, self.last_now))
        seat.gate = self._gate(seat)
        for pool in pools:
            pool.hold(agent_id, agent)
            pool.enter(agent_id, seat.gate)
        return seat

    def _days_off_of(self, settings: Settings) -> Mapping[str, str]:
        """Those with the same holidays share one mapping."""
        if settings.holidays not in self._days_off:
            self._days_off[settings.holidays] = days_off(settings.holidays, self._calendars)
        return self._days_off[settings.holidays]

    def _seat(self, agent_id: UUID | None) -> _Seat:
        seat = self._seats.get(agent_id) if agent_id else None
        if seat is None:
            raise NotInGroup(f"the group has no agent {agent_id}")
        return seat

    def _book(self, seat: _Seat) -> None:
        """Moves an agent, in all its pools, to the gate that holds now."""
        gate = self._gate(seat)
        if gate is seat.gate:
            return
        for pool in seat.pools:
            pool.leave(seat.agent_id, seat.gate)
            pool.enter(seat.agent_id, gate)
        seat.gate = gate

    def _gate(self, seat: _Seat) -> Gate | None:
        """The gate that stops an agent now. When that may change goes into the heap."""
        gate, until = seat.duty
        if gate is None:
            gate, ends = caps_gate(seat.agent, self._periods.at(seat.agent.zone, self.last_now))
            until = earliest(until, ends)
        if until != seat.until:
            seat.until = until
            if until is not None:
                heappush(self._changes, (until, seat.agent_id))
        return gate

    def _assigned(self, seat: _Seat, entry: Entry) -> int | None:
        counted, turn = _counted_in(entry), None
        if entry.data["turn"]:
            turn = self._take(seat, entry)
        seat.agent.assign(*counted, entry.data.get("work", 1))
        return turn

    def _take(self, seat: _Seat, entry: Entry) -> int:
        turns = self._turns_of(seat, entry)
        without = tuple(UUID(one) for one in entry.data.get("without", ()))
        try:
            return turns.take(seat.agent_id, of=entry.data.get("of", EVERYONE), without=without)
        except (KeyError, ValueError) as error:
            raise LedgerError(f"entry {entry.number} is a turn of a class that agent {seat.agent_id} is not in") from error

    def _turns_of(self, seat: _Seat, entry: Entry) -> Turns:
        if entry.pool is None or seat.agent_id not in (turns := self.pool(entry.pool).turns):
            raise NotInGroup(f"entry {entry.number} is a turn, but agent {seat.agent_id} is not in pool {entry.pool}")
        return turns

    def _ended(self, seat: _Seat, entry: Entry) -> None:
        gives_back, counted, work = entry.data["gives_back"], _counted_in(entry), entry.data.get("work", 1)
        if seat.agent.open < work:
            raise LedgerError(f"entry {entry.number} ends an assignment, but agent {seat.agent_id} has none open")
        seat.agent.end(work, give_back=counted if gives_back else None)
        if "turn" in entry.data and (pool := self._pools.get(entry.pool or "")) and seat.agent_id in pool.turns:
            self._book(seat)  # first, so that the turn is taken back among those who may receive without it
            with suppress(ValueError):  # a turn of an older group, of which nothing was carried
                pool.turns.give_back(seat.agent_id, of=entry.data["turn"])

    def _agent_changed(self, seat: _Seat, entry: Entry) -> None:
        settings = Settings.from_document(entry.data.get("settings", entry.data))
        if not is_zone(settings.zone):
            raise LedgerError(f"entry {entry.number} names a time zone that does not exist, {settings.zone}")
        self._copy_calendars(entry.data.get("calendars", {}))
        seat.agent.settings = settings
        for pool, meeting in self._meetings.items():
            if seat.agent_id in self._pools[pool].turns:
                meeting.forget()
        seat.agent.days_off = self._days_off_of(settings)

    def _copy_calendars(self, calendars: Mapping[str, Mapping[str, str]]) -> None:
        """Keeps these calendars' dates. Newer dates are for all who keep the calendar, from now on."""
        changed = {name: dates for name, dates in calendars.items() if self._calendars.get(name) != dates}
        if not changed:
            return
        self._calendars |= changed
        self._days_off.clear()
        for other in self._seats.values():
            if not changed.keys().isdisjoint(other.agent.settings.holidays):
                other.agent.days_off = self._days_off_of(other.agent.settings)
                other.duty = duty(other.agent, self.last_now)
                self._book(other)

    def _leave_changed(self, seat: _Seat, entry: Entry) -> None:
        seat.agent.leaves = tuple(Leave.from_document(one) for one in entry.data["leaves"])

    def _pause_changed(self, seat: _Seat, entry: Entry) -> None:
        seat.agent.pause = Pause.from_document(entry.data["pause"]) if entry.data["pause"] else None

    def _presence_changed(self, seat: _Seat, entry: Entry) -> None:
        seat.agent.presence = Presence.from_document(entry.data["presence"])


_FOLDS: dict[str, Callable[[GroupState, _Seat, Entry], int | None]] = {
    ASSIGNED: GroupState._assigned,
    ENDED: GroupState._ended,
    AGENT_CHANGED: GroupState._agent_changed,
    LEAVE: GroupState._leave_changed,
    PAUSE: GroupState._pause_changed,
    PRESENCE: GroupState._presence_changed,
}
_OF_COUNTS = frozenset((ASSIGNED, ENDED))
_OF_WORK = frozenset((ASSIGNED, ENDED, AGENT_CHANGED))


def _counted_in(entry: Entry) -> tuple[str, int]:
    """The key of the day and the number of the hour that an assignment counts in; the first version knew no hours."""
    return entry.data["period"], entry.data.get("hour", 0)
