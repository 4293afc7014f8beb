"""Agents and policies. Each change that can free somebody drains the queues of the groups that it touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import (
    Agent,
    Counters,
    GroupState,
    InvalidPolicy,
    Member,
    Policy,
    Pool,
    agent_changed,
    from_document,
    groups_of,
    is_zone,
    lint,
    to_document,
)
from services.router.handlers.desk import Desk
from services.router.handlers.memory import ActivePolicy, active_policy, with_groups
from services.router.handlers.queue import drain
from shared.contracts.envelope import Cause
from shared.db.uow import Row, UnitOfWork
from shared.errors import FieldError, Refused, conflict, invalid, not_found
from shared.rules import Problem

# -- Agents ----------------------------------------------------------------------------------------------------------------------


async def create_agent(values: dict[str, Any], uow: UnitOfWork, *, by: str) -> Row:
    """A new agent; in no pool yet, so nobody's turn changes."""
    _check_zone(values["zone"])
    id = uow.clock.uuid7()
    await store.insert_agent(uow, id, values, by)
    return await _agent(uow, id)


async def change_agent(id: UUID, changes: Mapping[str, Any], uow: UnitOfWork, *, by: str, cause: Cause) -> Row:
    """Changes settings; what changes who may receive goes into the ledger of the agent's group, and its queues are drained."""
    if "zone" in changes:
        _check_zone(changes["zone"])
    desk = await Desk.open(uow)
    group = desk.active.group_of_agent.get(id)
    await desk.lock([] if group is None else [group])
    row = await store.get_agent(uow, id, lock=True)
    if row is None:
        raise not_found("agent", id)
    values = {name: changes.get(name, row[name]) for name in store.SETTINGS}
    if all(values[name] == row[name] for name in store.SETTINGS):
        return row
    await store.update_agent(uow, id, values, by)
    if group is not None:
        state = desk.states[group]
        entry = agent_changed(
            state.number + 1,
            state.last_now,
            agent_id=id,
            active=values["active"],
            daily_cap=values["daily_cap"],
            open_cap=values["open_cap"],
            zone=values["zone"],
        )
        desk.append(group, entry)
        await desk.write()
        await drain(desk, desk.active.groups[group], cause)
    return await _agent(uow, id)


async def _agent(uow: UnitOfWork, id: UUID) -> Row:
    row = await store.get_agent(uow, id)
    assert row is not None
    return row


def _check_zone(zone: str) -> None:
    if not is_zone(zone):
        raise invalid("/zone", f"{zone} is no IANA time zone, such as Europe/Paris")


# -- Policies --------------------------------------------------------------------------------------------------------------------


async def put_pool(name: str, members: list[Member], uow: UnitOfWork, *, by: str, cause: Cause) -> tuple[int, list[Problem]]:
    """Makes or changes a pool: a new policy version, active at once."""

    def edit(policy: Policy) -> Policy:
        pools = {**policy.pools, name: Pool(name, tuple(members))}
        return Policy(policy.version, pools, policy.rules, policy.default_pool, policy.routed)

    return await activate(edit, uow, by=by, cause=cause, at=f"/pools/{name}")


async def delete_pool(name: str, uow: UnitOfWork, *, by: str, cause: Cause) -> int:
    """Takes a pool out of the policy. Its waiting leads go where the rules send them now."""

    def edit(policy: Policy) -> Policy:
        if name not in policy.pools:
            raise not_found("pool", name)
        users = [f"rule {rule.name}" for rule in policy.rules if rule.pool == name]
        if policy.default_pool == name:
            users.append("the default")
        if users:
            raise conflict("pool-in-use", f"The pool {name} is used by {', '.join(users)}; change the policy first.")
        pools = {other: pool for other, pool in policy.pools.items() if other != name}
        return Policy(policy.version, pools, policy.rules, policy.default_pool, policy.routed)

    version, _ = await activate(edit, uow, by=by, cause=cause)
    return version


async def post_policy(document: dict[str, Any], uow: UnitOfWork, *, by: str, cause: Cause) -> tuple[int, list[Problem]]:
    """A whole policy: a new version, active at once."""
    policy = read_policy(document)
    return await activate(lambda _: policy, uow, by=by, cause=cause)


async def reactivate(version: int, uow: UnitOfWork, *, by: str, cause: Cause) -> tuple[int, list[Problem]]:
    """Goes back to an older policy: its document becomes a new version, so that history reads forward."""
    row = await store.get_policy(uow, version)
    if row is None:
        raise not_found("policy version", version)
    return await post_policy(row["document"], uow, by=by, cause=cause)


