"""Reading a list: a job that keeps its rows, a piece a step, and in a dry run says what would become of each.

The list is spooled to a temporary file, opened and wound on in a thread, and remembered between steps. What is remembered counts only
where it stands at the job's cursor; else, as after a crash, the list is opened again.
"""

from __future__ import annotations

import asyncio
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from uuid import UUID

from services.intake import domain
from services.intake.domain import lists
from services.intake.handlers.imports.examine import UNREACHABLE, Reading, found_columns, notes_on, reading_of
from services.intake.handlers.imports.options import options_of
from services.intake.handlers.imports.work import create_run, current, over
from services.intake.store import imports as store
from services.intake.store import sources
from services.intake.store.imports import Import, RowRow
from shared.db.uow import UnitOfWork, to_json
from shared.jobs import Job, Progress

PIECE = 1000  # rows of one step
CELLS = 50_000  # of one step: about half a second of a workbook
WAIT = 1.0  # seconds of one step for a list that is being opened
OPEN = 2  # lists that are remembered
IN_MEMORY = 8 * 1024 * 1024  # bytes of a list; a larger one is on disk


async def read_list(job: Job, uow: UnitOfWork) -> Progress:
    """Reads the next piece of the list that the job is about."""
    assert job.about is not None
    try:
        return await _read(job, job.about, uow)
    except lists.Unreadable as error:
        if await current(job, uow, "reading"):
            await store.update_import(uow, job.about, state="failed", error=str(error), finished=True)
        return over(job)


async def _read(job: Job, id: UUID, uow: UnitOfWork) -> Progress:
    seen = await store.get_import(uow, id)
    if seen is None or seen.state != "reading":
        return over(job)
    if job.cursor is None and await store.clear_rows(uow, id) == store.PIECE:
        return Progress(None, 0)  # rows of a reading before this one; there may be more
    opened = await _opened(job, seen, uow)
    if opened is None:
        return Progress(job.cursor, job.done, result=job.result)
    import_ = await current(job, uow, "reading")
    if import_ is None:
        return over(job)
    source = (await sources.sources_by_id(uow, [import_.source_id]))[import_.source_id]
    if job.cursor is None:
        found = found_columns(source, opened.layout, opened.data, options_of(import_.options))
        await store.update_import(uow, id, state="reading", found={**import_.found, **found})
        return Progress({"n": 0}, 0)
    return await _piece(job, import_, opened, reading_of(source, import_, day_first=True), uow)


async def _piece(job: Job, import_: Import, opened: OpenList, reading: Reading, uow: UnitOfWork) -> Progress:
    examined = Examined(lists.DateOrder(**job.cursor.get("order", {})), Counts.of(job.result))
    rows = await asyncio.to_thread(examined.take, opened, import_, reading)
    await store.insert_rows(uow, rows)
    done = job.done + len(rows)
    cursor = {"n": rows[-1].n if rows else opened.at, "order": vars(examined.order)}
    if not opened.ended:
        return Progress(cursor, done, result=examined.counts.shown())
    if not done:
        raise lists.Unreadable("The list has a heading at the most, and no rows below it.")
    await _end(job, import_, examined.order, done, uow)
    return Progress(cursor, done, total=done, result=examined.counts.shown(), finished=True)


async def _end(job: Job, import_: Import, order: lists.DateOrder, rows: int, uow: UnitOfWork) -> None:
    """All rows are kept: the list waits for a word, or goes on by itself."""
    dates = {**import_.found["dates"], "day_first": order.day_first, "undecided": order.undecided}
    found = {**import_.found, "dates": dates, "rows": rows}
    found["notes"] = notes_on(found, import_.options)
    waits = import_.options["dry_run"] or not lists.reachable([lists.Column(**column) for column in found["columns"]])
    read = await store.update_import(uow, import_.id, state="read" if waits else "running", found=found)
    if not waits:
        await create_run(read, uow, by=job.created_by)


# -- Rows --------------------------------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """What a dry run would come to. `warnings` are counted by field."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, result: dict[str, Any]) -> Counts:
        return cls(result.get("accepted", 0), Counter(result.get("rejected", {})), Counter(result.get("warnings", {})))

    def shown(self) -> dict[str, Any]:
        return {"accepted": self.accepted, "rejected": dict(self.rejected), "warnings": dict(self.warnings)}


