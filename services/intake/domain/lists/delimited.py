"""Delimited text: rows out of lines, whatever the delimiter, with quotation marks that are never closed survived.

Python's own parser does the reading. What is added is bounds: a line, a row and a quotation have an end, so that memory has one.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from services.intake.domain.lists.shape import MAX_RECORD, MAX_ROWS, Row, Unreadable

DELIMITERS = (",", ";", "\t", "|")
MAX_LINES = 200  # of one row: a longer quotation is one that is never closed
MAX_UNCLOSED = 1000
UNCLOSED = "a quotation mark is never closed; the row was read without quotation"
NOT_TEXT = "characters that the encoding does not have were replaced"

_ANNOUNCED = re.compile(r'"?sep=(.)"?[ ,;\t|]*', re.IGNORECASE)


class _Endless(Exception):
    """A row that is longer than a row can be."""


class _Lines:
    """Lines of a text with their ends, the way csv.reader takes them; `taken` are those of the row in hand."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES or self.size > MAX_RECORD:
            raise _Endless
        line = self._again.popleft() if self._again else self._text.readline(MAX_RECORD + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_RECORD:
            raise Unreadable(f"A line is longer than {MAX_RECORD} characters. Is this a list, with a row on each line?")
        self.taken.append(line)
        self.size += len(line)
        return line

    def begin(self) -> None:
        self.taken, self.size = [], 0

    def only_first(self) -> str:
        """Takes back all lines of the row but its first, to be read as rows of their own."""
        self._again.extendleft(reversed(self.taken[1:]))
        return self.taken[0]


def open_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    file.seek(0)
    return io.TextIOWrapper(file, encoding, errors="replace", newline="")


def records(text: TextIO, delimiter: str) -> Iterator[Row]:
    """Every row, numbered from 1 as a spreadsheet numbers them. Raises Unreadable."""
    lines = _Lines(text)
    unclosed = 0
    for n in range(1, MAX_ROWS + 2):
        lines.begin()
        warnings = []
        try:
            cells = next(csv.reader(lines, delimiter=delimiter), None)
            closed = not _left_open(lines, cells)
        except (_Endless, csv.Error):
            cells, closed = None, not lines.taken
        if not closed:
            unclosed += 1
            if unclosed > MAX_UNCLOSED:
                raise Unreadable(
                    f"Row {n}: {UNCLOSED.partition(';')[0]}, in more than {MAX_UNCLOSED} rows. Is the delimiter right?"
                )
            cells = next(csv.reader([lines.only_first()], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
            warnings.append(UNCLOSED)
        if cells is None:
            return
        if "\ufffd" in "".join(cells):
            warnings.append(NOT_TEXT)
        yield Row(n, cells, warnings)
    raise Unreadable(f"The list has more than {MAX_ROWS} rows. Send it in parts.")


def _left_open(lines: _Lines, cells: list[str] | None) -> bool:
    """Did the file end within a quotation? Then the row is all that came after the mark."""
    return cells is not None and len(lines.taken) > 1 and "".join(lines.taken).count('"') % 2 == 1


def announced_delimiter(line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` announces: Excel's own way of saying it."""
    found = _ANNOUNCED.fullmatch(line.rstrip("\r\n"))
    return found[1] if found else None


def sample_rows(sample: str, delimiter: str, limit: int = 200) -> list[Row]:
    """The first rows of a sample. The last is left out where the sample was cut, for it may be half a row."""
    rows: list[Row] = []
    try:
        for row in records(io.StringIO(sample, newline=""), delimiter):
            rows.append(row)
            if len(rows) > limit:
                break
    except Unreadable:
        pass
    return rows


def evenness(rows: list[Row]) -> int:
    """How much these rows look like a table: the commonest width beyond one column, times the rows that have it."""
    widths = [len(row.cells) for row in rows if not row.blank]
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    return widths.count(usual) * (usual - 1)
