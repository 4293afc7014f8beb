"""Weights at the desk: an agent's own weight changes, and with it what it is entitled to from the next turn on."""

from __future__ import annotations

from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.desk.desk import Desk
from services.router.domain.fairness import reweighted
from services.router.domain.policy import Pool, agent_id


def reweigh(desk: Desk, id: UUID, before: Settings, after: Settings) -> None:
    """Enters an agent's own weight, where it has changed, for the pools in which it stands.

    A pool that gives its members weights of its own is left alone. Differences stay as they are.
    """
    held = desk.state_of_agent(id)
    if held is None or before.weight == after.weight:
        return
    group, state = held
    for name in sorted(desk.active.groups[group]):
        pool = desk.policy.pools[name]
        if any(one.agent_id == id for one in pool.members) and _has_own_weight(pool, id, before.name):
            entry = reweighted(state.number + 1, state.last_now, agent_id=id, pool=name, weight=after.weight)
            desk.append(group, entry)


def _has_own_weight(pool: Pool, id: UUID, name: str) -> bool:
    for listed in pool.listed:
        if agent_id(listed.agent) == id or listed.agent == name:
            return listed.weight is None
    return pool.member_rule is not None
