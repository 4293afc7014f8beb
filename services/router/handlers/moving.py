"""Leads moved by many at once, as jobs: those of an agent who leaves, and after a change of policy those that wait or fell to the default.

A step is a few hundred leads in the order of their ids, under the locks of any decision and through the same gates. A dry run does the
same without writing; it begins each step from the state as it is, so what its own earlier steps would have used up is not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain.desk import SAME, STAYED, decide_owned, decide_waiting, hand_to, take_to_pool
from services.router.domain.lead import Case
from services.router.handlers.answers import pool_for
from services.router.handlers.queue import drain_freed
from services.router.handlers.work import Work
from services.router.store import Misplaced
from shared import jobs
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import conflict, invalid, not_found
from shared.jobs import Job, Progress
from shared.telemetry import new_traceparent

REASSIGN, REROUTE = "reassign", "reroute"
STEP = 200  # leads in one transaction
TRIED = 2_000  # leads in one step of a dry run
GONE = "gone"  # no longer what was asked for when its turn came

Found = dict[str, Any]


# -- One who leaves --------------------------------------------------------------------------------------------------------------


async def start_reassigning(
    agent_id: UUID,
    uow: UnitOfWork,
    *,
    to_agent: UUID | None,
    to_pool: str | None,
    reason: str,
    untouched: bool,
    dry_run: bool,
    by: str,
) -> Job:
    """All open leads of an agent, to another one, to a pool, or with neither to where the rules send them. Raises Refused (404, 422)."""
    wanted = {agent_id} | ({to_agent} if to_agent else set())
    known = await store.agents_by_id(uow, wanted)
    if agent_id not in known:
        raise not_found("agent", agent_id)
    if to_agent == agent_id or not wanted <= known.keys():
        raise invalid("/to/agent_id", "is no other agent")
    if to_pool is not None and to_pool not in (await Work.open(uow)).active.policy.pools:
        raise invalid("/to/pool", f"there is no pool {to_pool}")
    params = {
        "agent_id": str(agent_id),
        "to_agent": str(to_agent) if to_agent else None,
        "to_pool": to_pool,
        "reason": reason,
        "untouched": untouched,
        "dry_run": dry_run,
    }
    total = await store.count_held_by(uow, agent_id, untouched=untouched)
    return await jobs.create(uow, REASSIGN, params, by=by, total=total, about=agent_id)


async def reassign_step(job: Job, uow: UnitOfWork) -> Progress:
    """The agent's next leads. Where nobody may take one, it waits by the rules, or in the pool; of those meant for one agent it stays."""
    said, limit = job.params, _limit(job)
    agent_id, to_agent = UUID(said["agent_id"]), UUID(said["to_agent"]) if said["to_agent"] else None
    ids = await store.held_by(uow, agent_id, after=_after(job), limit=limit, untouched=said["untouched"])
    work = await Work.open(uow)
    pools: set[str] = {said["to_pool"]} if said["to_pool"] else set()
    if not pools <= work.active.policy.pools.keys():
        raise conflict("no-pool", f"There is no pool {said['to_pool']} any more.")
    leads = await work.lock_around(ids, pools=pools, agents=[agent_id, *([to_agent] if to_agent else [])])
    await _know(work, leads.values(), pools)
    cause, counts, stays = _cause(job), _counts(job), Counter(job.result.get("stayed", {}))
    for id in ids:
        lead = leads[id]
        if lead.held is None or lead.held.agent_id != agent_id:
            counts[GONE] += 1
        elif to_agent is None:
            moved = take_to_pool(work.desk, lead, said["to_pool"], cause, by=job.created_by, why=said["reason"])
            counts[moved] += 1
        elif hindrance := _hand(work, lead, to_agent, cause, job):
            counts[STAYED] += 1
            stays[hindrance] += 1
        else:
            counts[lead.status] += 1
    return await _write(work, job, ids, cause, {"leads": dict(counts), "stayed": dict(stays)}, limit)


def _hand(work: Work, lead: Case, agent_id: UUID, cause: Cause, job: Job) -> str | None:
    """Why the agent may not have the lead; None once it has."""
    pools = work.active.policy.pools.values()
    among = sorted(pool.name for pool in pools if any(member.agent_id == agent_id for member in pool.members))
    if not among:
        return "is in no pool"
    pool = pool_for(lead, among, work) or among[0]
    return hand_to(work.desk, lead, agent_id, pool, cause, by=job.created_by, why=job.params["reason"])


# -- After a change of policy ----------------------------------------------------------------------------------------------------


async def start_rerouting(uow: UnitOfWork, wanted: Misplaced, *, reason: str, dry_run: bool, by: str) -> Job:
    """Leads that wait, or that fell to the default pool and have an owner, to where the rules send them now."""
    before = wanted.before.isoformat() if wanted.before else None
    params = {**wanted._replace(before=None)._asdict(), "before": before, "reason": reason, "dry_run": dry_run}
    return await jobs.create(uow, REROUTE, params, by=by, total=await store.count_misplaced(uow, wanted))


async def reroute_step(job: Job, uow: UnitOfWork) -> Progress:
    """The next such leads. One that nobody may take waits where the rules send it; one that is owned stays with its owner."""
    limit, wanted = _limit(job), _wanted(job)
    ids = await store.misplaced(uow, wanted, after=_after(job), limit=limit)
    work = await Work.open(uow)
    leads = await work.lock_around(ids)
    await _know(work, leads.values(), ())
    cause, counts = _cause(job), _counts(job)
    for id in ids:
        counts[_reroute(work, leads[id], wanted, cause, job)] += 1
    return await _write(work, job, ids, cause, {"leads": dict(counts)}, limit)


def _reroute(work: Work, lead: Case, wanted: Misplaced, cause: Cause, job: Job) -> str:
    if lead.queued:
        return decide_waiting(work.desk, lead, cause) if wanted.waiting else SAME
    if lead.held and lead.held.rule is None and wanted.owned:
        return decide_owned(work.desk, lead, cause, by=job.created_by, why=job.params["reason"])
    return GONE


def _wanted(job: Job) -> Misplaced:
    said = {name: job.params[name] for name in Misplaced._fields}
    return Misplaced(**{**said, "before": datetime.fromisoformat(said["before"]) if said["before"] else None})


# -- Steps -----------------------------------------------------------------------------------------------------------------------


def _limit(job: Job) -> int:
    return TRIED if job.params["dry_run"] else STEP


def _after(job: Job) -> UUID | None:
    return UUID(job.cursor) if job.cursor else None


def _counts(job: Job) -> Counter[str]:
    return Counter(job.result.get("leads", {}))


def _cause(job: Job) -> Cause:
    return Cause(str(job.id), new_traceparent())


async def _know(work: Work, leads: Collection[Case], pools: Iterable[str]) -> None:
    """Where others wait already, and who had leads of the same people."""
    names = {*pools, *(work.desk.match(lead).pool for lead in leads)}
    work.desk.busy = await store.pools_with_queue(work.uow, names)
    await work.learn_owners(leads, names)


async def _write(work: Work, job: Job, ids: Sequence[UUID], cause: Cause, result: Found, limit: int) -> Progress:
    if not job.params["dry_run"]:  # what is not written is not remembered either
        await work.write()
        await drain_freed(work, cause)
    cursor = str(ids[-1]) if ids else job.cursor
    return Progress(cursor=cursor, done=job.done + len(ids), total=job.total, result=result, finished=len(ids) < limit)


JOB_STEPS = {REASSIGN: reassign_step, REROUTE: reroute_step}
