"""An import as it is shown: what was found, how far it is, what became of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake import domain
from services.intake.domain import lists
from services.intake.handlers.imports.control import shown_state
from services.intake.handlers.imports.examine import Reading, reading_of, settled_order
from services.intake.handlers.imports.options import NAMES
from services.intake.handlers.imports.work import READ, RUN
from services.intake.store import imports as store
from services.intake.store.imports import Import, StoredRow
from services.intake.store.sources import Source
from shared.db.uow import UnitOfWork
from shared.jobs import Job, JobState

SAMPLE = 20  # rows
OUTCOMES = ("accepted", "touched", "duplicate", "test", "rejected")
RESULT_COLUMNS = ("row", "state", "lead_id", "reason", "warnings")


def shown_import(import_: Import, source: str, job: Job | None, *, now: datetime) -> dict[str, Any]:
    """An import with its progress, as JSON."""
    return {
        "id": import_.id,
        "source": source,
        "name": import_.name,
        "state": shown_state(import_, job),
        "size": import_.size,
        "dry_run": import_.options["dry_run"],
        "options": {name: import_.options[name] for name in NAMES if name in import_.options},
        "found": _found(import_.found),
        "progress": _progress(import_, job, now),
        "would": _would(import_, job),
        "error": import_.error or (job.error if job and job.state is JobState.FAILED else None),
        "job": job.id if job else None,
        "created_at": import_.created_at,
        "created_by": import_.created_by,
        "finished_at": import_.finished_at,
    }


def _found(found: dict[str, Any]) -> dict[str, Any] | None:
    if "columns" not in found:
        return None
    names = [column["name"] for column in found["columns"]]
    dates = {**found["dates"], "columns": [names[n] for n in found["dates"]["columns"]]}
    shown = {name: found[name] for name in ("kind", "encoding", "delimiter", "sheet", "sheets", "header", "columns")}
    return {**shown, "rows": found.get("rows"), "dates": dates, "notes": found.get("notes", [])}


def _progress(import_: Import, job: Job | None, now: datetime) -> dict[str, Any]:
    """How far the job in hand is. `rate` is rows a second since it began; `seconds_left` is known where the total is."""
    if job is None:
        return {"phase": "uploading", "done": 0, "total": None, **dict.fromkeys(OUTCOMES, 0), "rate": None, "seconds_left": None}
    ran = ((job.finished_at or now) - job.started_at).total_seconds() if job.started_at else 0.0
    rate = job.done / ran if job.done and ran > 0 else None
    left = (job.total - job.done) / rate if rate and job.total is not None and job.state is JobState.RUNNING else None
    counts = job.result if job.kind == RUN else {}
    return {
        "phase": "reading" if job.kind == READ else "running",
        "done": job.done,
        "total": job.total,
        **{outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
        "reasons": {key.removeprefix("rejected "): n for key, n in counts.items() if key.startswith("rejected ")},
        "rate": round(rate, 1) if rate is not None else None,
        "seconds_left": round(left, 1) if left is not None else None,
    }


def _would(import_: Import, job: Job | None) -> dict[str, Any] | None:
    """What a dry run came to, while it waits for a word."""
    return job.result if job and job.kind == READ and import_.state == "read" and import_.options["dry_run"] else None


async def sample_of(import_: Import, source: Source, uow: UnitOfWork) -> list[dict[str, Any]]:
    """The first rows in normal form, or why each would be rejected."""
    if import_.state != "read":
        return []
    reading = reading_of(source, import_, day_first=settled_order(import_))
    return [_normal(row, reading) for row in await store.next_rows(uow, import_.id, after=0, limit=SAMPLE)]


def _normal(row: StoredRow, reading: Reading) -> dict[str, Any]:
    item = reading.item(row.n, row.cells)
    own = lists.read_answers(row.cells, reading.columns, reading.dates).external_id
    shown = {"row": row.n, "external_id": own, "submitted_at": item.submitted_at}
    try:
        lead = reading.normal(item)
    except domain.Unreachable as error:
        return {**shown, "rejected": str(error), "warnings": row.warnings}
    warnings = list(dict.fromkeys([*row.warnings, *item.warnings, *lead.warnings]))
    return {**shown, "contact": lead.contact, "facts": lead.facts, "warnings": warnings}


def shown_row(row: StoredRow, import_: Import) -> dict[str, Any]:
    return {
        "row": row.n,
        "state": row.state,
        "lead_id": row.lead_id,
        "reason": row.reason,
        "warnings": row.warnings,
        "cells": dict(zip(_names(import_, len(row.cells)), row.cells, strict=False)),
    }


def result_head(import_: Import) -> bytes:
    """The heading of the results as CSV, with the mark by which spreadsheets know UTF-8."""
    return b"\xef\xbb\xbf" + _csv([[*RESULT_COLUMNS, *map(lists.disarm, _names(import_, 0))]])


def result_lines(rows: Sequence[StoredRow]) -> bytes:
    """What became of these rows, as CSV in which no cell is a formula."""
    return _csv([[str(row.n), *map(lists.disarm, _outcome(row)), *map(lists.disarm, row.cells)] for row in rows])


def _outcome(row: StoredRow) -> list[str]:
    return [row.state, str(row.lead_id or ""), row.reason or "", "; ".join(row.warnings)]


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _names(import_: Import, at_least: int) -> list[str]:
    names = [column["name"] for column in import_.found.get("columns", [])]
    return [*names, *(f"column {n}" for n in range(len(names) + 1, at_least + 1))]
