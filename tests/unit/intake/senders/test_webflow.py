"""Webflow forms: version 2 and version 1, signed and, where the source says so, unsigned."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.shape import Ignored, Malformed, SentLead
from services.intake.domain.senders.webflow import SENDER
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

DATA = {"First Name": "Ada", "Email": "ada@example.com", "Phone Number": 12025550101, "Fax": ""}
V2: dict[str, Any] = {
    "triggerType": "form_submission",
    "payload": {
        "name": "Contact Us",
        "siteId": "65427cf400e02b306eaa049c",
        "data": DATA,
        "schema": [{"fieldName": "First Name", "fieldType": "FormTextInput"}],
        "submittedAt": "2026-11-22T09:00:00.000Z",
        "id": "65a5d3c8f7e2b40012345678",
        "formId": "65429eadebe8a9f3a30f62d0",
    },
}
V1 = {
    "name": "Contact Us",
    "site": "65427cf400e02b306eaa049c",
    "data": DATA,
    "d": "2026-11-22T09:00:00.000Z",
    "_id": "65a5d3c8f7e2b40012345678",
}


def one(body: Any) -> SentLead:
    [lead] = notices(SENDER, body)
    assert isinstance(lead, SentLead)
    return lead


def test_a_signed_delivery_is_accepted_and_an_unsigned_one_only_where_the_source_says_so() -> None:
    body = json.dumps(V2).encode()
    stamp = str(STAMP * 1000)
    headers = {"x-webflow-timestamp": stamp, "x-webflow-signature": hex_of(stamp.encode() + b":" + body, SECRET)}
    SENDER.verify(delivery(body, headers), connection())
    SENDER.verify(delivery(body), connection(accept_unsigned=True))
    assert refused(SENDER, delivery(body)) == 401
    assert refused(SENDER, delivery(body + b" ", headers), accept_unsigned=True) == 403


@pytest.mark.parametrize("body", [V2, V1])
def test_both_versions_are_the_same_lead(body: dict[str, Any]) -> None:
    lead = one(body)
    assert lead.external_id == "65a5d3c8f7e2b40012345678"
    assert lead.submitted_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert {key: lead.answers[key] for key in lead.answers if key != "webflow"} == {
        "First Name": "Ada",
        "Email": "ada@example.com",
        "Phone Number": 12025550101,
    }
    assert lead.answers["webflow"]["form"] == "Contact Us"
    assert lead.answers["webflow"]["site_id"] == "65427cf400e02b306eaa049c"


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, one(V2)) == {
        "first_name": "Ada",
        "email": "ada@example.com",
        "phone": "12025550101",
        "form_id": "65429eadebe8a9f3a30f62d0",
    }


def test_another_trigger_is_ignored() -> None:
    [notice] = notices(SENDER, {"triggerType": "site_publish", "payload": {"site": "x"}})
    assert isinstance(notice, Ignored)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"triggerType":"form_submission","payload":{"data":[]}}'])
def test_what_holds_no_answers_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


@given(any_json("payload", "data", "id", "_id", "name", "submittedAt", "triggerType", "schema"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {"payload": {"data": body, "id": body, "name": body, "submittedAt": body, "pageUrl": body}})
    survives(SENDER, {"data": {"a": body}, "_id": body, "d": body})


def test_the_captures_are_read() -> None:
    for _, body in samples("webflow"):
        lead = one(body)
        assert lead.answers["First Name"]
        assert lead.answers["Phone Number"] == 15550000000
        assert lead.external_id == "65a5d3c8f7e2b40012345678"
