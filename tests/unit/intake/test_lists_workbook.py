"""Workbooks as lists: what their cells say, and hostile ones, which are refused before they do harm."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import datetime, timedelta

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.lists import Options, Unreadable, inspect_list, read_rows, refuse_strangers, workbook
from services.intake.domain.lists.cells import SHORTENED, mend
from tests.unit.intake.lists_read import SPACE, book, cells, drained, part_name, read, refusal, repacked, sheet_xml, with_texts

# -- Workbooks -----------------------------------------------------------------------------------------------------------------------

SCAN = (
    "Ada",
    "ada@example.com",
    12025550101,
    "02139",
    datetime.fromisoformat("2026-06-01 09:05"),
    datetime.fromisoformat("2026-06-02"),
    1.5,
    2.0,
    True,
    None,
    "=1+1",
)
HEAD = ("First Name", "Email", "Phone", "Zip", "Scanned At", "Day", "Score", "Visits", "Demo", "Empty", "Note")


def test_a_workbooks_values_become_what_a_person_would_write() -> None:
    layout, rows = read(book(HEAD, SCAN))
    assert (layout.kind, layout.sheet, layout.names) == ("xlsx", "Scans", HEAD)
    expected = ["Ada", "ada@example.com", "12025550101", "02139", "2026-06-01 09:05:00", "2026-06-02", "1.5", "2", "true"]
    assert rows[0].cells[:9] == expected
    assert (rows[0].n, rows[0].warnings) == (2, [])


def test_blank_rows_and_titles_keep_the_numbers_of_the_others() -> None:
    rows = read(book(("Spring Expo",), (), ("Name", "Email"), ("Ada", "ada@example.com"), (None, " "), ("Bo", "bo@example.org")))[
        1
    ]
    assert [(row.n, row.cells) for row in rows] == [(4, ["Ada", "ada@example.com"]), (6, ["Bo", "bo@example.org"])]


def test_a_formula_counts_as_what_it_last_gave() -> None:
    rows = '<row r="1"><c r="A1" t="str"><v>Email</v></c></row><row r="2"><c r="A2" t="str"><f>A9</f><v>ada@example.com</v></c></row>'
    content = repacked(book(("x",)), xl__worksheets__sheet1_xml=sheet_xml(rows))
    assert cells(content) == [["ada@example.com"]]


def test_numbers_that_lost_their_digits_and_days_without_a_calendar_are_texts() -> None:
    rows = [("Email", "lead id", "Day"), ("a@example.com", 7012345678901234567, 5)]
    content = book(*rows)
    sheet = openpyxl.load_workbook(io.BytesIO(content))
    sheet.worksheets[0]["C2"].number_format = "yyyy-mm-dd"
    sheet.worksheets[0]["C2"].value = 99_999_999
    file = io.BytesIO()
    sheet.save(file)
    [row] = cells(file.getvalue())
    assert row == ["a@example.com", "7.01234567890123E+18", "99999999"]
    assert mend(row[1])[1] == SHORTENED


def test_a_time_span_and_a_plain_time_are_texts() -> None:
    [row] = cells(book(("Email", "Span"), ("a@example.com", timedelta(hours=30))))
    assert row == ["a@example.com", "1 day, 6:00:00"]


def test_the_first_sheet_that_can_be_seen_is_read_or_the_one_that_is_named() -> None:
    sheets = {
        "Hidden": [("Email",), ("h@example.com",)],
        "One": [("Email",), ("1@example.com",)],
        "Two": [("Email",), ("2@example.com",)],
    }
    made = openpyxl.load_workbook(io.BytesIO(book(sheets=sheets)))
    made["Hidden"].sheet_state = "hidden"
    made.active = 1
    file = io.BytesIO()
    made.save(file)
    layout, rows = read(file.getvalue())
    assert (layout.sheet, layout.sheets, rows[0].cells) == ("One", ("Hidden", "One", "Two"), ["1@example.com"])
    assert cells(file.getvalue(), sheet="Two") == [["2@example.com"]]
    assert "One, Two" in str(refusal(file.getvalue(), sheet="Three"))


def test_texts_in_runs_are_whole_and_pronunciation_is_left_out() -> None:
    texts = "<si><t>Email</t></si><si><r><t>ada@</t></r><r><rPr/><t>example.com</t></r><rPh><t>X</t></rPh></si><si/>"
    rows = '<row><c t="s"><v>0</v></c></row><row><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>'
    assert cells(with_texts(texts, rows)) == [["ada@example.com"]]


# -- Hostile workbooks ---------------------------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


PARTS = ("xl__worksheets__sheet1_xml", "xl__sharedStrings_xml", "xl__workbook_xml", "xl__styles_xml", "[Content-Types]_xml")
ROWS = '<row><c t="s"><v>0</v></c></row><row><c t="s"><v>1</v></c></row>'
TEXTS = "<si><t>Email</t></si><si><t>ada@example.com</t></si>"


@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE])
@pytest.mark.parametrize("part", PARTS)
def test_no_entity_is_ever_expanded(part: str, doctype: str) -> None:
    content = with_texts(TEXTS, ROWS)
    assert cells(content) == [["ada@example.com"]]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        old = archive.read(part_name(part))
    declared, mark, rest = old.rpartition(b"?>")
    new = declared + mark + doctype.encode() + rest.replace(b"ada@example.com", b"&b;")
    assert "damaged" in str(refusal(repacked(content, **{part: new})))


def test_a_part_that_unpacks_beyond_measure_is_refused_before_it_is_read() -> None:
    content = repacked(book(("Email",), ("a@example.com",)), xl__worksheets__sheet1_xml=sheet_xml(" " * 30_000_000))
    tracemalloc.start()
    error = refusal(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpacks" in str(error)
    assert peak < 5_000_000


def test_limits_on_parts_texts_and_the_whole() -> None:
    content = book(("Email",), ("a@example.com",))
    many = repacked(content, **{f"xl__media__p{n}_bin": b"" for n in range(workbook.MAX_PARTS + 1)})
    assert "unpacks" in str(refusal(many))
    texts = b"".join(b"<si><t>%d</t></si>" % (n * 7919) for n in range(500_000))
    styles = repacked(content, xl__styles_xml=b"<styleSheet>" + texts + b"</styleSheet>")
    assert "unpacks" in str(refusal(styles)), "what is read whole has a limit of its own"


def test_a_part_that_nobody_reads_may_not_be_a_bomb_either() -> None:
    assert "unpacks" in str(refusal(repacked(book(("Email",), ("a@example.com",)), xl__media__image1_png=bytes(30_000_000))))


def test_texts_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_STRINGS", 100)
    assert "unpacks" in str(refusal(with_texts(TEXTS * 50, ROWS)))


def test_one_row_of_any_size_is_not_held_in_memory() -> None:
    row = "".join(f'<c r="A1"><v>{n}</v></c>' for n in range(1_000_000))
    content = repacked(book(("x",)), xl__worksheets__sheet1_xml=sheet_xml(f'<row r="1">{row}</row>'))
    assert "unpacks" in str(refusal(content))


def test_a_row_number_from_beyond_the_sheet_is_refused() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="999999999"><c r="A999999999"><v>1</v></c></row>'
    assert "rows" in str(refusal(repacked(book(("x",)), xl__worksheets__sheet1_xml=sheet_xml(rows))))


def test_a_cell_from_beyond_the_last_column_costs_nothing() -> None:
    rows = '<row r="1"><c r="A1" t="str"><v>Email</v></c><c r="XFD1"><v>1</v></c><c r="ZZZ1"><v>1</v></c></row>'
    rows += '<row r="2"><c><v>1</v></c></row>'
    layout, found = read(repacked(book(("x",)), xl__worksheets__sheet1_xml=sheet_xml(rows)))
    assert layout.names == ("Email",)
    assert found[0].cells == ["1"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"<html><table><tr><td>Email</td></tr></table></html>", "web page"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (bytes(range(256)) * 50, "neither text nor a workbook"),
    ],
)
def test_another_kind_of_file_is_named_for_what_it_is(content: bytes, says: str) -> None:
    error = refusal(content)
    assert says in str(error)
    assert error.status == 415


def packed(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(part_name(name), part)
    return file.getvalue()


def test_other_archives_are_named_for_what_they_are() -> None:
    ods = packed(mimetype=b"application/vnd.oasis.opendocument.spreadsheet", content_xml=b"<x/>")
    for content, says in ((ods, "ODS"), (packed(xl__workbook_bin=b""), "XLSB"), (packed(list_csv=b"a,b"), "not packed")):
        error = refusal(content)
        assert says in str(error)
        assert error.status == 415
    with pytest.raises(Unreadable, match="ODS"):
        refuse_strangers(ods)
    refuse_strangers(book(("Email",)))
    refuse_strangers(b"Name,Email\n")


# -- Whatever comes ------------------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_any_damage_to_a_workbook_is_survived(data: st.DataObject) -> None:
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    drained(bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, len(content) - 30]))]))


@settings(max_examples=60)
@given(
    st.text(alphabet="<>/rcvist =\"'AZ19&;x", max_size=120),
    st.sampled_from(["xl__worksheets__sheet1_xml", "xl__sharedStrings_xml", "xl__styles_xml"]),
)
def test_any_xml_in_a_workbook_is_survived(rows: str, part: str) -> None:
    xml = sheet_xml(rows) if "sheet1" in part else f'<sst xmlns="{SPACE}">{rows}</sst>'.encode()
    drained(repacked(SOUND, **{part: xml}))


SOUND = with_texts(TEXTS, ROWS)


def test_a_large_workbook_is_read_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_PIECE", 200_000)  # of one row, not of all
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet("Scans")
    sheet.append(["Name", "Email"])
    for n in range(8_000):
        sheet.append(["Ada", f"ada{n}@example.com"])
    file = io.BytesIO()
    made.save(file)
    layout, _ = inspect_list(file, Options())
    tracemalloc.start()
    count = sum(1 for _ in read_rows(file, layout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 8_000
    assert peak < 1_000_000
