"""From what a source sends to the names of the normal form."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from services.intake.domain.fields import NORMAL_FIELDS
from services.intake.domain.mapping import MAX_ANSWERS, MAX_TEXT, Mapping, MappingError, flatten, map_payload, parse_mapping
from services.intake.domain.spellings import KNOWN, SPELLINGS, known_field

NOTHING = Mapping()


def test_every_spelling_is_of_a_normal_field_and_of_one_only() -> None:
    assert set(SPELLINGS) <= NORMAL_FIELDS
    assert sum(len(spellings.split()) for spellings in SPELLINGS.values()) == len(KNOWN)
    assert all(spelling.isalnum() and spelling == spelling.casefold() for spelling in KNOWN)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("email", "email"),
        ("E-Mail *", "email"),
        ("Your Name (required)", "name"),
        ("fields[email]", "email"),
        ("data[Lead][Phone]", "phone"),
        ("FIRST_NAME", "first_name"),
        ("Prénom", "first_name"),
        ("Apellidos", "last_name"),
        ("Teléfono", "phone"),
        ("numéro de téléphone", "phone"),
        ("Straße", "street"),
        ("contact.email", "email"),
        ("answers.0.email", "email"),
        ("company.name", "company"),
        ("utm_source", "utm_source"),
        ("utm_campaign", "campaign"),
        ("GCLID", "gclid"),
        ("product.name", "product"),
        ("form.id", "form_id"),
        ("campaign.name", "campaign"),
        ("host.email", None),
        ("form.name", None),
        ("agent.phone", None),
        ("event.title", None),
        ("status", None),
        ("", None),
        ("...", None),
        ("x" * 20_000, None),
    ],
)
def test_a_path_is_known_by_its_last_steps(path: str, field: str | None) -> None:
    assert known_field(path) == field


def test_what_is_mapped_comes_before_what_it_sounds_like() -> None:
    mapped = map_payload(
        {"mail": "desk@example.com", "data": {"reach": "ada@example.com"}}, parse_mapping({"fields": {"data.reach": "email"}})
    )
    assert mapped.fields == {"email": "ada@example.com"}
    assert mapped.custom == {"mail": "desk@example.com"}
    assert mapped.used == {"email": "data.reach"}
    assert mapped.unmapped == ["mail"]


def test_the_first_value_that_is_not_blank_wins() -> None:
    mapped = map_payload({"email": " ", "work_email": "ada@example.com", "mail": "second@example.com"}, NOTHING)
    assert mapped.fields == {"email": "ada@example.com"}
    assert mapped.custom == {"email": " ", "mail": "second@example.com"}


def test_a_senders_mapping_lies_under_the_sources_own() -> None:
    base = Mapping({"q1": "email", "q2": "name", "q3": "city"}, frozenset(["q4", "name"]))
    own = parse_mapping({"fields": {"q2": "company", "name": "name"}, "facts": ["q3"]})
    mapped = map_payload({"q1": "ada@example.com", "q2": "Example", "q3": "x", "q4": 1, "name": "Ada"}, own, base)
    assert mapped.fields == {"email": "ada@example.com", "company": "Example", "name": "Ada"}
    assert mapped.custom == {"q3": "x", "q4": 1}
    assert mapped.unmapped == []


def test_custom_keeps_an_answer_as_it_is_called() -> None:
    mapped = map_payload({"title": "Mrs", "email": "ada@example.com"}, parse_mapping({"fields": {"title": "custom"}}))
    assert mapped.fields == {"email": "ada@example.com"}
    assert mapped.custom == {"title": "Mrs"}
    assert mapped.unmapped == []


def test_a_star_stands_for_any_one_step() -> None:
    mapping = parse_mapping({"fields": {"people.*.mail": "email", "*.firm": "company"}})
    mapped = map_payload(
        {"people": [{"mail": ""}, {"mail": "b@example.com"}, {"mail": "c@example.com"}], "x": {"firm": "E", "y": {"firm": "F"}}},
        mapping,
    )
    assert mapped.fields == {"email": "b@example.com", "company": "E"}
    assert mapped.used["email"] == "people.1.mail"
    assert mapped.custom == {"people.0.mail": "", "people.2.mail": "c@example.com", "x.y.firm": "F"}


def test_an_exact_path_comes_before_a_pattern() -> None:
    mapped = map_payload({"a": {"b": "Ada"}}, Mapping({"*.b": "company", "a.b": "name"}))
    assert mapped.fields == {"name": "Ada"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(14155552671, "14155552671"), (14155552671.0, "14155552671"), (["a", "b"], "a, b"), (True, "true"), ("x", "x")],
)
def test_a_value_is_text_but_for_numbers(sent: Any, kept: str) -> None:
    assert map_payload({"phone": sent}, NOTHING).fields == {"phone": kept}
    assert map_payload({"budget": 20.5, "tags": "a, b"}, NOTHING).fields == {"budget": 20.5, "tags": ["a", "b"]}


def test_what_cannot_be_stored_is_replaced_and_marked() -> None:
    mapped = map_payload({"message": "a\0b", "odd\ud800": ["\0"], "long": "x" * (MAX_TEXT + 1)}, NOTHING)
    assert mapped.fields == {"message": "a\ufffdb"}
    assert mapped.custom == {"odd\ufffd": ["\ufffd"], "long": "x" * MAX_TEXT}
    assert mapped.warnings == [
        "message: characters that cannot be stored were replaced",
        "odd\ufffd: characters that cannot be stored were replaced",
        f"long: cut to {MAX_TEXT} characters",
    ]


def test_answers_with_long_names_that_begin_alike_are_all_kept() -> None:
    mapped = map_payload({"q" * 300 + str(n): n for n in range(3)}, NOTHING)
    assert sorted(mapped.custom.values()) == [0, 1, 2]


def test_only_so_many_answers_are_kept() -> None:
    mapped = map_payload({f"q{n}": n for n in range(MAX_ANSWERS + 1)}, NOTHING)
    assert len(mapped.custom) == MAX_ANSWERS
    assert mapped.warnings == [f"only the first {MAX_ANSWERS} answers are kept"]


def test_a_payload_of_many_answers_is_mapped_in_no_time() -> None:
    mapping = parse_mapping({"fields": {f"*.{n}.x": "email" for n in range(100)}})
    begun = process_time()
    map_payload({"q" * 300 + str(n): "a" * 200 for n in range(5_000)}, mapping)
    assert process_time() - begun < 3.0


def test_leaves_have_dotted_paths() -> None:
    assert list(flatten({"a": {"b": 1}, "c": ["x", "y"], "d": [{"e": 2}, 3]})) == [
        ("a.b", 1),
        ("c", ["x", "y"]),
        ("d.0.e", 2),
        ("d.1", 3),
    ]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"fields": {"a": "mail"}}, "/fields/a"),
        ({"fields": {"a": ""}}, "/fields/a"),
        ({"defaults": {"email": "x"}}, "/defaults/email"),
        ({"facts": ["email"]}, "/facts"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(document: dict[str, Any], pointer: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(document)
    assert caught.value.field == pointer
