"""By level: the lowest level in which somebody may receive, and in it as another strategy chooses (else in turn)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.router.domain.strategies.strategy import Offer, Plan, Strategy, Way


class Waterfall:
    """Each level is a pool of its own: its turns are split among its own members."""

    def __init__(self, plan: Plan) -> None:
        way = Way(plan.way.within or "rotation")
        self._level_of = {agent_id: plan.standings[agent_id].level for agent_id in plan.members}
        self._levels: dict[int, Strategy] = {}
        for level in sorted(set(self._level_of.values())):
            members = [agent_id for agent_id in plan.members if self._level_of[agent_id] == level]
            self._levels[level] = plan.make(replace(plan, way=way, members=members))

    @property
    def follows_standings(self) -> bool:
        return any(level.follows_standings for level in self._levels.values())

    @property
    def eligible_count(self) -> int:
        return sum(level.eligible_count for level in self._levels.values())

    def is_eligible(self, agent_id: UUID) -> bool:
        return self._of(agent_id).is_eligible(agent_id)

    def admit(self, agent_id: UUID) -> None:
        self._of(agent_id).admit(agent_id)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        self._of(agent_id).withdraw(agent_id, earning=earning)

    def refresh(self, ranks: Iterable[int]) -> None:
        several = tuple(ranks)
        for level in self._levels.values():
            level.refresh(several)

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        for level in self._levels.values():
            if level.eligible_count:
                return level.peek(now, offered=offered)
        return None

    def take(self, agent_id: UUID) -> None:
        self._of(agent_id).take(agent_id)

    def give_back(self, agent_id: UUID) -> None:
        self._of(agent_id).give_back(agent_id)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        self._of(agent_id).adjust(agent_id, parts)

    def reweight(self, agent_id: UUID, weight: int) -> None:
        self._of(agent_id).reweight(agent_id, weight)

    def tally(self, agent_id: UUID) -> tuple[int, int] | None:
        return self._of(agent_id).tally(agent_id)

    def share(self, agent_id: UUID) -> int:
        return self._of(agent_id).share(agent_id)

    def _of(self, agent_id: UUID) -> Strategy:
        return self._levels[self._level_of[agent_id]]
