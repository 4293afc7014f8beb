"""Reading a list: find out how it is laid out, then draw its rows, as often as is needed and always the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from services.intake.domain.lists import delimited, heading, workbook
from services.intake.domain.lists.encoding import detect_encoding, known_encoding
from services.intake.domain.lists.shape import MAX_COLUMNS, Layout, Options, Row, Unreadable
from services.intake.domain.mapping import storable_text

SAMPLE = 256 * 1024  # bytes
SAMPLE_ROWS = 200
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ARCHIVE = b"PK\x03\x04"
STRANGERS = {
    OLD_EXCEL: "Old Excel workbooks (XLS) and workbooks with a password are not read here. Save it as XLSX or CSV (UTF-8), without one.",
    b"%PDF": "This is a PDF. Send a CSV or XLSX file.",
    b"\x1f\x8b": "This file is packed (gzip). Send the CSV or XLSX file as it is.",
    b"Rar!": "This file is packed (RAR). Send the CSV or XLSX file as it is.",
    b"7z\xbc\xaf": "This file is packed (7-Zip). Send the CSV or XLSX file as it is.",
    b"\x89PNG": "This is a picture. Send a CSV or XLSX file.",
    b"\xff\xd8\xff": "This is a picture. Send a CSV or XLSX file.",
}
OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument"


def refuse_strangers(head: bytes) -> None:
    """Raises Unreadable (415) for a file that, by its first bytes, is no list that is read here."""
    for mark, message in STRANGERS.items():
        if head.startswith(mark):
            raise Unreadable(message, 415)
    if head.startswith(ARCHIVE) and OPEN_DOCUMENT in head[:200]:
        raise Unreadable("OpenDocument spreadsheets (ODS) are not read here. Save it as XLSX or CSV (UTF-8).", 415)
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")):
        raise Unreadable("This is a web page or an XML document, whatever it is called. Save it as XLSX or CSV (UTF-8).", 415)


def inspect_list(file: BinaryIO, options: Options) -> tuple[Layout, list[Row]]:
    """How the list is laid out, by its first rows, which come with it. Raises Unreadable."""
    file.seek(0)
    head = file.read(SAMPLE)
    refuse_strangers(head)
    layout, top = _workbook(file, options) if head.startswith(ARCHIVE) else _delimited(file, head, options)
    header = options.header if options.header is not None else heading.find_header(top)
    titles = next((row.cells for row in top if row.n == header), [])
    if header and not titles:
        raise Unreadable(f"Row {header} cannot name the columns: it is empty, or not among the first {SAMPLE_ROWS} rows.")
    data = [row for row in top if row.n > header and not row.blank]
    names = heading.column_names(titles, heading.data_width(data))
    if not names:
        raise Unreadable("The list is empty.")
    return replace(layout, names=names, header=header), data


def read_rows(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    """The list's rows from the first below its heading, blank ones left out. Raises Unreadable, also on the way."""
    width = len(layout.names)
    for row in _all_rows(file, layout):
        if row.n > layout.header and not row.blank:
            yield _fitted(row, width, mark_short=layout.kind == "csv")


def _all_rows(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    return workbook.sheet_rows(workbook.open_sheet(file, layout.sheet)) if layout.kind == "xlsx" else _text_rows(file, layout)


def _text_rows(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    text = delimited.open_text(file, layout.encoding or "utf-8")
    try:
        if layout.announced:
            text.readline(100)
        yield from delimited.records(text, layout.delimiter or ",")
    finally:
        if not file.closed:
            text.detach()  # or the file would be closed with it


def _fitted(row: Row, width: int, *, mark_short: bool) -> Row:
    """The row without empty cells beyond the list's columns; marked where it has more, or fewer, than there are."""
    cells = [storable_text(cell) for cell in row.cells]
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    warnings = list(row.warnings)
    if len(cells) > width:
        warnings.append(f"the row has {len(cells)} cells, the list {width} columns")
        cells = cells[:MAX_COLUMNS]
    elif mark_short and len(row.cells) < width:
        warnings.append(f"the row has only {len(row.cells)} of {width} cells")
    return Row(row.n, cells, warnings)


def _workbook(file: BinaryIO, options: Options) -> tuple[Layout, list[Row]]:
    sheet = workbook.open_sheet(file, options.sheet)
    top = list(islice(workbook.sheet_rows(sheet), SAMPLE_ROWS))
    return Layout("xlsx", (), 0, sheet=sheet.title, sheets=sheet.titles), top


def _delimited(file: BinaryIO, head: bytes, options: Options) -> tuple[Layout, list[Row]]:
    if options.encoding is not None and not known_encoding(options.encoding):
        raise Unreadable(f"There is no encoding {options.encoding}; common ones: utf-8, utf-16, cp1252, shift_jis.")
    encoding = options.encoding or detect_encoding(file)
    sample = _decoded(head, encoding)
    first, _, rest = sample.partition("\n")
    announced = delimited.announced_delimiter(first)
    if announced:
        sample = rest
    cut = len(head) >= SAMPLE
    delimiter = options.delimiter or announced or _likeliest(sample, cut)
    top = _top(sample, delimiter, cut)
    return Layout("csv", (), 0, encoding=encoding, delimiter=delimiter, announced=announced is not None), top


def _decoded(head: bytes, encoding: str) -> str:
    text = io.TextIOWrapper(io.BytesIO(head), encoding, errors="replace", newline="")
    return text.read()


def _top(sample: str, delimiter: str, cut: bool) -> list[Row]:
    rows = delimited.sample_rows(sample, delimiter, SAMPLE_ROWS)
    return rows[:-1] if (cut and len(rows) > 1) or len(rows) > SAMPLE_ROWS else rows


def _likeliest(sample: str, cut: bool) -> str:
    """The delimiter under which the heading names most columns that are known; then the one that gives the most even table."""
    tops = {delimiter: _top(sample, delimiter, cut) for delimiter in delimited.DELIMITERS}
    return max(tops, key=lambda delimiter: (heading.knows(tops[delimiter]), delimited.evenness(tops[delimiter])))
