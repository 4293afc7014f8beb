"""Typeform: each type of answer, joined to its question by id or ref, with hidden fields, score and variables beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.shape import Consent, Ignored, Malformed, SentLead
from services.intake.domain.senders.typeform import SENDER
from tests.unit.intake.senders.signed import (
    SECRET,
    any_json,
    base64_of,
    connection,
    delivery,
    normal_fields,
    notices,
    refused,
    samples,
    survives,
)

GENERATED = "2f0c2d4e-7a51-4a0e-9d0f-0a1b2c3d4e5f"


def form(*answers: dict[str, Any], fields: Any = (), **beside: Any) -> dict[str, Any]:
    response = {
        "form_id": "lT4Z3j",
        "token": "a3a12ec67a1365927098a606107fac15",
        "submitted_at": "2026-11-22T09:17:02Z",
        "definition": {"id": "lT4Z3j", "title": "A form", "fields": list(fields)},
        "answers": list(answers),
        **beside,
    }
    return {"event_id": "LtWXD3crgy", "event_type": "form_response", "form_response": response}


def one(body: Any) -> SentLead:
    [lead] = notices(SENDER, body)
    assert isinstance(lead, SentLead)
    return lead


def test_a_signed_delivery_is_accepted() -> None:
    sent = delivery(form())
    SENDER.verify(delivery(sent.body, {"typeform-signature": "sha256=" + base64_of(sent.body, SECRET)}), connection())
    assert refused(SENDER, sent) == 401
    assert refused(SENDER, delivery(sent.body, {"typeform-signature": "sha256=" + base64_of(sent.body, "another")})) == 403


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"type": "text", "text": "Laura"}, "Laura"),
        ({"type": "number", "number": 5}, 5),
        ({"type": "number", "number": 0}, 0),
        ({"type": "boolean", "boolean": False}, False),
        ({"type": "date", "date": "2005-10-15"}, "2005-10-15"),
        ({"type": "url", "url": "https://example.com"}, "https://example.com"),
        ({"type": "file_url", "file_url": "https://example.com/f"}, "https://example.com/f"),
        ({"type": "choice", "choice": {"label": "London"}}, "London"),
        ({"type": "choice", "choice": {"other": "Lima"}}, "Lima"),
        ({"type": "choices", "choices": {"labels": ["London", "Sydney"]}}, ["London", "Sydney"]),
        ({"type": "choices", "choices": {"labels": ["London"], "other": "Lima"}}, ["London", "Lima"]),
        ({"type": "payment", "payment": {"amount": "100", "last4": "1234", "name": None}}, {"amount": "100", "last4": "1234"}),
        ({"type": "signature", "signature": {"url": "https://example.com/s"}}, {"url": "https://example.com/s"}),
        ({"type": "multi_format", "multi_format": {"video_url": "https://example.com/v"}}, {"video_url": "https://example.com/v"}),
        ({"type": "a type of tomorrow", "a type of tomorrow": ["x"]}, ["x"]),
    ],
)  # fmt: skip
def test_every_type_of_answer_is_read(answer: dict[str, Any], value: Any) -> None:
    assert one(form({**answer, "field": {"id": "q", "ref": "my_question"}})).answers["my_question"] == value


def test_an_answer_is_under_the_ref_that_the_author_chose_else_under_the_wording() -> None:
    fields = [
        {"id": "a", "ref": "full_name", "title": "Your name", "type": "short_text"},
        {"id": "b", "ref": GENERATED, "title": "Your team", "type": "short_text"},
        {"id": "c", "ref": "01HZY3V8J5K6M7N8P9Q0R1S2T3", "title": "Your town", "type": "short_text"},
        {"id": "d", "ref": GENERATED, "type": "group", "properties": {"fields": [{"id": "e", "ref": "inner", "title": "Inner"}]}},
    ]
    answers = [{"type": "text", "text": field, "field": {"id": field}} for field in ("a", "b", "c", "e", "gone")]
    read = one(form(*answers, fields=fields)).answers
    assert {key: read[key] for key in read if key != "typeform"} == {
        "full_name": "a",
        "Your team": "b",
        "Your town": "c",
        "inner": "e",
        "gone": "gone",
    }


def test_an_answer_without_the_fields_id_is_joined_by_ref() -> None:
    fields = [{"id": "a", "ref": GENERATED, "title": "Your team"}]
    assert one(form({"type": "text", "text": "x", "field": {"ref": GENERATED}}, fields=fields)).answers["Your team"] == "x"


def test_an_address_and_a_number_are_found_whatever_their_question_is_called() -> None:
    email = {"type": "email", "email": "ada@example.com", "field": {"id": "q", "ref": "how_do_we_reach_you"}}
    phone = {"type": "phone_number", "phone_number": "+12025550101", "field": {"id": "p", "ref": "and_else"}}
    read = one(form(email, phone)).answers
    assert list(read)[:2] == ["how_do_we_reach_you", "and_else"]
    assert (read["email"], read["phone_number"]) == ("ada@example.com", "+12025550101")
    assert (SENDER.mapping["email"], SENDER.mapping["phone_number"]) == ("email", "phone")


def test_what_comes_beside_the_answers_is_kept() -> None:
    lead = one(
        form(
            hidden={"utm_source": "google", "gclid": "Cj0abc", "empty": ""},
            calculated={"score": 9},
            variables=[{"key": "score", "type": "number", "number": 4}, {"key": "winner", "type": "text", "text": "a"}],
            ending={"id": "x", "ref": "thanks"},
            landed_at="2026-11-22T09:07:02Z",
        )
    )
    assert lead.answers == {
        "hidden": {"utm_source": "google", "gclid": "Cj0abc"},
        "calculated": {"score": 9},
        "variables": {"score": 4, "winner": "a"},
        "typeform": {"form_id": "lT4Z3j", "form": "A form", "landed_at": "2026-11-22T09:07:02Z", "ending": "thanks"},
    }
    assert (SENDER.mapping["hidden.utm_campaign"], SENDER.mapping["hidden.gclid"]) == ("campaign", "gclid")
    assert lead.external_id == "a3a12ec67a1365927098a606107fac15"
    assert lead.submitted_at == datetime(2026, 11, 22, 9, 17, 2, tzinfo=UTC)


def test_the_answers_arrive_in_normal_fields() -> None:
    email = {"type": "email", "email": "ada@example.com", "field": {"id": "q", "ref": "how_do_we_reach_you"}}
    name = {"type": "text", "text": "Ada Example", "field": {"id": "n", "ref": "full_name"}}
    assert normal_fields(SENDER, one(form(email, name, hidden={"utm_source": "google", "gclid": "Cj0abc"}))) == {
        "email": "ada@example.com",
        "name": "Ada Example",
        "utm_source": "google",
        "gclid": "Cj0abc",
        "form_id": "lT4Z3j",
    }


def test_a_legal_question_is_a_consent_in_its_own_words() -> None:
    fields = [{"id": "l", "ref": "privacy", "title": "I agree to be called.", "type": "legal"}]
    yes = {"type": "boolean", "boolean": True, "field": {"id": "l", "type": "legal"}}
    lead = one(form(yes, {**yes, "boolean": False}, {**yes, "boolean": "odd"}, fields=fields))
    texts = [(consent.purpose, consent.granted, consent.text) for consent in lead.consents]
    assert texts == [("privacy", True, "I agree to be called."), ("privacy", False, "I agree to be called.")]
    assert isinstance(lead.consents[0], Consent)
    assert lead.consents[0].at == lead.submitted_at


def test_an_unfinished_response_is_ignored() -> None:
    [notice] = notices(SENDER, {**form(), "event_type": "form_response_partial"})
    assert isinstance(notice, Ignored)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"form_response":[]}'])
def test_what_holds_no_response_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


@given(any_json("id", "ref", "type", "title", "field", "fields", "properties", "choices", "labels", "text", "email", "key"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {"form_response": body})
    survives(
        SENDER,
        form(body if isinstance(body, dict) else {}, fields=[body], hidden=body, variables=[body], calculated=body, ending=body),
    )
    survives(
        SENDER, form({"type": "choices", "choices": body, "field": body}, {"type": body, "field": {"id": body, "ref": body}})
    )


def test_the_captures_are_read() -> None:
    for _, body in samples("typeform"):
        lead = one(body)
        assert lead.answers["email"] == lead.answers["readable_ref_email"] == "laura@example.com"
        assert lead.answers["readable_ref_picture_choice"] == ["London", "Sydney"]
        assert lead.answers["readable_ref_yes_no"] is False
        assert lead.answers["calculated"] == {"score": 9}
        assert len(lead.consents) == 1
