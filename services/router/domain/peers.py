"""Members of one weight, with the one who is owed most on top.

All members of one weight accrue the same in a turn, save that the first of the pool get one part more (`shares`). So
whoever is owed most among them is the first to be a candidate and the most urgent one: a rotation compares one
member a weight, or two: one of those who get the part more, one of the others.

The tree is a segment tree with sums kept at the nodes and not pushed down: a node's `best` is the most that a member
below it is owed, its `raised` what was added to all below it at once. Both are kept times the number of leaves, `best`
less the position, so that the most is that of the first who is owed most, and tells who it is. All operations are
O(log n).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

_NOBODY = -(1 << 200)  # no debt comes near it
_HARDLY = _NOBODY // 2


class Peers:
    """`ranks` are the members' places in the rotation, ascending; a member's `position` is its index there.

    A member who shares in turns is owed `own` + `offset`; of one who does not, `own` is all.
    """

    __slots__ = ("_best", "_leaves", "_raised", "accrued", "cut", "own", "ranks", "share", "sharing", "stamps", "weight")

    def __init__(self, weight: int, ranks: Sequence[int], owed: Sequence[int]) -> None:
        self.weight = weight
        self.ranks = ranks
        self.sharing = 0  # how many share in turns
        self.share = 0  # parts of the present turn for each of them, without the part more
        self.cut = 0  # position before which members get the part more
        self.accrued = 0
        self.stamps = [0, 0]  # of the present representatives: without and with the part more
        self.own = list(owed)
        self._leaves = 1 << len(ranks).bit_length()  # one more than members at least
        self._best = [_NOBODY] * (2 * self._leaves)
        self._raised = [0] * (2 * self._leaves)

    def offset(self, position: int) -> int:
        """What a member who shares is owed beside its `own`."""
        raised, node, total = self._raised, position + self._leaves, 0
        while node:
            total += raised[node]
            node >>= 1
        return total // self._leaves + self.accrued

    def join(self, position: int) -> None:
        """Lets a member share in turns from now on."""
        self.sharing += 1
        self.own[position] -= self.offset(position)

    def part(self, position: int) -> None:
        """The reverse of `join`."""
        self.sharing -= 1
        self.own[position] += self.offset(position)

    def show(self, position: int, *, receives: bool) -> None:
        """Puts a member among those who are compared, or takes it out."""
        leaf = position + self._leaves
        best = self.own[position] * self._leaves - position + self._raised[leaf] if receives else _NOBODY
        self._climb(leaf, best)

    def add(self, position: int, parts: int, *, receives: bool) -> None:
        """Changes what one member is owed."""
        self.own[position] += parts
        if receives:
            leaf = position + self._leaves
            self._climb(leaf, self._best[leaf] + parts * self._leaves)

    def accrue(self, turns: int) -> None:
        """Books that many turns' shares for all who share."""
        self.accrued += turns * self.share
        if self.cut >= len(self.ranks):
            self.accrued += turns
        elif self.cut:
            self._raise_before(self.cut, turns * self._leaves)

    def cut_at(self, rank: int) -> None:
        """Members before this rank get the part more from now on."""
        self.cut = bisect_left(self.ranks, rank)

    def first(self, *, more: bool) -> tuple[int, int] | None:
        """What is owed most, without the present turns' shares, among those with or without the part more, and its rank.

        Of equals the first by rank; None where nobody of them may receive.
        """
        if self.cut <= 0 or self.cut >= len(self.ranks):
            most = self._best[1] if more == (self.cut > 0) else _NOBODY
        else:
            most = self._before(self.cut) if more else self._from(self.cut)
        if most < _HARDLY:
            return None
        owed = -(-most // self._leaves)
        return owed + self.accrued, self.ranks[owed * self._leaves - most]

    def _climb(self, node: int, value: int) -> None:
        """Sets a leaf, and all above it."""
        best, raised = self._best, self._raised
        best[node] = value
        while node > 1:
            other = best[node ^ 1]
            node >>= 1
            if other > value:
                value = other
            if raised[node]:  # as a rule it is nought
                value += raised[node]
            best[node] = value

    def _raise_before(self, position: int, parts: int) -> None:
        best, raised, node = self._best, self._raised, position + self._leaves
        while node > 1:
            if node & 1:
                best[node - 1] += parts
                raised[node - 1] += parts
            node >>= 1
            left, right = best[2 * node], best[2 * node + 1]
            best[node] = (left if left >= right else right) + raised[node]

    def _before(self, position: int) -> int:
        """The most before a position."""
        best, raised, node = self._best, self._raised, position + self._leaves
        most = _NOBODY
        while node > 1:
            if node & 1 and best[node - 1] > most:
                most = best[node - 1]
            node >>= 1
            if raised[node]:
                most += raised[node]
        return most

    def _from(self, position: int) -> int:
        """The most from a position on."""
        best, raised, node = self._best, self._raised, position + self._leaves
        most = best[node]
        while node > 1:
            if not node & 1 and best[node + 1] > most:
                most = best[node + 1]
            node >>= 1
            if raised[node]:
                most += raised[node]
        return most
