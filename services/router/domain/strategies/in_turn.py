"""In turn by weight: the rotation as a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.router.domain.rotation import Counters, Rotation
from services.router.domain.strategies.strategy import Offer, Plan


class InTurn:
    """Tijdeman's chairman assignment (`domain/rotation.py`) by the members' weights."""

    follows_standings = False

    def __init__(self, plan: Plan) -> None:
        self._standings = plan.standings
        weights = self._weights(plan)
        self._rotation = Rotation(weights, plan.carried, order=[one for one in plan.members if one in weights])
        self._ranks = self._rotation.ranks

    def _weights(self, plan: Plan) -> Mapping[UUID, int]:
        return {agent_id: plan.standings[agent_id].weight for agent_id in plan.members}

    @property
    def eligible_count(self) -> int:
        return self._rotation.eligible_count

    def is_eligible(self, agent_id: UUID) -> bool:
        return agent_id in self._ranks and self._rotation.is_eligible(agent_id)

    def admit(self, agent_id: UUID) -> None:
        if agent_id in self._ranks:
            self._rotation.admit(agent_id)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        if agent_id in self._ranks:
            self._rotation.withdraw(agent_id, earning=earning)

    def refresh(self, agent_id: UUID) -> None:
        """Nothing: who holds how much is not asked."""

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        return self._rotation.next()

    def take(self, agent_id: UUID) -> None:
        if agent_id in self._ranks:
            self._rotation.take(agent_id)

    def give_back(self, agent_id: UUID) -> None:
        if agent_id in self._ranks:
            self._rotation.give_back(agent_id)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        if agent_id in self._ranks:
            self._rotation.adjust(agent_id, parts)

    def reweight(self, agent_id: UUID) -> None:
        self._rotation.reweight(agent_id, self._standings[agent_id].weight)

    def counters(self, agent_id: UUID) -> Counters | None:
        return self._rotation.counters(agent_id) if agent_id in self._ranks else None

    def share(self, agent_id: UUID) -> int:
        return self._rotation.share(agent_id) if agent_id in self._ranks else 0
