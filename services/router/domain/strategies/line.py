"""Members in line by a key of their standing: what fewest, least open and most spare have in common."""

from __future__ import annotations

from datetime import datetime
from heapq import heapify, heappop, heappush
from uuid import UUID

from services.router.domain.rotation import Counters
from services.router.domain.strategies.standings import Standing
from services.router.domain.strategies.strategy import Offer, Plan

_Place = tuple[tuple[int, ...], int, int, int, int]  # its key, last turn and tie; a number of its own, and the rank
_SLACK = 16


class Line:
    """A heap of those who may receive, least key first; of equals, whoever has waited longest since its last turn.

    Lazy deletion: a member's places but the latest are outdated, and dropped when they come to the top or outnumber the
    rest. O(log n) a change, and nothing where a member stands as it stood.
    """

    follows_standings = True

    def __init__(self, plan: Plan) -> None:
        self._standing_of, self._members = plan.standings.by_id, plan.standings.members
        self._heap: list[_Place] = []
        self._present: dict[int, _Place] = {}  # by rank, each member's place that counts
        self._number = 0

    def key(self, one: Standing) -> tuple[int, ...]:
        """The less, the sooner; of equal length for all."""
        raise NotImplementedError

    @property
    def eligible_count(self) -> int:
        return len(self._present)

    def is_eligible(self, agent_id: UUID) -> bool:
        return self._standing_of[agent_id].rank in self._present

    def admit(self, agent_id: UUID) -> None:
        one = self._standing_of[agent_id]
        known, key, last = self._present.get(one.rank), self.key(one), one.turns[-1]
        if known is None or known[0] != key or known[1] != last:
            self._number += 1
            self._present[one.rank] = place = (key, last, one.tie, self._number, one.rank)
            heappush(self._heap, place)
            if len(self._heap) > 2 * len(self._present) + _SLACK:
                self._tidy()

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        self._present.pop(self._standing_of[agent_id].rank, None)
        if len(self._heap) > 2 * len(self._present) + _SLACK:
            self._tidy()

    def refresh(self, agent_id: UUID) -> None:
        if self.is_eligible(agent_id):
            self.admit(agent_id)

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        while self._heap and self._is_outdated(self._heap[0]):
            heappop(self._heap)
        return self._members[self._heap[0][-1]] if self._heap else None

    def ahead(self, count: int) -> tuple[UUID, ...]:
        """The first so many in line, in order. O(count log n)."""
        found: list[_Place] = []
        while self._heap and len(found) < count:
            place = heappop(self._heap)
            if not self._is_outdated(place):
                found.append(place)
        for place in found:
            heappush(self._heap, place)
        return tuple(self._members[place[-1]] for place in found)

    def take(self, agent_id: UUID) -> None:
        """Nothing: the standing says it all."""

    give_back = reweight = take

    def adjust(self, agent_id: UUID, parts: int) -> None:
        """Nothing: the standing says it all."""

    def counters(self, agent_id: UUID) -> Counters | None:
        return None

    def share(self, agent_id: UUID) -> int:
        return 0

    def _is_outdated(self, place: _Place) -> bool:
        return self._present.get(place[-1]) is not place

    def _tidy(self) -> None:
        self._heap = list(self._present.values())
        heapify(self._heap)
