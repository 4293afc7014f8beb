"""Groups: the pools that are decided under one lock."""

from __future__ import annotations

from uuid import UUID

from services.router.domain.policy.values import Policy


def groups_of(policy: Policy) -> tuple[frozenset[str], ...]:
    """Names of the pools that are tied by shared agents or by overflow, a set a group, ordered by each group's first name.

    Every pool is in one group, and so is every agent. Union-find with path halving over the pools of each agent.
    """
    parent = {name: name for name in policy.pools}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    first_pool: dict[UUID, str] = {}
    for pool in policy.pools.values():
        for member in pool.members:
            parent[root(pool.name)] = root(first_pool.setdefault(member.agent_id, pool.name))
        for other in pool.overflow:
            if other in parent:
                parent[root(pool.name)] = root(other)
    groups: dict[str, set[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), set()).add(name)
    return tuple(frozenset(names) for names in groups.values())
