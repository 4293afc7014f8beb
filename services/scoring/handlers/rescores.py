"""Scoring all leads anew after a new version: a job, a few hundred leads a step, in the order of their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from services.scoring.handlers import versions
from services.scoring.handlers.desk import Look, Occasion, Why, announced, look, write
from services.scoring.handlers.versions import Versions
from services.scoring.store import leads as store
from services.scoring.store.leads import Lead
from shared import jobs
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import invalid
from shared.jobs import Job, Progress
from shared.telemetry import new_traceparent

KIND, NOUN = "rescore", "re-score"
STEP = 500  # leads in one transaction


async def create(
    uow: UnitOfWork, *, by: str, dry_run: bool, closed: bool, scorecard_version: int | None, definition_version: int | None
) -> Job:
    """A re-score by the active versions; a dry run writes nothing and may try others. Raises Refused (422) for one that is not there."""
    if not dry_run and (scorecard_version or definition_version):
        raise invalid("/dry_run", "must be true to try a version that is not active; activate it first otherwise")
    params = {"dry_run": dry_run, "closed": closed, "scorecard": scorecard_version, "definition": definition_version}
    await _versions(uow, params)
    return await jobs.create(uow, KIND, params, by=by, total=await store.count_scored(uow, closed=closed))


async def rescore_step(job: Job, uow: UnitOfWork) -> Progress:
    """The next leads. What is announced is said once; a lead whose grade is what it was only changes its versions."""
    params, cause = job.params, Cause(str(job.id), new_traceparent())
    by = await _versions(uow, params)
    after = UUID(job.cursor) if job.cursor else None
    leads = await store.next_scored(uow, after=after, limit=STEP, closed=params["closed"], lock=not params["dry_run"])
    looks = await look(uow, leads, by)
    moves = Counter(job.result.get("moves", {}))
    moves.update(moves_of(looks))
    changed = job.result.get("changed", 0) + sum(_changes(one) for one in looks)
    if not params["dry_run"]:
        await write(uow, looks, {lead.lead_id: Occasion(Why.RESCORED, cause) for lead in leads})
    return Progress(
        cursor=str(leads[-1].lead_id) if leads else job.cursor,
        done=job.done + len(leads),
        total=job.total,
        result={"changed": changed, "moves": dict(moves), "scorecard": by.card.version, "definition": by.agreed.version},
        finished=len(leads) < STEP,
    )


async def _versions(uow: UnitOfWork, params: Mapping[str, Any]) -> Versions:
    """The active versions, or those that a dry run tries."""
    active = await versions.active(uow)
    pair = (params["scorecard"] or active.card.version, params["definition"] or active.agreed.version)
    if pair == active.numbers:
        return active
    found = (await versions.of(uow, [pair])).get(pair)
    if found is None:
        raise invalid("/scorecard_version" if params["scorecard"] else "/definition_version", "there is no such version")
    return found


def _changes(one: Look) -> bool:
    return bool(one.word.changed) or not one.lead.is_announced


def moves_of(looks: Iterable[Look]) -> Counter[str]:
    """How many leads go from which grade and qualification to which: `B2 sales_qualified > C2 marketing_qualified`."""
    return Counter(
        f"{stand_of(one.lead)} > {one.word.announced.grade} {one.word.announced.qualification}" for one in looks if _changes(one)
    )


def stand_of(lead: Lead) -> str:
    before = announced(lead)
    return f"{before.grade} {before.qualification}" if before else "none"


def shown(job: Job) -> dict[str, Any]:
    """A re-score as its address shows it."""
    return {
        "id": job.id,
        "state": job.state,
        "dry_run": job.params["dry_run"],
        "closed": job.params["closed"],
        "done": job.done,
        "total": job.total,
        "changed": job.result.get("changed", 0),
        "moves": _matrix(job.result.get("moves", {})),
        "scorecard_version": job.result.get("scorecard"),
        "definition_version": job.result.get("definition"),
        "error": job.error,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _matrix(moves: Mapping[str, int]) -> list[dict[str, Any]]:
    found = []
    for move, count in sorted(moves.items(), key=lambda one: (-one[1], one[0])):
        before, _, after = move.partition(" > ")
        found.append({"from": before, "to": after, "leads": count})
    return found


JOB_STEPS = {KIND: rescore_step}
