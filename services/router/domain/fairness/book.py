"""The book of one pool's fairness: what people decide about turns, what leave costs and pays, and the statements drawn from it.

What is given out by turns is booked by the pool's `Turns` alone; the book adds the rest, and keeps apart why. A credit is at the
pool's expense: its turns come from the other members by weight, so that what all are owed sums to nought and nobody stays owed a turn
that no lead will ever pay.

Leave with catch-up is booked aside. What the member would have got is added up while it is away and credited when it is back, as much of
it as the pool allows. It takes no part in the turns meanwhile: a share that nobody can receive would leave those who are there ever
further behind, and who comes back next, from whatever absence, would get all leads until they are level.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from services.router.domain.fairness.entries import CREDITED, DEBITED, REWEIGHTED
from services.router.domain.fairness.statement import Line, Reason, Statement
from services.router.domain.fairness.tally import Note, Tally
from services.router.domain.ledger import Entry, LedgerError
from services.router.domain.rotation import PARTS, split
from services.router.domain.strategies.classes import EVERYONE
from services.router.domain.strategies.turns import Turns


class Book:
    """The book of a pool; what it changes, it changes in `turns`. After one leave `most` turns are caught up at most.

    `document` is a `snapshot` with which the book goes on; of members that are not in it, it begins with what `turns` knows.
    """

    def __init__(self, pool: str, turns: Turns, *, most: int, document: Mapping[str, Any] | None = None) -> None:
        self.most = most
        self._pool, self._turns = pool, turns
        known = document or {}
        self._tallies = {
            agent_id: Tally.from_document(known[str(agent_id)])
            if str(agent_id) in known
            else Tally.open(turns.counters(agent_id))
            for agent_id in turns.members
        }
        self.catching_up: dict[UUID, int] = {}
        """Those on leave with catch-up, with what their shares are in proportion to."""
        self._came_back: list[tuple[UUID, int]] = []

    def apply(self, entry: Entry) -> None:
        """Raises LedgerError for an entry that is not about fairness, not about a member, or says what cannot be."""
        fold = _FOLDS.get(entry.kind)
        if fold is None or entry.agent_id is None or entry.agent_id not in self._tallies:
            raise LedgerError(
                f"entry {entry.number}, {entry.kind} of agent {entry.agent_id}, is not for the book of {self._pool}"
            )
        fold(self, entry.agent_id, entry)

    def inherit(self, parts: Mapping[UUID, int]) -> None:
        """Members get these parts of what others left behind who are no more in the pool."""
        for agent_id, part in parts.items():
            if part:
                self._tallies[agent_id].others += part
                self._turns.adjust(agent_id, part)

    def count_return(self, agent_id: UUID) -> None:
        """A turn of the member was given back."""
        self._tallies[agent_id].returned += 1

    # -- Leave

    def catch_up(self, agent_id: UUID, catching_up: bool) -> None:
        """Whether the member misses turns from now on that it will be credited."""
        if catching_up:
            self.catching_up[agent_id] = self._turns.stake(agent_id)
        else:
            self.catching_up.pop(agent_id, None)

    def missed_of(
        self, agent_id: UUID, *, of: int | str = EVERYONE, without: Collection[UUID] = ()
    ) -> tuple[int, Collection[UUID]]:
        """Before the agent takes a turn: what those who catch up would have had of it, had all of them been there, in PARTS for each
        unit of their stake; and who they are. O(k) of those on leave.

        Raises KeyError for a class that there is not.
        """
        if not self.catching_up:
            return 0, ()
        share = self._turns.share_in(self._turns.named(of), agent_id, without=without)
        those = self._turns.rivals(agent_id, [one for one in self.catching_up if one not in without], of=of)
        whole = PARTS * self._turns.stake(agent_id) + share * sum(self.catching_up[one] for one in those)
        return (PARTS * share // whole if share else 0), those

    def miss(self, unit: int, those: Collection[UUID]) -> None:
        """These members on leave missed a turn, as `missed_of` says."""
        for agent_id in those:
            self._tallies[agent_id].missed += unit * self.catching_up[agent_id]

    def come_back(self, agent_id: UUID) -> bool:
        """Leave is over: what was missed is credited, up to the most that the pool allows, once `settle` is called. False for nothing."""
        tally = self._tallies[agent_id]
        missed, tally.missed = tally.missed, 0
        if missed:
            kept = min(missed, PARTS * self.most)
            tally.caught_up += missed
            tally.forfeited += kept - missed
            self._came_back.append((agent_id, kept))
        return missed > 0

    def settle(self) -> None:
        """Credits all who came back since the last time at once: each O(n), but only additions."""
        moves, self._came_back = self._came_back, []
        if moves:
            self._move(*moves)

    # -- What is kept, and shown

    def statement(self, agent_id: UUID) -> Statement:
        """Raises KeyError for one who is no member."""
        tally, counters = self._tallies[agent_id], self._turns.counters(agent_id)
        lines = [
            Line(Reason.OPENING, tally.opening + PARTS * tally.received, tally.received),
            Line(Reason.RETURNED, 0, -tally.returned, tally.returned),
            Line(Reason.CAUGHT_UP, tally.caught_up, 0),
            Line(Reason.FORFEITED, tally.forfeited, 0),
            Line(Reason.CREDITED, tally.credited, 0, tally.credits),
            Line(Reason.DEBITED, tally.debited, 0, tally.debits),
            Line(Reason.OTHERS, tally.others, 0),
        ]
        entitled = counters.entitled - sum(line.entitled for line in lines)
        received = counters.received - sum(line.received for line in lines)
        lines.insert(1, Line(Reason.TURNS, entitled, received))
        told = tuple(line for line in lines if line.entitled or line.received or line.reason in (Reason.OPENING, Reason.TURNS))
        to_come, weight = min(tally.missed, PARTS * self.most), self._turns.weight(agent_id)
        return Statement(self._pool, agent_id, weight, counters.entitled, counters.received, told, to_come, tally.notes)

    def snapshot(self) -> dict[str, Any]:
        """The book as data that JSON can carry, without the turns and `most`."""
        return {str(agent_id): tally.to_document() for agent_id, tally in self._tallies.items()}

    # -- What entries do

    def _credit(self, agent_id: UUID, entry: Entry) -> None:
        turns, tally = _positive(entry, "turns"), self._tallies[agent_id]
        tally.credited += PARTS * turns
        tally.credits += 1
        tally.note(_note(entry, turns))
        self._move((agent_id, PARTS * turns))

    def _debit(self, agent_id: UUID, entry: Entry) -> None:
        turns, tally = _positive(entry, "turns"), self._tallies[agent_id]
        tally.debited -= PARTS * turns
        tally.debits += 1
        tally.note(_note(entry, -turns))
        self._move((agent_id, -PARTS * turns))

    def _reweight(self, agent_id: UUID, entry: Entry) -> None:
        self._turns.reweight(agent_id, _positive(entry, "weight"))
        if agent_id in self.catching_up:
            self.catching_up[agent_id] = self._turns.stake(agent_id)

    def _move(self, *moves: tuple[UUID, int]) -> None:
        """Gives members so many parts, each from all the others by weight."""
        weights = [(one, self._turns.weight(one)) for one in self._turns.members]
        changes = dict.fromkeys(self._turns.members, 0)
        for agent_id, parts in moves:
            changes[agent_id] += parts
            others = [pair for pair in weights if pair[0] != agent_id] or weights  # nobody gains in a pool of one
            for (one, _), part in zip(others, split(-parts, [weight for _, weight in others]), strict=True):
                changes[one] += part
                self._tallies[one].others += part
        for one, change in changes.items():
            self._turns.adjust(one, change)


def _positive(entry: Entry, name: str) -> int:
    value = entry.data[name]
    if type(value) is not int or value < 1:
        raise LedgerError(f"entry {entry.number}: {name} must be a whole number, 1 or more")
    return value


def _note(entry: Entry, turns: int) -> Note:
    return Note(entry.at, turns, entry.data["by"], entry.data["reason"])


_FOLDS: dict[str, Callable[[Book, UUID, Entry], None]] = {
    CREDITED: Book._credit,
    DEBITED: Book._debit,
    REWEIGHTED: Book._reweight,
}
