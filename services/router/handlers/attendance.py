"""Leave, pause and presence: dated facts of an agent, which decide with its settings whether it can receive."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import (
    Agent,
    Leave,
    Pause,
    Presence,
    Settings,
    copy_calendars,
    days_off,
    leave_changed,
    next_available,
    pause_changed,
    presence_changed,
)
from services.router.domain.availability import availability
from services.router.domain.period import midnight
from services.router.handlers.agents import agent_row, count_time, open_agent, tell_groups
from services.router.handlers.memory import active_policy
from services.router.handlers.work import Work
from services.router.store import Standing
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import conflict, invalid, not_found

MOST_LEAVES = 200  # of an agent, not over
LAST_YEAR = 9990
LONGEST_LEAVE = timedelta(days=3 * 366)


async def moments_of_leave(
    id: UUID, starts: datetime | None, ends: datetime | None, first: date | None, last: date | None, uow: UnitOfWork
) -> tuple[datetime, datetime]:
    """The moments meant: those given, or from the first day's midnight to that behind the last day, in the agent's zone."""
    if starts and ends:
        return starts, ends
    assert first
    assert last
    if last.year > LAST_YEAR:
        raise invalid("/last_day", "lies beyond the calendar")
    zone = Settings.from_document((await agent_row(uow, id))["settings"]).zone
    return midnight(zone, first), midnight(zone, last + timedelta(days=1))


async def add_leave(
    id: UUID, starts: datetime, ends: datetime, uow: UnitOfWork, *, catch_up: bool, note: str, by: str, cause: Cause
) -> Leave:
    """The agent is away from `starts` to before `ends`. Raises Refused (404, 409, 422)."""
    if ends <= max(starts, uow.now):
        raise invalid("/ends", "must be later than the start, and not past")
    if ends - starts > LONGEST_LEAVE:
        raise invalid("/ends", f"is more than {LONGEST_LEAVE.days} days after the start; make the agent inactive instead")
    work, standing = await open_agent(uow, id)
    if len(standing.leaves) >= MOST_LEAVES:
        raise conflict("too-many-leaves", f"The agent has {MOST_LEAVES} leaves that are not over already.")
    leave = Leave(uow.clock.uuid7(), starts, ends, catch_up)
    await count_time(work, [id])
    await store.insert_leave(uow, id, leave, note, by)
    await _take_leaves(work, standing, (*standing.leaves, leave), by, cause)
    return leave


async def cancel_leave(id: UUID, leave_id: UUID, uow: UnitOfWork, *, by: str, cause: Cause) -> None:
    """Takes a leave back; one that has begun ends now. Raises Refused (404) for one that is over or was never there."""
    work, standing = await open_agent(uow, id)
    if leave_id not in {leave.id for leave in standing.leaves}:
        raise not_found("leave", leave_id)
    await count_time(work, [id])
    await store.end_leave(uow, leave_id)
    await _take_leaves(work, standing, tuple(leave for leave in standing.leaves if leave.id != leave_id), by, cause)


async def _take_leaves(work: Work, standing: Standing, leaves: tuple[Leave, ...], by: str, cause: Cause) -> None:
    await store.update_agents(work.uow, [standing._replace(leaves=leaves)], "leave", by)
    await tell_groups(work, {standing.agent_id: partial(leave_changed, agent_id=standing.agent_id, leaves=leaves)}, cause)


async def set_pause(id: UUID, pause: Pause | None, uow: UnitOfWork, *, by: str, cause: Cause) -> Standing:
    """The agent takes nothing new until then; with None it goes on. Raises Refused (404, 422)."""
    if pause and pause.until is not None and pause.until <= uow.now:
        raise invalid("/until", "is past")
    work, standing = await open_agent(uow, id)
    if pause == standing.pause:
        return standing
    changed = standing._replace(pause=pause)
    await store.update_agents(uow, [changed], "pause", by)
    await tell_groups(work, {id: partial(pause_changed, agent_id=id, pause=pause)}, cause)
    return changed


async def set_presence(id: UUID, status: str, seconds: int, uow: UnitOfWork, *, by: str, cause: Cause) -> Presence:
    """The agent is online, away or offline, which holds for so many seconds. Raises Refused (404)."""
    work, standing = await open_agent(uow, id)
    presence, before = Presence(status, uow.now + timedelta(seconds=seconds)), standing.presence
    if before and before.status == status and before.expires > uow.now:
        await store.extend_presence(uow, standing._replace(presence=presence))
    else:
        await store.update_agents(uow, [standing._replace(presence=presence)], "presence", by)
    await tell_groups(work, {id: partial(presence_changed, agent_id=id, presence=presence)}, cause)
    return presence


# -- Answering -------------------------------------------------------------------------------------------------------------------


async def tell_availability(id: UUID, at: datetime | None, uow: UnitOfWork) -> dict[str, Any]:
    """The answer of `availability`, now or at another time. Raises Refused (404)."""
    moment = at or uow.now
    agent = await _agent_at(id, moment, uow)
    if agent is None:
        raise not_found("agent", id)
    found = availability(agent, moment)
    answer = {"agent_id": id, "at": moment, "zone": agent.zone, "available": found.available, "gate": found.gate}
    answer |= {"text": found.text, "until": found.until, "available_from": next_available(agent, moment)}
    in_pool = id in (await active_policy(uow, await store.share_policy(uow))).group_of_agent
    if found.available and not in_pool and moment >= uow.now:
        return {**answer, "available": False, "gate": "no_pool", "text": "is in no pool", "available_from": None}
    return answer


async def _agent_at(id: UUID, at: datetime, uow: UnitOfWork) -> Agent | None:
    if at < uow.now:
        agent = await store.agent_as_it_was(uow, id, at)
    else:
        agent = (await store.agents_as_they_are(uow, [id])).get(id)
    if agent:
        names = agent.settings.holidays
        agent.days_off = days_off(names, copy_calendars(names, min(at, uow.now).year))
    return agent
