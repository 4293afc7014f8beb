"""Pools over HTTP: an edit of the active policy, and who can receive now."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from services.router.api.callers import Manager, Reader
from services.router.api.policies import activated
from services.router.domain import Member
from services.router.domain.load import Load
from services.router.handlers import load, policies
from services.router.handlers.work import Work
from shared.errors import not_found
from shared.web.requests import Body, Uow, cause_of
from shared.web.responses import json_response

router = APIRouter(tags=["policies"])

PoolName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]


class MemberIn(Body):
    agent_id: UUID
    weight: int = Field(1, ge=1, le=1000, description="Part of the pool's leads, relative to the others' weights")


class PoolIn(Body):
    members: list[MemberIn] = Field(max_length=5000)


@router.put("/v1/pools/{name}", summary="Make a pool, or give one other members")
async def put_pool(name: PoolName, body: PoolIn, request: Request, uow: Uow, caller: Manager) -> Response:
    """Writes a new policy version with this pool and activates it. What else the policy says of the pool stays."""
    members = [Member(one.agent_id, one.weight) for one in body.members]
    return json_response(activated(await policies.put_pool(name, members, uow, by=caller.subject, cause=cause_of(request))))


@router.delete("/v1/pools/{name}", summary="Take a pool out of the policy")
async def delete_pool(name: PoolName, request: Request, uow: Uow, caller: Manager) -> Response:
    """Refused while a rule or the default uses it. Its waiting leads go where the rules send them now."""
    judged = await policies.delete_pool(name, uow, by=caller.subject, cause=cause_of(request))
    return json_response({"version": judged.version})


@router.get("/v1/pools", summary="Pools of the active policy, and who can receive in them")
async def get_pools(uow: Uow, _: Reader) -> Response:
    work = await Work.open(uow)
    await work.look(work.active.groups)
    names = sorted(work.active.policy.pools)
    loads = await load.measure(work, names)
    return json_response({"items": [_pool_out(work, name, loads[name]) for name in names], "next": None})


@router.get("/v1/pools/{name}", summary="One pool of the active policy")
async def get_pool(name: PoolName, uow: Uow, _: Reader) -> Response:
    work, found = await _measured(name, uow)
    return json_response(_pool_out(work, name, found))


@router.get("/v1/pools/{name}/load", summary="How fast leads come to a pool, how fast they can be taken, and what is wrong")
async def get_load(name: PoolName, uow: Uow, _: Reader) -> Response:
    """Rates are leads an hour. `service_rate` is what the members' caps and hours let them take over a week, null where no cap bounds it.
    `utilisation` is arrivals by that, null where leads come and nobody takes any; from 1 on the queue grows without end.
    `expected_wait_seconds` is for who joins the queue now (Little's law), null where no rate tells. `alerts`: overloaded,
    promise_will_break, promise_broken.
    """
    found = (await _measured(name, uow))[1]
    return json_response({"pool": name, **_load_out(found)})


async def _measured(name: str, uow: Uow) -> tuple[Work, Load]:
    work = await Work.open(uow)
    if name not in work.active.policy.pools:
        raise not_found("pool", name)
    await work.look([work.active.group_of_pool[name]])
    return work, (await load.measure(work, [name]))[name]


def _load_out(found: Load) -> dict[str, Any]:
    expected = found.expected_wait
    return {
        "arrival_rate": round(found.arrival_rate, 3),
        "recent_arrival_rate": found.recent_arrival_rate,
        "service_rate": None if found.service_rate is None else round(found.service_rate, 3),
        "utilisation": round(found.utilisation, 3) if isfinite(found.utilisation) else None,
        "waiting": found.waiting,
        "oldest_wait_seconds": round(found.oldest_wait.total_seconds(), 3),
        "expected_wait_seconds": None if expected is None else round(expected.total_seconds(), 3),
        "promise_minutes": found.promise // timedelta(minutes=1) if found.promise else None,
        "breach_seconds": round(found.breach.total_seconds(), 3),
        "alerts": [alert.value for alert in found.alerts],
    }


def _pool_out(work: Work, name: str, found: Load) -> dict[str, Any]:
    group, state = work.desk.state_of_pool(name)
    pool = state.pool(name)
    return {
        "name": name,
        "group": group,
        "members": [
            {"agent_id": one.agent_id, "weight": pool.turns.weight(one.agent_id)}
            for one in work.active.policy.pools[name].members
        ],
        "can_receive": pool.turns.eligible_count(),
        "stopped": {gate.value: count for gate, count in pool.stopped.items()},
        "waiting": found.waiting,
        "load": _load_out(found),
    }
