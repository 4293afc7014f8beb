"""How the members of a pool stand: what all strategies of the pool choose by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

from services.router.domain.rotation import PARTS

_REMEMBERED = 16  # turns of a member whose places in time are kept, so that they can be given back


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of a pool. `weight` is 1 or more, `level` is asked by a waterfall (1 first), `percent` by a share."""

    agent_id: UUID
    weight: int = 1
    level: int = 1
    percent: int = 0


@dataclass(slots=True)
class Standing:
    """One member. `rank` is its place among the members by id. `open` and `capacity` (None is no cap) count open work in one unit; `tie`
    is the last resort of ties.

    `turns` are the places of the latest turns among all turns of the pool, never none. `level_at` is what the member is taken to have
    received beside `received`, in PARTS of a turn: a new one starts level with the others, a credit takes from it.
    """

    rank: int
    weight: int
    level: int
    percent: int
    tie: int
    received: int = 0
    level_at: int = 0
    open: int = 0
    capacity: int | None = None
    turns: deque[int] = field(default_factory=lambda: places_of((0,)))

    @property
    def last(self) -> int:
        """The place of the latest turn; 0 for one who had none."""
        return self.turns[-1]

    @property
    def counted(self) -> int:
        """What counts as received so far, in PARTS of a turn."""
        return PARTS * self.received + self.level_at

    def to_document(self) -> dict[str, Any]:
        return {"received": self.received, "level_at": self.level_at, "turns": list(self.turns)}


class Standings:
    """The members of the pool of that name, each one's standing in `by_id`, by rank in `ranked`; `taken` counts its turns."""

    def __init__(self, pool: str, seats: Iterable[Seat]) -> None:
        ordered = sorted(seats, key=lambda seat: seat.agent_id)
        self.taken = 0
        self._passed = 0  # PARTS that were given out for each unit of weight of those who are there
        self._away: dict[UUID, int] = {}
        key = blake2b(pool.encode(), digest_size=32).digest()
        self.by_id = {
            seat.agent_id: Standing(rank, seat.weight, seat.level, seat.percent, _tie(key, seat.agent_id))
            for rank, seat in enumerate(ordered)
        }
        self.members = tuple(self.by_id)
        self.ranked = tuple(self.by_id.values())
        self._weight = sum(one.weight for one in self.by_id.values())  # of those who are there

    def __getitem__(self, agent_id: UUID) -> Standing:
        return self.by_id[agent_id]

    def __contains__(self, agent_id: object) -> bool:
        return agent_id in self.by_id

    def take(self, agent_id: UUID) -> None:
        self.taken += 1
        if self._weight:
            self._passed += PARTS // self._weight
        one = self.by_id[agent_id]
        one.received += 1
        one.turns.append(self.taken)

    def give_back(self, agent_id: UUID) -> None:
        """As if the member's latest turn had not been. Raises ValueError where there is none."""
        one = self.by_id[agent_id]
        if not one.received:
            raise ValueError(f"agent {agent_id} has received no turn that could be given back")
        one.received -= 1
        if self._weight:
            self._passed -= PARTS // self._weight
        if one.last == self.taken:
            self.taken -= 1
        if len(one.turns) > 1:
            one.turns.pop()

    def step_out(self, agent_id: UUID) -> None:
        """The member is away until `step_in`, and falls behind nobody meanwhile: it comes back as it stood among the others."""
        if agent_id not in self._away:
            self._away[agent_id] = self._passed
            self._weight -= self.by_id[agent_id].weight

    def step_in(self, agent_id: UUID) -> bool:
        """The member is back; False for one who was not away."""
        if agent_id not in self._away:
            return False
        one = self.by_id[agent_id]
        one.level_at += self._passed_by(agent_id)
        del self._away[agent_id]
        self._weight += one.weight
        return True

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """What counts as received stays in proportion."""
        away, one = self.step_in(agent_id), self.by_id[agent_id]
        one.level_at = one.counted * weight // one.weight - PARTS * one.received
        self._weight += weight - one.weight
        one.weight = weight
        if away:
            self.step_out(agent_id)

    def to_document(self, agent_id: UUID) -> dict[str, Any]:
        """One member's, as if it came back now."""
        document = self.by_id[agent_id].to_document()
        return {**document, "level_at": document["level_at"] + self._passed_by(agent_id)}

    def _passed_by(self, agent_id: UUID) -> int:
        """What a member who is away would have got meanwhile."""
        since = self._away.get(agent_id, self._passed)
        return self.by_id[agent_id].weight * (self._passed - since)

    def calibrate(self, new: Iterable[UUID]) -> None:
        """Lets new members start level with the one of the others who received fewest for its weight, never ahead of it."""
        arrived = set(new)
        others = [one for agent_id, one in self.by_id.items() if agent_id not in arrived]
        if not others:
            return
        fewest = min(others, key=rate)
        for agent_id in arrived:
            one = self.by_id[agent_id]
            one.level_at = -(-fewest.counted * one.weight // fewest.weight) - PARTS * one.received


def rate(one: Standing) -> int:
    """What counts as received for a unit of weight, in millionths of a part.

    Two different fractions of weights up to 1,000 are at least a millionth apart, so these integers order as the
    fractions do, and are equal where those are.
    """
    return one.counted * 10**6 // one.weight


def places_of(turns: Iterable[int]) -> deque[int]:
    """The places of a member's latest turns, in order; more than are remembered push out the first."""
    return deque(turns, _REMEMBERED)


def _tie(key: bytes, agent_id: UUID) -> int:
    # By a hash with the pool's name, since ids of a kind that grows with time would favour the oldest, in every pool.
    return int.from_bytes(blake2b(agent_id.bytes, key=key, digest_size=8).digest())
