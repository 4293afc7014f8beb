"""HTTP edge of the router: agents, pools, policies, assignments, queue, decisions. No rules, no SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.router import store
from services.router.domain import PARTS, Member
from services.router.handlers import admin
from services.router.handlers.desk import Desk
from shared.auth import Caller, Role
from shared.db.uow import Row, UnitOfWork
from shared.errors import not_found
from shared.rules import Problem
from shared.web.requests import Body, OnceOnly, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, encode_cursor, json_response, page_of

router = APIRouter()

Manager = Annotated[Caller, allow(Role.SALES_MANAGER)]
Reader = Annotated[Caller, allow(Role.SALES_MANAGER, Role.MARKETING, Role.VIEWER, Role.SERVICE)]
Owner = Annotated[Caller, allow(Role.SALES_MANAGER, Role.MARKETING, Role.VIEWER, Role.SERVICE, Role.AGENT, Role.PARTNER)]
Cap = Annotated[int, Field(ge=0, le=100_000)]
PoolName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


# -- Agents ----------------------------------------------------------------------------------------------------------------------


class AgentIn(Body):
    """A rep or a partner who can receive leads. A cap of null is no cap."""

    name: str = Field(min_length=1, max_length=200, examples=["Rep One"])
    kind: str = Field("agent", pattern="^(agent|partner)$")
    active: bool = True
    daily_cap: Cap | None = Field(None, description="Leads a day, in the agent's own time zone")
    open_cap: Cap | None = Field(None, description="Leads open at the same time")
    zone: str = Field("UTC", max_length=64, description="IANA time zone", examples=["America/Los_Angeles"])


class AgentChange(Body):
    """What to change; what is left out stays. A cap of null takes the cap away."""

    name: str | None = Field(None, min_length=1, max_length=200)
    active: bool | None = None
    daily_cap: Cap | None = None
    open_cap: Cap | None = None
    zone: str | None = Field(None, max_length=64)


class AgentOut(BaseModel):
    id: UUID
    name: str
    kind: str
    active: bool
    daily_cap: int | None
    open_cap: int | None
    zone: str
    created_at: datetime
    updated_at: datetime


def _agent_out(row: Row) -> AgentOut:
    return AgentOut(**row)


@router.post("/v1/agents", status_code=201, tags=["agents"], response_model=AgentOut, summary="Make an agent")
async def post_agent(body: AgentIn, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """The agent receives once a pool has it as a member: PUT /v1/pools/{name}."""

    async def work() -> AgentOut:
        return _agent_out(await admin.create_agent(body.model_dump(), uow, by=caller.subject))

    return await once(work, status=201)


@router.get("/v1/agents", tags=["agents"], summary="Agents")
async def get_agents(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None, active: bool | None = None) -> Response:
    after = decode_cursor(cursor, tuple[UUID])
    rows = await store.page_of_agents(uow, after=after[0] if after else None, limit=limit + 1, active=active)
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=lambda row: (row["id"],)))


@router.get("/v1/agents/{id}", tags=["agents"], summary="One agent: can it receive, and how does it stand?")
async def get_agent(id: UUID, uow: Uow, _: Reader) -> Response:
    """Settings, open and daily counts, why it cannot receive (and when that changes), and its statement in every pool."""
    row = await store.get_agent(uow, id)
    if row is None:
        raise not_found("agent", id)
    return json_response({**row, **await _standing(uow, id)})


async def _standing(uow: UnitOfWork, id: UUID) -> dict[str, Any]:
    desk = await Desk.open(uow)
    group = desk.active.group_of_agent.get(id)
    if group is None:
        return {"available": False, "unavailable": {"gate": "no_pool", "text": "is in no pool"}, "pools": {}}
    await desk.lock([group])
    state = desk.states[group]
    why = state.availability(id, uow.now)
    agent = state.agent(id)
    pools = {}
    for name in sorted(desk.active.groups[group]):
        if id in (rotation := state.pool(name).rotation):
            counters = rotation.counters(id)
            pools[name] = {
                "weight": rotation.weight(id),
                "received": counters.received,
                "entitled": round(counters.entitled / PARTS, 4),
                "difference": round(counters.difference / PARTS, 4),
            }
    return {
        "available": why is None,
        "unavailable": why and {"gate": why.gate.value, "text": why.text, "until": why.until},
        "open": agent.open,
        "today": agent.received(state.today(id)),
        "pools": pools,
    }


@router.get("/v1/agents/{id}/history", tags=["agents"], summary="What an agent's settings were, newest first")
async def get_agent_history(id: UUID, uow: Uow, _: Manager, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[int])
    rows = await store.agent_history(uow, id, before=before[0] if before else None, limit=limit + 1)
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=lambda row: (row["id"],)))


@router.patch("/v1/agents/{id}", tags=["agents"], summary="Change an agent: caps, zone, active or not")
async def patch_agent(id: UUID, body: AgentChange, request: Request, uow: Uow, caller: Manager) -> AgentOut:
    """Takes effect at once; leads that wait are given out if this frees somebody. Lowering a cap takes no lead away."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("name", "active", "zone"):
        if changes.get(name, "") is None:
            del changes[name]
    return _agent_out(await admin.change_agent(id, changes, uow, by=caller.subject, cause=cause_of(request)))


