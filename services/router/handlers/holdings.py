"""What agents have: their leads and what is offered to them, with what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router import store
from services.router.domain.agent import Agent
from services.router.domain.policy import Policy
from services.router.domain.sla import Calendars, Clock, Status, deadline, status
from services.router.handlers.calendars import agents_with_days_off
from services.router.handlers.memory import active_policy
from shared.db.uow import Row, UnitOfWork


@dataclass(frozen=True)
class Promise:
    """One clock of a lead as it stands; `deadline` is None where it has ended, waits for an owner, or its time was up before."""

    clock: Clock
    status: Status
    deadline: datetime | None


async def holdings_of(
    agent_id: UUID, uow: UnitOfWork, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[Row, list[Promise]]]:
    """An agent's open assignments and the offers it may claim, newest first, each with its promises."""
    rows = await store.page_of_holdings(uow, agent_id, before=before, limit=limit)
    policy, agent = await _by_whose_time(agent_id, uow)
    return [(row, _promises(row, policy, agent if row["id"] else None, uow)) for row in rows]


async def promises_of(row: Row, uow: UnitOfWork) -> list[Promise]:
    """Of an assignment's row; of one that has ended none, for the lead's clocks are not its own any more."""
    if row["closed_at"]:
        return []
    policy, agent = await _by_whose_time(row["agent_id"], uow)
    return _promises(row, policy, agent, uow)


async def _by_whose_time(agent_id: UUID, uow: UnitOfWork) -> tuple[Policy, Agent | None]:
    active = await active_policy(uow, await store.share_policy(uow))
    return active.policy, (await agents_with_days_off(uow, [agent_id])).get(agent_id)


def _promises(row: Row, policy: Policy, owner: Agent | None, uow: UnitOfWork) -> list[Promise]:
    calendars = Calendars(owner, policy.calendars)
    clocks = [Clock.from_document(one) for one in row["clocks"] or ()]
    return [Promise(clock, status(clock, calendars, uow.now), deadline(clock, calendars)) for clock in clocks]
