"""The two jobs of an import: one reads the list and keeps its rows, one takes the rows as leads."""

from __future__ import annotations

from services.intake.store import imports as store
from services.intake.store.imports import Import
from shared import jobs
from shared.db.uow import UnitOfWork
from shared.jobs import Job, Progress

READ = "import-read"
RUN = "import-run"


async def create_reading(import_: Import, uow: UnitOfWork, *, by: str) -> Job:
    return await jobs.create(uow, READ, {}, by=by, about=import_.id)


async def create_run(import_: Import, uow: UnitOfWork, *, by: str) -> Job:
    return await jobs.create(uow, RUN, {}, by=by, total=import_.found["rows"], about=import_.id)


async def current(job: Job, uow: UnitOfWork, state: str) -> Import | None:
    """The job's import, locked; None where it has gone on, or another job has taken this one's place."""
    assert job.about is not None
    found = await store.get_import(uow, job.about, lock=True)
    latest = await jobs.latest(uow, job.about)
    return found if found and found.state == state and latest and latest.id == job.id else None


def over(job: Job) -> Progress:
    """The end of a job, as it stands."""
    return Progress(job.cursor, job.done, result=job.result, finished=True)
