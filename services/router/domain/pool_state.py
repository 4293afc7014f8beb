"""A pool's part of the state: whose turn it is among those whom no gate stops, how many each gate stops, and the book of it all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent
from services.router.domain.availability import AWAY, Gate
from services.router.domain.fairness import Book, open_counters
from services.router.domain.policy import CATCH_UP, Member, Pool, Strategy, StrategyKind
from services.router.domain.rotation import PARTS, Counters
from services.router.domain.strategies import EVERYONE, Seat, Turns, Way
from shared.ids import id_of


class PoolState:
    """A pool's turns, in which exactly the members whom no gate stops may receive, the count of the others, and its book.

    `carried` are counters and `stood` is the snapshot of a pool of an older group, with which this one goes on: what those who are no
    more in it were owed, or were ahead, goes to those who stay.
    """

    def __init__(self, pool: Pool, carried: Mapping[UUID, Counters], stood: Mapping[str, Any] | None = None) -> None:
        seats = [Seat(one.agent_id, one.weight, one.level, one.percent) for one in pool.members]
        self.name = pool.name
        self.turns = Turns(pool.name, _way(pool.strategy), seats, carried, document=stood)
        self.book = Book(pool.name, self.turns, most=pool.catch_up, document=(stood or {}).get("book"))
        opened = open_counters(carried, {one.agent_id: self.turns.stake(one.agent_id) or 1 for one in pool.members})
        self.book.inherit({one: counters.entitled - carried[one].entitled for one, counters in opened.items()})
        self._stopped = dict.fromkeys(Gate, 0)
        self._stopping: dict[Gate, int] | None = None

    @property
    def stopped(self) -> Mapping[Gate, int]:
        """How many members each gate stops; gates that stop nobody are left out. The same object until that changes, for reading only."""
        if self._stopping is None:
            self._stopping = {gate: count for gate, count in self._stopped.items() if count}
        return self._stopping

    def enter(self, agent_id: UUID, gate: Gate | None) -> None:
        """Books a member under the gate that stops it, as eligible where there is none."""
        if gate is None:
            self.turns.admit(agent_id)
        else:
            self._stopped[gate] += 1
            self._stopping = None
            if gate in AWAY:
                self.turns.step_out(agent_id)

    def leave(self, agent_id: UUID, gate: Gate | None) -> None:
        """Takes back what `enter` booked."""
        if gate is None:
            self.turns.withdraw(agent_id)
        else:
            self._stopped[gate] -= 1
            self._stopping = None
            if gate in AWAY:
                self.turns.step_in(agent_id)

    def take(self, agent_id: UUID, *, of: int | str = EVERYONE, without: Collection[UUID] = ()) -> int:
        """Gives a member a turn, as `Turns.take` does; those who will catch up are booked what they miss of it."""
        if not self.book.catching_up:
            return self.turns.take(agent_id, of=of, without=without)
        unit, those = self.book.missed_of(agent_id, of=of, without=without)
        number = self.turns.take(agent_id, of=of, without=without)
        self.book.miss(unit, those)
        return number

    def give_back(self, agent_id: UUID, *, of: int) -> None:
        """Undoes a member's turn. Raises ValueError where it has received none."""
        self.turns.give_back(agent_id, of=of)
        self.book.count_return(agent_id)

    def hold(self, agent_id: UUID, agent: Agent) -> None:
        """Takes what a member holds of open work, and its cap of it."""
        self.turns.changed(agent_id, open=agent.open, capacity=agent.settings.caps.open)

    def snapshot(self) -> dict[str, Any]:
        """The pool as data that JSON can carry, without who may receive; `restore` reads it back."""
        way = self.turns.way
        strategy = {"kind": way.kind, "to": way.to, "seconds": way.seconds, "fallback": way.fallback}
        return {"strategy": strategy, "catch_up": self.book.most, **self.turns.snapshot(), "book": self.book.snapshot()}

    @classmethod
    def restore(cls, name: str, document: Mapping[str, Any]) -> PoolState:
        """The pool of which `snapshot` made this document, now or before there were strategies and books."""
        listed = document["members"]
        if "strategy" not in document:
            members = tuple(Member(id_of(one["agent_id"]), one["weight"]) for one in listed)
            return cls(Pool(name, members), _first_counters(listed))
        strategy = document["strategy"]
        fallback = strategy["fallback"] and StrategyKind(strategy["fallback"])
        way = Strategy(StrategyKind(strategy["kind"]), strategy["to"], strategy["seconds"], fallback)
        pool = cls(Pool(name, strategy=way), {})
        pool.turns = Turns.restore(name, _way(way), document)
        pool.book = Book(name, pool.turns, most=document.get("catch_up", CATCH_UP), document=document.get("book"))
        return pool


def _way(strategy: Strategy) -> Way:
    return Way(strategy.kind.value, strategy.to, strategy.seconds, strategy.fallback and strategy.fallback.value)


def _first_counters(documents: Iterable[Mapping[str, Any]]) -> dict[UUID, Counters]:
    """Counters as the first versions wrote them."""
    return {id_of(one["agent_id"]): Counters(PARTS * one["received"] + one["difference"], one["received"]) for one in documents}
