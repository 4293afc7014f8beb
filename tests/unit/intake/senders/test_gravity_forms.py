"""Gravity Forms: raw entries by field number, keys of the author's, and what is known by its look."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from services.intake.domain.senders.gravity_forms import SENDER
from services.intake.domain.senders.shape import Consent, Ignored
from tests.unit.intake.senders.posted import FORM, form, lead, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples

ENTRY: dict[str, Any] = {
    "id": "77",
    "form_id": "3",
    "date_created": "2026-05-31 22:15:00",
    "source_url": "https://shop.example.com/quote/?utm_campaign=spring",
    "status": "active",
    "is_read": None,
    "1.2": "",
    "1.3": "Grace",
    "1.6": "Hopper",
    "2": "grace@example.com",
    "3": "(202) 555-0143",
    "4": '["Roof","Solar"]',
    "5.1": "12 Main St",
    "5.3": "Springfield",
    "5.5": "62701",
    "5.6": "United States",
    "6.1": "1",
    "6.2": "I agree to be called.",
    "6.3": "4",
    "7": "2026-07-01",
}


def entry(**changes: Any) -> Any:
    return lead(SENDER, post(json.dumps({**ENTRY, **changes})))


def test_a_raw_entry_keeps_its_field_numbers_for_the_mapping() -> None:
    found = entry()
    assert found.answers["1.3"] == "Grace"
    assert found.answers["4"] == ["Roof", "Solar"]
    assert found.external_id == "3:77"
    assert found.window is None
    assert found.submitted_at == datetime(2026, 5, 31, 22, 15, tzinfo=UTC)


def test_until_the_form_is_mapped_what_looks_like_contact_data_is_taken_and_said_to_be_guessed() -> None:
    found = entry()
    fields = normal(SENDER, found)
    assert {name: fields[name] for name in ("first_name", "last_name", "email", "phone", "campaign", "form_id")} == {
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": "grace@example.com",
        "phone": "(202) 555-0143",
        "campaign": "spring",
        "form_id": "3",
    }
    assert len(found.warnings) == 4


@pytest.mark.parametrize("value", ["2026-07-01", "100000", "call me", "a@b", "x" * 400 + "@example.com"])
def test_what_only_resembles_contact_data_is_not_guessed(value: str) -> None:
    answers = lead(SENDER, post(json.dumps({"id": "1", "form_id": "2", "9": value}))).answers
    assert "guessed" not in answers


def test_an_address_is_not_taken_for_a_name() -> None:
    address = {name: value for name, value in ENTRY.items() if not name.startswith("1.")}
    assert "first_name" not in lead(SENDER, post(json.dumps(address))).answers["guessed"]


def test_a_ticked_consent_field_is_evidence_with_its_words() -> None:
    assert entry().consents == (Consent("contact", True, "I agree to be called."),)
    assert entry(**{"6.1": ""}).consents == ()


def test_json_and_form_say_the_same() -> None:
    flat = {name: value for name, value in ENTRY.items() if value}
    assert lead(SENDER, post(urlencode(flat), FORM)).answers == lead(SENDER, post(json.dumps(flat))).answers


def test_selected_fields_have_the_authors_keys() -> None:
    found = lead(SENDER, form(first_name="Grace", email="grace@example.com", gf_entry_id="9", gf_form_id="3"))
    assert found.external_id == "3:9"
    assert normal(SENDER, found)["email"] == "grace@example.com"


def test_without_an_entry_number_the_answers_are_the_id_for_ten_minutes() -> None:
    found, again = (lead(SENDER, form(email="grace@example.com")) for _ in range(2))
    assert found.external_id == again.external_id
    assert found.window is not None


def test_what_wordpress_holds_to_be_spam_is_spam() -> None:
    [notice] = read(SENDER, post(json.dumps({**ENTRY, "status": "spam"})))
    assert isinstance(notice, Ignored)
    assert notice.spam


@pytest.mark.parametrize(("body", "status"), [("{}", 422), ("[]", 422), ("{", 400), ('{"1": ""}', 422)])
def test_an_entry_that_says_nothing_is_refused(body: str, status: int) -> None:
    assert refusal(SENDER, post(body)) == status


def test_with_a_secret_the_header_must_hold_it() -> None:
    delivery = [post(json.dumps(ENTRY), **headers) for headers in ({"x_api_key": "k"}, {"x_api_key": "no"}, {})]
    assert [refusal(SENDER, one, "k") for one in delivery] == [0, 403, 401]


def test_captures_are_read() -> None:
    for name, body in samples("gravity_forms"):
        assert len(read(SENDER, post(body))) == 1, name
