"""What a process remembers between units of work: policies by version, and states of groups.

Both are checked against the database under a lock before they are believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.router import store
from services.router.domain import GroupState, Policy, from_document
from shared.db.uow import UnitOfWork

POLICIES_KEPT = 4


@dataclass(frozen=True)
class ActivePolicy:
    """The active policy with its groups. Groups change by activation only, so this holds while the policy's lock does."""

    policy: Policy
    groups: dict[int, frozenset[str]]
    group_of_pool: dict[str, int]
    group_of_agent: dict[UUID, int]


class Memory:
    """What a process remembers between units of work: policies by version, and states of groups."""

    def __init__(self) -> None:
        self.policies: dict[int, ActivePolicy] = {}
        self.states: dict[int, GroupState] = {}

    def keep_policy(self, active: ActivePolicy) -> None:
        self.policies[active.policy.version] = active
        for version in sorted(self.policies)[:-POLICIES_KEPT]:
            del self.policies[version]
        if active.policy.version == max(self.policies):  # the states of closed groups will not be asked for again
            self.states = {id: state for id, state in self.states.items() if id in active.groups}

    def put_back(self, id: int, state: GroupState) -> None:
        known = self.states.get(id)
        if known is None or known.number < state.number:
            self.states[id] = state


async def active_policy(uow: UnitOfWork, version: int) -> ActivePolicy:
    """The policy of that version with its groups, from memory where it can be: neither ever changes."""
    memory = uow.memory(Memory)
    if version in memory.policies:
        return memory.policies[version]
    row = await store.get_policy(uow, version)
    assert row is not None
    active = with_groups(
        from_document(version, row["document"]), {g["id"]: frozenset(g["pools"]) for g in await store.open_groups(uow)}
    )
    uow.after_commit(lambda: memory.keep_policy(active))
    return active


def with_groups(policy: Policy, groups: dict[int, frozenset[str]]) -> ActivePolicy:
    group_of_pool = {pool: id for id, pools in groups.items() for pool in pools}
    group_of_agent = {member.agent_id: group_of_pool[pool.name] for pool in policy.pools.values() for member in pool.members}
    return ActivePolicy(policy, groups, group_of_pool, group_of_agent)
