"""Google Ads lead forms: the key inside the JSON, ids that are nought in a test, and answers that decide whether Google tries again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.google_ads import SENDER
from services.intake.domain.senders.shape import Connection, Forged, Malformed, Reply, Result, SentLead, Status
from tests.unit.intake.senders.signed import (
    SECRET,
    any_json,
    connection,
    delivery,
    normal_fields,
    notices,
    refused,
    samples,
    survives,
)

LEAD: dict[str, Any] = {
    "lead_id": "CiQADm3Zexample",
    "user_column_data": [
        {"column_name": "First Name", "string_value": "Ada", "column_id": "FIRST_NAME"},
        {"string_value": "ada@example.com", "column_id": "EMAIL"},
        {"column_name": "What is your budget?", "string_value": "10k-50k", "column_id": "budget_question"},
        {"column_name": "No id?", "string_value": "yes"},
    ],
    "api_version": "1.0",
    "form_id": 9007199254740993,
    "campaign_id": 543212345,
    "google_key": SECRET,
    "is_test": False,
    "gcl_id": "Cj0-example",
    "adgroup_id": 0,
    "creative_id": "0",
    "lead_submit_time": "2026-11-22T09:00:00Z",
}


def one(body: Any) -> SentLead:
    [lead] = notices(SENDER, body)
    assert isinstance(lead, SentLead)
    return lead


def answered(*results: Result) -> Reply:
    assert SENDER.acknowledge is not None
    return SENDER.acknowledge(results, delivery(), connection())


@pytest.mark.parametrize("name", ["google_key", "Google_key", "GOOGLE_KEY"])
def test_the_key_is_found_however_it_is_spelled(name: str) -> None:
    body = {key: value for key, value in LEAD.items() if key != "google_key"}
    SENDER.verify(delivery({**body, name: SECRET}), connection("the new one", SECRET))
    assert refused(SENDER, delivery({**body, name: SECRET + "x"})) == 403


def test_a_key_of_digits_may_come_as_a_number() -> None:
    SENDER.verify(delivery({"google_key": 12345}), connection("12345"))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"google_key":""}', b'{"google_key":null}', b'{"google_key":[]}', b"[" * 5000]
)
def test_a_delivery_without_a_key_is_refused(body: bytes) -> None:
    assert refused(SENDER, delivery(body)) == 401


def test_without_a_key_of_ours_nothing_is_accepted() -> None:
    with pytest.raises(Forged) as caught:
        SENDER.verify(delivery(LEAD), Connection())
    assert caught.value.status == 401
    assert refused(SENDER, delivery({"google_key": " "}), "") == 401


def test_answers_are_under_their_column_id_and_what_is_nought_is_left_out() -> None:
    lead = one(LEAD)
    assert lead.external_id == "CiQADm3Zexample"
    assert lead.answers == {
        "FIRST_NAME": "Ada",
        "EMAIL": "ada@example.com",
        "budget_question": "10k-50k",
        "No id?": "yes",
        "google": {"form_id": "9007199254740993", "campaign_id": "543212345", "gcl_id": "Cj0-example"},
    }
    assert lead.submitted_at is not None
    assert not lead.test


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, one(LEAD)) == {
        "first_name": "Ada",
        "email": "ada@example.com",
        "form_id": "9007199254740993",
        "campaign_id": "543212345",
        "gclid": "Cj0-example",
    }


@pytest.mark.parametrize(("flag", "test"), [(True, True), ("true", True), (False, False), (None, False), ("no", False)])
def test_a_test_is_a_test(flag: Any, test: bool) -> None:
    assert one({**LEAD, "is_test": flag}).test is test


def test_unknown_fields_are_ignored_and_a_column_that_comes_twice_keeps_both() -> None:
    columns = [{"column_id": "Q", "string_value": "a"}, {"column_id": "Q", "string_value": "b"}, "odd", {"column_id": None}]
    assert one({"user_column_data": columns, "new": {}}).answers == {"Q": ["a", "b"]}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"user_column_data":{}}'])
def test_what_is_no_lead_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.DUPLICATE, Status.TEST, Status.TOUCHED, Status.HELD])
def test_what_is_taken_is_answered_with_an_empty_object(status: Status) -> None:
    reply = answered(Result(status))
    assert (reply.status, reply.body, reply.content_type) == (200, b"{}", "application/json")


def test_a_rejection_is_a_4xx_after_which_google_does_not_try_again() -> None:
    reply = answered(Result(Status.REJECTED, detail="It has neither an e-mail address nor a phone number."))
    assert reply.status == 422
    assert json.loads(reply.body) == {"message": "It has neither an e-mail address nor a phone number."}


@pytest.mark.parametrize("http", [429, 503])
def test_what_is_to_be_sent_again_is_a_5xx_since_google_gives_up_after_any_4xx(http: int) -> None:
    assert answered(Result(Status.REJECTED, detail="later", http=http)).status == 503


@given(any_json("google_key", "user_column_data", "column_id", "string_value", "lead_id", "is_test", "form_id"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {"user_column_data": [body], "lead_id": body, "is_test": body, "form_id": body, "lead_submit_time": body})
    for sent in (body, {"google_key": body}):
        with pytest.raises(Forged):
            SENDER.verify(delivery(sent), connection("a secret that no generator finds"))


def test_the_captures_are_read() -> None:
    for name, body in samples("google_ads"):
        SENDER.verify(delivery(body), connection("xfdgdgsgfchgvhgfchg"))
        assert refused(SENDER, delivery(body)) == 403
        lead = one(body)
        assert lead.test is name.startswith("test")
        assert lead.answers["EMAIL"]
