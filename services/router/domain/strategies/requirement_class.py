"""One requirement class, and how it learns of changes.

A class learns of changes when it is next used: the pool writes down whose standing changed, and a class reads on from
where it stopped, or looks at all of its members where that is shorter. So a change costs the same however many classes
there are, and a class that nobody asks for costs nothing. Members are written down by rank, their place among the pool's
members by id: to look up a small number takes a tenth of the time that it takes with an id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.router.domain.rotation import Counters
from services.router.domain.strategies.strategy import Offer, Strategy


@dataclass(slots=True, eq=False)
class RequirementClass:
    """`seeds` are the differences with which its counters began: borrowed from the pool, and in no sum. `used` is a turn's place.

    `ranks` are its members once more; `read` and `seen` are how many changes it knows of, of who may receive and of standings. `number` is
    None of one that is not kept (yet). What is asked of a class is asked of it as it stands: take it from its pool anew when anything may
    have changed.
    """

    members: frozenset[UUID]
    ranks: frozenset[int]
    strategy: Strategy
    seeds: Mapping[UUID, int]
    read: int
    seen: int
    used: int = 0
    number: int | None = None

    @property
    def kept(self) -> dict[UUID, Counters]:
        """The counters with which a class like this one would go on."""
        return {one: Counters(*found) for one in self.members if (found := self.strategy.tally(one))}

    def counters(self, agent_id: UUID) -> Counters | None:
        """What a member was entitled to and received in this class."""
        found = self.strategy.tally(agent_id)
        return Counters(found[0] - self.seeds.get(agent_id, 0), found[1]) if found else None

    def is_eligible(self, agent_id: UUID) -> bool:
        """Whether it is one of its members, and may receive."""
        return agent_id in self.members and self.strategy.is_eligible(agent_id)

    def peek(self, now: datetime, *, without: Collection[UUID] = (), offered: bool = False) -> UUID | Offer | None:
        """Who gets the next lead; None where nobody may. As `Turns.peek`."""
        with self.sitting_out(without):
            return self.strategy.peek(now, offered=offered)

    def first(self, now: datetime, fits: Callable[[UUID], bool] | None = None, *, without: Collection[UUID] = ()) -> UUID | None:
        """As `peek`, but who does not fit is passed over; an offer is taken as nobody claimed it."""
        if without:
            with self.sitting_out(without):
                return self.first(now, fits)
        found = self.strategy.peek(now, offered=True)
        if found is None or (isinstance(found, UUID) and (fits is None or fits(found))):
            return found
        return self._first_fitting(now, fits) if fits else None

    def _first_fitting(self, now: datetime, fits: Callable[[UUID], bool]) -> UUID | None:
        """Whoever does not fit sits out until the first who does is found."""
        passed = []
        while isinstance(found := self.strategy.peek(now, offered=True), UUID) and not fits(found):
            self.strategy.withdraw(found)
            passed.append(found)
        for agent_id in passed:
            self.strategy.admit(agent_id)
        return found if isinstance(found, UUID) else None

    def sitting_out(self, without: Collection[UUID]) -> AbstractContextManager[None]:
        """Takes members out for one turn."""
        return self._sitting_out(without) if without else _NOBODY

    @contextmanager
    def _sitting_out(self, without: Collection[UUID]) -> Iterator[None]:
        out = sorted(one for one in without if self.is_eligible(one))
        for agent_id in out:
            self.strategy.withdraw(agent_id)
        try:
            yield
        finally:
            for agent_id in out:
                self.strategy.admit(agent_id)


_NOBODY = nullcontext()


@dataclass(slots=True)
class Changes:
    """The ranks of those who changed, in order; `number` counts them, `keep` is how many of the latest are remembered."""

    keep: int
    number: int = 0
    _dropped: int = 0
    _ranks: list[int] = field(default_factory=list)

    def add(self, rank: int) -> None:
        self.number += 1
        self._ranks.append(rank)
        if len(self._ranks) > 2 * self.keep:
            del self._ranks[: self.keep]
            self._dropped += self.keep

    def since(self, number: int, members: frozenset[int]) -> Iterable[int]:
        """Those of the members who may have changed since, each once, in an order that is always the same."""
        if number < self._dropped or self.number - number > 2 * len(members):
            return sorted(members)
        return [one for one in dict.fromkeys(self._ranks[number - self._dropped :]) if one in members]

    def whoever(self, number: int, members: frozenset[int]) -> Iterable[int]:
        """As `since`, with others among them, and in no order."""
        if number < self._dropped or self.number - number > 2 * len(members):
            return members
        return self._ranks[number - self._dropped :]


class MemberSets:
    """A pool's members by id, and sets of them as text: a bit for each, in hexadecimal."""

    def __init__(self, members: Sequence[UUID]) -> None:
        self._ids = members
        self._ranks = {agent_id: rank for rank, agent_id in enumerate(members)}

    def to_text(self, members: Iterable[UUID]) -> str:
        """Raises KeyError for one who is no member."""
        bits = bytearray((len(self._ids) + 7) // 8)
        for agent_id in members:
            rank = self._ranks[agent_id]
            bits[rank >> 3] |= 1 << (rank & 7)
        return bits.hex()

    def from_text(self, text: str) -> frozenset[UUID]:
        return frozenset(self._read(bytes.fromhex(text)))

    def _read(self, bits: bytes) -> Iterator[UUID]:
        for rank, agent_id in enumerate(self._ids):
            if bits[rank >> 3] >> (rank & 7) & 1:
                yield agent_id
