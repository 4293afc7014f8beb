"""Reading kept deliveries again: after a mapping was mended, or when a paused source goes on. A job, a few deliveries a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.connection import connection_of
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import Status
from services.intake.handlers.deliveries import read_again
from services.intake.handlers.sources import open_secrets
from services.intake.store import deliveries, sources
from services.intake.store.sources import Source
from shared import jobs
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.jobs import Job, Progress, Step
from shared.sealing import Sealer
from shared.telemetry import new_traceparent

KIND = "replay"
STEP = 50  # deliveries in one transaction


async def create(source: Source, uow: UnitOfWork, *, states: Sequence[str], since: datetime | None, by: str) -> Job:
    params = {"source_id": str(source.id), "states": list(states), "since": since.isoformat() if since else None}
    total = await deliveries.count(uow, source.id, states=states, since=since)
    return await jobs.create(uow, KIND, params, by=by, total=total, about=source.id)


async def resume(source: Source, uow: UnitOfWork, *, by: str) -> None:
    """Begins to read what was kept while the source was paused, if anything was."""
    if await deliveries.count(uow, source.id, states=[Status.HELD], since=None):
        await create(source, uow, states=[Status.HELD], since=None, by=by)


def replay_step(sealer: Sealer) -> Step:
    """The step of a replay, with what opens the sources' secrets."""

    async def step(job: Job, uow: UnitOfWork) -> Progress:
        return await _step(job, uow, sealer)

    return step


async def _step(job: Job, uow: UnitOfWork, sealer: Sealer) -> Progress:
    params, after = job.params, job.cursor
    source_id, since = UUID(params["source_id"]), params["since"]
    found = await deliveries.lock_deliveries(
        uow,
        source_id,
        after=UUID(after) if after else None,
        limit=STEP,
        states=params["states"],
        since=datetime.fromisoformat(since) if since else None,
    )
    source = (await sources.sources_by_id(uow, [source_id]))[source_id]
    connection = connection_of(source.settings, open_secrets(source, sealer))
    counts = Counter(job.result.get("became", {}))
    for stored in found:
        cause = Cause(str(job.id), new_traceparent())
        results = await read_again(stored, source, SENDERS[source.kind], connection, uow, cause=cause)
        counts.update(result.status.value for result in results)
    return Progress(
        cursor=str(found[-1].id) if found else after,
        done=job.done + len(found),
        total=job.total,
        result={"became": dict(counts)},
        finished=len(found) < STEP,
    )


def shown(job: Job) -> dict[str, Any]:
    """A replay as its address shows it."""
    return {
        "id": job.id,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "became": job.result.get("became", {}),
        "error": job.error,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
