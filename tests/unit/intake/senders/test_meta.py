"""Meta Lead Ads: the handshake, many leads in one delivery, and the Graph API's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.meta import SENDER, parse_lead
from services.intake.domain.senders.shape import Connection, Consent, Fetch, Forged, Ignored, Malformed, Reply
from tests.unit.intake.senders.signed import (
    SECRET,
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

HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": "our-token", "hub.challenge": "1158201444"}
LEAD: dict[str, Any] = {
    "id": "66861076766107789",
    "created_time": "2026-11-22T09:16:51+0000",
    "ad_id": "23849853425890183",
    "ad_name": "Autumn offer",
    "adset_id": "23849853425900183",
    "campaign_id": "23849853425910183",
    "campaign_name": "Autumn",
    "form_id": "447333180259108",
    "is_organic": False,
    "platform": "ig",
    "field_data": [
        {"name": "full_name", "values": ["Ada Example"]},
        {"name": "email", "values": ["ada@example.com"]},
        {"name": "phone_number", "values": ["+12025550101"]},
        {"name": "when_would_you_like_to_move?", "values": ["soon", "later"]},
    ],
}


def change(**value: Any) -> dict[str, Any]:
    return {"field": "leadgen", "value": {"leadgen_id": "1", **value}}


def shake(query: dict[str, str], **ours: Any) -> Reply | None:
    assert SENDER.handshake is not None
    return SENDER.handshake(delivery(method="GET", query=query), Connection((SECRET,), ours))


def test_the_handshake_gives_back_the_challenge_as_plain_text() -> None:
    reply = shake(HANDSHAKE, verify_token="our-token")
    assert reply is not None
    assert (reply.status, reply.body, reply.content_type) == (200, b"1158201444", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "query",
    [{**HANDSHAKE, "hub.verify_token": "another"}, {**HANDSHAKE, "hub.mode": "unsubscribe"}, {"hub.mode": "subscribe"}],
)
def test_a_handshake_with_another_token_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Forged) as caught:
        shake(query, verify_token="our-token")
    assert caught.value.status == 403


def test_without_a_token_of_ours_no_handshake_succeeds() -> None:
    for ours in ({}, {"verify_token": ""}, {"verify_token": None}):
        with pytest.raises(Forged):
            shake({**HANDSHAKE, "hub.verify_token": ""}, **ours)


def test_another_get_is_no_handshake() -> None:
    assert shake({}, verify_token="our-token") is None


def test_a_body_with_escapes_is_verified_as_it_came() -> None:
    body = rb'{"object":"page","entry":[{"id":"1","changes":[{"value":"caf\u00e9 \/ \u003Cb\u003E"}]}]}'
    SENDER.verify(delivery(body, {"x-hub-signature-256": "sha256=" + hex_of(body, SECRET)}), connection())
    unescaped = delivery('{"object":"page","entry":[{"id":"1","changes":[{"value":"café / <b>"}]}]}'.encode())
    assert refused(SENDER, delivery(unescaped.body, {"x-hub-signature-256": "sha256=" + hex_of(body, SECRET)})) == 403
    assert refused(SENDER, unescaped) == 401


def test_several_entries_and_changes_are_a_fetch_each_and_the_same_lead_is_one() -> None:
    body = {
        "object": "page",
        "entry": [
            {"id": "9", "changes": [change(leadgen_id="1"), change(leadgen_id=2, page_id=7), {"field": "feed", "value": {}}]},
            {"id": "9", "changes": [change(leadgen_id="1"), change(leadgen_id="3")]},
        ],
    }
    found = notices(SENDER, body)
    assert [notice.external_id for notice in found if isinstance(notice, Fetch)] == ["1", "2", "3"]
    assert [type(notice) for notice in found].count(Ignored) == 1
    assert found[1] == Fetch("2", "lead", {"page_id": "7"})


def test_ids_are_exact_text_and_what_is_nought_is_left_out() -> None:
    value = change(leadgen_id=9007199254740993, ad_id=0, adgroup_id="0", form_id=624049654589, created_time=1476740844)
    [fetch] = notices(SENDER, {"object": "page", "entry": [{"id": 561823650667842, "changes": [value]}]})
    hints = {"page_id": "561823650667842", "form_id": "624049654589", "created_time": "1476740844"}
    assert fetch == Fetch("9007199254740993", "lead", hints)


@pytest.mark.parametrize("lead", [None, 0, "", True, [], {}, "x" * 501])
def test_a_change_without_an_id_does_not_stop_the_others(lead: Any) -> None:
    found = notices(SENDER, {"entry": [{"changes": [change(leadgen_id=lead), change(leadgen_id="2")]}]})
    assert isinstance(found[0], Ignored)
    assert found[1] == Fetch("2", "lead", {})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe\x00", b"1", b'{"object":"page"}', b'{"entry":{}}', b"NaN"])
def test_what_is_no_delivery_of_metas_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


def test_a_lead_is_read_with_the_ad_that_brought_it() -> None:
    lead = parse_lead(LEAD)
    assert lead.external_id == "66861076766107789"
    assert lead.answers["full_name"] == "Ada Example"
    assert lead.answers["when_would_you_like_to_move?"] == ["soon", "later"]
    assert lead.answers["meta"]["campaign_name"] == "Autumn"
    assert lead.answers["meta"]["is_organic"] is False
    assert lead.submitted_at is not None
    assert lead.submitted_at.isoformat() == "2026-11-22T09:16:51+00:00"
    assert not lead.test


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, parse_lead(LEAD)) == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "phone": "+12025550101",
        "campaign": "Autumn",
        "campaign_id": "23849853425910183",
        "adset_id": "23849853425900183",
        "ad_id": "23849853425890183",
        "form_id": "447333180259108",
    }


def test_the_boxes_of_the_disclaimer_are_consents() -> None:
    boxes = [
        {"checkbox_key": "newsletter", "is_checked": "1"},
        {"checkbox_key": "calls", "is_checked": ""},
        {"checkbox_key": "sms", "is_checked": True},
        {"is_checked": "1"},
    ]
    lead = parse_lead({**LEAD, "custom_disclaimer_responses": boxes})
    at = lead.submitted_at
    assert lead.consents == (Consent("newsletter", True, at=at), Consent("calls", False, at=at), Consent("sms", True, at=at))


def test_a_lead_of_the_testing_tool_is_a_test() -> None:
    dummy = [{"name": "full_name", "values": ["<test lead: dummy data for full_name>"]}]
    assert parse_lead({**LEAD, "field_data": dummy}).test


def test_an_answer_without_an_id_is_no_lead() -> None:
    for answer in ({}, [], None, {"error": {"code": 190}}):
        with pytest.raises(Malformed):
            parse_lead(answer)


def test_what_is_acknowledged_has_no_body() -> None:
    assert SENDER.acknowledge is not None
    reply = SENDER.acknowledge([], delivery(), connection())
    assert (reply.status, reply.body) == (200, b"")


@given(any_json("entry", "changes", "field", "leadgen", "value", "leadgen_id", "page_id"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {"entry": [body, {"changes": [body, {"field": "leadgen", "value": body}]}]})


@given(any_json("id", "field_data", "name", "values", "created_time", "custom_disclaimer_responses"))
@settings(max_examples=60, deadline=None)
def test_any_answer_of_the_graph_api_is_a_lead_or_malformed(body: Any) -> None:
    for answer in (body, {"id": "1", "field_data": body, "created_time": body, "custom_disclaimer_responses": body}):
        try:
            parse_lead(answer)
        except Malformed:
            continue


def test_the_captures_are_read() -> None:
    for name, body in samples("meta"):
        if "graph" in name:
            lead = parse_lead(json.loads(body))
            assert lead.answers["email"]
            assert lead.external_id
        else:
            assert all(isinstance(notice, Fetch) for notice in notices(SENDER, body))
