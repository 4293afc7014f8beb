"""Whether a lead keeps an owner: who had leads of the same contact, company or account, as they stand in the pool now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.availability import Gate
from services.router.domain.decision.terms import Terms
from services.router.domain.policy import Policy
from services.router.domain.state import GroupState
from services.router.domain.strategies import Owner, OwnerState, Stuck, stick


def keep(
    pool: str,
    terms: Terms,
    policy: Policy,
    state: GroupState,
    now: datetime,
    *,
    work_of: Callable[[Settings], int],
    among: frozenset[UUID] | None,
) -> Stuck | None:
    """None where the pool keeps no owners, or there are none. `work_of` tells what the lead adds to somebody's open work."""
    stickiness = policy.stickiness(pool)
    known = [one for one in terms.owners if one.agent_id not in terms.without]
    if stickiness is None or not known:
        return None
    owners = []
    for one in known:
        standing, until = _standing(one.agent_id, pool, state, now, work_of=work_of, among=among)
        owners.append(Owner(one.agent_id, one.key, one.at, standing, until))
    return stick(stickiness, owners, came_at=terms.since or now, now=now)


def _standing(
    agent_id: UUID,
    pool: str,
    state: GroupState,
    now: datetime,
    *,
    work_of: Callable[[Settings], int],
    among: frozenset[UUID] | None,
) -> tuple[OwnerState, datetime | None]:
    if agent_id not in state.pool(pool).turns or (among is not None and agent_id not in among):
        return OwnerState.DEPARTED, None
    found = state.availability(agent_id, now)
    if found.available:
        return (
            OwnerState.FREE if (agent := state.agent(agent_id)).has_room(work_of(agent.settings)) else OwnerState.ABSENT
        ), None
    return (OwnerState.DEPARTED if found.gate is Gate.INACTIVE else OwnerState.ABSENT), found.until
