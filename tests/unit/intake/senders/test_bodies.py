"""Bodies: forms of both kinds, XML that is bounded, and text in whatever charset."""

from __future__ import annotations

import pytest

from services.intake.domain.senders.bodies import Form, read_answers, read_form, read_parts, read_xml
from services.intake.domain.senders.moments import read_moment, read_zone
from services.intake.domain.senders.plain_text import decode_text, html_to_text, looks_like_html
from services.intake.domain.senders.shape import Malformed
from tests.unit.intake.senders.posted import FORM, LARGEST, form, multipart, post

MULTIPART = "multipart/form-data; boundary=x"


def refused(body: bytes, kind: str) -> int:
    with pytest.raises(Malformed) as caught:
        read_form(body, kind)
    return caught.value.status


def test_a_name_that_comes_again_has_a_list_and_lines_end_with_lf() -> None:
    both = [form(a=["1", "2"], b="x\r\ny"), multipart(("a", "1", None), ("a", "2", None), ("b", "x\r\ny", None))]
    assert [read_answers(delivery) for delivery in both] == [{"a": ["1", "2"], "b": "x\ny"}] * 2


def test_files_are_noted_and_dropped() -> None:
    delivery = multipart(("name", "Ada", None), ("cv", b"\x00\xff", "cv.pdf"))
    assert read_form(delivery.body, delivery.headers["content-type"]) == Form({"name": "Ada"}, ("cv",))


@pytest.mark.parametrize("value", ["caf%C3%A9", "caf%E9", "café"])
def test_text_is_read_in_the_charset_that_it_is_in(value: str) -> None:
    assert read_form(b"drink=" + value.encode(), FORM).fields == {"drink": "café"}


def test_blank_fields_are_kept() -> None:
    assert read_form(b"a=&b", FORM).fields == {"a": "", "b": ""}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"&".join(b"a=1" for _ in range(1001)), FORM, 422),
        (b"x", "text/css", 415),
        (b"x", "", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", f"multipart/form-data; boundary={'b' * 300}", 400),
        (b"", MULTIPART, 400),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", MULTIPART, 400),
        (b"--x\r\n" + b"A: b\r\n" * 50 + b"\r\n1\r\n--x--", MULTIPART, 400),
        (b"--x\r\nA: " + b"b" * 5000 + b"\r\n\r\n1\r\n--x--", MULTIPART, 400),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 201 + b"--x--\r\n", MULTIPART, 422),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(body: bytes, kind: str, status: int) -> None:
    assert refused(body, kind) == status


def test_the_kind_is_guessed_where_the_sender_does_not_say() -> None:
    assert read_answers(post(' {"a": 1}', "text/plain;charset=UTF-8")) == {"a": 1}
    assert read_answers(post("a=1", "")) == {"a": "1"}
    [number] = read_answers(post('{"a": 9007199254740993}', "application/vnd.api+json")).values()
    assert str(number) == "9007199254740993"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b"[" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_answers(post(body))
    assert caught.value.status == 400


def test_parts_know_their_kind_and_their_names_are_text() -> None:
    body = b'--x\r\ncontent-disposition: form-data; name="\xc3\xa9"; filename="\xe9.txt"\r\nContent-Type: text/plain\r\n\r\n\r\n--x--'
    [part] = read_parts(body, MULTIPART)
    assert (part.name, part.filename, part.content_type, part.data) == ("é", "é.txt", "text/plain", b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a>",
        "<a>&undefined;</a>",
        "<a>\x00</a>",
        "\ud800",
        "<a><b></a></b>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;&b;&b;</l>',
        "<a>" * 33 + "</a>" * 33,
        "<a>" * 100_000,
        "<a>" + "<b/>" * 30_000 + "</a>",
        "<a " + " ".join(f'b{n}="1"' for n in range(41)) + "/>",
    ],
)
def test_xml_that_is_dangerous_or_none_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_xml(text)
    assert caught.value.status == 400


def test_xml_is_read() -> None:
    assert read_xml("<a><b c='1'>é</b></a>")[0].attrib == {"c": "1"}


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("é€".encode(), "iso-8859-1", "é€"),
        ("\ufeffé".encode(), None, "é"),
        ("é€".encode("cp1252"), None, "é€"),
        ("дом".encode("koi8-r"), "KOI8-R", "дом"),
        ("家".encode("iso-2022-jp"), "iso-2022-jp", "家"),
        ("é".encode("utf-16"), "utf-16", "é"),
        (b"a-b", "punycode", "a-b"),
        (b"\\x41", "unicode_escape", "\\x41"),
        (b"\xff\xff\xff", "utf-16", "ÿÿÿ"),
    ],
)
def test_charsets(raw: bytes, charset: str | None, text: str) -> None:
    assert decode_text(raw, charset) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Hello&nbsp;<b>Ada</b> &amp; co</p><p>Bye</p>", "Hello Ada & co\n\nBye"),
        ("<table><tr><td>Name</td><td>Ada</td></tr><tr><td>Phone<td>+1</tr></table>", "Name\tAda\n\nPhone\t+1"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("<style>p{}</style><script>if (a < b) alert('x')</script>seen", "seen"),
        ("<!-- not <b>this</b> --><!--[if mso]>nor this<![endif]-->seen", "seen"),
        ("2 < 3 and 4 > 3", "2 < 3 and 4 > 3"),
        (f"&#{'9' * 5000};&#x{'f' * 5000};&#0;", "\ufffd\ufffd\ufffd"),
        ("never <script> closed", "never"),
    ],
)
def test_html_is_read_as_a_person_would(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


def test_a_comparison_is_no_html() -> None:
    assert not looks_like_html("a < b > c <3")
    assert looks_like_html("say <br/>")


@pytest.mark.parametrize("seed", ["<", "<a", "<!--", "<script>", "&#1", "&amp", "<td>", " \t", "\r\n", "<a href='"])
def test_html_takes_time_in_proportion_to_its_length(seed: str) -> None:
    assert len(html_to_text(seed * (LARGEST // len(seed)))) <= LARGEST


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2000-03-30T15:30:20-08:0", "2000-03-30T23:30:20+00:00"),
        ("2008-06-25T8:47:50+02:00", "2008-06-25T06:47:50+00:00"),
        ("2025-09-22T18:07Z", "2025-09-22T18:07:00+00:00"),
        ("2026-06-01 09:00:00 UTC", "2026-06-01T09:00:00+00:00"),
        ("2026-06-01T09:00:00.1234567-0530", "2026-06-01T14:30:00.123456+00:00"),
        ("2026-06-01T09:00:00", None),
        ("2026-13-01T09:00:00Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("2026-06-01T09:00:00+99:00", None),
        ("2026-06-01", None),
        ("tomorrow", None),
        (17, None),
    ],
)
def test_times_as_they_are_written(text: object, moment: str | None) -> None:
    read = read_moment(text)
    assert (read and read.isoformat()) == moment


def test_a_time_without_an_offset_is_in_the_zone_that_is_given() -> None:
    read = read_moment("2026-06-01T09:00:00", read_zone("America/Chicago"))
    assert read is not None
    assert read.isoformat() == "2026-06-01T14:00:00+00:00"


@pytest.mark.parametrize("name", ["Nowhere/Land", "America", "../etc/passwd", "", None, 7, "a" * 500])
def test_a_zone_that_is_none(name: object) -> None:
    assert read_zone(name) is None