def read_policy(document: object) -> Policy:
    """Raises Refused (422) that names each field that is not as a policy's should be."""
    try:
        return from_document(0, document)
    except InvalidPolicy as error:
        raise _refused(error.problems) from error


async def activate(
    edit: Callable[[Policy], Policy], uow: UnitOfWork, *, by: str, cause: Cause, at: str = ""
) -> tuple[int, list[Problem]]:
    """Writes and activates what `edit` makes of the active policy; returns its version and its warnings.

    Holds the policy's lock exclusively, so no decision is under way. Groups that change are closed and new ones opened with recounted
    counts and the entitlements of before; groups that stay keep their ledgers. Raises Refused (422) for a policy with errors.
    """
    before = await active_policy(uow, await store.own_policy(uow))
    wanted = edit(before.policy)
    problems = [*lint(wanted), *await _unknown_agents(uow, wanted)]
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise _refused(errors, at=at)
    version = await store.insert_policy(uow, to_document(wanted), by)
    policy = Policy(version, wanted.pools, wanted.rules, wanted.default_pool, wanted.routed)
    after = await _regroup(uow, before, policy)
    await _settle_queues(uow, after, cause)
    return version, problems


async def _unknown_agents(uow: UnitOfWork, policy: Policy) -> list[Problem]:
    members = {member.agent_id for pool in policy.pools.values() for member in pool.members}
    known = await store.agents_by_id(uow, members)
    return [
        Problem(f"/pools/{pool.name}/members/{n}/agent_id", f"there is no agent {member.agent_id}")
        for pool in policy.pools.values()
        for n, member in enumerate(pool.members)
        if member.agent_id not in known
    ]


def _refused(problems: list[Problem] | tuple[Problem, ...], at: str = "") -> Refused:
    """Names the fields; where the request is about one part of the policy, relative to that part."""
    errors = [FieldError(problem.path.removeprefix(at) or "/", problem.message) for problem in problems]
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return Refused(422, "invalid", detail=detail, errors=errors)


async def _regroup(uow: UnitOfWork, before: ActivePolicy, policy: Policy) -> ActivePolicy:
    same = {
        pools: id
        for id, pools in before.groups.items()
        if all(before.policy.pools[pool] == policy.pools.get(pool) for pool in pools)
    }
    wanted = groups_of(policy)
    kept = {same[pools]: pools for pools in wanted if pools in same}
    closing = [id for id in before.groups if id not in kept]
    desk = Desk(uow, before)
    await desk.lock(closing)
    carried: dict[str, dict[UUID, Counters]] = {}
    for state in desk.states.values():
        carried |= state.counters()
    await store.close_groups(uow, closing)
    groups = dict(kept)
    for pools in wanted:
        if pools not in same:
            groups[await _open_group(uow, policy, pools, carried)] = pools
    return with_groups(policy, groups)


async def _open_group(
    uow: UnitOfWork, policy: Policy, pools: frozenset[str], carried: Mapping[str, Mapping[UUID, Counters]]
) -> int:
    members = sorted({member.agent_id for name in pools for member in policy.pools[name].members})
    rows = await store.agents_by_id(uow, members)
    opened, periods = await store.counts_of_agents(uow, members)
    agents = {
        id: Agent(row["active"], row["daily_cap"], row["open_cap"], row["zone"], opened.get(id, 0), periods.get(id, {}))
        for id, row in rows.items()
    }
    state = GroupState([policy.pools[name] for name in sorted(pools)], agents, now=uow.now, carried=carried)
    return await store.insert_group(uow, sorted(pools), policy.version, state.snapshot())


async def _settle_queues(uow: UnitOfWork, active: ActivePolicy, cause: Cause) -> None:
    """Leads that waited for a pool that is no more are matched again; then everybody who may receive does."""
    desk = Desk(uow, active)
    waiting = await store.pools_with_queue(uow, active.policy.pools)
    stranded = await store.queued_outside(uow, active.policy.pools)
    leads = await store.lock_leads(uow, stranded)
    if leads:
        moves = [(lead, desk.match(leads[lead])) for lead in stranded]
        await store.move_queue(uow, [(lead, match.pool, match.rule) for lead, match in moves])
        waiting |= {match.pool for _, match in moves}
    await desk.lock({active.group_of_pool[pool] for pool in waiting})
    await drain(desk, waiting, cause)
    await desk.write()
