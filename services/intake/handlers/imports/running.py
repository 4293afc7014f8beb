"""Running a list: a job that takes its rows as leads, a piece a step. A row is received and marked in one transaction, so none is doubled.

Where a piece fails for a reason of its own, its rows are taken one by one, and one that fails alone is rejected, so that it holds up
nobody; a list of which too many fail so is given up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from services.intake.domain.senders.shape import Result, Status
from services.intake.handlers.imports.examine import Reading, reading_of, settled_order
from services.intake.handlers.imports.work import current, over
from services.intake.handlers.reception import receive_items
from services.intake.store import imports as store
from services.intake.store import sources
from services.intake.store.imports import Import, Settled, StoredRow
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork, to_json
from shared.jobs import Job, Progress

PIECE = 200  # rows of one step: live leads wait while one is worked out
ALONE = 2  # failures after which a row that is tried alone is given up
MAX_GIVEN_UP = 50
MAX_WAITING = 10_000  # events that may wait to be published: a list must not stand before the leads of the hour
PAUSE = 0.5  # seconds, where more do


@dataclass(frozen=True)
class Place:
    """How far a list is: rows up to `n` are done; those up to `careful` are taken one by one."""

    n: int = 0
    careful: int = 0
    given_up: int = 0


async def run_list(job: Job, uow: UnitOfWork) -> Progress:
    """Takes the next rows of the list that the job is about."""
    import_ = await current(job, uow, "running")
    if import_ is None:
        return over(job)
    if await store.waiting_events(uow, MAX_WAITING) >= MAX_WAITING:
        return Progress(job.cursor, job.done, result=job.result, pause=PAUSE)
    place = Place(**(job.cursor or {}))
    rows = await store.next_rows(uow, import_.id, after=place.n, limit=PIECE)
    if not rows:
        await store.update_import(uow, import_.id, state="done", finished=True)
        await store.delete_chunks(uow, import_.id)
        return over(job)
    careful = max(place.careful, rows[-1].n if job.attempts else 0)
    if place.n < careful:
        rows = rows[:1]
    hopeless = place.n < careful and job.attempts >= ALONE and place.given_up < MAX_GIVEN_UP
    results = await (_give_up(rows, import_, job, uow) if hopeless else _receive(rows, import_, uow))
    counts = Counter(job.result)
    counts.update(result.status.value for result in results)
    counts.update(f"rejected {result.slug}" for result in results if result.status == Status.REJECTED)
    cursor = Place(rows[-1].n, careful, place.given_up + hopeless)
    return Progress(asdict(cursor), job.done + len(rows), result=dict(counts))


async def _receive(rows: Sequence[StoredRow], import_: Import, uow: UnitOfWork) -> list[Result]:
    source = (await sources.sources_by_id(uow, [import_.source_id]))[import_.source_id]
    how: Reading = reading_of(source, import_, day_first=settled_order(import_))
    items = [how.item(row.n, row.cells) for row in rows]
    results = await receive_items(items, uow, cause=Cause(f"import-{import_.id}", import_.found["traceparent"]))
    odd = [to_json(list(dict.fromkeys([*row.warnings, *item.warnings]))) for row, item in zip(rows, items, strict=True)]
    await store.settle_rows(uow, import_.id, [_settled(*each) for each in zip(rows, results, odd, strict=True)])
    return results


async def _give_up(rows: Sequence[StoredRow], import_: Import, job: Job, uow: UnitOfWork) -> list[Result]:
    [row] = rows
    result = Result(Status.REJECTED, slug="not-handled", detail=f"This row could not be handled: {job.error}")
    await store.settle_rows(uow, import_.id, [_settled(row, result, to_json(row.warnings))])
    return [result]


def _settled(row: StoredRow, result: Result, warnings: str) -> Settled:
    reason = f"{result.slug}: {result.detail}" if result.slug else None
    return Settled(row.n, result.status.value, result.lead_id, reason, warnings)
