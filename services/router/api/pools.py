"""Pools over HTTP: an edit of the active policy, and who can receive now."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from services.router import store
from services.router.api.callers import Manager, Reader
from services.router.api.policies import activated
from services.router.domain import Member
from services.router.handlers import policies
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
    lengths = await store.queue_lengths(uow)
    return json_response({"items": [_pool_out(work, name, lengths) for name in sorted(work.active.policy.pools)], "next": None})


@router.get("/v1/pools/{name}", summary="One pool of the active policy")
async def get_pool(name: PoolName, uow: Uow, _: Reader) -> Response:
    work = await Work.open(uow)
    if name not in work.active.policy.pools:
        raise not_found("pool", name)
    await work.look([work.active.group_of_pool[name]])
    return json_response(_pool_out(work, name, await store.queue_lengths(uow)))


def _pool_out(work: Work, name: str, lengths: dict[str, int]) -> dict[str, Any]:
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
        "waiting": lengths.get(name, 0),
    }