# -- Pools and policies ----------------------------------------------------------------------------------------------------------


class MemberIn(Body):
    agent_id: UUID
    weight: int = Field(1, ge=1, le=1000, description="Part of the pool's leads, relative to the others' weights")


class PoolIn(Body):
    members: list[MemberIn] = Field(max_length=5000)


class ConditionIn(Body):
    field: str = Field(max_length=200, examples=["country"])
    op: str = Field(pattern="^(==|!=|in|>=|<=)$")
    value: str | int | float | bool | list[str | int | float | bool]


class RuleIn(Body):
    """Leads of which all conditions hold go to the pool."""

    name: str = Field(min_length=1, max_length=100)
    when: list[ConditionIn] = Field([], max_length=50)
    pool: str = Field(max_length=100)


class PolicyIn(Body):
    """Pools, and ordered rules that choose one: the first that matches, else the default pool."""

    pools: dict[str, PoolIn] = Field(max_length=1000)
    rules: list[RuleIn] = Field([], max_length=1000)
    default_pool: str = Field(max_length=100)
    routed: list[str] = Field(["sales_qualified", "marketing_qualified"], max_length=50)


def _activated(version: int, problems: list[Problem]) -> dict[str, Any]:
    return {"version": version, "warnings": [{"field": one.path, "message": one.message} for one in problems]}


def _policy_out(row: Row) -> dict[str, Any]:
    return {**row["document"], **{name: row[name] for name in ("version", "active", "created_at", "created_by")}}


@router.put("/v1/pools/{name}", tags=["policies"], summary="Make or change a pool")
async def put_pool(name: PoolName, body: PoolIn, request: Request, uow: Uow, caller: Manager) -> Response:
    """Writes a new policy version with this pool and activates it."""
    members = [Member(one.agent_id, one.weight) for one in body.members]
    return json_response(_activated(*await admin.put_pool(name, members, uow, by=caller.subject, cause=cause_of(request))))


@router.delete("/v1/pools/{name}", tags=["policies"], summary="Take a pool out of the policy")
async def delete_pool(name: PoolName, request: Request, uow: Uow, caller: Manager) -> Response:
    """Refused while a rule or the default uses it. Its waiting leads go where the rules send them now."""
    return json_response({"version": await admin.delete_pool(name, uow, by=caller.subject, cause=cause_of(request))})


@router.get("/v1/pools", tags=["policies"], summary="Pools of the active policy, and who can receive in them")
async def get_pools(uow: Uow, _: Reader) -> Response:
    desk = await Desk.open(uow)
    await desk.lock(desk.active.groups)
    lengths = await store.queue_lengths(uow)
    return json_response({"items": [_pool_out(desk, name, lengths) for name in sorted(desk.active.policy.pools)], "next": None})


@router.get("/v1/pools/{name}", tags=["policies"], summary="One pool of the active policy")
async def get_pool(name: PoolName, uow: Uow, _: Reader) -> Response:
    desk = await Desk.open(uow)
    if name not in desk.active.policy.pools:
        raise not_found("pool", name)
    await desk.lock([desk.active.group_of_pool[name]])
    return json_response(_pool_out(desk, name, await store.queue_lengths(uow)))


