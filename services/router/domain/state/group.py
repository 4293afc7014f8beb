"""A group's state as decisions ask it, with the snapshot that is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent, Settings
from services.router.domain.availability import Availability, availability
from services.router.domain.fairness import Statement
from services.router.domain.ledger import AGENT_CHANGED, ASSIGNED, Entry, LedgerError, LedgerGap, NotInGroup
from services.router.domain.meeting import Meeting
from services.router.domain.period import Periods
from services.router.domain.policy import Pool, Requirements
from services.router.domain.pool_state import PoolState
from services.router.domain.rotation import Counters
from services.router.domain.state.folds import FOLDS, assign_together, fold
from services.router.domain.state.seats import Seats
from services.router.domain.strategies import RequirementClass
from shared.ids import id_of
from shared.rules import Facts

VERSION = 4
"""Of a snapshot's form."""

_KIND_AND_TIME = attrgetter("kind", "at")


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
        self._pools = pools
        self._meetings: dict[str, Meeting] = {}
        self._seats = Seats(pools.values(), agents, now, calendars)

    def apply(self, entry: Entry) -> int | None:
        """Advances the state by the next entry. Of a turn it returns the requirement class it was taken in, by which it is given back.

        Raises LedgerError for one that does not fit; then nothing but the time has changed.
        """
        number, kind, at, agent_id, _, _, _ = entry
        if number != self.number + 1:
            raise LedgerGap(f"entry {number} cannot follow entry {self.number}")
        if kind not in FOLDS:
            raise LedgerError(f"entry {number} is of an unknown kind, {kind}")
        seat = self._seats.of(agent_id)
        self._seats.roll(at)
        turn = fold(entry, seat, self._seats, self._pools)
        if kind == AGENT_CHANGED:
            for pool in seat.pools:
                self._forget_meeting(pool.name)
        self.number = number
        return turn

    def apply_all(self, entries: Iterable[Entry]) -> None:
        """As `apply` of each, at less cost: what was assigned at one moment is taken together.

        Raises LedgerError for one that does not fit; others may be applied then, and the state is to be forgotten.
        """
        for (kind, at), alike in groupby(entries, _KIND_AND_TIME):
            run = list(alike)
            if kind != ASSIGNED or len(run) == 1 or not self._assign_all(run, at):
                for entry in run:
                    self.apply(entry)

    def _assign_all(self, run: Sequence[Entry], at: datetime) -> bool:
        last = self.number + len(run)
        if [entry.number for entry in run] != list(range(self.number + 1, last + 1)):
            return False
        self._seats.roll(at)
        if not assign_together(run, self._seats, self._pools):
            return False
        self.number = last
        return True

    def roll(self, now: datetime) -> datetime:
        """Lets time pass: those whose availability it may have changed are booked anew. Returns the `now` that counts."""
        return self._seats.roll(now)

    @property
    def last_now(self) -> datetime:
        return self._seats.now

    @property
    def next_change(self) -> datetime | None:
        """A moment before which time alone makes nobody in the group available or unavailable; None for never."""
        return self._seats.next_change

    def pool(self, name: str) -> PoolState:
        """Raises NotInGroup for a pool of another group."""
        try:
            return self._pools[name]
        except KeyError:
            raise NotInGroup(f"the group has no pool {name}") from None

    def agent(self, agent_id: UUID) -> Agent:
        """Settings and counts, for reading only. Raises NotInGroup for an agent of another group."""
        return self._seats.of(agent_id).agent

    def agent_today(self, agent_id: UUID) -> tuple[Agent, Periods]:
        """`agent` and `today` in one."""
        seat = self._seats.of(agent_id)
        return seat.agent, self._seats.today(seat)

    def today(self, agent_id: UUID) -> Periods:
        """The agent's present hour, day, week and month: an assignment made now counts in them."""
        return self._seats.today(self._seats.of(agent_id))

    def availability(self, agent_id: UUID, now: datetime) -> Availability:
        """Whether the agent can receive at `now`, and why not; changes nothing."""
        return availability(self._seats.of(agent_id).agent, max(now, self.last_now))

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

        return self.first_with_room(self.pool(pool).turns.of(among), work_of, without=without)

    def first_with_room(
        self, held: RequirementClass, work_of: Callable[[Settings], int], *, without: Collection[UUID] = ()
    ) -> UUID | None:
        """As `next_with_room`, of a requirement class as it stands."""
        if not self._seats.weighing:
            return held.first(self._seats.now, without=without)

        def fits(agent_id: UUID) -> bool:
            agent = self._seats.of(agent_id).agent
            return not agent.settings.open_weights or agent.has_room(work_of(agent.settings))

        return held.first(self._seats.now, fits, without=without)

    def among(self, pool: str, requirements: Requirements, lead: Facts) -> frozenset[UUID] | None:
        """The members of a pool who meet what is asked for a lead of these facts; None where nothing is. Raises NotInGroup."""
        if not requirements:
            return None
        if pool not in self._meetings:
            self._meetings[pool] = Meeting(self.pool(pool).turns.members, lambda one: self._seats.of(one).agent.settings)
        return self._meetings[pool].among(requirements, lead)

    def statement(self, pool: str, agent_id: UUID) -> Statement:
        """What a member of a pool was entitled to and received, and why. Raises NotInGroup."""
        found = self.pool(pool)
        if agent_id not in found.turns:
            raise NotInGroup(f"agent {agent_id} is not in pool {pool}")
        return found.book.statement(agent_id)

    def counters(self) -> dict[str, dict[UUID, Counters]]:
        """What every member of every pool was entitled to and received, to be carried to the groups that follow."""
        return {name: {one: pool.turns.counters(one) for one in pool.turns.members} for name, pool in self._pools.items()}

    def standings(self) -> dict[str, dict[str, Any]]:
        """What every pool remembers of its turns and keeps in its book, to be carried to the groups that follow."""
        return {name: pool.snapshot() for name, pool in self._pools.items()}

    def snapshot(self) -> dict[str, Any]:
        """The state as data that JSON can carry; `restore` reads it back."""
        return {
            "version": VERSION,
            "number": self.number,
            "last_now": self.last_now.isoformat(),
            "agents": {str(agent_id): agent.to_document() for agent_id, agent in self._seats.agents().items()},
            "calendars": {name: dict(dates) for name, dates in sorted(self._seats.calendars.items())},
            "pools": self.standings(),
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> GroupState:
        """The state of which `snapshot` made this document, now or in an earlier version: without calendars, strategies or books."""
        state = cls.__new__(cls)
        state._open(
            {name: PoolState.restore(name, pool) for name, pool in document["pools"].items()},
            {id_of(agent_id): Agent.from_document(agent) for agent_id, agent in document["agents"].items()},
            datetime.fromisoformat(document["last_now"]),
            document["number"],
            document.get("calendars") or {},
        )
        return state

    def _forget_meeting(self, pool: str) -> None:
        if pool in self._meetings:
            self._meetings[pool].forget()
