"""Zapier and whatever posts what its author typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.intake.domain.senders.generic import SENDER
from services.intake.domain.senders.shape import SentLead
from tests.unit.intake.senders.posted import form, lead, multipart, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples


def sent(body: Any, **settings: Any) -> SentLead:
    return lead(SENDER, post(json.dumps(body)), **settings)


def test_nested_and_flat_names_mean_the_same() -> None:
    nested = sent({"person": {"email": "grace@example.com", "tags": ["a"]}, "utm_source": "x"})
    flat = sent({"person__email": "grace@example.com", "person__tags": ["a"], "utm_source": "x"})
    assert nested.answers == flat.answers
    assert normal(SENDER, flat) == {"email": "grace@example.com", "utm_source": "x", "tags": ["a"]}


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({"a__b": 1, "a": 2}, {"a": 2, "a__b": 1}),
        ({"a__b": 1, "a": {"b": 2}}, {"a": {"b": 2}, "a__b": 1}),
        ({"__proto__": 1, "b__": 2, "__c": 3}, {"__proto__": 1, "b__": 2, "__c": 3}),
        ({"a__b__c": 1, "a__b__d": 2}, {"a": {"b": {"c": 1, "d": 2}}}),
    ],
)
def test_no_answer_is_lost_where_names_meet(body: dict[str, Any], answers: dict[str, Any]) -> None:
    assert sent(body).answers == answers


def test_forms_and_xml_are_read_too() -> None:
    xml = '<?xml version="1.0" encoding="ISO-8859-1"?><lead id="7"><email>é@example.com</email><tag>a</tag><tag>b</tag></lead>'
    assert lead(SENDER, form(email="grace@example.com")).answers == {"email": "grace@example.com"}
    assert lead(SENDER, multipart(("email", "grace@example.com", None))).answers == {"email": "grace@example.com"}
    found = lead(SENDER, post(xml.encode("latin-1"), "application/xml"), id_field="id")
    assert found.answers == {"id": "7", "email": "é@example.com", "tag": ["a", "b"]}
    assert found.external_id == "7"


def test_an_array_is_several_leads() -> None:
    notices = read(SENDER, post(json.dumps([{"email": f"p{n}@example.com"} for n in range(100)])))
    assert len(notices) == 100


@pytest.mark.parametrize("body", [[], [1], [{}], {}, [[{"a": 1}]], [{"a": 1}] * 101, 7, "x", None])
def test_what_is_no_lead_is_refused(body: Any) -> None:
    assert refusal(SENDER, post(json.dumps(body))) == 422


@pytest.mark.parametrize(
    ("path", "external_id"),
    [
        ("entry.id", "9007199254740993"),
        ("entry__id", "9007199254740993"),
        ("a.b", "dotted"),
        ("nothing.here", None),
        (None, None),
        (7, None),
    ],
)
def test_the_id_is_where_the_source_says(path: Any, external_id: str | None) -> None:
    body = {"entry": {"id": 9007199254740993}, "a.b": "dotted", "email": "grace@example.com"}
    assert sent(body, id_field=path).external_id == external_id


@pytest.mark.parametrize(("value", "test"), [(True, True), ("yes", True), (1, True), ("false", False), ("", False), ([], False)])
def test_test_leads_are_marked_where_the_source_says(value: Any, test: bool) -> None:
    assert sent({"email": "x@example.com", "meta": {"test": value}}, test_field="meta.test").test is test
    assert sent({"email": "x@example.com", "test": True}).test is False


def test_with_a_secret_the_key_must_be_sent() -> None:
    deliveries = [post('{"a": 1}', **headers) for headers in ({"x_api_key": "k"}, {"x_api_key": "no"}, {})]
    assert [refusal(SENDER, one, "k") for one in deliveries] == [0, 403, 401]


def test_captures_are_read() -> None:
    for name, body in samples("zapier"):
        assert len(read(SENDER, post(body))) == 1, name
