"""What a member is entitled to and what it received, exactly: turns are split into integer parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PARTS = 10**12
"""Parts that one turn is split into."""


class Counters(NamedTuple):
    """What a member was entitled to, in PARTS of a turn, and how many turns it received. A tuple, since many are made.

    `entitled` outgrows 64 bits after some nine million turns; `received` and `difference` do not, so store those.
    """

    entitled: int = 0
    received: int = 0

    @property
    def difference(self) -> int:
        """Entitled less received, in PARTS of a turn: positive is owed, negative is ahead."""
        return self.entitled - PARTS * self.received

    def __add__(self, other: Counters) -> Counters:  # type: ignore[override]
        return Counters(self.entitled + other.entitled, self.received + other.received)


def shares(weights: Sequence[int]) -> list[int]:
    """PARTS of one turn for each weight: floors, and the parts left over go one each to the first. Sums to PARTS."""
    return split(PARTS, weights)


def split(parts: int, weights: Sequence[int]) -> list[int]:
    """So many parts (any integer) by positive weights, in the same way; a debt is split as the same credit is. Sums to `parts`."""
    if parts < 0:
        return [-part for part in split(-parts, weights)]
    total = sum(weights)
    found = [parts * weight // total for weight in weights]
    for index in range(parts - sum(found)):
        found[index] += 1
    return found
