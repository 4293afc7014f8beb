"""Weighted rotation: whose turn it is, exactly, in integers.

The chairman assignment of R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980), 323-330: with
constant weights and everyone eligible, nobody is ever a turn or more away from what their weight entitles them to. Each
turn is split among the n then eligible in proportion to weight (`shares`). With s = entitled (this turn included) less
received, in turns, the candidates are those with s >= 1 / (2n - 2); the turn goes to the one with the least
(1 - 1 / (2n - 2) - s) / share, ties by id.

While the eligible set is the same, nothing here is done per member and turn. Entitlement accrues lazily (what it was
when the set last changed, plus turns times share), and then the turn from which a member is a candidate (`release`) and
its place among the candidates (`_Due`) change only when that member receives. So it is earliest-deadline-first
scheduling with release times: two heaps, O(log n) a turn. A change of the set costs O(n) once, at the next turn.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from uuid import UUID

PARTS = 10**12
"""Parts that one turn is split into."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a member was entitled to, in PARTS of a turn, and how many turns it received.

    `entitled` outgrows 64 bits after some nine million turns; `received` and `difference` do not, so store those.
    """

    entitled: int = 0
    received: int = 0

    @property
    def difference(self) -> int:
        """Entitled less received, in PARTS of a turn: positive is owed, negative is ahead."""
        return self.entitled - PARTS * self.received


@dataclass(slots=True)
class _Due:
    """A member's place among the candidates, as the fraction slack / share; `received` tells whether it is outdated."""

    slack: int
    share: int
    rank: int
    received: int

    def __lt__(self, other: _Due) -> bool:
        mine, theirs = self.slack * other.share, other.slack * self.share
        return mine < theirs or (mine == theirs and self.rank < other.rank)


def shares(weights: Sequence[int]) -> list[int]:
    """PARTS of one turn for each weight: floors, and the parts left over go one each to the first. Sums to PARTS."""
    total = sum(weights)
    split = [PARTS * weight // total for weight in weights]
    for index in range(PARTS - sum(split)):
        split[index] += 1
    return split


class Rotation:
    """The turns of one pool. Members are fixed, nobody is eligible at first; `admit` and `withdraw` change who is.

    `weights` are positive integers by agent id; `carried` holds counters from before, whoever is missing starts level.
    """

    def __init__(self, weights: Mapping[UUID, int], carried: Mapping[UUID, Counters]) -> None:
        self._ids = sorted(weights)
        self._ranks = {agent_id: rank for rank, agent_id in enumerate(self._ids)}
        self._weights = [weights[agent_id] for agent_id in self._ids]
        counters = [carried.get(agent_id, Counters()) for agent_id in self._ids]
        self._received = [one.received for one in counters]
        # Without what accrued since the eligible set last changed: that is `_turns` times the share.
        self._difference = [one.difference for one in counters]
        self._eligible: list[int] = []
        self._shares: dict[int, int] = {}
        self._turns = 0
        self._ready: list[_Due] = []
        self._waiting: list[tuple[int, int, int]] = []
        self._stale = True

    @property
    def members(self) -> tuple[UUID, ...]:
        """All members, by id."""
        return tuple(self._ids)

    @property
    def eligible(self) -> tuple[UUID, ...]:
        """Those who take part in the next turn, by id."""
        return tuple(self._ids[rank] for rank in self._eligible)

    @property
    def eligible_count(self) -> int:
        return len(self._eligible)

    def __contains__(self, agent_id: object) -> bool:
        return agent_id in self._ranks

    def weight(self, agent_id: UUID) -> int:
        return self._weights[self._ranks[agent_id]]

    def counters(self, agent_id: UUID) -> Counters:
        rank = self._ranks[agent_id]
        received = self._received[rank]
        return Counters(PARTS * received + self._owed(rank), received)

    def share(self, agent_id: UUID) -> int:
        """PARTS of the next turn that the agent is entitled to; 0 for one who is not eligible."""
        self._split()
        return self._shares.get(self._ranks[agent_id], 0)

    def next(self) -> UUID | None:
        """Whose turn it is, or None where nobody is eligible. Asking changes nothing."""
        if not self._eligible:
            return None
        self._split()
        if self._ready:
            return self._ids[self._ready[0].rank]
        # No candidate: possible only after the eligible set changed. The same order, over all.
        return self._ids[min(self._due(rank) for rank in self._eligible).rank]

    def take(self, agent_id: UUID) -> None:
        """Gives the agent a turn: all who are eligible accrue their share of it, the agent has received one more."""
        self._split()
        rank = self._ranks[agent_id]
        self._turns += 1
        self._received[rank] += 1
        self._difference[rank] -= PARTS
        if rank in self._shares:
            self._place(rank)
        self._release()

    def admit(self, agent_id: UUID) -> None:
        """Lets one who is not eligible take part from the next turn on."""
        self._settle()
        insort(self._eligible, self._ranks[agent_id])

    def withdraw(self, agent_id: UUID) -> None:
        """Lets one who is eligible sit out: the difference stands still until the agent is admitted again."""
        self._settle()
        del self._eligible[bisect_left(self._eligible, self._ranks[agent_id])]

    def _owed(self, rank: int) -> int:
        return self._difference[rank] + self._turns * self._shares.get(rank, 0)

    def _settle(self) -> None:
        """Books what accrued, so that shares may change."""
        if self._turns:
            for rank in self._eligible:
                self._difference[rank] = self._owed(rank)
        self._turns = 0
        self._shares, self._ready, self._waiting = {}, [], []
        self._stale = True

    def _split(self) -> None:
        """Computes shares and order for the eligible set as it is now, once; they are not touched until it changes."""
        if not self._stale:
            return
        self._stale = False
        if not self._eligible:
            return
        self._shares = dict(zip(self._eligible, shares([self._weights[rank] for rank in self._eligible]), strict=True))
        releases = [(self._release_turn(rank), rank) for rank in self._eligible]
        self._ready = [self._due(rank) for turn, rank in releases if turn <= 1]
        self._waiting = [(turn, rank, self._received[rank]) for turn, rank in releases if turn > 1]
        heapify(self._ready)
        heapify(self._waiting)

    def _release_turn(self, rank: int) -> int:
        """The first turn, counted from the last change of the eligible set, with (2n - 2) * s >= PARTS."""
        scale = 2 * len(self._eligible) - 2
        if scale == 0:  # a pool of one: it is always that one's turn
            return 1
        return -((scale * self._difference[rank] - PARTS) // (scale * self._shares[rank]))

    def _due(self, rank: int) -> _Due:
        scale = 2 * len(self._eligible) - 2
        slack = (scale - 1) * PARTS - scale * self._difference[rank]
        return _Due(slack, self._shares[rank], rank, self._received[rank])

    def _place(self, rank: int) -> None:
        turn = self._release_turn(rank)
        if turn <= self._turns + 1:
            heappush(self._ready, self._due(rank))
        else:
            heappush(self._waiting, (turn, rank, self._received[rank]))

    def _release(self) -> None:
        """Makes candidates of those whose turn of release is the next one, and drops what is outdated on top."""
        while self._waiting and self._waiting[0][0] <= self._turns + 1:
            _, rank, received = heappop(self._waiting)
            if received == self._received[rank]:
                heappush(self._ready, self._due(rank))
        while self._ready and self._ready[0].received != self._received[self._ready[0].rank]:
            heappop(self._ready)
