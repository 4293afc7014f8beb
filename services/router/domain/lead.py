"""A lead as the router knows it: what scoring found, where it is, who has it, and what was promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.offers import Offer
from services.router.domain.sla import Clock

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_HOUR = 3_600_000  # milliseconds


class View(NamedTuple):
    """A lead as a decision asks for it. `scored` is what else scoring found: fit, engagement, letter, number, thresholds."""

    lead_id: UUID
    facts: Mapping[str, Any]
    points: int
    grade: str
    qualification: str
    scored: Mapping[str, Any] = MappingProxyType({})


class Held(NamedTuple):
    """An open assignment. `turn` is the requirement class that it was a turn of, None where it was none; `group` is where it was made."""

    id: UUID
    agent_id: UUID
    pool: str
    rule: str | None
    group: int | None
    assigned_at: datetime
    period: str
    hour: int = 0
    work: int = 1
    turn: int | None = None
    accepted_at: datetime | None = None

    def taken_on(self, at: datetime) -> Held:
        """The assignment, accepted at that moment."""
        return self._replace(accepted_at=at)


class Queued(NamedTuple):
    """A lead's place in a pool's hold queue: the highest `rank` is served first. Until `until` it waits for its own owner.

    `asks` is a digest of what it asks of who receives it; '' is not known.
    """

    lead_id: UUID
    pool: str
    rule: str | None
    points: int
    queued_at: datetime
    rank: int
    until: datetime | None = None
    asks: str = ""

    def scored(self, points: int, ageing: int) -> Queued:
        """The place with other points; what the lead asks is to be found anew, for its facts may have changed."""
        return self._replace(points=points, rank=rank_of(points, self.queued_at, ageing), asks="")


def rank_of(points: int, queued_at: datetime, ageing: int) -> int:
    """Where a lead stands in its queue, whatever the time: best first, and each hour of waiting is worth `ageing` points.

    Points plus ageing by the hour since `queued_at` put leads into the same order at any moment, since all age alike; so the moment is
    left out and no lead is ever ranked anew because time passed. With `ageing` of 1 or more, a lead of p points is behind no lead that
    came (P - p) / ageing hours after it, P being the most points there are: nobody starves.
    """
    waited_from = (queued_at - _EPOCH).total_seconds() * 1_000
    return points * _HOUR - ageing * int(waited_from)


@dataclass(frozen=True, slots=True)
class Offered:
    """A lead that is on offer in `pool`; `home` is the pool it belongs to by `rule`, which may overflow to that one."""

    offer: Offer
    pool: str
    home: str
    rule: str | None

    def standing(self, offer: Offer) -> Offered:
        """The same with the offer as it stands now."""
        return replace(self, offer=offer)

    def to_document(self) -> dict[str, Any]:
        return {"offer": self.offer.to_document(), "pool": self.pool, "home": self.home, "rule": self.rule}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Offered:
        return cls(Offer.from_document(document["offer"]), document["pool"], document["home"], document["rule"])


@dataclass(slots=True)
class Case:
    """A lead with all that the router keeps of it. `status`: unrouted, offered, assigned, queued, rejected, closed, merged, erased.

    `scored_sequence` and `tracked_sequence` are the highest of scoring's and the tracker's that were taken of it; `facts` are None until
    it is scored. `hops` counts how often it moved from one owner to the next by itself; `refused` are those who sent it back or let its
    time pass, and do not get it again by themselves. `due_at` is when its timer rings.
    """

    lead_id: UUID
    sequence: int = 0
    status: str = "unrouted"
    received_at: datetime | None = None
    facts: dict[str, Any] | None = None
    points: int = 0
    grade: str = ""
    qualification: str = ""
    scored: dict[str, Any] | None = None
    scored_sequence: int = 0
    stage: str | None = None
    tracked_sequence: int = 0
    hops: int = 0
    refused: tuple[UUID, ...] = ()
    responded_at: datetime | None = None
    offered: Offered | None = None
    clocks: tuple[Clock, ...] = ()
    due_at: datetime | None = None
    held: Held | None = None
    queued: Queued | None = None

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    @property
    def view(self) -> View:
        return View(self.lead_id, self.facts or {}, self.points, self.grade, self.qualification, self.scored or {})
