"""Workbooks (XLSX): limits first, then the rows of one sheet as text, in bounded memory.

openpyxl knows the format: its parts, its styles, what is a date. Its own way through sheets and texts is not taken, for it reads a row of
any size at once, keeps a little of every row for ever, and needs ten times as long. What is drawn here with the fast XML parser
may declare no document type, so that no entity is ever expanded; the small parts go through defusedxml.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, Any, BinaryIO
from xml.etree.ElementTree import Element, iterparse
from xml.parsers import expat

from openpyxl import DEFUSEDXML
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import from_excel
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from services.intake.domain.lists.shape import MAX_COLUMNS, MAX_ROWS, Row, Unreadable

MiB = 1024 * 1024
MAX_PARTS = 5000
MAX_UNPACKED = 2048 * MiB
MAX_RATIO = 250  # unpacked to packed, of a part worth the name
MAX_STRINGS = 64 * MiB  # of XML: the table of texts, which is held in memory
MAX_WHOLE = 8 * MiB  # a part that is read whole: the book itself, its styles
MAX_PIECE = 4 * MiB  # XML of one row, or of one text
MAX_PROLOG = 64 * 1024
EXACT = 10**15  # a spreadsheet's numbers have 15 digits
BLOCK = 64 * 1024

DAMAGED = "This workbook is damaged. Open it in a spreadsheet, save it as CSV (UTF-8), and send that."
TOO_LARGE = "This workbook unpacks to more than can be read here. Save it as CSV (UTF-8), and send that."

_DATA, _ROW, _CELL, _VALUE, _INLINE, _STRING, _PLAIN, _RUN = (
    f"{{{SHEET_MAIN_NS}}}{name}" for name in ("sheetData", "row", "c", "v", "is", "si", "t", "r")
)
_COLUMN = re.compile(r"[A-Z]{1,3}", re.ASCII)


@dataclass(frozen=True)
class Sheet:
    """One sheet of an open workbook, and what its cells refer to."""

    title: str
    titles: tuple[str, ...]
    archive: zipfile.ZipFile
    path: str
    book: Any
    strings: list[str]


def open_sheet(file: BinaryIO, wanted: str | None) -> Sheet:
    """The first sheet that can be seen, or the one that is wanted. Raises Unreadable."""
    check_workbook(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that are not there, and other things that nobody asked for
            return _opened(file, wanted)
    except Unreadable:
        raise
    except Exception as error:  # a parser over bytes from anywhere raises whatever it likes
        raise Unreadable(DAMAGED) from error


def sheet_rows(sheet: Sheet) -> Iterator[Row]:
    """The rows that hold a cell, with their numbers. Raises Unreadable, also on the way."""
    try:
        yield from _drawn(sheet)
    except Unreadable:
        raise
    except Exception as error:  # as above
        raise Unreadable(DAMAGED) from error


# -- Limits ------------------------------------------------------------------------------------------------------------------------


def check_workbook(file: BinaryIO) -> None:
    """Holds what the archive says of itself against the limits; zipfile unpacks no more than that. Raises Unreadable."""
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except Exception as error:  # as above
        raise Unreadable(DAMAGED) from error
    _check_kind({part.filename.lower() for part in parts})
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise Unreadable(TOO_LARGE)
    for part in parts:
        if part.file_size > MAX_WHOLE and part.file_size > MAX_RATIO * max(part.compress_size, 1):
            raise Unreadable(TOO_LARGE)


def _check_kind(names: set[str]) -> None:
    if "xl/workbook.bin" in names:
        raise Unreadable("Binary workbooks (XLSB) are not read here. Save it as XLSX or CSV (UTF-8).", 415)
    if "content.xml" in names:
        raise Unreadable("OpenDocument spreadsheets (ODS) are not read here. Save it as XLSX or CSV (UTF-8).", 415)
    if "[content_types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise Unreadable("This archive holds no workbook. Send a CSV or XLSX file as it is, not packed.", 415)


class _Archive(zipfile.ZipFile):
    """An archive that reads no large part whole."""

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        if self.getinfo(name if isinstance(name, str) else name.filename).file_size > MAX_WHOLE:
            raise Unreadable(TOO_LARGE)
        return super().read(name, pwd)


class _Bounded:
    """A stream that gives so much, and no more until `left` is set again."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.left = MAX_PIECE

    def read(self, size: int = -1) -> bytes:
        if self.left <= 0:
            raise Unreadable(TOO_LARGE)
        block = self._stream.read(min(size, BLOCK) if size > 0 else BLOCK)
        self.left -= len(block)
        return block


