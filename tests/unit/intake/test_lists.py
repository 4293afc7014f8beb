"""Lists as they really come: any delimiter, any encoding, what spreadsheets do to them; and hostile ones, which never do harm."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain import Mapping as SourceMapping
from services.intake.domain import map_payload, parse_mapping
from services.intake.domain.lists import (
    Column,
    DateOrder,
    Dates,
    Options,
    delimited,
    disarm,
    inspect_list,
    mapping_of,
    propose_columns,
    reachable,
    read_answers,
    read_rows,
)
from services.intake.domain.lists.cells import SHORTENED, mend, read_date
from tests.unit.intake.lists_read import cells, drained, read, refusal

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
PLAIN = "Name,Email,Phone\nAda Example,ada@example.com,+1 202 555 0101\nBo Sample,bo@example.org,\n"


# -- Delimiters, quotation, ragged rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_found(delimiter: str, end: str) -> None:
    layout, rows = read(PLAIN.replace(",", delimiter).replace("\n", end))
    assert (layout.delimiter, layout.names, layout.header) == (delimiter, ("Name", "Email", "Phone"), 1)
    assert [row.cells for row in rows] == [
        ["Ada Example", "ada@example.com", "+1 202 555 0101"],
        ["Bo Sample", "bo@example.org", ""],
    ]
    assert [row.n for row in rows] == [2, 3]


def test_a_comma_within_the_cells_of_a_semicolon_list_does_not_mislead() -> None:
    text = "Vorname;E-Mail;Betrag;Anschrift\nAda;ada@example.com;1,50;Weg 1, 10115 Berlin\nBo;bo@example.org;2,75;Weg 2, 10115 Berlin\n"
    layout, rows = read(text)
    assert layout.delimiter == ";"
    assert rows[0].cells == ["Ada", "ada@example.com", "1,50", "Weg 1, 10115 Berlin"]


def test_an_announced_delimiter_is_honoured_and_its_line_is_no_row() -> None:
    layout, rows = read("sep=|\r\na|b,c\r\n1|2,2\r\n")
    assert (layout.delimiter, layout.announced, layout.names) == ("|", True, ("a", "b,c"))
    assert [(row.n, row.cells) for row in rows] == [(2, ["1", "2,2"])]


def test_what_a_person_says_of_the_delimiter_holds() -> None:
    assert read("Name;Email,City\nAda;ada@example.com,Rome\n", delimiter=",")[0].names == ("Name;Email", "City")


def test_quoted_cells_hold_delimiters_quotes_and_lines() -> None:
    text = 'Name,Email,Notes\n"Example, Ada",ada@example.com,"she said ""call""\nafter 3pm"\nBo,bo@example.org,\n'
    rows = read(text)[1]
    assert rows[0].cells == ["Example, Ada", "ada@example.com", 'she said "call"\nafter 3pm']
    assert [row.n for row in rows] == [2, 3], "numbered as a spreadsheet shows them, not by line"


def test_a_quotation_that_is_never_closed_costs_its_own_row_only() -> None:
    lines = ["Name,Email", 'Ada "the ace,ada@example.com', '"Bo,bo@example.org']
    lines += [f"Cy{n},cy{n}@example.net" for n in range(1000)]
    rows = read("\n".join(lines))[1]
    assert len(rows) == 1002
    assert rows[0].cells == ['Ada "the ace', "ada@example.com"]
    assert rows[1].cells == ['"Bo', "bo@example.org"]
    assert rows[1].warnings == [delimited.UNCLOSED]
    assert rows[-1].cells == ["Cy999", "cy999@example.net"]


def test_a_quotation_left_open_near_the_end_swallows_no_rows() -> None:
    rows = read('Name,Email\n"Ada,ada@example.com\nBo,bo@example.org\n')[1]
    assert [row.cells for row in rows] == [['"Ada', "ada@example.com"], ["Bo", "bo@example.org"]]


def test_ragged_rows_are_marked_and_nothing_of_them_is_lost() -> None:
    rows = read("Name,Email,City\nAda,ada@example.com\nBo,bo@example.org,Paris,extra,,\nCy,cy@example.net,Rome,,\n")[1]
    assert [row.warnings for row in rows] == [
        ["the row has only 2 of 3 cells"],
        ["the row has 4 cells, the list 3 columns"],
        [],
    ]
    assert rows[1].cells == ["Bo", "bo@example.org", "Paris", "extra"]
    assert rows[2].cells == ["Cy", "cy@example.net", "Rome"]


def test_a_line_without_end_is_refused() -> None:
    assert "longer than" in str(refusal("Name,Email\n" + "x" * 300_000))


def test_a_file_of_broken_quotations_is_given_up_in_bounded_time() -> None:
    assert "quotation" in str(refusal("Name,Email\n" + 'x","y\n' * 20_000))


# -- Encodings -----------------------------------------------------------------------------------------------------------------------

NAMES = {
    "western": ("José,jose@example.com,Café Löwe GmbH\nNuñez,nu@example.com,Größe Straße\n", "cp1252", "cp1252"),
    "polish": ("Łukasz,lu@example.com,Kraków Żółć\nŹródło,zr@example.com,Święty Gdańsk\n", "cp1250", "cp1250"),
    "russian": ("Иван,iv@example.com,Москва Компания\nПётр,pe@example.com,Петербург Пример\n", "cp1251", "cp1251"),
    "japanese": ("山田太郎,ya@example.com,東京都渋谷区\n佐藤花子,sa@example.com,株式会社サンプル\n", "shift_jis", "shift_jis"),
    "plain utf-8": ("José,jose@example.com,Łódź\n", "utf-8", "utf-8"),
    "utf-8 with a mark": ("José,jose@example.com,Łódź\n", "utf-8-sig", "utf-8-sig"),
    "utf-16": ("José,jose@example.com,Łódź\n", "utf-16", "utf-16"),
    "utf-16, big end first": ("José,jose@example.com,Łódź\n", "utf-16-be", "utf-16-be"),
    "utf-16 without a mark": ("José,jose@example.com,Łódź\n", "utf-16-le", "utf-16-le"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_encoding_is_found(name: str) -> None:
    body, encoding, expected = NAMES[name]
    text = "Name,Email,Company\n" + body
    layout, rows = read(text.encode(encoding))
    assert layout.encoding == expected
    assert layout.names == ("Name", "Email", "Company")
    assert [row.cells for row in rows] == [line.split(",") for line in body.splitlines()]


def test_excels_unicode_text_is_read() -> None:
    layout, rows = read(b"\xff\xfe" + PLAIN.replace(",", "\t").replace("\n", "\r\n").encode("utf-16-le"))
    assert (layout.delimiter, layout.encoding) == ("\t", "utf-16")
    assert rows[0].cells[1] == "ada@example.com"


def test_one_letter_at_the_end_of_a_large_file_decides_its_encoding() -> None:
    rows = b"Ada,ada@example.com\n" * 100_000
    layout, found = read(b"Name,Email\n" + rows + "Zoé,zoe@example.com\n".encode("cp1252"))
    assert layout.encoding == "cp1252"
    assert found[-1].cells == ["Zoé", "zoe@example.com"]


def test_one_foreign_line_does_not_spoil_a_utf8_list() -> None:
    lines = [f"Zoé{n},z{n}@example.com".encode() for n in range(50)] + ["Renée,r@example.com".encode("cp1252")]
    layout, rows = read(b"Name,Email\n" + b"\n".join(lines))
    assert layout.encoding == "utf-8"
    assert rows[0].cells[0] == "Zoé0"
    assert rows[-1].cells[0] == "Ren\ufffde"
    assert rows[-1].warnings == [delimited.NOT_TEXT]


def test_what_a_person_says_of_the_encoding_holds() -> None:
    assert cells("Name,Email\nŞükrü,s@example.com\n".encode("cp1254"), encoding="cp1254") == [["Şükrü", "s@example.com"]]
    assert "no encoding klingon" in str(refusal(PLAIN, encoding="klingon"))
    assert "no encoding base64" in str(refusal(PLAIN, encoding="base64"))


def test_what_cannot_be_stored_is_replaced() -> None:
    assert cells("Name,Email\nA\0da,ada@example.com\n")[0] == ["A\ufffdda", "ada@example.com"]


# -- The heading ---------------------------------------------------------------------------------------------------------------------


def test_titles_and_blank_lines_above_the_heading_are_passed_over() -> None:
    layout, rows = read(
        "Spring Expo 2026;;\nexported 2026-06-01;;\n;;\nVorname;Nachname;E-Mail\nAda;Example;ada@example.com\n\nBo;Sample;bo@example.org\n"
    )
    assert (layout.header, layout.names) == (4, ("Vorname", "Nachname", "E-Mail"))
    assert [row.n for row in rows] == [5, 7]


def test_a_heading_of_words_that_nobody_knows_is_still_one() -> None:
    layout, rows = read("Badge;Booth;Colour\n17;B2;red\n18;B2;blue\n")
    assert (layout.header, layout.names, len(rows)) == (1, ("Badge", "Booth", "Colour"), 2)


def test_a_list_without_a_heading_is_told_by_its_cells() -> None:
    layout, rows = read("Ada,ada@example.com,+1 202 555 0101\nBo,bo@example.org,+1 202 555 0102\n")
    assert (layout.header, layout.names, len(rows)) == (0, ("column 1", "column 2", "column 3"), 2)
    columns = propose_columns(layout.names, asked={}, source=SourceMapping(), sample=[row.cells for row in rows], headed=False)
    assert [(column.field, column.why) for column in columns] == [(None, ""), ("email", "content"), ("phone", "content")]


def test_what_a_person_says_of_the_heading_holds() -> None:
    text = "Name,Email\nVorname,E-Mail\nAda,ada@example.com\n"
    assert read(text, header=2)[0].names == ("Vorname", "E-Mail")
    assert len(read(text, header=0)[1]) == 3
    assert "Row 9" in str(refusal(text, header=9))


def test_columns_without_a_name_or_with_the_same_get_one_of_their_own() -> None:
    assert read("Email,,Email,email\na@example.com,x,b@example.com,c@example.com\n")[0].names == (
        *("Email", "column 2", "Email (2)", "email (3)"),
    )


def test_an_empty_file_says_so() -> None:
    for content in (b"", b"\n\n", b"\xef\xbb\xbf", b" , ,\n"):
        assert "empty" in str(refusal(content))


# -- Columns -------------------------------------------------------------------------------------------------------------------------


def fields(*names: str, asked: Mapping[str, str | None] | None = None, source: SourceMapping | None = None) -> list[str | None]:
    return [column.field for column in propose_columns(names, asked=asked or {}, source=source or SourceMapping())]


def test_columns_are_known_by_name_in_many_spellings() -> None:
    assert fields("First Name", "Nachname", "E-mail Address:", "Téléphone", "Zip Code", "lead id", "Scanned At", "Booth") == [
        *("first_name", "last_name", "email", "phone", "postcode", "external_id", "submitted_at", None),
    ]


def test_a_name_that_is_nearly_known_is_taken_once_and_never_over_a_known_one() -> None:
    columns = propose_columns(("Emial Address", "Phone Numbr"), asked={}, source=SourceMapping())
    assert [(column.field, column.why) for column in columns] == [("email", "similar"), ("phone", "similar")]
    assert fields("Email", "Emial Address") == ["email", None]
    assert fields("Estate", "Email") == [None, "email"], "estate is no state"


def test_what_is_said_comes_before_what_is_guessed() -> None:
    source = parse_mapping({"fields": {"Booth": "product", "Email": "custom"}, "facts": ["Company"]})
    assert fields("Booth", "Email", "Mail 2", "Company", source=source) == ["product", None, None, None]
    assert fields("Booth", "Email", asked={"Booth": "city", "Email": None}, source=source) == ["city", None]
    assert fields("Email", "Mail", asked={"Email": "custom"}) == [None, "email"]


def test_a_list_in_which_nobody_can_be_reached_is_known_for_it() -> None:
    assert reachable([Column("a", "email")])
    assert reachable([Column("a", "phone")])
    assert not reachable([Column("a", "name"), Column("b", None)])


# -- Cells ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ('="00123"', "00123"),
        ('="say ""hi"""', 'say "hi"'),
        ("4155552671.0", "4155552671"),
        ("5000,00", "5000"),
        ("1.4155552671E+10", "14155552671"),
        ("1,4155552671e10", "14155552671"),
        ("1.5E+0", "1.5"),
        ("\u00a0Ada\u00a0Example\u200b ", "Ada Example"),
        ("'+12025550101", "+12025550101"),
        ("'=1+1", "=1+1"),
        ("'tis", "'tis"),
        ("25.000", "25.000"),
        ("3.5", "3.5"),
        ("E10", "E10"),
        ("=1+1", "=1+1"),
        ("02139", "02139"),
    ],
)
def test_what_a_spreadsheet_did_to_a_cell_is_undone(cell: str, meant: str) -> None:
    assert mend(cell) == (meant, None)


