"""The heading: which row names the columns, and what each is called once names are there and differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from services.intake.domain.lists.cells import is_date, mend
from services.intake.domain.lists.columns import field_of
from services.intake.domain.lists.shape import MAX_COLUMNS, Row, Unreadable
from services.intake.domain.mapping import storable_text

LOOK = 25  # rows from the top
MAX_NAME = 200

_NUMBER = re.compile(r"[+\-(]*\d[\d\s().,/\-]*")


def find_header(rows: Sequence[Row]) -> int:
    """The number of the row that names the columns; 0 where the list begins with its data.

    It is the first row with the most names that are known; where none is known, the first that is as wide as the list and holds no data.
    """
    top = [row for row in rows[:LOOK] if not row.blank]
    known = {row.n: _known(row) - 2 * _data(row) for row in top}
    best = max(known.values(), default=0)
    if best > 0:
        return next(n for n, count in known.items() if count == best)
    usual = data_width(rows)
    return next((row.n for row in top if not _data(row) and _filled(row) * 2 > usual and _told_apart(row)), 0)


def knows(rows: Sequence[Row]) -> int:
    """How many columns the best heading among these rows names in words that are known."""
    return max(map(_known, rows[:LOOK]), default=0)


def column_names(cells: Iterable[str], width: int) -> tuple[str, ...]:
    """A name for each column: its own, with a number where two are alike, and `column N` where there is none. Raises Unreadable."""
    given = [storable_text(" ".join(mend(cell)[0].split()))[:MAX_NAME] for cell in cells]
    while given and not given[-1] and len(given) > width:
        given.pop()
    given += [""] * (width - len(given))
    if len(given) > MAX_COLUMNS:
        raise Unreadable(f"The list has more than {MAX_COLUMNS} columns. Is the delimiter right?")
    names: list[str] = []
    taken: set[str] = set()
    for n, name in enumerate(given, start=1):
        wanted, repeat = name or f"column {n}", 1
        unique = wanted
        while unique.casefold() in taken:
            repeat += 1
            unique = f"{wanted} ({repeat})"
        taken.add(unique.casefold())
        names.append(unique)
    return tuple(names)


def data_width(rows: Iterable[Row]) -> int:
    """How many cells the middle one of these rows has, empty ones at its end left out."""
    widths = sorted(_trimmed(row) for row in rows if not row.blank)
    return widths[len(widths) // 2] if widths else 0


def _known(row: Row) -> int:
    return sum(1 for cell in row.cells if field_of(mend(cell)[0]))


def _data(row: Row) -> int:
    return sum(1 for cell in row.cells if _is_data(cell.strip()))


def _is_data(cell: str) -> bool:
    return ("@" in cell and "." in cell) or is_date(cell) or (len(cell) > 3 and _NUMBER.fullmatch(cell) is not None)


def _filled(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())


def _trimmed(row: Row) -> int:
    return max((n for n, cell in enumerate(row.cells, start=1) if cell.strip()), default=0)


def _told_apart(row: Row) -> bool:
    names = [cell.strip().casefold() for cell in row.cells if cell.strip()]
    return len(set(names)) == len(names)
