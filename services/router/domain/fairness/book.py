"""The book of one pool's fairness: the fold of the ledger's entries about it, and the statements drawn from it.

What is given out by turns is booked by the pool's `Turns` alone; the book adds what people decide, and keeps apart why. A
credit is at the pool's expense: its turns come from the other members by weight, so that what all are owed sums to nought
and nobody stays owed a turn that no lead will ever pay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from services.router.domain.fairness.entries import (
    CREDITED,
    DEBITED,
    JOINED,
    LEAVE_BEGAN,
    LEAVE_ENDED,
    LEFT,
    RETURNED,
    REWEIGHTED,
)
from services.router.domain.fairness.statement import Line, Reason, Statement
from services.router.domain.ledger import Entry, LedgerError
from services.router.domain.rotation import PARTS, Counters, split
from services.router.domain.strategies.turns import Turns


@dataclass(slots=True)
class _Tally:
    """What was booked of one member beside turns; entitlements are in PARTS of a turn.

    `away_since` is what it was entitled to when its leave began, None while it is on none.
    """

    opening_entitled: int = 0
    opening_received: int = 0
    credited: int = 0
    credits: int = 0
    debited: int = 0
    debits: int = 0
    others: int = 0
    returned: int = 0
    caught_up: int = 0
    forfeited: int = 0
    away_since: int | None = None
    limit: int | None = None


class Book:
    """The book of a pool. `apply` takes its entries in order; all of it changes `turns`, in which members stay as admitted."""

    def __init__(self, pool: str, turns: Turns) -> None:
        self._pool, self._turns = pool, turns
        self._tallies = {agent_id: _opening(turns.counters(agent_id)) for agent_id in turns.members}

    def apply(self, entry: Entry) -> None:
        """Raises LedgerError for an entry that is not about fairness, not about a member, or says what cannot be."""
        fold = _FOLDS.get(entry.kind)
        if fold is None or entry.agent_id is None or entry.agent_id not in self._tallies:
            raise LedgerError(
                f"entry {entry.number}, {entry.kind} of agent {entry.agent_id}, is not for the book of {self._pool}"
            )
        fold(self, entry.agent_id, entry)

    def statement(self, agent_id: UUID) -> Statement:
        """Raises KeyError for one who is no member."""
        tally, counters = self._tallies[agent_id], self._turns.counters(agent_id)
        lines = [
            Line(Reason.OPENING, tally.opening_entitled, tally.opening_received),
            Line(Reason.RETURNED, 0, -tally.returned, tally.returned),
            Line(Reason.CAUGHT_UP, tally.caught_up + self._earned(agent_id), 0),
            Line(Reason.FORFEITED, tally.forfeited, 0),
            Line(Reason.CREDITED, tally.credited, 0, tally.credits),
            Line(Reason.DEBITED, tally.debited, 0, tally.debits),
            Line(Reason.OTHERS, tally.others, 0),
        ]
        entitled = counters.entitled - sum(line.entitled for line in lines)
        received = counters.received - sum(line.received for line in lines)
        lines.insert(1, Line(Reason.TURNS, entitled, received))
        told = tuple(line for line in lines if line.entitled or line.received or line.reason in (Reason.OPENING, Reason.TURNS))
        return Statement(self._pool, agent_id, counters.entitled, counters.received, told)

    def snapshot(self) -> dict[str, Any]:
        """The book as data that JSON can carry, without the turns."""
        return {str(agent_id): asdict(tally) for agent_id, tally in self._tallies.items()}

    @classmethod
    def restore(cls, pool: str, turns: Turns, document: Mapping[str, Any]) -> Book:
        """The book of which `snapshot` made this document; `turns` are those it was of."""
        book, names = cls(pool, turns), [field.name for field in fields(_Tally)]
        for agent_id, tally in document.items():
            book._tallies[UUID(agent_id)] = _Tally(**{name: tally[name] for name in names})
        return book

    def _earned(self, agent_id: UUID) -> int:
        """What a member on leave has earned by now."""
        since = self._tallies[agent_id].away_since
        return 0 if since is None else self._turns.counters(agent_id).entitled - since

    def _credit(self, agent_id: UUID, entry: Entry) -> None:
        parts = PARTS * _positive(entry, "turns")
        self._tallies[agent_id].credited += parts
        self._tallies[agent_id].credits += 1
        self._move(agent_id, parts)

    def _debit(self, agent_id: UUID, entry: Entry) -> None:
        parts = PARTS * _positive(entry, "turns")
        self._tallies[agent_id].debited -= parts
        self._tallies[agent_id].debits += 1
        self._move(agent_id, -parts)

    def _join(self, agent_id: UUID, entry: Entry) -> None:
        if entry.data["turns"]:
            self._credit(agent_id, entry)

    def _leave(self, agent_id: UUID, entry: Entry) -> None:
        parts = -self._turns.counters(agent_id).difference
        self._tallies[agent_id].others += parts
        self._move(agent_id, parts)

    def _begin_leave(self, agent_id: UUID, entry: Entry) -> None:
        tally = self._tallies[agent_id]
        if tally.away_since is not None:
            raise LedgerError(f"entry {entry.number} begins a leave, but agent {agent_id} is on one already")
        # Without catch-up nothing is kept of what is earned: a rotation lets nobody earn then, but by what the other strategies
        # are measured, everyone earns always, and whoever comes back would get all until level.
        tally.away_since = self._turns.counters(agent_id).entitled
        tally.limit = entry.data["limit"] if entry.data["catch_up"] else 0

    def _end_leave(self, agent_id: UUID, entry: Entry) -> None:
        tally = self._tallies[agent_id]
        if tally.away_since is None:
            raise LedgerError(f"entry {entry.number} ends a leave, but agent {agent_id} is on none")
        earned, limit = self._earned(agent_id), tally.limit
        tally.caught_up += earned
        tally.away_since = tally.limit = None
        if limit is not None and earned > PARTS * limit:
            tally.forfeited -= earned - PARTS * limit
            self._move(agent_id, PARTS * limit - earned)

    def _reweight(self, agent_id: UUID, entry: Entry) -> None:
        self._turns.reweight(agent_id, _positive(entry, "weight"))

    def _return(self, agent_id: UUID, entry: Entry) -> None:
        try:
            self._turns.give_back(agent_id, of=entry.data["of"])
        except ValueError as error:
            raise LedgerError(f"entry {entry.number}: {error}") from error
        self._tallies[agent_id].returned += 1

    def _move(self, agent_id: UUID, parts: int) -> None:
        """Gives the member so many parts, from the others by weight. O(n), and done for what people do by hand only."""
        self._book(agent_id, parts)
        others = [one for one in self._turns.members if one != agent_id] or [agent_id]  # nobody gains in a pool of one
        for one, part in zip(others, split(-parts, [self._turns.weight(one) for one in others]), strict=True):
            self._tallies[one].others += part
            self._book(one, part)

    def _book(self, agent_id: UUID, parts: int) -> None:
        tally = self._tallies[agent_id]
        if tally.away_since is not None:
            tally.away_since += parts  # it is not what the leave earned
        self._turns.adjust(agent_id, parts)


def _opening(counters: Counters) -> _Tally:
    return _Tally(opening_entitled=counters.entitled, opening_received=counters.received)


def _positive(entry: Entry, name: str) -> int:
    value = entry.data[name]
    if type(value) is not int or value < 1:
        raise LedgerError(f"entry {entry.number}: {name} must be a whole number, 1 or more")
    return value


_FOLDS: dict[str, Callable[[Book, UUID, Entry], None]] = {
    CREDITED: Book._credit,
    DEBITED: Book._debit,
    JOINED: Book._join,
    LEFT: Book._leave,
    LEAVE_BEGAN: Book._begin_leave,
    LEAVE_ENDED: Book._end_leave,
    REWEIGHTED: Book._reweight,
    RETURNED: Book._return,
}
