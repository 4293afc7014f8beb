"""Unbounce: answers as lists of JSON inside a form, no id, and always 200."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from services.intake.domain.senders.shape import Connection, Delivery, Result, Status
from services.intake.domain.senders.unbounce import SENDER
from tests.unit.intake.senders.posted import FORM, lead, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples

DATA: dict[str, Any] = {
    "first_name": ["Grace"],
    "email": ["grace@example.com"],
    "phone_number": ["+1 202 555 0143"],
    "interests": ["buying", "selling"],
    "company": [""],
    "ip_address": ["192.0.2.7"],
    "page_uuid": ["0f5b7d1e"],
    "time_submitted": ["02:05 PM UTC"],
    "date_submitted": ["2026-05-31"],
}
PAGE = "https://pages.example.com/spring/?utm_source=news&gclid=G-1"


def sent(**changes: Any) -> Delivery:
    fields = {
        "page_url": PAGE,
        "page_name": "Spring",
        "variant": "b",
        "data.xml": "<x/>",
        "data.json": json.dumps({**DATA, **changes}),
    }
    return post(urlencode(fields), FORM)


def test_the_answers_come_out_of_their_lists() -> None:
    found = lead(SENDER, sent())
    assert found.answers["interests"] == ["buying", "selling"]
    assert "company" not in found.answers
    assert "data.xml" not in found.answers
    assert found.submitted_at == datetime(2026, 5, 31, 14, 5, tzinfo=UTC)
    assert normal(SENDER, found) == {
        "first_name": "Grace",
        "email": "grace@example.com",
        "phone": "+1 202 555 0143",
        "landing_page": PAGE,
        "form_id": "0f5b7d1e",
        "utm_source": "news",
        "gclid": "G-1",
    }


def test_a_second_press_of_the_button_is_the_same_lead_and_another_person_is_not() -> None:
    first, again, other = (
        lead(SENDER, sent(**changes)) for changes in ({}, {"time_submitted": ["02:06 PM UTC"]}, {"email": ["ada@example.com"]})
    )
    assert first.external_id == again.external_id != other.external_id
    assert first.window == timedelta(minutes=10)


@pytest.mark.parametrize("time", ["12:12 AM UTC", "12:12 PM UTC", "12:12 PM EST", "noon", "25:00 PM UTC", ""])
def test_times_of_day(time: str) -> None:
    hours = {"12:12 AM UTC": 0, "12:12 PM UTC": 12}
    found = lead(SENDER, sent(time_submitted=[time])).submitted_at
    assert (found and found.hour) == hours.get(time)


def test_json_is_read_too() -> None:
    nested = post(json.dumps({"page_name": "Spring", "data.json": DATA}))
    flat = post(json.dumps({"page_name": "Spring", **DATA}))
    assert lead(SENDER, nested).answers == lead(SENDER, flat).answers


@pytest.mark.parametrize("data", ["[]", '"x"', "7", "{", "[" * 9999])
def test_data_that_is_no_object_is_refused(data: str) -> None:
    assert refusal(SENDER, post(urlencode({"data.json": data}), FORM)) in (400, 422)


def test_an_empty_form_is_refused() -> None:
    assert refusal(SENDER, post("", FORM)) == 422


def test_a_header_of_ones_own_proves_the_sender_where_a_secret_is_set() -> None:
    statuses = [
        refusal(SENDER, post(sent().body, FORM, **headers), "k1") for headers in ({"x_api_key": "k1"}, {"x_api_key": "k2"}, {})
    ]
    assert statuses == [0, 403, 401]


@pytest.mark.parametrize("status", list(Status))
def test_unbounce_is_answered_with_200_whatever_became_of_it(status: Status) -> None:
    assert SENDER.acknowledge is not None
    assert SENDER.acknowledge([Result(status)], sent(), Connection()).status == 200


def test_captures_are_read() -> None:
    for name, body in samples("unbounce", ".urlencoded"):
        assert len(read(SENDER, post(body, FORM))) == 1, name
