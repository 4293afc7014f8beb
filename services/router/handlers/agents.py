"""Agents: made and changed, one or a whole list. Each change that can free somebody drains the queues of the group that it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import Entry, InvalidSettings, Settings, agent_changed, change_settings, copy_calendars
from services.router.domain.desk import count_so_far, reweigh
from services.router.handlers.membership import ASKED, enrol_again, lock_policy_for
from services.router.handlers.policies import refresh_members
from services.router.handlers.queue import drain
from services.router.handlers.work import Work
from services.router.store import Standing
from shared.contracts.envelope import Cause
from shared.db.uow import Row, UnitOfWork
from shared.errors import FieldError, Refused, invalid, not_found

OfAgent = Callable[[int, datetime], Entry]
"""Makes the ledger entry that tells a group of a change, from its number and time."""


async def create_agent(values: Mapping[str, Any], uow: UnitOfWork, *, by: str, cause: Cause) -> Row:
    """A new agent, at once in the pools whose rules choose it. Raises Refused (409, 422)."""
    id = uow.clock.uuid7()
    settings = _settings(Settings(), values)
    chosen = await lock_policy_for(uow, ASKED)
    await _check_manager(uow, id, settings)
    await store.insert_agents(uow, [Standing(id, settings)], by)
    if chosen:
        await refresh_members(uow, by=by, cause=cause)
    return await agent_row(uow, id)


async def change_agent(id: UUID, changes: Mapping[str, Any], uow: UnitOfWork, *, by: str, cause: Cause) -> Row:
    """Changes settings; the group is told, and its queues are drained. Lowering a cap takes no lead away.

    Pools whose rules chose the agent for what it is no more lose it, and others get it. Raises Refused (404, 409, 422).
    """
    chosen = await lock_policy_for(uow, changes)
    work, standing = await open_agent(uow, id)
    settings = _settings(standing.settings, changes)
    if settings == standing.settings:
        return await agent_row(uow, id)
    await _check_manager(uow, id, settings)
    await count_time(work, [id])
    await store.update_agents(uow, [standing._replace(settings=settings)], "settings", by)
    if chosen:
        work = await enrol_again(work, [id], by=by, cause=cause)
    reweigh(work.desk, id, standing.settings, settings)
    await tell_groups(work, {id: told(id, settings, uow)}, cause)
    return await agent_row(uow, id)


async def open_agent(uow: UnitOfWork, id: UUID) -> tuple[Work, Standing]:
    """The agent as it is, its group and its row locked. Raises Refused (404)."""
    work = await Work.open(uow)
    await work.lock(work.groups_of_agents([id]))
    found = await store.lock_agents(uow, [id])
    if id not in found:
        raise not_found("agent", id)
    return work, found[id]


async def count_time(work: Work, ids: Iterable[UUID]) -> None:
    """To be called before the working time of these agents is written anew: what was promised for their leads went by that of before."""
    leads = await work.leads(await store.promised_by(work.uow, ids))
    if not leads:
        return
    await work.learn_others(leads.values())
    for lead in leads.values():
        count_so_far(work.desk, lead)
    await work.write()


async def tell_groups(work: Work, changes: Mapping[UUID, OfAgent], cause: Cause) -> None:
    """Enters what changed of agents into the ledgers of their groups, which are locked, and gives out what that lets them receive."""
    desk = work.desk
    for id, entry_of in sorted(changes.items()):
        if found := desk.state_of_agent(id):
            group, state = found
            desk.append(group, entry_of(state.number + 1, state.last_now))
    await work.write()
    if groups := work.groups_of_agents(changes):
        await drain(work, {pool for group in groups for pool in work.active.groups[group]}, cause)


def told(id: UUID, settings: Settings, uow: UnitOfWork) -> OfAgent:
    return partial(agent_changed, agent_id=id, settings=settings, calendars=copy_calendars(settings.holidays, uow.now.year))


async def agent_row(uow: UnitOfWork, id: UUID) -> Row:
    row = await store.get_agent(uow, id)
    if row is None:
        raise not_found("agent", id)
    return row


def _settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    try:
        return change_settings(settings, changes)
    except InvalidSettings as error:
        raise _refused(error) from error


async def _check_manager(uow: UnitOfWork, id: UUID, settings: Settings) -> None:
    if settings.manager_id == id or (settings.manager_id and await store.get_agent(uow, settings.manager_id) is None):
        raise invalid("/manager_id", "is no other agent")


def _refused(error: InvalidSettings) -> Refused:
    return Refused(422, "invalid", detail=str(error), errors=[FieldError(one.path, one.message) for one in error.problems])
