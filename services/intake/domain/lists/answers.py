"""From a row to a lead's answers: cells mended, dates told, and the row's own id and time taken out of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from services.intake.domain.fields import NORMAL_FIELDS
from services.intake.domain.lists.cells import is_date, iso_date, mend, read_date
from services.intake.domain.lists.columns import EXTERNAL_ID, SUBMITTED_AT, Column
from services.intake.domain.mapping import CUSTOM, Mapping

WHICH_DAY = "could be day first or month first; kept as it is"
MAX_ID = 200


@dataclass(frozen=True)
class Dates:
    """How the list writes dates: the columns that hold some, by position, and their order and zone."""

    columns: frozenset[int] = frozenset()
    day_first: bool | None = None
    zone: tzinfo = UTC


@dataclass
class Answers:
    """What a row says: answers by column name, in order, and what was odd."""

    answers: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    submitted_at: datetime | None = None
    warnings: list[str] = field(default_factory=list)


def read_answers(cells: Sequence[str], columns: Sequence[Column], dates: Dates) -> Answers:
    """A row's answers. Empty cells say nothing; cells beyond the list's columns are kept as `column N`."""
    found = Answers()
    for n, cell in enumerate(cells):
        text, fault = mend(cell)
        column = columns[n] if n < len(columns) else Column(f"column {n + 1}", None)
        if fault:
            found.warnings.append(f"{column.field or column.name}: {fault}")
        elif column.field == EXTERNAL_ID and text and found.external_id is None:
            found.external_id = text[:MAX_ID]  # not one that lost its digits: many rows have that at once
        if text and n in dates.columns:
            text = _dated(found, column, text, dates)
        if text:
            found.answers[column.name] = text
    return found


def mapping_of(columns: Sequence[Column], facts: Collection[str]) -> Mapping:
    """The columns as a mapping that leaves nothing to be guessed."""
    fields = {column.name: column.field if column.field in NORMAL_FIELDS else CUSTOM for column in columns}
    return Mapping({name: field or CUSTOM for name, field in fields.items()}, frozenset(facts))


def date_columns(rows: Sequence[Sequence[str]], width: int) -> frozenset[int]:
    """The columns, by position, in which most cells are dates."""
    chosen = set()
    for n in range(width):
        filled = [row[n] for row in rows if n < len(row) and row[n].strip()]
        if filled and sum(map(is_date, filled)) * 2 > len(filled):
            chosen.add(n)
    return frozenset(chosen)


def _dated(found: Answers, column: Column, text: str, dates: Dates) -> str:
    """A date as ISO 8601, where it is told which it is."""
    if column.field == SUBMITTED_AT and found.submitted_at is None:
        found.submitted_at = read_date(text, day_first=dates.day_first, zone=dates.zone)
    told = iso_date(text, day_first=dates.day_first)
    if told is None and is_date(text):
        found.warnings.append(f"{column.name}: {WHICH_DAY}")
    return told or text
