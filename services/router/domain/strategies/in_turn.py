"""In turn by weight: the rotation as a strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.router.domain.rotation import Rotation
from services.router.domain.strategies.strategy import Offer, Plan


class InTurn(Rotation):
    """Tijdeman's chairman assignment (`domain/rotation.py`) by the members' weights."""

    follows_standings = False

    def __init__(self, plan: Plan) -> None:
        weights = self._stakes(plan)
        super().__init__(weights, plan.carried, order=[one for one in plan.members if one in weights])

    def _stakes(self, plan: Plan) -> Mapping[UUID, int]:
        return {agent_id: plan.standings[agent_id].weight for agent_id in plan.members}

    def refresh(self, ranks: Iterable[int]) -> None:
        """Nothing: who holds how much is not asked."""

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        return self.next()
