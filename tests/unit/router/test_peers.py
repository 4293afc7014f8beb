"""Members of one weight, held against a list that is looked through each time."""

from __future__ import annotations

from random import Random

import pytest

from services.router.domain.peers import Peers


class Listed:
    """The same, member by member."""

    def __init__(self, owed: list[int]) -> None:
        self.owed = list(owed)
        self.sharing, self.shown = [False] * len(owed), [False] * len(owed)

    def accrue(self, turns: int, share: int, cut: int) -> None:
        for position, shares in enumerate(self.sharing):
            self.owed[position] += turns * (share + (position < cut)) if shares else 0

    def first(self, cut: int, *, more: bool) -> tuple[int, int] | None:
        among = range(cut) if more else range(cut, len(self.owed))
        found = [(-self.owed[position], position) for position in among if self.shown[position]]
        return (-min(found)[0], min(found)[1]) if found else None


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 255, 256, 300, 4_200])
def test_who_is_owed_most_is_found_whatever_happened(count: int) -> None:
    random = Random(count)
    owed = [random.randint(-3, 3) for _ in range(count)]
    ranks = list(range(7, 7 + 2 * count, 2))
    peers, listed = Peers(1, ranks, owed), Listed(owed)
    for _ in range(150):
        position, parts = random.randrange(count), random.choice([-5, 1, 10**12])
        if listed.shown[position] and random.random() < 0.3:
            peers.part(position)
            peers.show(position, receives=False)
            listed.sharing[position] = listed.shown[position] = False
        elif not listed.shown[position]:
            peers.join(position)
            peers.show(position, receives=True)
            listed.sharing[position] = listed.shown[position] = True
        peers.add(position, parts, receives=listed.shown[position])
        listed.owed[position] += parts
        peers.share, cut = random.randint(0, 4), random.choice([0, random.randint(0, count), count])
        peers.cut_at(7 + 2 * cut)
        peers.accrue(3)
        listed.accrue(3, peers.share, cut)
        for more in (False, True):
            found = listed.first(cut, more=more)
            assert peers.first(more=more) == (found and (found[0], ranks[found[1]]))
        shared = peers.offset(position) if listed.sharing[position] else 0
        assert peers.own[position] + shared == listed.owed[position]
