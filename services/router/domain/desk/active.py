"""The active policy with its groups."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.router.domain.policy import Policy, groups_of


@dataclass(frozen=True)
class ActivePolicy:
    """The active policy with its groups. Groups change by activation only, so this holds while the policy's lock does."""

    policy: Policy
    groups: dict[int, frozenset[str]]
    group_of_pool: dict[str, int]
    group_of_agent: dict[UUID, int]


def with_groups(policy: Policy, groups: dict[int, frozenset[str]]) -> ActivePolicy:
    group_of_pool = {pool: id for id, pools in groups.items() for pool in pools}
    group_of_agent = {member.agent_id: group_of_pool[pool.name] for pool in policy.pools.values() for member in pool.members}
    return ActivePolicy(policy, groups, group_of_pool, group_of_agent)


def unchanged(before: ActivePolicy, policy: Policy) -> dict[frozenset[str], int]:
    """The groups that another policy leaves as they are, members and all, by their pools: those that would stay open."""
    kept = {
        pools: id
        for id, pools in before.groups.items()
        if all(before.policy.pools[pool] == policy.pools.get(pool) for pool in pools)
    }
    wanted = groups_of(policy)
    return {pools: kept[pools] for pools in wanted if pools in kept}
