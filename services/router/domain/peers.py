"""Members of one weight, with the one who is owed most on top.

All members of one weight accrue the same in a turn, save that the first of the pool get one part more (`shares`). So
whoever is owed most among them is the first to be a candidate and the most urgent one: a rotation compares one
member a weight, or two: one of those who get the part more, one of the others.

The tree is a segment tree with sums kept at the nodes and not pushed down: a node's `best` is the most that a member
below it is owed, its `raised` what was added to all below it at once. All operations are O(log n).
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

    __slots__ = ("_best", "_raised", "_size", "accrued", "cut", "own", "ranks", "share", "sharing", "stamps", "weight")

    def __init__(self, weight: int, ranks: Sequence[int], owed: Sequence[int]) -> None:
        self.weight = weight
        self.ranks = ranks
        self.sharing = 0  # how many share in turns
        self.share = 0  # parts of the present turn for each of them, without the part more
        self.cut = 0  # position before which members get the part more
        self.accrued = 0
        self.stamps = [0, 0]  # of the present representatives: without and with the part more
        self.own = list(owed)
        self._size = 1 << len(ranks).bit_length()  # one leaf more than members at least
        self._best = [_NOBODY] * (2 * self._size)
        self._raised = [0] * (2 * self._size)

    def owed(self, position: int) -> int:
        """Of a member who shares."""
        return self.own[position] + self._offset(position)

    def join(self, position: int) -> None:
        """Lets a member share in turns from now on."""
        self.sharing += 1
        self.own[position] -= self._offset(position)

    def part(self, position: int) -> None:
        """The reverse of `join`."""
        self.sharing -= 1
        self.own[position] += self._offset(position)

    def show(self, position: int, *, receives: bool) -> None:
        """Puts a member among those who are compared, or takes it out."""
        leaf = position + self._size
        self._best[leaf] = self.own[position] + self._raised[leaf] if receives else _NOBODY
        self._climb(leaf)

    def add(self, position: int, parts: int, *, receives: bool) -> None:
        """Changes what one member is owed."""
        self.own[position] += parts
        if receives:
            leaf = position + self._size
            self._best[leaf] += parts
            self._climb(leaf)

    def accrue(self, turns: int) -> None:
        """Books that many turns' shares for all who share."""
        self.accrued += turns * self.share
        if self.cut >= len(self.ranks):
            self.accrued += turns
        elif self.cut:
            self._raise_before(self.cut, turns)

    def cut_at(self, rank: int) -> None:
        """Members before this rank get the part more from now on."""
        self.cut = bisect_left(self.ranks, rank)

    def first(self, *, more: bool) -> tuple[int, int] | None:
        """What is owed most, without the present turns' shares, among those with or without the part more, and its rank.

        Of equals the first by rank; None where nobody of them may receive.
        """
        if self.cut <= 0 or self.cut >= len(self.ranks):
            most, node = (self._best[1], 1) if more == (self.cut > 0) else (_NOBODY, 1)
        else:
            most, node = self._before(self.cut) if more else self._from(self.cut)
        if most < _HARDLY:
            return None
        return most + self.accrued, self.ranks[self._leftmost(node)]

    def _offset(self, position: int) -> int:
        raised, node, total = self._raised, position + self._size, self.accrued
        while node:
            total += raised[node]
            node >>= 1
        return total

    def _climb(self, node: int) -> None:
        best, raised = self._best, self._raised
        while node > 1:
            node >>= 1
            left, right = best[2 * node], best[2 * node + 1]
            best[node] = (left if left >= right else right) + raised[node]

    def _raise_before(self, position: int, parts: int) -> None:
        best, raised, node = self._best, self._raised, position + self._size
        while node > 1:
            if node & 1:
                best[node - 1] += parts
                raised[node - 1] += parts
            node >>= 1
            left, right = best[2 * node], best[2 * node + 1]
            best[node] = (left if left >= right else right) + raised[node]

    def _before(self, position: int) -> tuple[int, int]:
        """The most before a position, and the node that has it: a left neighbour of the way up, of equals the leftmost."""
        best, raised, node = self._best, self._raised, position + self._size
        most, found = _NOBODY, 1
        while node > 1:
            if node & 1 and best[node - 1] >= most:
                most, found = best[node - 1], node - 1
            node >>= 1
            most += raised[node]
        return most, found

    def _from(self, position: int) -> tuple[int, int]:
        """The most from a position on, and the node that has it."""
        best, raised, node = self._best, self._raised, position + self._size
        most, found = best[node], node
        while node > 1:
            if not node & 1 and best[node + 1] > most:
                most, found = best[node + 1], node + 1
            node >>= 1
            most += raised[node]
        return most, found

    def _leftmost(self, node: int) -> int:
        best = self._best
        while node < self._size:
            node *= 2
            if best[node + 1] > best[node]:
                node += 1
        return node - self._size
