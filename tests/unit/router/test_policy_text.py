"""A policy's text: YAML by the rules of 1.2, JSON, and nothing that could do harm."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Unreadable, read_json, read_yaml
from tests.unit.router.documents import WHOLE
from tests.unit.router.worlds import deterministic


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[NO, no, yes, on, off, y]", ["NO", "no", "yes", "on", "off", "y"]),
        ("[true, False, ~, null, '', \"\"]", [True, False, None, None, "", ""]),
        ("[1, -1, 0o17, 0x1F, 017, 1_000]", [1, -1, 15, 31, 17, "1_000"]),
        ("[1.5, .5, 1e3, -2.5E-1]", [1.5, 0.5, 1000.0, -0.25]),
        ("[2026-11-22, 09:30, 12:30:45]", ["2026-11-22", "09:30", "12:30:45"]),
        ("{no: 1, 1: 2, null: 3}", {"no": 1, "1": 2, "null": 3}),
        ("when: \"country in ['DE']\"", {"when": "country in ['DE']"}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ("<<: 1", {"<<": 1}),
        ("", None),
        ("# nothing\n", None),
    ],
)
def test_yaml_is_read_by_version_1_2(text: str, value: Any) -> None:
    assert read_yaml(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("a: &x [1]\nb: *x", "anchors", (1, 4)),
        ("b: *x", "anchors", (1, 4)),
        ("a: 1\na: 2", "'a' stands here twice", (2, 1)),
        ("? [a]\n: 1", "a key must be text", (1, 3)),
        ("a: !!python/object:os.system x", "tags", (1, 4)),
        ("a: !!binary aGk=", "tags", (1, 4)),
        ("a: 1\n---\nb: 2", "a second document", (2, 1)),
        ("a: [1", "expected", (2, 1)),
        ("[" * 30 + "]" * 30, "levels deep", (1, 25)),
        ("[" * 100_000, "levels deep", (1, 25)),
        ("{a: " * 30 + "}" * 30, "levels deep", (1, 97)),
    ],
)
def test_yaml_that_is_refused_says_where(text: str, said: str, place: tuple[int, int]) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        read_yaml(text.encode())
    if "expected" not in said:
        assert (refused.value.line, refused.value.column) == place


def test_too_many_values_are_refused_before_they_are_built() -> None:
    with pytest.raises(Unreadable, match="more than 200000 values"):
        read_yaml(b"[" + b"1," * 250_000 + b"1]")
    with pytest.raises(Unreadable, match="longer than"):
        read_yaml(b" " * 1024 * 1024 + b"a")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": [{"b": 1, "b": 2}]}', "'b' twice"),
        (b'{"a": ', "Expecting value"),
        (b'{"a": 1}}', "Extra data"),
        (b'"\xff"', "UTF-8 at byte 1"),
        (b"[" * 100_000, "levels deep"),
        (b"9" * 5_000, "too long"),
        (b"", "Expecting value"),
    ],
)
def test_json_that_is_refused_says_why(body: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_json(body)


def test_a_document_is_the_same_in_both() -> None:
    text = json.dumps(WHOLE).encode()
    assert read_json(text) == read_yaml(text) == WHOLE


@deterministic
@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!'\"|>#%,\n ?1.~", max_size=40).map(str.encode))
def test_any_text_is_read_or_refused(body: bytes) -> None:
    for read in (read_yaml, read_json):
        with contextlib.suppress(Unreadable):
            read(body)
