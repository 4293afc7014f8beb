"""Every sender that does not sign, under bodies that nobody would send in good faith."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.senders import (
    adf,
    generic,
    gravity_forms,
    html_form,
    inbound_email,
    realtor,
    unbounce,
    zillow,
    zoopla,
)
from services.intake.domain.senders.shape import Connection, Malformed, Notice, Sender, SentLead
from tests.unit.intake.senders.posted import BOUNDED, FORM, JSON, LARGEST, cpu_seconds, multipart, normal, post, unknown_targets
from tests.unit.intake.senders.signed import any_json

SENDERS: dict[str, Sender] = {
    sender.kind: sender
    for sender in (
        adf.SENDER,
        generic.SENDER,
        gravity_forms.SENDER,
        html_form.SENDER,
        inbound_email.SENDER,
        realtor.SENDER,
        unbounce.SENDER,
        zillow.PREMIER_AGENT,
        zillow.RENTALS,
        zoopla.SENDER,
    )
}
every_sender = pytest.mark.parametrize("sender", list(SENDERS.values()), ids=list(SENDERS))
hostile = settings(derandomize=True, deadline=None, max_examples=40)

# The names that the parsers look for, so that fuzzing gets beyond their first look.
NAMES = [
    *("Lead", "lead_info", "lead_consumer_info", "lead_property_info", "lead_guid", "inquiry_guid", "test", "jornaya_tcpa_id"),
    *("ContactMessage", "ContactInfo", "PropertyInfo", "CommunicationGUID", "Type", "TopicArn", "Message", "SigningCertURL"),
    *("applicant", "appraisal", "contact", "message", "id", "form_id", "1.3", "2", "6.1", "6.2", "6.3", "status", "source_url"),
    *("data.json", "data", "page_url", "date_submitted", "time_submitted", "website", "_ts", "_redirect", "consent", "a__b", "a"),
    *("From", "Subject", "TextBody", "HtmlBody", "Headers", "Name", "Value", "Attachments", "Content", "email", "body-mime"),
]  # fmt: skip
KINDS = [
    *(JSON, FORM, "multipart/form-data; boundary=x", "multipart/form-data", "text/xml", "text/plain", "message/rfc822"),
    *("application/pdf", "", ";;;"),
]
FRAGMENTS = [
    *("<adf>", "</adf>", "<prospect>", "</prospect>", "<customer>", "<contact>", "<email>x", "<![CDATA[", "]]>"),
    *("<!DOCTYPE a", "&", "&#0;", "Name: ", "Email: g@example.com\n"),
    *("From: a@b.example\n", "Content-Type: multipart/mixed; boundary=x\n", "\n\n", "--x\r\n", "--x--"),
    *("Content-Disposition: form-data; name=a\r\n\r\n", "=?utf-8?q?=zz?=", "a=1&", "%ff", "%00", '{"a":', "["),
    *("\ud800", "\0", "é", "\U0001f600"),
]


def read(sender: Sender, body: bytes | str, kind: str, **given: Any) -> list[Notice]:
    """The notices, or none where the body is refused; any other error is the test's."""
    try:
        return sender.parse(post(body, kind), Connection((), given))
    except Malformed:
        return []


def usable(notices: list[Notice]) -> None:
    """What comes of a body can be stored, mapped and written down."""
    for notice in notices:
        if not isinstance(notice, SentLead):
            continue
        assert notice.external_id is None or (0 < len(notice.external_id) <= 500 and "\0" not in notice.external_id)
        assert notice.submitted_at is None or notice.submitted_at.tzinfo is not None
        assert all(isinstance(name, str) for name in notice.answers)
        json.dumps(notice.answers)


@every_sender
def test_what_a_sender_maps_to_is_a_normal_field(sender: Sender) -> None:
    assert unknown_targets(sender) == set()
    assert len({setting.name for setting in sender.settings}) == len(sender.settings)


@every_sender
@hostile
@given(any_json(*NAMES))
def test_any_json(sender: Sender, body: Any) -> None:
    text = json.dumps(body)
    for notice in (found := read(sender, text, JSON)):
        if isinstance(notice, SentLead):
            normal(sender, notice)
    usable(found)
    usable(read(sender, json.dumps({name: body for name in NAMES}), JSON))


@every_sender
@hostile
@given(st.dictionaries(st.sampled_from(NAMES), any_json(*NAMES).map(json.dumps) | st.text(max_size=30), max_size=6))
def test_any_form(sender: Sender, fields: dict[str, str]) -> None:
    usable(read(sender, urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}), FORM))
    parts = multipart(*((name, value.encode("utf-8", "surrogatepass"), None) for name, value in fields.items()))
    usable(read(sender, parts.body, parts.headers["content-type"]))


@every_sender
@hostile
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=25).map("".join), st.sampled_from(KINDS))
def test_any_text(sender: Sender, body: str, kind: str) -> None:
    usable(read(sender, body, kind))


@every_sender
@hostile
@given(st.binary(max_size=200), st.sampled_from(KINDS) | st.text(max_size=20))
def test_any_bytes(sender: Sender, body: bytes, kind: str) -> None:
    usable(read(sender, body, kind))


LARGE = {
    "many fields": (urlencode({f"field{n}": n for n in range(9000)}), FORM),
    "one field": ("email=" + "a" * (LARGEST - 6), FORM),
    "percents": ("a=" + "%ff" * 43_000, FORM),
    "ampersands": ("&" * LARGEST, FORM),
    "same name": ("a=1&" * 32_000, FORM),
    "parts": ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 2500 + "--x--", "multipart/form-data; boundary=x"),
    "line ends": ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + "\r\n-" * 43_000, "multipart/form-data; boundary=x"),
    "boundary": ("--x", "multipart/form-data; boundary=" + ";" * LARGEST),
    "deep": ("[" * LARGEST, JSON),
    "deep objects": ('{"a":' * 20_000, JSON),
    "keys": (json.dumps({f"a__{n}__b": n for n in range(7000)}), JSON),
    "long key": (json.dumps({"a__" * 30_000 + "b": 1}), JSON),
    "digits": ('{"a":' + "9" * 100_000 + "}", JSON),
    "fractions": ('{"a":0.' + "9" * 100_000 + "}", JSON),
    "an address": (json.dumps({"2": "a@" + "a." * 60_000, "email": "x" * 1000}), JSON),
    "a phone": (json.dumps({"2": "+" + "1" * 120_000}), JSON),
    "markup": (json.dumps({"applicant": {"message": "<a" * 60_000}}), JSON),
    "entities": (json.dumps({"applicant": {"message": "<p>" + "&#1" * 40_000}}), JSON),
    "links": (json.dumps({"message": "http://" * 18_000}), JSON),
    "brackets": (json.dumps({"1": "[" * LARGEST, "xJson": "[" * 60_000}), JSON),
    "elements": ("<a>" + "<b/>" * 32_000 + "</a>", "text/xml"),
    "attributes": ("<a " + " ".join(f"a{n}='1'" for n in range(12_000)) + "/>", "text/xml"),
}


@every_sender
@pytest.mark.parametrize("name", list(LARGE))
def test_the_largest_bodies_take_bounded_time(sender: Sender, name: str) -> None:
    body, kind = LARGE[name]
    assert cpu_seconds(sender, post(body[:LARGEST], kind)) < BOUNDED
