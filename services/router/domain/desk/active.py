"""The active policy with its groups."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.router.domain.policy import Policy


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
