"""The state of a group: the fold of its ledger, with the indexes that make a decision cheap.

Who is eligible is kept up to date per pool as entries are applied and days begin, so that a decision looks at nobody
who cannot receive. The indexes follow from agents, rotations and the time alone; a snapshot does not hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent, Gate, Unavailable
from services.router.domain.ledger import AGENT_CHANGED, ASSIGNED, ENDED, Entry, LedgerError, LedgerGap, NotInGroup
from services.router.domain.period import Calendar, Period, is_zone, period_at
from services.router.domain.policy import Member, Pool
from services.router.domain.rotation import PARTS, Counters, Rotation


class PoolState:
    """A pool's rotation, in which exactly the members whom no gate stops are eligible, and the count of the others."""

    def __init__(self, pool: Pool, carried: Mapping[UUID, Counters]) -> None:
        self.rotation = Rotation({member.agent_id: member.weight for member in pool.members}, carried)
        self._stopped = dict.fromkeys(Gate, 0)

    @property
    def stopped(self) -> dict[Gate, int]:
        """How many members each gate stops; gates that stop nobody are left out."""
        return {gate: count for gate, count in self._stopped.items() if count}

    def enter(self, agent_id: UUID, gate: Gate | None) -> None:
        """Books a member under the gate that stops it, as eligible where there is none."""
        if gate is None:
            self.rotation.admit(agent_id)
        else:
            self._stopped[gate] += 1

    def leave(self, agent_id: UUID, gate: Gate | None) -> None:
        """Takes back what `enter` booked."""
        if gate is None:
            self.rotation.withdraw(agent_id)
        else:
            self._stopped[gate] -= 1


