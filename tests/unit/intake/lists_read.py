"""Lists read from bytes, and workbooks made of parts, for the tests of lists."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl
import pytest

from services.intake.domain import Mapping as SourceMapping
from services.intake.domain import map_payload
from services.intake.domain.lists import (
    DateOrder,
    Dates,
    Layout,
    Options,
    Row,
    Unreadable,
    date_columns,
    disarm,
    inspect_list,
    mapping_of,
    propose_columns,
    read_answers,
    read_rows,
)


def read(content: bytes | str, **options: Any) -> tuple[Layout, list[Row]]:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    layout, _ = inspect_list(file, Options(**options))
    return layout, list(read_rows(file, layout))


def cells(content: bytes | str, **options: Any) -> list[list[str]]:
    return [row.cells for row in read(content, **options)[1]]


def refusal(content: bytes | str, **options: Any) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(content, **options)
    return caught.value


def book(*rows: Sequence[Any], sheets: Mapping[str, Sequence[Sequence[Any]]] | None = None) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for title, content in (sheets or {"Scans": rows}).items():
        sheet = made.create_sheet(title)
        for row in content:
            sheet.append(list(row))
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    """The workbook with some of its parts replaced; `__` in a name is a slash, `_` the dot."""
    replaced = {part_name(name): part for name, part in parts.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *replaced}:
            new.writestr(name, replaced[name] if name in replaced else old.read(name))
    return file.getvalue()


def part_name(name: str) -> str:
    """A part's name from a keyword's."""
    return name.replace("__", "/").replace("_", ".").replace("[Content-Types]", "[Content_Types]")


SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sheet_xml(rows: str) -> bytes:
    return f'<?xml version="1.0"?><worksheet xmlns="{SPACE}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def with_texts(texts: str, rows: str) -> bytes:
    """A workbook as Excel writes it: its texts in a table of their own."""
    content = book(("x",))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    part = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    types = types.replace("</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{part}"/></Types>')
    return repacked(
        content,
        **{"[Content-Types]_xml": types.encode()},
        xl__sharedStrings_xml=f'<?xml version="1.0"?><sst xmlns="{SPACE}">{texts}</sst>'.encode(),
        xl__worksheets__sheet1_xml=sheet_xml(rows),
    )


def drained(content: bytes, options: Options | None = None) -> int:
    """Reads whatever it is to its end; only Unreadable may come of it."""
    file = io.BytesIO(content)
    try:
        layout, data = inspect_list(file, options or Options())
        columns = propose_columns(
            layout.names, asked={}, source=SourceMapping(), sample=[row.cells for row in data], headed=layout.header > 0
        )
        dates = Dates(date_columns([row.cells for row in data], len(layout.names)))
        mapping, seen = mapping_of(columns, ()), DateOrder()
        count = 0
        for row in read_rows(file, layout):
            answers = read_answers(row.cells, columns, dates)
            map_payload(answers.answers, mapping)
            for cell in row.cells:
                seen.note(cell)
                disarm(cell)
            count += 1
    except Unreadable:
        return -1
    return count
