"""What a process remembers between units of work: policies by version, and states of groups.

Both are checked against the database under a lock before they are believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.router import store
from services.router.domain import Entry, GroupState, Policy, read_draft, with_holidays, with_members
from services.router.domain.desk import ActivePolicy, with_groups
from shared.contracts.vocabulary import FACTS
from shared.db.uow import Row, UnitOfWork
from shared.telemetry import logger

POLICIES_KEPT = 4

log = logger(__name__)


class Memory:
    """What a process remembers between units of work: policies by version, and states of groups."""

    def __init__(self) -> None:
        self.policies: dict[int, ActivePolicy] = {}
        self.states: dict[int, GroupState] = {}

    def keep_policy(self, active: ActivePolicy) -> None:
        """Keeps the policies that were used last, and the states of their groups: those of closed ones will not be asked for again."""
        self.policies.pop(active.policy.version, None)
        self.policies[active.policy.version] = active
        for version in list(self.policies)[:-POLICIES_KEPT]:
            del self.policies[version]
        kept = {id for policy in self.policies.values() for id in policy.groups}
        self.states = {id: state for id, state in self.states.items() if id in kept}

    def catch_up(self, id: int, entries: Sequence[Entry]) -> None:
        """Takes committed entries into a remembered state; those that it has already are passed over."""
        state = self.states.pop(id)  # where one does not fit, it is no more believed
        known = state.number
        state.apply_all(entry for entry in entries if entry.number > known)
        self.states[id] = state

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
    active = with_groups(_read(row), {g["id"]: frozenset(g["pools"]) for g in await store.open_groups(uow)})
    uow.after_commit(lambda: memory.keep_policy(active))
    return active


def _read(row: Row) -> Policy:
    """The policy in this row. A rule that compiled when it was activated and does no more is left out: it must not stop the others."""
    draft = read_draft(row["document"], FACTS, version=row["version"])
    for problem in draft.problems:
        log.error("policy.problem", version=row["version"], path=problem.path, problem=problem.message)
    return as_activated(draft.policy, row)


def as_activated(policy: Policy, row: Row) -> Policy:
    """The policy with who was in its pools, and with the dates of its calendars, when it was activated."""
    return with_holidays(with_members(policy, row["members"] or {}), row["calendars"] or {})
