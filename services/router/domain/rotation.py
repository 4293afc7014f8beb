"""Weighted rotation: whose turn it is, exactly, in integers.

The chairman assignment of R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980), 323-330: with
constant weights and everyone eligible, nobody is ever a turn or more away from what their weight entitles them to. Each
turn is split among the n then eligible in proportion to weight (`shares`). With s = entitled (this turn included) less
received, in turns, the candidates are those with s >= 1 / (2n - 2); the turn goes to the one with the least
(1 - 1 / (2n - 2) - s) / share, ties by rank, which is by id unless the rotation was given an order.

Nothing here is done per member and turn. Members of one weight have the same share (`peers.py`), so only the one of
them who is owed most is ever compared: it represents the others. While the eligible set is the same, entitlement accrues
lazily (what it was when the set last changed, plus turns times share), and the turn from which a representative is a
candidate (`release`) and its place among the candidates (`_Due`) change only when a member of its weight receives. So it
is earliest-deadline-first scheduling with release times: two heaps. With n members of k different weights a turn is
O(log n), and O(k log n) after a change of the set, however often that is.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from uuid import UUID

from services.router.domain.counters import PARTS, Counters, shares, split
from services.router.domain.peers import Peers

__all__ = ["PARTS", "Counters", "Rotation", "shares", "split"]


_Due = tuple[int, int, int, Peers, bool]
"""A representative's place among the candidates: slack / share, and its rank; then the stamp by which it still represents, and whom."""

# Two different fractions whose denominators are at most PARTS are 1 / PARTS**2 apart or more: so many times as much, cut off to integers,
# they order as the fractions do, and are equal where those are.
_EXACT = PARTS**2


