"""By percentage: the rotation with per cents for weights, so nobody is a turn or more off its percentage.

Where somebody may not receive, the others' percentages are in proportion; one with nought per cent is never chosen, and in no turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.router.domain.strategies.in_turn import InTurn
from services.router.domain.strategies.strategy import Plan


class Share(InTurn):
    def _stakes(self, plan: Plan) -> Mapping[UUID, int]:
        return {one: percent for one in plan.members if (percent := plan.standings[one].percent)}

    def is_eligible(self, agent_id: UUID) -> bool:
        return agent_id in self and super().is_eligible(agent_id)

    def admit(self, agent_id: UUID) -> None:
        if agent_id in self:
            super().admit(agent_id)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        if agent_id in self:
            super().withdraw(agent_id, earning=earning)

    def take(self, agent_id: UUID) -> None:
        if agent_id in self:
            super().take(agent_id)

    def give_back(self, agent_id: UUID) -> None:
        if agent_id in self:
            super().give_back(agent_id)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        if agent_id in self:
            super().adjust(agent_id, parts)

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """Nothing: percentages are the policy's, an agent's weight is not asked."""

    def tally(self, agent_id: UUID) -> tuple[int, int] | None:  # type: ignore[override]
        return super().tally(agent_id) if agent_id in self else None

    def share(self, agent_id: UUID) -> int:
        return super().share(agent_id) if agent_id in self else 0