@pytest.mark.parametrize("cell", ["1.41556E+10", "1,41556E+10", "7.01234567890123E+18"])
def test_digits_that_are_lost_are_marked(cell: str) -> None:
    assert mend(cell) == (cell, SHORTENED)


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#name?"])
def test_a_formula_that_failed_is_no_value(cell: str) -> None:
    text, fault = mend(cell)
    assert text == ""
    assert fault


@given(st.text(max_size=60))
def test_mending_twice_changes_nothing_more_of_ordinary_text(cell: str) -> None:
    once, fault = mend(cell)
    assert fault is None or cell
    assert once == once.strip()


@pytest.mark.parametrize("cell", ["=1+1", "+1 202", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_would_be_a_formula_is_disarmed_and_read_back_as_it_was(cell: str) -> None:
    assert disarm(cell) == f"'{cell}"
    assert mend(disarm(cell))[0] == cell.strip() or cell[0] in "\t\r"


def test_other_cells_go_out_as_they_are() -> None:
    assert [disarm(cell) for cell in ("Ada", "", "a=b", "'x")] == ["Ada", "", "a=b", "'x"]


# -- Dates ---------------------------------------------------------------------------------------------------------------------------


def order(*dates: str) -> DateOrder:
    found = DateOrder()
    for text in dates:
        found.note(text)
    return found


def test_one_date_can_settle_the_order_of_all() -> None:
    assert order("1/2/2026", "13/2/2026").day_first is True
    assert order("1/2/2026 9:05 AM", "2/13/2026").day_first is False
    assert order("01.02.2026").day_first is True


def test_dates_that_settle_nothing_or_contradict_each_other_leave_it_open() -> None:
    assert order("6/1/2026", "01/06/2026 10:15").undecided
    assert order("13/2/2026", "2/13/2026", "1/2/2026").undecided
    assert order("5/5/2026", "2026-06-01", "soon").undecided is False
    assert order("13/2/2026", "1/2/2026").undecided is False


@pytest.mark.parametrize(
    ("cell", "day_first", "moment"),
    [
        ("6/1/2026 9:05 AM", False, datetime(2026, 6, 1, 9, 5, tzinfo=UTC)),
        ("6/1/2026 12:05 am", False, datetime(2026, 6, 1, 0, 5, tzinfo=UTC)),
        ("6/1/2026, 4:40:07 p.m.", True, datetime(2026, 1, 6, 16, 40, 7, tzinfo=UTC)),
        ("01.06.26", None, datetime(2026, 6, 1, tzinfo=UTC)),
        ("31-12-2026 23:59", None, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)),
        ("12/31/2026", True, datetime(2026, 12, 31, tzinfo=UTC)),
        ("5/5/2026", None, datetime(2026, 5, 5, tzinfo=UTC)),
        ("2026-06-01", None, datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01T09:00:00+02:00", None, datetime(2026, 6, 1, 7, tzinfo=UTC)),
        ("6/1/2026", None, None),
        ("31/2/2026", None, None),
        ("6/1/2026 13:00 PM", False, None),
        ("6/1/2026 9:75", False, None),
        ("yesterday", True, None),
        ("", True, None),
    ],
)
def test_a_date_is_read_where_it_is_told_which_it_is(cell: str, day_first: bool | None, moment: datetime | None) -> None:
    assert read_date(cell, day_first=day_first, zone=UTC) == moment


def test_a_date_without_a_zone_is_on_the_lists_own_clock() -> None:
    assert read_date("2026-06-01 09:00", day_first=None, zone=ZoneInfo("America/Chicago")) == datetime(2026, 6, 1, 14, tzinfo=UTC)


# -- Answers -------------------------------------------------------------------------------------------------------------------------


def test_a_row_becomes_answers_its_own_id_and_its_time() -> None:
    columns = propose_columns(("lead id", "created time", "Email", "Rating"), asked={}, source=SourceMapping())
    row = ["7012345678901234567", "6/1/2026 9:05 AM", "ada@example.com", "", "loose"]
    found = read_answers(row, columns, Dates(frozenset({1}), day_first=False))
    assert found.external_id == "7012345678901234567"
    assert found.submitted_at == datetime(2026, 6, 1, 9, 5, tzinfo=UTC)
    assert found.answers == {
        "lead id": "7012345678901234567",
        "created time": "2026-06-01T09:05:00",
        "Email": "ada@example.com",
        "column 5": "loose",
    }
    assert found.warnings == []


def test_an_id_that_lost_its_digits_is_no_id_for_many_leads_have_it() -> None:
    found = read_answers(["7.01235E+18"], [Column("lead id", "external_id")], Dates())
    assert found.external_id is None
    assert found.warnings == [f"external_id: {SHORTENED}"]


def test_a_date_that_is_left_open_is_kept_and_marked() -> None:
    found = read_answers(["6/1/2026", "soon"], [Column("Scanned", "submitted_at"), Column("Due", None)], Dates(frozenset({0, 1})))
    assert found.submitted_at is None
    assert found.answers == {"Scanned": "6/1/2026", "Due": "soon"}
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("Scanned: could be day first")


def test_columns_as_a_mapping_leave_nothing_to_be_guessed() -> None:
    columns = [Column("Mobile", "phone"), Column("Phone", "phone"), Column("Email", None), Column("lead id", "external_id")]
    mapped = map_payload(
        {"Mobile": "+12025550101", "Phone": "+12025550102", "Email": "a@example.com", "lead id": "7", "column 5": "x"},
        mapping_of(columns, ()),
    )
    assert mapped.fields == {"phone": "+12025550101"}
    assert mapped.custom == {"Phone": "+12025550102", "Email": "a@example.com", "lead id": "7", "column 5": "x"}


# -- Whatever comes ------------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_list_or_refused(content: bytes) -> None:
    drained(content)


DIRT = st.text(alphabet=st.sampled_from(list("abé@,;\t|\"\n\r='+-.0123456789/ \0\ufeff\ud800#ES")), max_size=400)


@given(
    DIRT,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "shift_jis"]),
    st.sampled_from([None, *delimited.DELIMITERS]),
)
def test_any_text_in_any_encoding_is_a_list_or_refused(text: str, encoding: str, delimiter: str | None) -> None:
    content = text.encode(encoding, "replace")
    drained(content)
    drained(content, Options(delimiter=delimiter, encoding=encoding))


