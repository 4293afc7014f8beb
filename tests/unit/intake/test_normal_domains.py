"""Domains: the short way to their names says what email-validator says."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.domain.quality.domains import _plain_names, names_of, read_domain

labels = st.text("abzABZ019-\u212a\u00fc", min_size=0, max_size=5)


@given(st.lists(labels, min_size=1, max_size=4).map(".".join))
@example("example.com")
@example("EXAMPLE.Co.Uk")
@example("a--b.com")
@example("xn--mller-kva.example")
@example("a" * 63 + ".com")
@example("a" * 64 + ".com")
@example("a." + "b" * 63)
@example("a." + "b" * 64)
@example(".".join(["a" * 62] * 3) + "." + "b" * 61)
@example(".".join(["a" * 62] * 3) + "." + "b" * 62)
@example(".".join(["a" * 62] * 3) + "." + "b" * 63)
@example("ada.1")
@example("ada.b1")
@example("ada.1b")
@example("example.local")
@example("sub.example.arpa")
@example("example.test")
@example("localhost")
@example("-a.com")
@example("a-.com")
@example("a..com")
@example("a.com\n")
def test_the_short_way_names_a_domain_as_the_library_does(text: str) -> None:
    short = _plain_names(text)
    assert short is None or short == names_of(text)


@pytest.mark.parametrize("text", ["example.com", "Mail.Example.co.uk", "a-b.example", "x1.example.org"])
def test_plain_domains_take_the_short_way(text: str) -> None:
    assert _plain_names(text) == (text.lower(), text.lower())


@pytest.mark.parametrize("text", ["example.local", "sub.example.invalid", "a..com", "example.c0m1", "com"])
def test_what_is_no_domain_is_none(text: str) -> None:
    assert read_domain(text) is None