def _refuse_entities(archive: zipfile.ZipFile, path: str) -> None:
    """A document type stands before the first element; without one there are no entities to expand."""
    begun: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda name, _: begun.append(name)
    with archive.open(path) as stream:
        for _ in range(0, MAX_PROLOG, 1024):
            parser.Parse(stream.read(1024))
            if begun:
                return
    raise Unreadable(DAMAGED)


def _refuse(*_: object) -> None:
    raise Unreadable(DAMAGED)


# -- Reading -----------------------------------------------------------------------------------------------------------------------


def _opened(file: BinaryIO, wanted: str | None) -> Sheet:
    if not DEFUSEDXML:
        raise RuntimeError("defusedxml is not installed")
    file.seek(0)
    reader: Any = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
    reader.archive = _Archive(file)
    reader.read_manifest()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    sheets = [(sheet, rel.target) for sheet, rel in reader.parser.find_sheets() if "chartsheet" not in rel.Type]
    titles = tuple(str(sheet.name) for sheet, _ in sheets)
    visible = [found for found in sheets if found[0].state == "visible"] or sheets
    chosen = [found for found in sheets if found[0].name == wanted] if wanted is not None else visible[:1]
    if not chosen:
        raise Unreadable(f"This workbook has no such sheet; it has: {', '.join(titles) or 'none'}.")
    strings = reader.package.find(SHARED_STRINGS)
    texts = _strings(reader.archive, strings.PartName[1:]) if strings else []
    return Sheet(str(chosen[0][0].name), titles, reader.archive, chosen[0][1], reader.wb, texts)


def _strings(archive: zipfile.ZipFile, path: str) -> list[str]:
    """The table of texts that cells refer to by number."""
    if archive.getinfo(path).file_size > MAX_STRINGS:
        raise Unreadable(TOO_LARGE)
    _refuse_entities(archive, path)
    texts: list[str] = []
    with archive.open(path) as stream:
        source = _Bounded(stream)
        root: Element | None = None
        for event, element in iterparse(source, events=("start", "end")):
            root = element if root is None else root
            if event == "end" and element.tag == _STRING:
                texts.append(_text(element))
                root.clear()
                source.left = MAX_PIECE
    return texts


def _text(element: Element) -> str:
    """A text, plain or in runs of different looks; how it is pronounced is left out."""
    parts = (part if part.tag == _PLAIN else part.find(_PLAIN) for part in element if part.tag in (_PLAIN, _RUN))
    return "".join(part.text or "" for part in parts if part is not None)


def _drawn(sheet: Sheet) -> Iterator[Row]:
    _refuse_entities(sheet.archive, sheet.path)
    with sheet.archive.open(sheet.path) as stream:
        source = _Bounded(stream)
        data: Any = None
        n = 0
        for event, element in iterparse(source, events=("start", "end")):
            if event == "start":
                data = element if element.tag == _DATA else data
            elif element.tag == _ROW:
                n = int(element.get("r") or n + 1)
                if not 1 <= n <= MAX_ROWS:
                    raise Unreadable(f"The list has more than {MAX_ROWS} rows. Send it in parts.")
                yield Row(n, _cells(element, sheet))
                data.clear()
                source.left = MAX_PIECE
            elif element.tag == _DATA:
                return


def _cells(row: Element, sheet: Sheet) -> list[str]:
    """The row's values as text, each in its column."""
    texts: list[str] = []
    column = 0
    for cell in row:
        if cell.tag != _CELL:
            continue
        place = _COLUMN.match(cell.get("r") or "")
        column = _column(place[0]) if place else column + 1
        if column <= MAX_COLUMNS:
            texts.extend([""] * (column - len(texts)))
            texts[column - 1] = _cell(cell, sheet)
    return texts


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _cell(cell: Element, sheet: Sheet) -> str:
    """A cell's value as a person would write it: whole numbers without `.0`, dates as ISO 8601. Of a formula, what it last gave."""
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find(_INLINE)
        return _text(inline) if inline is not None else ""
    value = cell.findtext(_VALUE)
    if not value:
        return ""
    if kind == "s":
        return sheet.strings[int(value)]
    if kind == "b":
        return "false" if value == "0" else "true"
    return value if kind != "n" else _number(value, int(cell.get("s") or 0), sheet.book)


def _number(value: str, style: int, book: Any) -> str:
    number = float(value)
    if style in book._date_formats:
        try:
            return _moment(from_excel(number, book.epoch, timedelta=style in book._timedelta_formats))
        except (ValueError, OverflowError):
            pass  # no calendar has this day
    if abs(number) >= EXACT:
        return f"{number:.14E}"  # as a spreadsheet writes what it has no digits for
    return str(int(number)) if number == int(number) else repr(number)


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.replace(microsecond=0).isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
