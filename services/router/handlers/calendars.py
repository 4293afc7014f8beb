"""Agents with their days off, for those whom no group's state is asked about: the hours of who owns a lead, by which promises go."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.router import store
from services.router.domain import copy_calendars, days_off
from services.router.domain.agent import Agent
from shared.db.uow import UnitOfWork


async def agents_with_days_off(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Agent]:
    """These agents as they are now; those that there are not are left out."""
    agents = await store.agents_as_they_are(uow, sorted(ids))
    for agent in agents.values():
        names = agent.settings.holidays
        agent.days_off = days_off(names, copy_calendars(names, uow.now.year))
    return agents
