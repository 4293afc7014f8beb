"""Fairness: credits and debits by hand, weights that change, and what everyone of a pool was entitled to and received."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.router import store
from services.router.domain import GroupState, Statement, credited, debited
from services.router.handlers.work import Work
from shared.db.uow import UnitOfWork
from shared.errors import invalid, not_found


@dataclass(frozen=True)
class Corrected:
    """A credit or debit that was entered: its place in the ledger, and how the agent stands now."""

    group: int
    number: int
    statement: Statement


async def correct(id: UUID, pool: str, turns: int, reason: str, uow: UnitOfWork, *, by: str) -> Corrected:
    """Credits an agent so many turns of a pool, or debits them where they are negative, at the expense of the others by weight.

    Raises Refused (404, 422).
    """
    work = await Work.open(uow)
    if await store.get_agent(uow, id) is None:
        raise not_found("agent", id)
    if pool not in work.active.group_of_pool:
        raise invalid("/pool", "is no pool of the active policy")
    group, state = await _lock_pool(work, pool)
    if id not in state.pool(pool).turns:
        raise invalid("/pool", "does not have this agent among its members")
    entry_of = credited if turns > 0 else debited
    entry = entry_of(state.number + 1, state.last_now, agent_id=id, pool=pool, turns=abs(turns), reason=reason, by=by)
    work.desk.append(group, entry)
    await work.write()
    return Corrected(group, state.number, state.statement(pool, id))


async def statements_of_agent(id: UUID, pool: str | None, uow: UnitOfWork) -> list[Statement]:
    """The agent's statement in each of its pools, or in one. Raises Refused (404)."""
    work = await Work.open(uow)
    if await store.get_agent(uow, id) is None:
        raise not_found("agent", id)
    group = work.active.group_of_agent.get(id)
    pools = [name for name in sorted(work.active.groups[group]) if _is_member(work, name, id)] if group is not None else []
    if pool is not None and pool not in pools:
        raise not_found("pool of this agent", pool)
    if group is None:
        return []
    state = await _look(work, group)
    return [state.statement(name, id) for name in pools if pool in (None, name)]


async def statements_of_pool(pool: str, uow: UnitOfWork, *, after: UUID | None, limit: int) -> list[tuple[Statement, str]]:
    """The statements of a pool's members with their names, by id. Raises Refused (404)."""
    work = await Work.open(uow)
    if pool not in work.active.group_of_pool:
        raise not_found("pool", pool)
    state = await _look(work, work.active.group_of_pool[pool])
    ids = [one for one in state.pool(pool).turns.members if after is None or one > after][:limit]
    names = await store.agents_by_id(uow, ids)
    return [(state.statement(pool, one), names[one]["name"]) for one in ids]


def _is_member(work: Work, pool: str, id: UUID) -> bool:
    return any(member.agent_id == id for member in work.active.policy.pools[pool].members)


async def _lock_pool(work: Work, pool: str) -> tuple[int, GroupState]:
    await work.lock([work.active.group_of_pool[pool]])
    return work.desk.state_of_pool(pool)


async def _look(work: Work, group: int) -> GroupState:
    await work.look([group])
    return work.states[group]
