"""Moving many leads at once, over HTTP: jobs with progress."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from services.router.api.callers import Manager, Reader
from services.router.handlers import moving
from services.router.store import Misplaced
from shared import jobs
from shared.jobs import Job
from shared.web.requests import Body, OnceOnly, Uow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter()

LONGEST = 366 * 24 * 3600
Why = Annotated[str, Field(min_length=1, max_length=500, description="For people; no contact data", examples=["has left"])]
Try = Annotated[bool, Field(description="Only count what would become of them")]
PoolName = Annotated[str | None, Field(max_length=100)]


class ToAgent(Body):
    agent_id: UUID


class ToPool(Body):
    pool: str = Field(min_length=1, max_length=100)


class ReassignIn(Body):
    to: ToAgent | ToPool | Literal["rules"] = Field(description="One agent, a pool, or where the rules send each lead now")
    reason: Why
    untouched_only: bool = Field(False, description="Only leads that nobody has accepted or contacted yet")
    dry_run: Try = False


class RerouteIn(Body):
    """Which leads: all that wait, or fewer. What is left out does not matter."""

    pool: PoolName = Field(None, description="That wait for this pool, or were given out in it")
    rule: PoolName = Field(None, description="That this rule sent there")
    default_only: bool = Field(False, description="That no rule sent there")
    older_than: int | None = Field(
        None, ge=0, le=LONGEST, strict=True, description="Seconds for which they wait or are owned already"
    )
    assigned_from_default: bool = Field(False, description="Also leads with an owner whom the default pool gave them to")
    waiting: bool = Field(True, description="Leads in a hold queue")
    reason: Why = "the policy has changed"
    dry_run: Try = False


@router.post("/v1/agents/{id}/reassign", status_code=202, tags=["agents"], summary="Give an agent's open leads to others: a job")
async def post_reassign(id: UUID, body: ReassignIn, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """For one who leaves. Through the same gates as any assignment; the agent does not get them again by itself.

    By the rules or in a pool, a lead that nobody may take waits in the hold queue; of those meant for one agent it stays where it is.
    """
    to_agent = body.to.agent_id if isinstance(body.to, ToAgent) else None
    to_pool = body.to.pool if isinstance(body.to, ToPool) else None

    async def work() -> dict[str, Any]:
        job = await moving.start_reassigning(
            id,
            uow,
            to_agent=to_agent,
            to_pool=to_pool,
            reason=body.reason,
            untouched=body.untouched_only,
            dry_run=body.dry_run,
            by=caller.subject,
        )
        return shown(job)

    return await once(work, status=202)


@router.post("/v1/queue/reroute", status_code=202, tags=["queue"], summary="Decide leads anew by the present rules: a job")
async def post_reroute(body: RerouteIn, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """After a change of policy. A lead that waits goes where the rules send it now; one that is owned moves only where somebody can take
    it, and stays otherwise. It counts as no hop.
    """

    async def work() -> dict[str, Any]:
        before = None if body.older_than is None else uow.now - timedelta(seconds=body.older_than)
        which = Misplaced(body.waiting, body.assigned_from_default, body.pool, body.rule, body.default_only, before)
        return shown(await moving.start_rerouting(uow, which, reason=body.reason, dry_run=body.dry_run, by=caller.subject))

    return await once(work, status=202)


@router.get("/v1/queue/jobs", tags=["queue"], summary="Such jobs, newest first")
async def get_jobs(
    uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None, kind: Literal["reassign", "reroute"] | None = None
) -> Response:
    before = decode_cursor(cursor, tuple[UUID])
    found = await jobs.page(uow, kind=kind, before=before[0] if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda job: (job.id,))
    return json_response({**page, "items": [shown(job) for job in page["items"]]})


@router.get("/v1/queue/jobs/{id}", tags=["queue"], summary="One such job, and how far it is")
async def get_job(id: UUID, uow: Uow, _: Reader) -> Response:
    return json_response(shown(await jobs.find(uow, id)))


@router.post("/v1/queue/jobs/{id}/cancel", tags=["queue"], summary="Give a job up")
async def post_cancel(id: UUID, uow: Uow, _: Manager, once: OnceOnly) -> Response:
    """After the step in hand. What was moved by then stays moved."""

    async def work() -> dict[str, Any]:
        return shown(await jobs.give_up(uow, id))

    return await once(work)


def shown(job: Job) -> dict[str, Any]:
    """`leads` counts by what became of them: assigned, offered, queued or rejected; same and stayed were not moved; gone were somewhere
    else by then. `stayed` says why, to be read on from the agent's name.
    """
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "asked": job.params,
        "done": job.done,
        "total": job.total,
        "leads": job.result.get("leads", {}),
        "stayed": job.result.get("stayed", {}),
        "error": job.error,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
