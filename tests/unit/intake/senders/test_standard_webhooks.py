"""Standard Webhooks: the message's id is the lead's, under both families of header names, and `data` is what is mapped."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.shape import Ignored, Malformed, SentLead
from services.intake.domain.senders.standard_webhooks import SENDER
from tests.unit.intake.senders.signed import STAMP, any_json, base64_of, connection, delivery, notices, refused, survives

KEY = b"a key of thirty-two bytes, 32 of"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()
BODY = {
    "type": "lead.created",
    "timestamp": "2026-11-22T09:00:00Z",
    "data": {"email": "ada@example.com", "city": "", "nested": {"a": 1}},
}


def signed(body: bytes, family: str = "webhook", message: str = "msg_1") -> dict[str, str]:
    signature = base64_of(f"{message}.{STAMP}.".encode() + body, KEY)
    return {f"{family}-id": message, f"{family}-timestamp": str(STAMP), f"{family}-signature": f"v1,{signature}"}


def one(body: Any, headers: dict[str, str], **settings: Any) -> SentLead:
    [lead] = notices(SENDER, body, headers, **settings)
    assert isinstance(lead, SentLead)
    return lead


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_either_family_of_headers_is_verified_and_names_the_lead(family: str) -> None:
    raw = json.dumps(BODY).encode()
    headers = signed(raw, family)
    SENDER.verify(delivery(raw, headers), connection(WHSEC))
    assert refused(SENDER, delivery(raw + b" ", headers), WHSEC) == 403
    lead = one(raw, headers)
    assert lead.external_id == "msg_1"
    assert lead.answers == {"email": "ada@example.com", "nested": {"a": 1}, "event_type": "lead.created"}
    assert lead.submitted_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_an_unsigned_delivery_is_refused() -> None:
    assert refused(SENDER, delivery(BODY), WHSEC) == 401


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_an_id_that_is_added_to_a_signed_delivery_does_not_make_another_lead_of_it(family: str) -> None:
    raw = json.dumps(BODY).encode()
    other = {"webhook": "svix", "svix": "webhook"}[family]
    headers = {**signed(raw, family), f"{other}-id": "msg_2"}
    if family == "webhook":
        assert refused(SENDER, delivery(raw, headers), WHSEC) == 401
    else:
        SENDER.verify(delivery(raw, headers), connection(WHSEC))
        assert one(raw, headers).external_id == "msg_1"


def test_the_source_says_which_events_are_leads() -> None:
    raw = json.dumps(BODY).encode()
    for wanted in ([], ["lead.created"], ["lead.*"], ["x", "*"]):
        assert one(raw, signed(raw), event_types=wanted).external_id == "msg_1"
    for wanted in (["lead.deleted"], ["lead"], ["leads.*"]):
        [notice] = notices(SENDER, raw, signed(raw), event_types=wanted)
        assert isinstance(notice, Ignored)


def test_a_body_without_data_is_the_answers_itself() -> None:
    assert one({"email": "ada@example.com"}, {"webhook-id": "m"}).answers == {"email": "ada@example.com"}


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"data":[]}', b'{"data":"x"}'])
def test_what_holds_no_object_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


@given(any_json("type", "timestamp", "data"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body, {"webhook-id": "m"}, event_types=body)
    survives(SENDER, {"data": body, "type": body, "timestamp": body}, {"svix-id": "m" * 600})
