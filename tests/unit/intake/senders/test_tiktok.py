"""TikTok Lead Generation: leads in full, JSON inside JSON, unsigned only where the source says so, and the answer of `lead/get`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.shape import Fetch, Ignored, Malformed, SentLead
from services.intake.domain.senders.tiktok import SENDER, parse_lead
from tests.unit.intake.senders.signed import (
    SECRET,
    STAMP,
    any_json,
    connection,
    delivery,
    hex_of,
    normal_fields,
    notices,
    refused,
    samples,
    survives,
)

ENTRY: dict[str, Any] = {
    "id": 7012345678901234567,
    "page_id": "1700000000000001",
    "create_time": 1780304400,
    "campaign_id": "1234",
    "ad_id": 0,
    "changes": [
        {"field": "name", "value": "Ada Example"},
        {"field": "email", "value": "ada@example.com"},
        {"field": "interests", "value": "roof"},
        {"field": "interests", "value": "walls"},
    ],
}
BODY: dict[str, Any] = {"object": 1, "time": 1780304400, "entry": [ENTRY]}


def one(body: Any) -> SentLead:
    [lead] = notices(SENDER, body)
    assert isinstance(lead, SentLead)
    return lead


def test_a_signed_delivery_is_accepted_and_an_unsigned_one_only_where_the_source_says_so() -> None:
    body = json.dumps(BODY).encode()
    signature = hex_of(f"{STAMP}.".encode() + body, SECRET)
    SENDER.verify(delivery(body, {"tiktok-signature": f"t={STAMP},s={signature}"}), connection())
    SENDER.verify(delivery(body), connection(accept_unsigned=True))
    assert refused(SENDER, delivery(body)) == 401
    assert refused(SENDER, delivery(body, {"tiktok-signature": f"t={STAMP},s={'0' * 64}"}), accept_unsigned=True) == 403


def test_an_entry_is_a_lead_with_exact_ids() -> None:
    lead = one(BODY)
    assert lead.external_id == "7012345678901234567"
    assert lead.submitted_at == datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
    assert lead.answers == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "interests": ["roof", "walls"],
        "tiktok": {"page_id": "1700000000000001", "campaign_id": "1234"},
    }


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, one(BODY)) == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "form_id": "1700000000000001",
        "campaign_id": "1234",
    }


def test_several_entries_are_several_leads() -> None:
    assert len(notices(SENDER, {"entry": [ENTRY, {**ENTRY, "id": "2"}, "odd"]})) == 2


def test_json_as_text_inside_the_json_is_read() -> None:
    wrapped = {"client_key": "k", "event": "lead", "create_time": 1780304400}
    assert one({**wrapped, "content": json.dumps(BODY)}).external_id == "7012345678901234567"
    bare = {key: value for key, value in ENTRY.items() if key != "create_time"}
    assert one({**wrapped, "content": json.dumps(bare)}) == one(BODY)
    assert notices(SENDER, {**wrapped, "content": '{"lead_id": 9007199254740993}'}) == [Fetch("9007199254740993", "lead", {})]
    [other] = notices(SENDER, {**wrapped, "event": "video.upload.failed", "content": '{"share_id":"1"}'})
    assert isinstance(other, Ignored)
    assert "video.upload.failed" in other.reason


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "[" * 50_000, '{"entry":' * 40 + "1" + "}" * 40])
def test_a_content_that_is_no_object_is_malformed_however_deep(content: str) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, {"content": content})


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"entry":{}}'])
def test_what_holds_no_lead_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


def test_the_answer_of_lead_get_is_the_same_lead() -> None:
    about = {
        "lead_id": 7012345678901234567,
        "page_id": "1700000000000001",
        "create_time": "2026-06-01 09:00:00",
        "campaign_id": "1234",
    }
    data = {"lead_data": {"name": "Ada Example", "email": "ada@example.com", "interests": ["roof", "walls"]}, "meta_data": about}
    assert parse_lead({"code": 0, "message": "OK", "data": data}) == one(BODY)
    assert parse_lead(data) == one(BODY)


@pytest.mark.parametrize(
    "answer", [None, {}, {"code": 40100, "data": {"lead_data": {"a": "b"}}}, {"code": 0, "data": {}}, {"code": 0}]
)
def test_an_error_of_lead_get_is_no_lead(answer: Any) -> None:
    with pytest.raises(Malformed):
        parse_lead(answer)


@given(any_json("entry", "changes", "field", "value", "content", "lead_data", "meta_data", "id", "create_time"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {"entry": [body]})
    survives(SENDER, {"content": json.dumps(body), "create_time": body, "event": body})
    for answer in (body, {"data": body}, {"meta_data": body, "lead_data": {"q": body}}):
        try:
            parse_lead(answer)
        except Malformed:
            continue


def test_the_captures_are_read() -> None:
    for _, body in samples("tiktok"):
        lead = one(body)
        assert lead.external_id == "7012345678901234567"
        assert lead.answers["email"] == "jane@example.com"