def _pool_out(desk: Desk, name: str, lengths: dict[str, int]) -> dict[str, Any]:
    group, state = desk.state_of_pool(name)
    pool = state.pool(name)
    return {
        "name": name,
        "group": group,
        "members": [{"agent_id": one.agent_id, "weight": one.weight} for one in desk.active.policy.pools[name].members],
        "can_receive": pool.rotation.eligible_count,
        "stopped": {gate.value: count for gate, count in pool.stopped.items()},
        "waiting": lengths.get(name, 0),
    }


@router.get("/v1/policies", tags=["policies"], summary="Policy versions, newest first")
async def get_policies(uow: Uow, _: Reader, limit: Limit = 20, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[int])
    rows = await store.page_of_policies(uow, before=before[0] if before else None, limit=limit + 1)
    return json_response(page_of([_policy_out(row) for row in rows], limit=limit, key=lambda row: (row["version"],)))


@router.get("/v1/policies/active", tags=["policies"], summary="The active policy")
async def get_active_policy(uow: Uow, _: Reader) -> Response:
    row = await store.get_policy(uow, await store.share_policy(uow))
    assert row is not None
    return json_response(_policy_out(row))


@router.get("/v1/policies/{version}", tags=["policies"], summary="One policy version")
async def get_policy(version: Version, uow: Uow, _: Reader) -> Response:
    row = await store.get_policy(uow, version)
    if row is None:
        raise not_found("policy version", version)
    return json_response(_policy_out(row))


@router.post("/v1/policies", status_code=201, tags=["policies"], summary="A whole new policy, active at once")
async def post_policy(body: PolicyIn, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    document = body.model_dump(mode="json")

    async def work() -> dict[str, Any]:
        return _activated(*await admin.post_policy(document, uow, by=caller.subject, cause=cause_of(request)))

    return await once(work, status=201)


@router.post("/v1/policies/{version}/activate", status_code=201, tags=["policies"], summary="Go back to an older policy")
async def post_activation(version: Version, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """Its document becomes a new version, so that history reads forward."""

    async def work() -> dict[str, Any]:
        return _activated(*await admin.reactivate(version, uow, by=caller.subject, cause=cause_of(request)))

    return await once(work, status=201)


# -- Assignments, queue, decisions -----------------------------------------------------------------------------------------------


@router.get("/v1/assignments", tags=["assignments"], summary="Assignments as a feed: read on from `next`, and miss none")
async def get_assignments(
    uow: Uow,
    caller: Owner,
    limit: Limit = 100,
    cursor: Cursor = None,
    agent_id: UUID | None = None,
    lead_id: UUID | None = None,
    open: Annotated[bool, Query(description="Only those that are open")] = False,
) -> Response:
    """`next` is where to go on, also when there is no more for now: ask again with it. Agents and partners see their own.

    No contact data: GET /v1/leads/{id} has it, for those who may see it.
    """
    after = decode_cursor(cursor, tuple[int, UUID])
    rows = await store.page_of_assignments(
        uow,
        after=after,
        limit=limit,
        agent_id=caller.agent_id if caller.only_own_leads else agent_id,
        lead_id=lead_id,
        open_only=open,
    )
    items = [dict(row) for row in rows]
    positions = [(item.pop("written_by"), item["id"]) for item in items]
    return json_response({"items": items, "next": encode_cursor(positions[-1]) if positions else cursor})


@router.get("/v1/queue", tags=["queue"], summary="Who waits, best and oldest first")
async def get_queue(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None, pool: str | None = None) -> Response:
    after = decode_cursor(cursor, tuple[int, datetime, UUID])
    rows = await store.page_of_queue(uow, after=after, limit=limit + 1, pool=pool)
    key = lambda row: (row["points"], row["queued_at"], row["lead_id"])  # noqa: E731
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=key))


@router.get("/v1/decisions/{lead_id}", tags=["decisions"], summary="What was decided for a lead, and why")
async def get_decisions(lead_id: UUID, uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = decode_cursor(cursor, tuple[UUID])
    rows = await store.decisions_of_lead(uow, lead_id, after=after[0] if after else None, limit=limit + 1)
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=lambda row: (row["id"],)))
