"""First to claim: offered to all who may receive, or to the few who have waited longest; then as another strategy chooses.

A claim is an assignment through the same gates. It is a turn (`take`) only where the pool says that claims count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.router.domain.strategies.line import Line, Place
from services.router.domain.strategies.standings import Standing
from services.router.domain.strategies.strategy import Offer, Plan, Way


class Claim:
    """Offers last `seconds` (two minutes unless said); `fallback` decides what nobody claimed (in turn unless said)."""

    follows_standings = True

    def __init__(self, plan: Plan) -> None:
        self._to = plan.way.to
        self._seconds = 120 if plan.way.seconds is None else plan.way.seconds
        self._kind = plan.way.fallback or "rotation"
        self._waiting = _LongestWaiting(plan)
        self._fallback = plan.make(replace(plan, way=Way(self._kind)))

    @property
    def eligible_count(self) -> int:
        return self._waiting.eligible_count

    def is_eligible(self, agent_id: UUID) -> bool:
        return self._waiting.is_eligible(agent_id)

    def admit(self, agent_id: UUID) -> None:
        self._waiting.admit(agent_id)
        self._fallback.admit(agent_id)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        self._waiting.withdraw(agent_id, earning=earning)
        self._fallback.withdraw(agent_id, earning=earning)

    def refresh(self, ranks: Iterable[int]) -> None:
        several = tuple(ranks)
        self._waiting.refresh(several)
        self._fallback.refresh(several)

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        if offered or not self.eligible_count:
            return self._fallback.peek(now)
        return Offer(self._waiting.ahead(self._to or self.eligible_count), now + timedelta(seconds=self._seconds), self._kind)

    def take(self, agent_id: UUID) -> None:
        self._fallback.take(agent_id)

    def give_back(self, agent_id: UUID) -> None:
        self._fallback.give_back(agent_id)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        self._fallback.adjust(agent_id, parts)

    def reweight(self, agent_id: UUID, weight: int) -> None:
        self._fallback.reweight(agent_id, weight)

    def tally(self, agent_id: UUID) -> tuple[int, int] | None:
        return self._fallback.tally(agent_id)

    def share(self, agent_id: UUID) -> int:
        return self._fallback.share(agent_id)


class _LongestWaiting(Line):
    def place(self, one: Standing) -> Place:
        return one.turns[-1], one.tie, one.rank
