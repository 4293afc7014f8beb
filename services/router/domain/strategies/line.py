"""Members in line by their standing: what fewest, least open and most spare have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush
from uuid import UUID

from services.router.domain.strategies.standings import Standing
from services.router.domain.strategies.strategy import Offer, Plan

Place = tuple[int, ...]  # what the strategy goes by, the last turn, the tie, and the rank: of equal length for all
_NOWHERE: Place = ()  # of one who is yet to be placed
_SLACK = 16


class Line:
    """A heap of those who may receive, least place first; of equals, whoever has waited longest since its last turn.

    Who changed is only written down, and placed when somebody asks who is first: O(log n) each, however often it changed meanwhile. Lazy
    deletion: a member's places but the latest are outdated, and dropped when they come to the top or outnumber the rest.
    """

    follows_standings = True

    def __init__(self, plan: Plan) -> None:
        self._standing_of, self._ranked = plan.standings.by_id, plan.standings.ranked
        self._members = plan.standings.members
        self._heap: list[Place] = []
        self._places: dict[int, Place] = {}  # by rank, of those who may receive, the place that counts
        self._moved: set[int] = set()

    def place(self, one: Standing) -> Place:
        """The less, the sooner."""
        raise NotImplementedError

    @property
    def eligible_count(self) -> int:
        return len(self._places)

    def is_eligible(self, agent_id: UUID) -> bool:
        return self._standing_of[agent_id].rank in self._places

    def admit(self, agent_id: UUID) -> None:
        rank = self._standing_of[agent_id].rank
        self._places.setdefault(rank, _NOWHERE)
        self._moved.add(rank)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        self._places.pop(self._standing_of[agent_id].rank, None)

    def refresh(self, ranks: Iterable[int]) -> None:
        self._moved.update(ranks)

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        self._line_up()
        heap, places = self._heap, self._places
        while heap and places.get(heap[0][-1]) is not heap[0]:
            heappop(heap)
        return self._members[heap[0][-1]] if heap else None

    def ahead(self, count: int) -> tuple[UUID, ...]:
        """The first so many in line, in order. O(count log n)."""
        self._line_up()
        found: list[Place] = []
        while self._heap and len(found) < count:
            place = heappop(self._heap)
            if self._places.get(place[-1]) is place:
                found.append(place)
        for place in found:
            heappush(self._heap, place)
        return tuple(self._members[place[-1]] for place in found)

    def take(self, agent_id: UUID) -> None:
        """Nothing: the standing says it all."""

    def give_back(self, agent_id: UUID) -> None:
        """Nothing, likewise."""

    def adjust(self, agent_id: UUID, parts: int) -> None:
        """Nothing: the standing says it all."""

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """Nothing, likewise."""

    def tally(self, agent_id: UUID) -> tuple[int, int] | None:
        return None

    def share(self, agent_id: UUID) -> int:
        return 0

    def _line_up(self) -> None:
        """Places those who changed, where they stand otherwise than they stood."""
        heap, places, ranked = self._heap, self._places, self._ranked
        moved = places.keys() & self._moved
        self._moved.clear()
        for rank in moved:
            if (place := self.place(ranked[rank])) != places[rank]:
                places[rank] = place
                heappush(heap, place)
        if len(heap) > 2 * len(places) + _SLACK:
            heap[:] = places.values()
            heapify(heap)
