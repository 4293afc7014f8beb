"""Jobs: long work with progress, done in steps. Each step is one transaction that does a bounded piece and moves the job's cursor.

    async def rescore(job: Job, uow: UnitOfWork) -> Progress:
        piece = await store.leads_after(uow, job.cursor, limit=500)
        ...
        return Progress(cursor=last, done=job.done + len(piece), finished=len(piece) < 500)

A crash takes a step's work and its cursor back together, so whoever takes the job over goes on exactly where it was. A job is leased by
one loop at a time; every step renews the lease and commits only while it holds, so that two loops which both believe that a job is
theirs do no step twice. Jobs take turns, so that a small one is not stuck behind a million rows. For work that is short, or due at a
moment, this is not the place.
"""

from __future__ import annotations

from shared.jobs.loop import LEASE, TRIES, Jobs, Step
from shared.jobs.rows import (
    KEPT,
    Job,
    JobState,
    Progress,
    cancel,
    create,
    find,
    get,
    give_up,
    latest,
    latest_of,
    page,
    purge,
    retry,
)

__all__ = [
    "KEPT",
    "LEASE",
    "TRIES",
    "Job",
    "JobState",
    "Jobs",
    "Progress",
    "Step",
    "cancel",
    "create",
    "find",
    "get",
    "give_up",
    "latest",
    "latest_of",
    "page",
    "purge",
    "retry",
]
