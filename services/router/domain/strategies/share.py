"""By percentage: the rotation with per cents for weights, so nobody is a turn or more off its percentage.

Where somebody may not receive, the others' percentages are in proportion; one with nought per cent is never chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.router.domain.strategies.in_turn import InTurn
from services.router.domain.strategies.strategy import Plan


class Share(InTurn):
    def _weights(self, plan: Plan) -> Mapping[UUID, int]:
        return {one: percent for one in plan.members if (percent := plan.standings[one].percent)}

    def reweight(self, agent_id: UUID) -> None:
        """Nothing: percentages are the policy's, an agent's weight is not asked."""
