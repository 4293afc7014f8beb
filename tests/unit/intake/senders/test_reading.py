"""Reading JSON without trusting it: bounded depth, exact numbers, text that can be stored, and times that are times."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.senders.reading import as_flag, as_id, as_moment, as_text, once, put, read_json, read_object
from services.intake.domain.senders.shape import Erasure, Fetch, Ignored, Malformed, Notice
from tests.unit.intake.senders.posted import BOUNDED
from tests.unit.intake.senders.signed import any_json


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"\x80abc", b"NaN", b"[Infinity]", b"[1e999]", b"[" * 100_000, b'{"a":' * 33 + b"1" + b"}" * 33, b"{'a': 1}"],
)  # fmt: skip
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_json(body)
    assert caught.value.status == 400


def test_thirty_two_levels_are_read() -> None:
    assert read_json(b"[" * 32 + b"]" * 32)
    with pytest.raises(Malformed):
        read_json(b"[" * 33 + b"]" * 33)


def test_an_error_quotes_nothing_of_the_body() -> None:
    with pytest.raises(Malformed) as caught:
        read_json(b'{"email": "ada@example.com" "phone": 1}')
    assert "ada" not in str(caught.value)


def test_only_an_object_is_an_object() -> None:
    assert read_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    for body in (b"[]", b"null", b'"a"'):
        with pytest.raises(Malformed) as caught:
            read_object(body)
        assert caught.value.status == 422


def test_long_numbers_are_exact_as_text() -> None:
    digits = "9" * 5000
    assert read_json(f"[9007199254740993, 123456789012345, {digits}]") == ["9007199254740993", 123456789012345, digits]


@pytest.mark.parametrize(
    ("value", "text", "id"),
    [
        (" a ", "a", "a"),
        ("", None, None),
        ("  ", None, None),
        (0, "0", None),
        ("0", "0", None),
        (15, "15", "15"),
        (1.0, "1", "1"),
        (1.5, "1.5", "1.5"),
        (True, None, None),
        (None, None, None),
        ([1], None, None),
        ("a\0b\ud800", "a\ufffdb\ufffd", "a\ufffdb\ufffd"),
        ("x" * 501, "x" * 501, None),
    ],
)
def test_text_and_ids(value: Any, text: str | None, id: str | None) -> None:
    assert as_text(value) == text
    assert as_id(value) == id


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (1, True),
        ("1", True),
        (" Yes ", True),
        (False, False),
        ("", False),
        ("off", False),
        (2, None),
        ("x", None),
        ([], None),
    ],
)
def test_flags(value: Any, flag: bool | None) -> None:
    assert as_flag(value) is flag


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T09:30:00Z",
        "2026-11-22T10:30:00+0100",
        "2026-11-22 09:30:00",
        1795339800,
        "1795339800",
        1795339800000,
        1795339800.0,
    ],
)
def test_one_moment_in_many_spellings(value: Any) -> None:
    assert as_moment(value) == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [None, "", "soon", "9" * 400, -1.5, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59", True, [], {}]
)
def test_what_is_no_moment_is_none(value: Any) -> None:
    assert as_moment(value) is None


def test_an_answer_that_comes_again_makes_a_list() -> None:
    answers: dict[str, Any] = {}
    for value in ("a", None, "b", ["c", "d"]):
        put(answers, "q", value)
    assert answers == {"q": ["a", "b", "c", "d"]}


def test_many_answers_under_one_key_take_linear_time() -> None:
    answers: dict[str, Any] = {}
    started = time.perf_counter()
    for n in range(100_000):
        put(answers, "q", n)
    assert time.perf_counter() - started < BOUNDED
    assert len(answers["q"]) == 100_000


def test_the_same_fetch_is_kept_once_and_an_erasure_beside_it() -> None:
    said: list[Notice] = [Fetch("1", "lead"), Erasure("1"), Fetch("1", "lead"), Ignored("x"), Ignored("x")]
    assert once(said) == [Fetch("1", "lead"), Erasure("1"), Ignored("x"), Ignored("x")]


@given(any_json())
@settings(max_examples=60, deadline=None)
def test_json_survives_but_for_long_numbers(value: Any) -> None:
    assert json.dumps(read_json(json.dumps([value]))) is not None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.none())))
@settings(max_examples=200, deadline=None)
def test_no_value_crashes_a_reader(value: Any) -> None:
    for read in (as_text, as_id, as_flag, as_moment):
        read(value)
    assert (text := as_text(value)) is None or text.encode()
