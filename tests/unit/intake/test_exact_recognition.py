"""Exact recognition: one identifier in common, and what else must hold for it to be one person."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.recognition import Known, Newcomer, exact_match


def keys(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


def newcomer(name: str | None = None, *, email: str = "", phone: str = "", other: str = "", role: str = "") -> Newcomer:
    return Newcomer(None, None, name, keys(email), keys(phone), keys(other), role_keys=keys(role))


def known(id: int, name: str | None = None, *, email: str = "", phone: str = "", other: str = "") -> Known:
    return Known(UUID(int=id), None, None, name, keys(email), keys(phone), keys(other))


def matched(person: Newcomer, *candidates: Known) -> int | None:
    match, _ = exact_match(person, candidates)
    return match and match.contact_id.int


def test_nothing_in_common_is_nobody() -> None:
    assert exact_match(newcomer("Ada Example", email="a"), []) == (None, ())
    assert exact_match(newcomer("Ada Example", email="a"), [known(1, "Ada Example", email="b")]) == (None, ())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Ada Example", "Ada Example"),
        ("Ada Example", None),
        (None, None),
        ("Bob Stone", "Robert Stone"),
        ("Stone Robert", "Robert Stone"),
        ("Stone, Robert", "Dr. Robert Stone"),
        ("R. Stone", "Robert Stone"),
        ("ADA EXAMPLE", "ada example"),
        ("Jurgen Muller", "Jürgen Müller"),
        ("Juergen Mueller", "Jürgen Müller"),
        ("Олена Коваль", "Olena Koval"),
        ("Micheal Stone", "Michael Stone"),
        ("Mara Stone", "Maria Stone"),  # a slip that makes another name
        ("Anna Stone", "Anna Brook"),  # married since
        ("Bob Stone Jr", "Bob Stone"),  # left it out
    ],
)
def test_one_mailbox_is_one_person_however_the_name_is_written(ours: str | None, theirs: str | None) -> None:
    assert matched(newcomer(ours, email="a"), known(1, theirs, email="a")) == 1


@pytest.mark.parametrize(
    ("ours", "theirs"), [("Anna Stone", "Tom Stone"), ("Mario Stone", "Maria Stone"), ("Bob Stone Jr", "Bob Stone Sr")]
)
def test_a_mailbox_that_a_family_shares_is_not_one_person(ours: str, theirs: str) -> None:
    match, evidence = exact_match(newcomer(ours, email="a"), [known(1, theirs, email="a")])
    assert match is None
    assert min(one.weight for one in evidence) < 0


def test_in_a_shared_mailbox_each_finds_themselves() -> None:
    family = known(1, "Tom Stone", email="a"), known(2, "Anna Stone", email="a")
    assert matched(newcomer("Anna Stone", email="a"), *family) == 2
    assert matched(newcomer("Tom Stone", email="a"), *family) == 1


def test_a_roles_mailbox_needs_names_that_agree() -> None:
    assert matched(newcomer("Ada Example", email="info", role="info"), known(1, "Tom Stone", email="info")) is None
    assert matched(newcomer(None, email="info", role="info"), known(1, "Tom Stone", email="info")) is None
    assert matched(newcomer("Tom Stone", email="info", role="info"), known(1, "Tom Stone", email="info")) == 1
    assert matched(newcomer(None, email="info", role="info"), known(1, None, email="info")) == 1


def test_one_phone_and_no_word_against_it_is_one_person() -> None:
    assert matched(newcomer("Ada Example", email="a", phone="p"), known(1, "Ada Example", email="b", phone="p")) == 1
    assert matched(newcomer(None, phone="p"), known(1, "Ada Example", email="b", phone="p")) == 1
    assert matched(newcomer("Ada", phone="p"), known(1, "Ada Example", phone="p")) == 1


def test_a_shared_handset_is_two_people() -> None:
    assert matched(newcomer("Anna Stone", email="a", phone="p"), known(1, "Tom Stone", email="b", phone="p")) is None
    assert matched(newcomer("Anna Stone", phone="p"), known(1, "Tom Stone", phone="p")) is None
    assert matched(newcomer("Anna Brook", phone="p"), known(1, "Tom Stone", phone="p")) is None


def test_one_phone_with_two_addresses_needs_names_that_agree() -> None:
    match, evidence = exact_match(newcomer(None, email="a", phone="p"), [known(1, "Ada Example", email="b", phone="p")])
    assert match is None
    assert evidence[-1].field == "email"


def test_one_browser_is_one_person_unless_names_or_addresses_conflict() -> None:
    assert matched(newcomer(None, phone="p", other="v"), known(1, None, email="a", other="v")) == 1
    assert matched(newcomer("Ada Example", email="a", other="v"), known(1, "Ada Example", email="b", other="v")) == 1
    assert matched(newcomer("Anna Stone", other="v", phone="p"), known(1, "Tom Stone", other="v", phone="q")) is None
    assert matched(newcomer(None, email="a", other="v"), known(1, None, email="b", other="v")) is None


def test_the_best_evidence_wins_then_the_oldest_contact_whatever_the_order() -> None:
    person = newcomer("Ada Example", email="a", phone="p")
    candidates = known(1, "Ada Example", phone="p"), known(3, "Ada Example", email="a"), known(2, "Ada Example", email="a")
    assert {matched(person, *order) for order in permutations(candidates)} == {2}


def test_who_is_refused_never_stands_before_who_is_recognised() -> None:
    person = newcomer("Anna Stone", email="a", phone="p", other="v")
    assert matched(person, known(1, "Tom Stone", email="a", phone="p", other="v"), known(2, None, other="v", phone="p")) == 2


def test_evidence_never_holds_a_value() -> None:
    _, evidence = exact_match(newcomer("Ada Example", email="a@example.com"), [known(1, "Ada Example", email="a@example.com")])
    assert evidence
    assert not any("ada" in f"{one.field} {one.says}".lower() or "@" in one.says for one in evidence)


NAMES = st.one_of(
    st.none(), st.text(max_size=40), st.sampled_from(["Ada Example", "Bob Stone Jr", "van der Berg, Jan", ",", ". -"])
)
SOME = st.sampled_from(["", "a", "b", "a b"])


@settings(max_examples=150, deadline=None)
@given(NAMES, NAMES, SOME, SOME, SOME, SOME)
def test_any_text_gives_an_answer_and_the_sides_do_not_matter(
    a: str | None, b: str | None, e: str, f: str, p: str, q: str
) -> None:
    one, _ = exact_match(newcomer(a, email=e, phone=p), [known(1, b, email=f, phone=q)])
    other, _ = exact_match(newcomer(b, email=f, phone=q), [known(1, a, email=e, phone=p)])
    assert (one is None) == (other is None)
