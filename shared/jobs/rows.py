"""Jobs as rows: making them, looking at them, and what people ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.db.uow import Row, UnitOfWork, to_json
from shared.errors import conflict, not_found

KEPT = timedelta(days=100)


class JobState(StrEnum):
    """Where a job is. A closed list."""

    WAITING = "waiting"  # nobody has begun it
    RUNNING = "running"  # begun; between its turns nobody holds its lease
    DONE = "done"
    FAILED = "failed"  # `error` says why; `retry` lets it go on
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """One piece of long work. `about` is the id of what it works on; `attempts` are failures of the step that is next."""

    id: UUID
    kind: str
    about: UUID | None
    params: dict[str, Any]
    state: JobState
    cursor: Any
    done: int
    total: int | None
    result: dict[str, Any]
    error: str | None
    attempts: int
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    cancel: bool


@dataclass(frozen=True)
class Progress:
    """Where a job stands after a step. `done` counts from the job's beginning; `result` replaces the one before.

    `pause` is for how many seconds there is no use in a next step, because something else must go on first.
    """

    cursor: Any
    done: int
    total: int | None = None
    result: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    pause: float = 0.0


NAMES = ", ".join(Job.__dataclass_fields__)


async def create(
    uow: UnitOfWork, kind: str, params: dict[str, Any], *, by: str, total: int | None = None, about: UUID | None = None
) -> Job:
    """A new job, which begins once this transaction is durable. `by` says who asked for it; `params` hold no contact data."""
    row = await uow.fetchrow(
        f"INSERT INTO {uow.service}.jobs (id, kind, about, params, state, cursor, total, created_at, created_by, due_at) "
        f"VALUES ($1, $2, $3, $4, 'waiting', 'null', $5, $6, $7, $6) RETURNING {NAMES}",
        *(uow.clock.uuid7(), kind, about, to_json(params), total, uow.now, by),
    )
    assert row is not None
    uow.after_commit(uow.memory(News).set)
    return job_of(row)


async def get(uow: UnitOfWork, id: UUID) -> Job | None:
    row = await uow.fetchrow(f"SELECT {NAMES} FROM {uow.service}.jobs WHERE id = $1", id)
    return job_of(row) if row else None


async def find(uow: UnitOfWork, id: UUID, *, kind: str | None = None, noun: str = "job") -> Job:
    """The job, of this kind if one is asked for. Raises Refused (404), which calls it by the noun."""
    job = await get(uow, id)
    if job is None or kind not in (None, job.kind):
        raise not_found(noun, id)
    return job


async def latest(uow: UnitOfWork, about: UUID) -> Job | None:
    """The newest job that works on this."""
    return (await latest_of(uow, [about])).get(about)


async def latest_of(uow: UnitOfWork, abouts: Sequence[UUID]) -> dict[UUID, Job]:
    """The newest job of each of these things, of those that have one."""
    rows = await uow.fetch(
        f"SELECT DISTINCT ON (about) {NAMES} FROM {uow.service}.jobs WHERE about = ANY($1) ORDER BY about, id DESC", list(abouts)
    )
    return {row["about"]: job_of(row) for row in rows}


async def page(uow: UnitOfWork, *, kind: str | None = None, before: UUID | None = None, limit: int = 100) -> list[Job]:
    """Jobs, newest first; `before` is the last one of the page before."""
    rows = await uow.fetch(
        f"SELECT {NAMES} FROM {uow.service}.jobs WHERE ($1::text IS NULL OR kind = $1) AND ($2::uuid IS NULL OR id < $2) "
        "ORDER BY id DESC LIMIT $3",
        *(kind, before, limit),
    )
    return [job_of(row) for row in rows]


async def cancel(uow: UnitOfWork, id: UUID) -> Job | None:
    """Ends a job: at once where nobody is at it, else after the step in hand. One that has ended stays as it is."""
    await uow.execute(
        f"UPDATE {uow.service}.jobs SET cancel = true, "
        "state = CASE WHEN lease_until > $2 THEN state ELSE 'cancelled' END, "
        "finished_at = CASE WHEN lease_until > $2 THEN finished_at ELSE $2 END "
        "WHERE id = $1 AND state IN ('waiting', 'running')",
        *(id, uow.now),
    )
    return await get(uow, id)


async def give_up(uow: UnitOfWork, id: UUID, *, kind: str | None = None, noun: str = "job") -> Job:
    """Ends the job after the step in hand; what was done by then stays done. Raises Refused (404, 409 for one that is over)."""
    await find(uow, id, kind=kind, noun=noun)
    job = await cancel(uow, id)
    assert job is not None
    if not job.cancel and job.state is not JobState.CANCELLED:
        raise conflict("over", f"The {noun} {id} is over: it is {job.state}.")
    return job


async def retry(uow: UnitOfWork, id: UUID) -> Job | None:
    """Lets a failed job go on from where it was. One that has not failed stays as it is."""
    await uow.execute(
        f"UPDATE {uow.service}.jobs SET state = 'waiting', attempts = 0, error = NULL, finished_at = NULL, due_at = $2 "
        "WHERE id = $1 AND state = 'failed'",
        *(id, uow.now),
    )
    uow.after_commit(uow.memory(News).set)
    return await get(uow, id)


async def purge(uow: UnitOfWork) -> int:
    """Forgets jobs that ended long ago. Returns how many."""
    tag = await uow.execute(f"DELETE FROM {uow.service}.jobs WHERE finished_at < $1", uow.now - KEPT)
    return int(tag.rpartition(" ")[2])


class News(asyncio.Event):
    """Set where a job was made in this process."""


def job_of(row: Row) -> Job:
    return Job(**{**row, "state": JobState(row["state"])})
