"""Agents over HTTP: reps and partners who can receive leads."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.router import store
from services.router.api.callers import Manager, Reader
from services.router.domain import PARTS, Settings
from services.router.handlers import agents, rosters
from services.router.handlers.work import Work
from shared.db.uow import Row, UnitOfWork
from shared.errors import invalid, not_found
from shared.web.requests import Body, OnceOnly, Uow, cause_of, unstorable
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["agents"])

Cap = Annotated[int, Field(ge=0, le=100_000, strict=True)]
Texts = Annotated[list[str], Field(max_length=200)]
Filter = Annotated[str | None, Query(max_length=200)]


class CapsIn(Body):
    """How much an agent may be given; null is no cap."""

    hour: Cap | None = Field(None, description="Leads an hour, counted from midnight in the agent's zone")
    day: Cap | None = Field(None, description="Leads a day in the agent's zone")
    week: Cap | None = Field(None, description="Leads a week, from Monday")
    month: Cap | None = Field(None, description="Leads a calendar month")
    open: Cap | None = Field(None, description="Work open at the same time: a lead is 1, or what open_weights says")


class AgentFields(Body):
    """What is left out stays as it is, or is the default of a new agent; null is the default."""

    kind: str | None = Field(None, description="agent or partner", examples=["agent"])
    active: bool | None = None
    zone: str | None = Field(None, max_length=64, description="IANA time zone; UTC by default", examples=["America/Los_Angeles"])
    weight: int | None = Field(None, strict=True, description="Part of a pool's leads where the pool does not say: 1 to 1,000")
    level: int | None = Field(None, strict=True, description="Where agents are asked in order of level: 1 is first")
    manager_id: UUID | None = Field(None, description="Whom to turn to when the agent does not answer")
    external_ref: str | None = Field(None, max_length=200, description="The agent's id in another system; known once only")
    skills: Texts | None = None
    languages: Texts | None = Field(None, examples=[["de", "en"]])
    tags: Texts | None = None
    territories: Annotated[list[str], Field(max_length=5_000)] | None = Field(
        None,
        description="Countries (DE), regions (US-CA), postcodes (DE:10115), ranges (US:94000-94199), beginnings (GB:SW1*), H3 cells",
        examples=[["DE", "US-CA", "GB:SW1*"]],
    )
    hours: dict[str, list[str]] | None = Field(
        None, description="Working hours a day; null is always", examples=[{"mon": ["09:00-12:30", "13:30-18:00"]}]
    )
    holidays: Texts | None = Field(None, description="Calendars (DE-BY) and dates (2026-12-24)", examples=[["DE-BY"]])
    caps: CapsIn | None = None
    open_weights: dict[str, int] | None = Field(
        None, description="Work of an open lead by its qualification or grade", examples=[{"A1": 3}]
    )
    needs_presence: bool | None = Field(None, description="Whether the agent receives only while it is online")
    daily_cap: Cap | None = Field(None, description="Short for caps.day")
    open_cap: Cap | None = Field(None, description="Short for caps.open")


class AgentIn(AgentFields):
    """A rep or a partner who can receive leads."""

    name: str = Field(min_length=1, max_length=200, examples=["Rep One"])


class AgentChange(AgentFields):
    """What to change; what is left out stays. A cap of null takes the cap away, a list is replaced as a whole."""

    name: str | None = Field(None, min_length=1, max_length=200)


class CapsOut(BaseModel):
    hour: int | None = None
    day: int | None = None
    week: int | None = None
    month: int | None = None
    open: int | None = None


class SettingsOut(BaseModel):
    name: str
    kind: str
    active: bool
    zone: str
    weight: int = 1
    level: int = 1
    manager_id: UUID | None = None
    external_ref: str | None = None
    skills: list[str] = []
    languages: list[str] = []
    tags: list[str] = []
    territories: list[str] = []
    hours: dict[str, list[str]] | None = None
    holidays: list[str] = []
    caps: CapsOut = CapsOut()
    open_weights: dict[str, int] = {}
    needs_presence: bool = False


class AgentOut(SettingsOut):
    id: UUID
    pause: dict[str, Any] | None
    presence: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


def _agent_out(row: Row) -> AgentOut:
    facts = {name: row[name] for name in ("id", "pause", "presence", "created_at", "updated_at")}
    return AgentOut(**Settings.from_document(row["settings"]).to_document(), **facts)


@router.post("/v1/agents", status_code=201, response_model=AgentOut, summary="Make an agent")
async def post_agent(body: AgentIn, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """The agent receives once a pool has it as a member: by the pool's rule at once, or by name: PUT /v1/pools/{name}."""

    async def work() -> AgentOut:
        values, cause = body.model_dump(exclude_unset=True, mode="json"), cause_of(request)
        return _agent_out(await agents.create_agent(values, uow, by=caller.subject, cause=cause))

    return await once(work, status=201)


