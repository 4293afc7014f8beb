"""Activation: a policy version takes effect.

Groups that change are closed and opened anew, and queues are drained of all who may be served now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import (
    Counters,
    GroupState,
    Policy,
    copy_calendars,
    copy_holidays,
    groups_of,
    members_document,
)
from services.router.domain.desk import ActivePolicy, decide_anew, unchanged, with_groups
from services.router.handlers.queue import drain
from services.router.handlers.work import Work
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused
from shared.rules import Problem


async def take_effect(before: ActivePolicy, policy: Policy, uow: UnitOfWork, *, by: str, cause: Cause) -> None:
    """Makes a stored version the active one; its members are enrolled and it has no errors.

    Holds the policy's lock exclusively, so no decision is under way. Groups that change are closed and new ones opened with recounted
    counts and the entitlements of before; groups that stay keep their ledgers. The holidays of its calendars are copied here.
    """
    policy = copy_holidays(policy, before.policy, uow.now.year)
    await store.activate_policy(uow, policy.version, members_document(policy), policy.holidays, by)
    after = await _regroup(uow, before, policy)
    await _settle_leads(uow, after, cause)


def refused(problems: Sequence[Problem], at: str = "") -> Refused:
    """422: names the fields; where the request is about one part of the policy, relative to that part."""
    errors = [FieldError(problem.path.removeprefix(at) or "/", placed(problem)) for problem in problems]
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return Refused(422, "invalid", detail=detail, errors=errors)


def placed(problem: Problem) -> str:
    """The message, with the place in a condition's text."""
    return f"{problem.message} (line {problem.line}, column {problem.column})" if problem.line else problem.message


async def _regroup(uow: UnitOfWork, before: ActivePolicy, policy: Policy) -> ActivePolicy:
    same = unchanged(before, policy)
    kept = {id: pools for pools, id in same.items()}
    closing = [id for id in before.groups if id not in kept]
    work = Work(uow, before)
    await work.lock(closing)
    carried: dict[str, dict[UUID, Counters]] = {}
    stood: dict[str, dict[str, Any]] = {}
    for state in work.states.values():
        carried |= state.counters()
        stood |= state.standings()
    await store.close_groups(uow, closing)
    groups = dict(kept)
    for pools in groups_of(policy):
        if pools not in same:
            groups[await _open_group(uow, policy, pools, carried, stood)] = pools
    return with_groups(policy, groups)


async def _open_group(
    uow: UnitOfWork,
    policy: Policy,
    pools: frozenset[str],
    carried: Mapping[str, Mapping[UUID, Counters]],
    stood: Mapping[str, Mapping[str, Any]],
) -> int:
    members = sorted({member.agent_id for name in pools for member in policy.pools[name].members})
    agents = await store.agents_as_they_are(uow, members)
    calendars = copy_calendars({name for agent in agents.values() for name in agent.settings.holidays}, uow.now.year)
    opening = [policy.pools[name] for name in sorted(pools)]
    state = GroupState(opening, agents, now=uow.now, carried=carried, stood=stood, calendars=calendars)
    return await store.insert_group(uow, sorted(pools), policy.version, state.snapshot())


async def _settle_leads(uow: UnitOfWork, active: ActivePolicy, cause: Cause) -> None:
    """Leads that waited for a pool that is no more, or were on offer in one, are matched again; then everybody who may receive does.

    A pool whose queue ages otherwise than before has its leads ranked anew.
    """
    work = Work(uow, active)
    pools = active.policy.pools
    await store.forget_asks(uow)
    waiting = await store.pools_with_queue(uow, pools)
    stranded = await store.lock_leads(uow, await store.leads_outside(uow, pools))
    moves = {id: work.desk.match(lead) for id, lead in stranded.items()}
    if queued := [(id, match.pool, match.rule) for id, match in moves.items() if stranded[id].queued]:
        await store.move_queue(uow, queued)
        waiting |= {pool for _, pool, _ in queued}
    await store.rank_pools(uow, {name: pools[name].hold.ageing_points_per_hour for name in waiting})
    await work.lock({active.group_of_pool[pool] for pool in waiting | {match.pool for match in moves.values()}})
    work.desk.busy = waiting
    for lead in stranded.values():
        if lead.offered:
            lead.offered = None
            decide_anew(work.desk, lead, cause)
    await work.write()
    work.watch_queues(work.states)
    await drain(work, waiting | work.desk.busy, cause)
    await work.write()