@dataclass(slots=True)
class _Seat:
    """An agent in its group: its pools, and the gate under which it is booked in all of them."""

    agent_id: UUID
    agent: Agent
    pools: tuple[PoolState, ...]
    gate: Gate | None


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
        number: int = 0,
    ) -> None:
        """Opens a group at activation; its ledger begins at `number` + 1.

        `agents` holds the settings of every member, with open and period counts recounted from assignments. `carried`
        holds `counters()` of older groups: a pool of the same name goes on with them, whoever is new starts level.
        Raises NotInGroup for a member without settings, KeyError or ValueError for a zone that does not exist.
        """
        self.number = number
        self.last_now = now
        self._calendar = Calendar(now)
        self._pools = {
            pool.name: PoolState(pool, carried.get(pool.name, {})) for pool in sorted(pools, key=lambda pool: pool.name)
        }
        self._seats = {agent_id: self._take_seat(agent_id, agents) for agent_id in self._members()}

    def apply(self, entry: Entry) -> None:
        """Advances the state by the next entry.

        Raises LedgerError for one that does not fit; then nothing but the time has changed.
        """
        if entry.number != self.number + 1:
            raise LedgerGap(f"entry {entry.number} cannot follow entry {self.number}")
        fold = _FOLDS.get(entry.kind)
        if fold is None:
            raise LedgerError(f"entry {entry.number} is of an unknown kind, {entry.kind}")
        seat = self._seat(entry.agent_id)
        self.roll(entry.at)
        fold(self, seat, entry)
        self._book(seat)
        self.number = entry.number

    def roll(self, now: datetime) -> datetime:
        """Lets time pass: a new day in a zone lifts its daily caps. Returns the `now` that counts."""
        if now > self.last_now:
            self.last_now = now
            if begun := self._calendar.roll(now):
                self._begin_day(begun)
        return self.last_now

    def pool(self, name: str) -> PoolState:
        """Raises NotInGroup for a pool of another group."""
        try:
            return self._pools[name]
        except KeyError:
            raise NotInGroup(f"the group has no pool {name}") from None

    def agent(self, agent_id: UUID) -> Agent:
        """Settings and counts, for reading only. Raises NotInGroup for an agent of another group."""
        return self._seat(agent_id).agent

    def today(self, agent_id: UUID) -> Period:
        """The agent's present day: an assignment made now counts in it."""
        return self._calendar.today(self._seat(agent_id).agent.zone)

    def availability(self, agent_id: UUID, now: datetime) -> Unavailable | None:
        """Why the agent cannot receive at `now`, or None when it can; changes nothing."""
        agent = self._seat(agent_id).agent
        return agent.unavailable(period_at(agent.zone, max(now, self.last_now)))

    def counters(self) -> dict[str, dict[UUID, Counters]]:
        """What every member of every pool was entitled to and received, to be carried to the groups that follow."""
        return {name: {one: pool.rotation.counters(one) for one in pool.rotation.members} for name, pool in self._pools.items()}

    def snapshot(self) -> dict[str, Any]:
        """The state as data that JSON can carry; `restore` reads it back."""
        return {
            "number": self.number,
            "last_now": self.last_now.isoformat(),
            "agents": {str(agent_id): seat.agent.to_document() for agent_id, seat in self._seats.items()},
            "pools": {name: {"members": _members_document(pool.rotation)} for name, pool in self._pools.items()},
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> GroupState:
        """The state of which `snapshot` made this document."""
        members = {name: pool["members"] for name, pool in document["pools"].items()}
        return cls(
            [
                Pool(name, tuple(Member(UUID(one["agent_id"]), one["weight"]) for one in listed))
                for name, listed in members.items()
            ],
            {UUID(agent_id): Agent(**agent) for agent_id, agent in document["agents"].items()},
            now=datetime.fromisoformat(document["last_now"]),
            carried={name: _read_counters(listed) for name, listed in members.items()},
            number=document["number"],
        )

    def _members(self) -> list[UUID]:
        return sorted({agent_id for pool in self._pools.values() for agent_id in pool.rotation.members})

    def _take_seat(self, agent_id: UUID, agents: Mapping[UUID, Agent]) -> _Seat:
        if agent_id not in agents:
            raise NotInGroup(f"agent {agent_id} is in a pool but has no settings")
        agent = agents[agent_id].copy()
        pools = tuple(pool for pool in self._pools.values() if agent_id in pool.rotation)
        gate = agent.gate(self._calendar.today(agent.zone))
        for pool in pools:
            pool.enter(agent_id, gate)
        return _Seat(agent_id, agent, pools, gate)

    def _seat(self, agent_id: UUID | None) -> _Seat:
        seat = self._seats.get(agent_id) if agent_id else None
        if seat is None:
            raise NotInGroup(f"the group has no agent {agent_id}")
        return seat

    def _begin_day(self, zones: set[str]) -> None:
        # A pass over the agents is cheap once per zone and day. Not only over those at their cap: after a change of
        # zone, a day may begin in which something was counted already.
        for seat in self._seats.values():
            if seat.agent.zone in zones:
                self._book(seat)

    def _book(self, seat: _Seat) -> None:
        """Moves an agent, in all its pools, to the gate that holds now."""
        gate = seat.agent.gate(self._calendar.today(seat.agent.zone))
        if gate is seat.gate:
            return
        for pool in seat.pools:
            pool.leave(seat.agent_id, seat.gate)
            pool.enter(seat.agent_id, gate)
        seat.gate = gate

    def _assigned(self, seat: _Seat, entry: Entry) -> None:
        turn, period = entry.data["turn"], entry.data["period"]
        if turn:
            self._rotation_of(seat, entry).take(seat.agent_id)
        seat.agent.assign(period)

    def _rotation_of(self, seat: _Seat, entry: Entry) -> Rotation:
        if entry.pool is None or seat.agent_id not in (rotation := self.pool(entry.pool).rotation):
            raise NotInGroup(f"entry {entry.number} is a turn, but agent {seat.agent_id} is not in pool {entry.pool}")
        return rotation

    def _ended(self, seat: _Seat, entry: Entry) -> None:
        gives_back, period = entry.data["gives_back"], entry.data["period"]
        if not seat.agent.open:
            raise LedgerError(f"entry {entry.number} ends an assignment, but agent {seat.agent_id} has none open")
        seat.agent.end(give_back=period if gives_back else None)

    def _agent_changed(self, seat: _Seat, entry: Entry) -> None:
        if not is_zone(entry.data["zone"]):
            raise LedgerError(f"entry {entry.number} names a time zone that does not exist, {entry.data['zone']}")
        seat.agent.change(entry.data)


_FOLDS: dict[str, Callable[[GroupState, _Seat, Entry], None]] = {
    ASSIGNED: GroupState._assigned,
    ENDED: GroupState._ended,
    AGENT_CHANGED: GroupState._agent_changed,
}


def _members_document(rotation: Rotation) -> list[dict[str, Any]]:
    # The difference and not what was entitled: it stays small, and so within what any reader of JSON can hold.
    documents = []
    for agent_id in rotation.members:
        counters = rotation.counters(agent_id)
        document = {"agent_id": str(agent_id), "weight": rotation.weight(agent_id)}
        documents.append({**document, "received": counters.received, "difference": counters.difference})
    return documents


def _read_counters(documents: Iterable[Mapping[str, Any]]) -> dict[UUID, Counters]:
    return {UUID(one["agent_id"]): Counters(PARTS * one["received"] + one["difference"], one["received"]) for one in documents}