@given(st.lists(st.lists(st.text(alphabet="ab,;\"\n'é", min_size=1, max_size=8), min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_python_writes_is_read_back(rows: list[list[str]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["Name", "Email", "Phone"])
    writer.writerows(rows)
    expected = [row for row in rows if any(cell.strip() for cell in row)]
    assert cells(file.getvalue(), delimiter=",", encoding="utf-8", header=1) == expected


# -- Size ----------------------------------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """So many rows that are never all there at once."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._made: Iterator[bytes] = iter(())
        self._left = b""

    def seek(self, offset: int, whence: int = 0) -> int:
        head = b"Name;Email;Phone;Notes\r\n"
        self._made = iter([head, *()]) if not self._rows else self._rows_from(head)
        self._left = b""
        return 0

    def _rows_from(self, head: bytes) -> Iterator[bytes]:
        yield head
        for n in range(self._rows):
            yield b'Ada Example %d;ada%d@example.com;+1 202 555 0101;"wants a demo;\r\nsoon"\r\n' % (n, n)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._left) < len(buffer):
            if not (more := next(self._made, b"")):
                break
            self._left += more
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_a_large_list_is_read_in_little_memory() -> None:
    file = cast(BinaryIO, io.BufferedReader(Endless(20_000)))
    tracemalloc.start()
    layout, _ = inspect_list(file, Options())
    count = sum(1 for _ in read_rows(file, layout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 12_000_000, "a sample of the list, and a row"


# -- Captures ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples are not part of the project")
def test_the_captures_are_read_whole() -> None:
    for path, count, expected in (
        (
            "trade_show/badge_scans_utf8.csv",
            4,
            {"first_name", "last_name", "email", "phone", "postcode", "submitted_at", "message"},
        ),
        ("tiktok/lead_export.csv", 2, {"external_id", "submitted_at", "name", "phone", "email", "campaign"}),
    ):
        layout, rows = read((SAMPLES / path).read_bytes())
        found = {column.field for column in propose_columns(layout.names, asked={}, source=SourceMapping())}
        assert len(rows) == count
        assert expected <= found
        assert all(not row.warnings for row in rows)
