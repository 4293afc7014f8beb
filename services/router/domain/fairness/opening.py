"""How a pool opens: who stays goes on, who is new starts level, what leavers left behind goes to those who stay."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.router.domain.rotation import Counters, split


def open_counters(carried: Mapping[UUID, Counters], weights: Mapping[UUID, int]) -> dict[UUID, Counters]:
    """Counters of the members who stay, by which the pool goes on; `weights` are those of all its members now.

    What the pool's members are owed sums to nought, and so it does afterwards: else every change of membership would
    leave everybody a little owed or ahead for ever, against nobody.
    """
    staying = sorted(agent_id for agent_id in weights if agent_id in carried)
    if not staying:
        return {}
    behind = sum(one.difference for agent_id, one in carried.items() if agent_id not in weights)
    parts = split(behind, [weights[agent_id] for agent_id in staying])
    return {
        agent_id: Counters(carried[agent_id].entitled + part, carried[agent_id].received)
        for agent_id, part in zip(staying, parts, strict=True)
    }