IMPORT_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "name,zone,languages,mon,day_cap\nRep One,UTC,de|en,09:00-17:00,20\n",
            },
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}, "example": [{"name": "Rep One"}]},
        },
    }
}


@router.post("/v1/agents/import", summary="Take over a list of agents", openapi_extra=IMPORT_DOCS)
async def post_agents_import(
    request: Request,
    uow: Uow,
    caller: Manager,
    once: OnceOnly,
    dry_run: Annotated[bool, Query(description="Only say what would become of it")] = False,
) -> Response:
    """Known agents are changed, by external_ref or else by exact name; others are made. Rows that are wrong are refused, each with its
    reason, and the others taken. In a CSV the cells of lists are parted by |, caps are columns such as day_cap, hours are a column a day.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    documents = rosters.read_roster(kind, await request.body())
    if fault := unstorable(documents):
        raise invalid("/", fault)

    async def work() -> dict[str, Any]:
        taken = await rosters.import_agents(documents, uow, by=caller.subject, cause=cause_of(request), dry_run=dry_run)
        counts = Counter(one.result for one in taken)
        return {"dry_run": dry_run, **{name: counts[name] for name in ("created", "changed", "same", "refused")}, "rows": taken}

    return await once(work)


@router.get("/v1/agents", summary="Agents, all or those of whom something is so")
async def get_agents(
    uow: Uow,
    _: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    active: bool | None = None,
    kind: Literal["agent", "partner"] | None = None,
    skill: Filter = None,
    language: Filter = None,
    country: Annotated[str | None, Query(max_length=2, description="With a territory in this country")] = None,
    name: Annotated[str | None, Query(max_length=200, description="A part of the name")] = None,
) -> Response:
    after = decode_cursor(cursor, tuple[UUID])
    wanted = store.Wanted(active, kind, skill, language, country, name)
    rows = await store.page_of_agents(uow, after=after[0] if after else None, limit=limit + 1, wanted=wanted)
    page = page_of(rows, limit=limit, key=lambda row: (row["id"],))
    return json_response({**page, "items": [_agent_out(row).model_dump(mode="json") for row in page["items"]]})


@router.get("/v1/agents/{id}", summary="One agent: can it receive, and how does it stand?")
async def get_agent(id: UUID, uow: Uow, _: Reader) -> Response:
    """Settings, open and daily counts, why it cannot receive (and when that changes), and its statement in every pool."""
    row = await store.get_agent(uow, id)
    if row is None:
        raise not_found("agent", id)
    return json_response({**_agent_out(row).model_dump(mode="json"), **await _standing(uow, id)})


async def _standing(uow: UnitOfWork, id: UUID) -> dict[str, Any]:
    work = await Work.open(uow)
    group = work.active.group_of_agent.get(id)
    if group is None:
        return {"available": False, "unavailable": {"gate": "no_pool", "text": "is in no pool"}, "pools": {}}
    await work.look([group])
    state = work.states[group]
    found = state.availability(id, uow.now)
    agent = state.agent(id)
    pools = {}
    for name in sorted(work.active.groups[group]):
        if id in (turns := state.pool(name).turns):
            counters = turns.counters(id)
            pools[name] = {
                "weight": turns.weight(id),
                "received": counters.received,
                "entitled": round(counters.entitled / PARTS, 4),
                "difference": round(counters.difference / PARTS, 4),
            }
    return {
        "available": found.available,
        "unavailable": None if found.available else {"gate": found.gate, "text": found.text, "until": found.until},
        "until": found.until,
        "open": agent.open,
        "today": agent.received(state.today(id).day.key),
        "pools": pools,
    }


@router.get("/v1/agents/{id}/history", summary="What held of an agent, newest first")
async def get_agent_history(id: UUID, uow: Uow, _: Manager, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Each line is all that held from `changed_at` on; `change` says what was new: created, settings, leave, pause or presence."""
    before = decode_cursor(cursor, tuple[int])
    rows = await store.agent_history(uow, id, before=before[0] if before else None, limit=limit + 1)
    lines = [{**row, "settings": Settings.from_document(row["settings"]).to_document()} for row in rows]
    return json_response(page_of(lines, limit=limit, key=lambda row: (row["id"],)))


@router.patch("/v1/agents/{id}", summary="Change an agent: caps, hours, skills, active or not")
async def patch_agent(id: UUID, body: AgentChange, request: Request, uow: Uow, caller: Manager) -> AgentOut:
    """Takes effect at once; leads that wait are given out if this frees somebody. Lowering a cap takes no lead away, nor does making the
    agent inactive: POST /v1/agents/{id}/reassign gives its leads to others. Pools with a member rule gain or lose the agent at once.
    """
    changes = body.model_dump(exclude_unset=True, mode="json")
    return _agent_out(await agents.change_agent(id, changes, uow, by=caller.subject, cause=cause_of(request)))
