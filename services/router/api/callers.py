"""Who may call the router's routes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from shared.auth import Caller, Role
from shared.errors import not_found
from shared.web.requests import allow

Manager = Annotated[Caller, allow(Role.SALES_MANAGER)]
Reader = Annotated[Caller, allow(Role.SALES_MANAGER, Role.MARKETING, Role.VIEWER, Role.SERVICE)]
Owner = Annotated[Caller, allow(Role.SALES_MANAGER, Role.MARKETING, Role.VIEWER, Role.SERVICE, Role.AGENT, Role.PARTNER)]
Supervisor = Annotated[Caller, allow(Role.SALES_MANAGER, Role.VIEWER)]
Accountable = Annotated[Caller, allow(Role.SALES_MANAGER, Role.VIEWER, Role.AGENT, Role.PARTNER)]
Personal = Annotated[Caller, allow(Role.SALES_MANAGER, Role.AGENT, Role.PARTNER)]
Present = Annotated[Caller, allow(Role.SALES_MANAGER, Role.AGENT, Role.PARTNER, Role.SERVICE)]


def check_own(caller: Caller, agent_id: UUID) -> None:
    """Agents and partners see and change themselves only; for them there is nobody else. Raises Refused (404)."""
    if caller.only_own_leads and caller.agent_id != agent_id:
        raise not_found("agent", agent_id)