class Rotation:
    """The turns of one pool. Members are fixed, nobody is eligible at first; `admit` and `withdraw` change who is.

    `weights` are positive integers by agent id; `carried` holds counters from before, whoever is missing starts level.
    `order` lists the members as ties are to be broken: by id where it is not given; `ranks` is each one's place in it.
    """

    def __init__(
        self, weights: Mapping[UUID, int], carried: Mapping[UUID, Counters], *, order: Sequence[UUID] | None = None
    ) -> None:
        self._ids = sorted(weights) if order is None else list(order)
        self.ranks: Mapping[UUID, int] = {agent_id: rank for rank, agent_id in enumerate(self._ids)}
        self._weights = [weights[agent_id] for agent_id in self._ids]
        counters = [carried.get(agent_id, Counters()) for agent_id in self._ids]
        self._received = [one.received for one in counters]
        self._shares = [False] * len(self._ids)  # in the turns that are taken
        self._receives = [False] * len(self._ids)
        self._sharing: list[int] = []
        self._weight = 0  # of all who share
        self.eligible_count = 0
        self._turns = 0  # taken and not yet booked
        self._cut = 0  # the rank before which those who share get a part more
        self._stamp = 0
        self._ready: list[_Due] = []
        self._waiting: list[tuple[int, _Due]] = []  # each with the turn of its release
        self._moved: list[tuple[Peers, bool]] = []  # whose representatives are to be placed anew
        self._stale = True
        self._arrange([one.difference for one in counters])

    @property
    def members(self) -> tuple[UUID, ...]:
        """All members, in the order in which ties are broken."""
        return tuple(self._ids)

    @property
    def eligible(self) -> tuple[UUID, ...]:
        """Those who may receive the next turn, in the same order."""
        return tuple(self._ids[rank] for rank in self._sharing if self._receives[rank])

    def __contains__(self, agent_id: object) -> bool:
        return agent_id in self.ranks

    def weight(self, agent_id: UUID) -> int:
        return self._weights[self.ranks[agent_id]]

    def is_eligible(self, agent_id: UUID) -> bool:
        return self._receives[self.ranks[agent_id]]

    def counters(self, agent_id: UUID) -> Counters:
        return Counters(*self.tally(agent_id))

    def tally(self, agent_id: UUID) -> tuple[int, int]:
        """`counters` as they are, to be added to others."""
        rank = self.ranks[agent_id]
        peers, position, received = self._peers[rank], self._positions[rank], self._received[rank]
        owed = peers.own[position]
        if self._shares[rank]:
            owed += peers.offset(position) + self._turns * (peers.share + (rank < self._cut))
        return PARTS * received + owed, received

    def share(self, agent_id: UUID) -> int:
        """PARTS of the next turn that the agent is entitled to; 0 for one who takes no part in it."""
        if self._stale:
            self._split()
        rank = self.ranks[agent_id]
        return self._peers[rank].share + (rank < self._cut) if self._shares[rank] else 0

    def next(self) -> UUID | None:
        """Whose turn it is, or None where nobody is eligible. Asking changes nothing."""
        if not self.eligible_count:
            return None
        if self._stale:
            self._split()
        while self._moved:
            self._place(*self._moved.pop())
        ready, waiting, turn = self._ready, self._waiting, self._turns + 1
        while waiting and waiting[0][0] <= turn:
            heappush(ready, heappop(waiting)[1])
        while ready:
            _, rank, stamp, peers, more = ready[0]
            if peers.stamps[more] == stamp:
                return self._ids[rank]
            heappop(ready)  # it represents no more
        # No candidate: possible only after the eligible set changed. The same order, over all.
        return self._ids[min(due for _, due in waiting if due[3].stamps[due[4]] == due[2])[1]]

    def take(self, agent_id: UUID) -> None:
        """Gives the agent a turn: all who are eligible accrue their share of it, the agent has received one more."""
        if self._stale:
            self._split()
        rank = self.ranks[agent_id]
        peers, receives, more = self._peers[rank], self._receives[rank], rank < self._cut
        self._turns += 1
        self._received[rank] += 1
        peers.add(self._positions[rank], -PARTS, receives=receives)
        # Placed when the next turn is asked for: whoever only hears of turns that others gave places once for many.
        if receives and peers.stamps[more]:
            peers.stamps[more] = 0
            self._moved.append((peers, more))

    def give_back(self, agent_id: UUID) -> None:
        """Undoes a turn of the agent: it has received one less, and all who are eligible lose a turn's share.

        Exactly the reverse of `take` where the same are eligible as then; else the turn is taken back in the present
        shares, so that what all are entitled to still sums to what all received. Raises ValueError where there is none.
        """
        rank = self.ranks[agent_id]
        if not self._received[rank]:
            raise ValueError(f"agent {agent_id} has received no turn that could be given back")
        if self._stale:
            self._split()
        self._turns -= 1
        self._received[rank] -= 1
        self._add(rank, PARTS)
        self._settle()

    def admit(self, agent_id: UUID) -> None:
        """Lets the agent take part from the next turn on."""
        self._set(self.ranks[agent_id], shares=True, receives=True)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        """Lets the agent sit out: the difference stands still until the agent is admitted again.

        With `earning` it goes on: the agent shares in each turn and receives none, and so catches up once it is admitted.
        """
        self._set(self.ranks[agent_id], shares=earning, receives=False)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        """Changes what the agent is entitled to by so many parts of a turn."""
        self._settle()
        self._add(self.ranks[agent_id], parts)

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """Changes shares from the next turn on; what everyone is owed stays. O(n log n)."""
        self._settle()
        owed = [entitled - PARTS * received for entitled, received in map(self.tally, self._ids)]
        self._weights[self.ranks[agent_id]] = weight
        self._arrange(owed)

    def _arrange(self, owed: Sequence[int]) -> None:
        by_weight: dict[int, list[int]] = {}
        for rank, weight in enumerate(self._weights):
            by_weight.setdefault(weight, []).append(rank)
        self._classes = [Peers(weight, ranks, [owed[rank] for rank in ranks]) for weight, ranks in by_weight.items()]
        self._peers, self._positions = [self._classes[0]] * len(owed) if owed else [], [0] * len(owed)
        for peers in self._classes:
            for position, rank in enumerate(peers.ranks):
                self._peers[rank], self._positions[rank] = peers, position
        self._weight = sum(self._weights[rank] for rank in self._sharing)
        for rank in self._sharing:
            self._peers[rank].join(self._positions[rank])
            self._peers[rank].show(self._positions[rank], receives=self._receives[rank])

    def _set(self, rank: int, *, shares: bool, receives: bool) -> None:
        if (shares, receives) == (self._shares[rank], self._receives[rank]):
            return
        self._settle()
        peers, position = self._peers[rank], self._positions[rank]
        if shares and not self._shares[rank]:
            insort(self._sharing, rank)
            self._weight += peers.weight
            peers.join(position)
        elif self._shares[rank] and not shares:
            del self._sharing[bisect_left(self._sharing, rank)]
            self._weight -= peers.weight
            peers.part(position)
        if receives is not self._receives[rank]:
            self.eligible_count += 1 if receives else -1
            peers.show(position, receives=receives)
        self._shares[rank], self._receives[rank] = shares, receives

    def _add(self, rank: int, parts: int) -> None:
        self._peers[rank].add(self._positions[rank], parts, receives=self._receives[rank])

    def _settle(self) -> None:
        """Books what accrued, so that shares may change."""
        if self._turns:
            for peers in self._classes:
                if peers.sharing:
                    peers.accrue(self._turns)
        self._turns = 0
        self._stale = True

    def _split(self) -> None:
        """Computes shares and order for the eligible set as it is now, once; they are not touched until it changes."""
        self._stale = False
        self._ready, self._waiting, self._moved = [], [], []
        if not self._sharing:
            return
        left = PARTS
        present = [peers for peers in self._classes if peers.sharing]
        for peers in present:
            peers.share = PARTS * peers.weight // self._weight
            left -= peers.share * peers.sharing
        self._cut = self._sharing[left]  # fewer parts are left over than there are floors
        for peers in present:
            peers.cut_at(self._cut)
            peers.stamps = [0, 0]
            self._moved += [(peers, True)] if peers.cut else []
            self._moved += [(peers, False)] if peers.cut < len(peers.ranks) else []

    def _place(self, peers: Peers, more: bool) -> None:
        """Gives the representative its place, from the first turn on, counted from the last change of the eligible set, in which it is a
        candidate: the first with (2n - 2) * s >= PARTS."""
        self._stamp += 1
        peers.stamps[more] = self._stamp
        found = peers.first(more=more)
        if found is None:
            return
        owed, rank = found
        share, scale = peers.share + more, 2 * len(self._sharing) - 2
        scaled = scale * owed
        slack = (scale - 1) * PARTS - scaled  # (2n - 3) * PARTS - (2n - 2) * s without what accrues
        due = slack * _EXACT // share, rank, self._stamp, peers, more
        turn = -((scaled - PARTS) // (scale * share)) if scale else 1  # in a pool of one it is always that one's turn
        if turn <= self._turns + 1:
            heappush(self._ready, due)
        else:
            heappush(self._waiting, (turn, due))