@dataclass
class Examined:
    """What a step has found out about its rows, on top of what those before found."""

    order: lists.DateOrder
    counts: Counts

    def take(self, opened: OpenList, import_: Import, reading: Reading) -> list[RowRow]:
        """The next rows, as they are kept."""
        return [self._row(row, import_, reading) for row in opened.take(PIECE, CELLS)]

    def _row(self, row: lists.Row, import_: Import, reading: Reading) -> RowRow:
        for n in reading.dates.columns:
            if n < len(row.cells):
                self.order.note(row.cells[n])
        warnings, reason = list(row.warnings), None
        if import_.options["dry_run"]:
            item = reading.item(row.n, row.cells)
            warnings += item.warnings
            try:
                warnings += reading.normal(item).warnings
                self.counts.accepted += 1
            except domain.Unreachable as error:
                reason = f"{UNREACHABLE}: {error}"
                self.counts.rejected[UNREACHABLE] += 1
            self.counts.warnings.update({warning.partition(":")[0] for warning in warnings})
        state = "waiting" if reason is None else "rejected"
        return RowRow(import_.id, row.n, to_json(row.cells), state, reason, to_json(warnings))


# -- Open lists --------------------------------------------------------------------------------------------------------------------


class OpenList:
    """A list at some row of it. Its file is closed with it, whoever was the last to remember it."""

    def __init__(self, file: BinaryIO, options: lists.Options, *, at: int) -> None:
        weakref.finalize(self, file.close)
        self.layout, self.data = lists.inspect_list(file, options)
        self.at = 0
        self.ended = False
        self._rows: Iterator[lists.Row] = lists.read_rows(file, self.layout)
        while self.at < at and not self.ended:
            self._next()

    def take(self, rows: int, cells: int) -> list[lists.Row]:
        """So many rows at the most, or those that have so many cells."""
        taken: list[lists.Row] = []
        while len(taken) < rows and cells > 0 and (row := self._next()):
            taken.append(row)
            cells -= len(row.cells)
        return taken

    def _next(self) -> lists.Row | None:
        row = next(self._rows, None)
        if row is None:
            self.ended = True
        else:
            self.at = row.n
        return row


class OpenLists:
    """The lists that this process is reading, by job."""

    def __init__(self) -> None:
        self._lists: dict[UUID, asyncio.Future[OpenList]] = {}

    def pop(self, job_id: UUID) -> asyncio.Future[OpenList] | None:
        return self._lists.pop(job_id, None)

    def keep(self, job_id: UUID, opening: asyncio.Future[OpenList]) -> None:
        while len(self._lists) >= OPEN:
            del self._lists[next(iter(self._lists))]
        self._lists[job_id] = opening


async def _opened(job: Job, import_: Import, uow: UnitOfWork) -> OpenList | None:
    """The list, at the job's cursor; None while it is still being opened. Raises Unreadable.

    It is out of memory while a step uses it, and comes back with the step's commit.
    """
    at = (job.cursor or {}).get("n", 0)
    memory = uow.memory(OpenLists)
    opening = memory.pop(job.id)
    if opening is not None and opening.done() and not opening.exception() and opening.result().at != at:
        opening = None
    if opening is None:
        file = await _spooled(import_.id, uow)
        options = options_of(import_.options)
        opening = asyncio.get_running_loop().run_in_executor(None, lambda: OpenList(file, options, at=at))
    done, _ = await asyncio.wait({opening}, timeout=WAIT)
    if not done:
        memory.keep(job.id, opening)
        return None
    opened = opening.result()
    uow.after_commit(lambda: None if opened.ended else memory.keep(job.id, opening))
    return opened


async def _spooled(id: UUID, uow: UnitOfWork) -> BinaryIO:
    """The list's bytes as a file. Raises Unreadable where they are no longer kept."""
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it lives as long as the list is open
    n = 0
    while chunk := await store.get_chunk(uow, id, n):
        file.write(chunk)
        n += 1
    if not n:
        raise lists.Unreadable("The file is no longer kept. Upload it again.")
    return cast(BinaryIO, file)
