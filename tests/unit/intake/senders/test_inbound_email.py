"""Inbound e-mail: each provider's post, ADF in it, and portals' notifications for people."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from services.intake.domain.senders.inbound_email import SENDER
from services.intake.domain.senders.mime import mailbox, read_message
from services.intake.domain.senders.portal_text import name_in_subject, read_portal_text
from services.intake.domain.senders.shape import Connection, Delivery, Ignored, Result, Status
from tests.unit.intake.senders.posted import AT, BOUNDED, LARGEST, cpu_seconds, form, lead, multipart, normal, post, read, refusal

NOW = int(AT.timestamp())
PORTAL = "Homes Portal <noreply@portal.example>"
TEXT = """Hello Example Realty,

You have a new enquiry.

First Name: Grace
Last Name: Hopper
Email: grace@example.com
Phone Number: (202) 555-0143
Property Address:
12 Main St
Springfield, IL 62701

MLS #: ML81
Timeframe: 0-3 months
Comments:
Is it still for sale?
One thing: we have a dog.

Agent Email: agent@dealer.example
---
This email was sent to sales@dealer.example. Unsubscribe: https://portal.example/u?x=1
"""
ADF = """<?xml version="1.0"?><adf><prospect><id source="P">9</id><customer><contact><name part="full">Ada</name>
<email>ada@example.com</email></contact></customer></prospect></adf>"""
EXPECTED = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.com",
    "phone": "(202) 555-0143",
    "product": "ML81",
    "timeframe": "0-3 months",
    "message": "Is it still for sale?\nOne thing: we have a dog.\n\nAgent Email: agent@dealer.example",
}


def mime(text: str = TEXT, kind: str = "text/plain; charset=utf-8", **headers: str) -> bytes:
    given = {
        "From": PORTAL,
        "Subject": "New lead",
        "Message-ID": "<m-1@portal.example>",
        "Date": "Sun, 31 May 2026 10:00:00 -0500",
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {**given, "Content-Type": kind}.items()]
    return "\r\n".join([*lines, "", text]).encode()


def raw(text: str = TEXT, kind: str = "text/plain; charset=utf-8", **headers: str) -> Delivery:
    return post(mime(text, kind, **headers), "message/rfc822")


def sent(subject: str = "New lead", **fields: Any) -> Delivery:
    """A mail as Postmark posts it."""
    body = {"From": PORTAL, "Subject": subject, "MessageID": "postmark-7", "TextBody": "", **fields}
    return post(json.dumps(body))


# -- Each provider says the same ---------------------------------------------------------------------------------------------------

HEADERS = "From: " + PORTAL + "\nSubject: New lead\nMessage-ID: <m-1@portal.example>\nDate: Sun, 31 May 2026 10:00:00 -0500\n"
POSTMARK = {
    "From": "noreply@portal.example",
    "Subject": "New lead",
    "MessageID": "postmark-7",
    "Date": "Sun, 31 May 2026 10:00:00 -0500",
    "TextBody": TEXT,
    "Headers": [{"Name": "Message-ID", "Value": "<m-1@portal.example>"}],
    "Attachments": [],
}
CLOUDMAILIN = {
    "headers": {
        "from": PORTAL,
        "subject": "New lead",
        "message_id": "<m-1@portal.example>",
        "date": "Sun, 31 May 2026 10:00:00 -0500",
    },
    "envelope": {"to": "x@y.example"},
    "plain": TEXT,
    "html": "",
}
MAILGUN = {
    "from": PORTAL,
    "sender": "bounce@portal.example",
    "subject": "New lead",
    "Message-Id": "<m-1@portal.example>",
    "Date": "Sun, 31 May 2026 10:00:00 -0500",
    "body-plain": TEXT.replace("\n", "\r\n"),
    "message-headers": json.dumps([["Message-Id", "<m-1@portal.example>"], ["Subject", "New lead"]]),
}
PROVIDERS = {
    "raw": raw(),
    "raw as text": post(mime(), "text/plain"),
    "postmark": post(json.dumps(POSTMARK)),
    "cloudmailin": post(json.dumps(CLOUDMAILIN)),
    "cloudmailin form": multipart(
        *((f"headers[{name}]", value, None) for name, value in CLOUDMAILIN["headers"].items()),  # type: ignore[attr-defined]
        ("plain", TEXT, None),
    ),
    "mailgun": form(**MAILGUN),  # type: ignore[arg-type]
    "mailgun with attachments": multipart(
        *((name, value, None) for name, value in MAILGUN.items()), ("attachment-1", b"\x89PNG", "a.png")
    ),
    "mailgun raw": form(**{"body-mime": mime().decode(), "recipient": "x"}),
    "sendgrid": multipart(
        ("headers", HEADERS, None), ("text", TEXT, None), ("subject", "New lead", None), ("from", PORTAL, None)
    ),
    "sendgrid raw": multipart(("email", mime(), None), ("to", "x@y.example", None)),
}


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_each_provider_says_the_same(provider: str) -> None:
    found = lead(SENDER, PROVIDERS[provider])
    assert normal(SENDER, found) == EXPECTED
    assert found.external_id == "m-1@portal.example"
    assert found.window is None
    assert found.submitted_at == datetime(2026, 5, 31, 15, 0, tzinfo=UTC)
    assert found.answers["portal"] == "portal.example"
    assert found.answers["property_address"] == "12 Main St\nSpringfield, IL 62701"


def test_sendgrid_says_in_which_charset_a_field_is() -> None:
    charsets = json.dumps({"text": "koi8-r", "subject": "UTF-8"})
    delivery = multipart(
        ("charsets", charsets, None), ("text", "Name: Иван Петров\nEmail: ivan@example.com".encode("koi8-r"), None)
    )
    assert lead(SENDER, delivery).answers["name"] == "Иван Петров"


def test_a_mail_without_an_id_is_known_by_what_it_says() -> None:
    found, again = (lead(SENDER, post(json.dumps({"text": TEXT}))) for _ in range(2))
    assert found.external_id == again.external_id
    assert found.window is not None


# -- ADF ---------------------------------------------------------------------------------------------------------------------------


def attached(name: str, content: bytes) -> list[dict[str, str]]:
    return [{"Name": name, "Content": base64.b64encode(content).decode(), "ContentType": "text/xml"}]


ADF_MAIL = f"--b\r\nContent-Type: text/plain\r\n\r\nSee below\r\n--b\r\nContent-Type: text/xml\r\n\r\n{ADF}\r\n--b--\r\n"


@pytest.mark.parametrize(
    "delivery",
    [
        raw(f"Dear dealer,\n{ADF}\nBye"),
        raw(ADF, "text/xml"),
        raw(ADF, "application/x-adf+xml; name=lead.adf", Content_Disposition="attachment"),
        raw(base64.b64encode(ADF.encode()).decode(), "text/plain", Content_Transfer_Encoding="base64"),
        raw(ADF.replace("=", "=3D"), "text/plain", Content_Transfer_Encoding="quoted-printable"),
        raw(ADF_MAIL, "multipart/mixed; boundary=b"),
        sent(HtmlBody=f"<pre>{ADF.replace('<', '&lt;').replace('>', '&gt;')}</pre>"),
        sent(TextBody="see attachment", Attachments=attached("lead.xml", ADF.encode())),
        sent(TextBody="see attachment", Attachments=attached("lead.adf", ADF.encode("utf-16"))),
        multipart(("text", "see attachment", None), ("attachment1", ADF, "lead.xml")),
    ],
)
def test_adf_is_found_in_the_text_the_html_and_what_is_attached(delivery: Delivery) -> None:
    found = lead(SENDER, delivery)
    assert found.external_id == "P:9"
    assert normal(SENDER, found)["email"] == "ada@example.com"


def test_broken_adf_is_refused() -> None:
    assert refusal(SENDER, raw("<adf><prospect></adf>")) == 400


# -- Who it is ---------------------------------------------------------------------------------------------------------------------


def test_html_is_read_where_the_plain_part_says_less() -> None:
    rows = "".join(
        f"<tr><td><b>{name}</b></td><td>{value}</td></tr>"
        for name, value in {"Name": "Grace Hopper", "E-mail": "<a href='mailto:g@example.com'>g@example.com</a>"}.items()
    )
    found = lead(SENDER, sent(TextBody="View this message in a browser.", HtmlBody=f"<style>x</style><table>{rows}</table>"))
    assert {name: found.answers[name] for name in ("name", "email")} == {"name": "Grace Hopper", "email": "g@example.com"}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("New realtor.com lead - Grace Hopper", "Grace Hopper"),
        ("New Lead from Grace Hopper", "Grace Hopper"),
        ("Enquiry from Grace O’Hopper-Smith about 12 Main St", "Grace O’Hopper-Smith"),
        ("Grace Hopper is interested in 12 Main St", "Grace Hopper"),
        ("Lead: Zoé de Hopper", None),
        ("Lead: Zoé Hopper", "Zoé Hopper"),
        ("New lead from Realtor.com for you", None),
        ("You have a new lead", None),
        ("Your listing has a new enquiry", None),
        ("", None),
        ("lead from " + "A b " * 200, None),
    ],
)
def test_the_name_in_the_subject(subject: str, name: str | None) -> None:
    assert name_in_subject(subject) == name


def test_the_subject_is_asked_only_where_the_text_names_nobody() -> None:
    named, unnamed = (sent("Lead - Grace Hopper", TextBody=f"{text}\nEmail: g@example.com") for text in ("Name: Ada", "Hello"))
    assert lead(SENDER, named).answers["name"] == "Ada"
    assert lead(SENDER, unnamed).answers["name"] == "Grace Hopper"


def test_whom_an_answer_goes_to_is_the_person_unless_it_is_the_portal() -> None:
    person, portal = (
        lead(SENDER, sent(TextBody="Somebody asks.", ReplyTo=address))
        for address in ("Grace <g@example.com>", "x@portal.example")
    )
    assert person.answers["email"] == "g@example.com"
    assert person.warnings
    assert "email" not in portal.answers


def test_the_only_strange_address_in_the_text_is_taken_and_of_several_none() -> None:
    text = "Grace (g@example.com) asks. Answer her, not help@portal.example"
    assert lead(SENDER, sent(TextBody=text)).answers["email"] == "g@example.com"
    assert "email" not in lead(SENDER, sent(TextBody=f"{text} or boss@dealer.example")).answers
    assert (
        "email" not in lead(SENDER, raw("Dear sales@dealer.example, somebody asks.", To="Sales <sales@dealer.example>")).answers
    )


def test_the_portal_is_never_the_person() -> None:
    answers = lead(SENDER, sent(TextBody="Somebody asks.")).answers
    assert "email" not in answers
    assert "name" not in answers
    assert answers["message"] == "Somebody asks."


def test_where_people_write_themselves_the_lead_is_who_wrote() -> None:
    delivery = sent(From='"Hopper, Grace" <g@example.com>', TextBody="Please call me.")
    answers = lead(SENDER, delivery, from_is_person=True).answers
    assert {name: answers[name] for name in ("name", "email", "message")} == {
        "name": "Hopper, Grace",
        "email": "g@example.com",
        "message": "Please call me.",
    }
    assert "portal" not in answers


def test_an_automatic_reply_is_no_lead() -> None:
    [notice] = read(SENDER, raw(Auto_Submitted="auto-replied (vacation)"))
    assert isinstance(notice, Ignored)


# -- Portals' text -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (
            "Lead Name: Grace\nBuyer's E-mail: g@example.com\nCustomer telephone: 1",
            {"name": "Grace", "email": "g@example.com", "phone": "1"},
        ),
        ("- Name: Grace\n* Phone : 1\n> Email: <g@example.com>", {"name": "Grace", "phone": "1", "email": "g@example.com"}),
        ("*Name:* Grace\n**Email**: [g@example.com](mailto:g@example.com)", {"name": "Grace", "email": "g@example.com"}),
        ("Name\tGrace\nRandom\tthing", {"name": "Grace"}),
        ("Name:\n\nGrace\n\nnot this", {"name": "Grace"}),
        ("Name:\nEmail: g@example.com", {"email": "g@example.com"}),
        ("Name: Grace\nName: Ada", {"name": "Grace"}),
        ("Message: one\ntwo\n\nthree: four\nPhone: 1", {"message": "one\ntwo\n\nthree: four", "phone": "1"}),
        ("Message: hi\n-----\nFooter: x", {"message": "hi", "footer": "x"}),
        (
            "Agent Name: X\nOffice phone: 2\nListing agent email: a@b.example",
            {"agent_name": "X", "office_phone": "2", "listing_agent_email": "a@b.example"},
        ),
        ("From: Portal <a@b.example>\nTo: us@x.example\nSubject: y", {}),
        ("See https://portal.example/lead?id=1\n10:30 is fine", {}),
        ("Email: unknown", {}),
        (
            "Surname: Hopper\nForename: Grace\nPostcode: SW1A 1AA",
            {"last_name": "Hopper", "first_name": "Grace", "postcode": "SW1A 1AA"},
        ),
        ("", {}),
    ],
)
def test_labels_as_portals_write_them(text: str, answers: dict[str, str]) -> None:
    assert read_portal_text(text) == answers


# -- Proof -------------------------------------------------------------------------------------------------------------------------


def mailgun(key: str, *, age: int = 0, **changes: str) -> Delivery:
    stamp = str(NOW - age)
    signature = hmac.new(key.encode(), f"{stamp}tok".encode(), sha256).hexdigest()
    return form(**{**MAILGUN, "timestamp": stamp, "token": "tok", "signature": signature, **changes})


@pytest.mark.parametrize(
    ("delivery", "status"),
    [
        (mailgun("key"), 0),
        (mailgun("old"), 0),
        (mailgun("key", age=8 * 3600), 0),
        (mailgun("key", age=10 * 3600), 401),
        (mailgun("key", age=-10 * 3600), 401),
        (mailgun("other"), 403),
        (mailgun("key", token="other"), 403),
        (mailgun("key", timestamp=str(NOW - 1)), 403),
        (mailgun("key", timestamp="x"), 401),
        (mailgun("key", timestamp="9" * 400), 401),
        (mailgun("key", signature=""), 401),
        (form(**MAILGUN), 401),  # type: ignore[arg-type]
        (post(json.dumps(POSTMARK)), 401),
        (post(json.dumps(POSTMARK), x_api_key="key"), 0),
        (post(json.dumps(POSTMARK), authorization="Basic " + base64.b64encode(b"hook:key").decode()), 0),
        (post(json.dumps(POSTMARK), x_api_key="no"), 403),
        (post(b"--", "multipart/form-data; boundary=x"), 401),
    ],
)
def test_mailguns_signature_or_a_key(delivery: Delivery, status: int) -> None:
    assert refusal(SENDER, delivery, "key", "old") == status


def test_a_mail_provider_is_answered_with_200_and_does_not_bounce_the_mail() -> None:
    assert SENDER.acknowledge is not None
    assert SENDER.acknowledge([Result(Status.REJECTED)], raw(), Connection()).status == 200


# -- Mail that is odd or hostile ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivery", "status"),
    [
        (post("{}"), 422),
        (post('{"From": "x", "Headers": 7, "Attachments": ["x", {"Content": "!"}, {"Content": 7}]}'), 422),
        (post("x=1", "application/x-www-form-urlencoded"), 422),
        (post("[]"), 422),
        (post("x", "image/png"), 415),
        (post(b"Content-Type: multipart/mixed\n\n" * 40, "message/rfc822"), 400),
        (post(b"a: b\n\n" + b"\n" * 120_000, "message/rfc822"), 400),
    ],
)
def test_what_is_no_mail_is_refused(delivery: Delivery, status: int) -> None:
    assert refusal(SENDER, delivery) == status


def test_headers_are_decoded_and_cut() -> None:
    mail = read_message(
        b"Subject: =?utf-8?q?caf=C3=A9?= =?x?b?!!?=\nX: " + b"y" * 9000 + b"\nsubject: second\nDate: nonsense\n\nbody"
    )
    assert mail.subject.startswith("café")
    assert len(mail.headers["x"]) <= 2000
    assert mail.sent_at is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Ada <a@example.com>", ("Ada", "a@example.com")),
        ('"Ada, C." <a@example.com>', ("Ada, C.", "a@example.com")),
        ("a@example.com", ("", "a@example.com")),
        ("nobody", ("", "")),
    ],
)
def test_mailboxes(header: str, found: tuple[str, str]) -> None:
    assert mailbox(header) == found


BEGIN = b"From: a@b.example\nContent-Type: "
HOSTILE = {
    "parameters": BEGIN + b'multipart/mixed; boundary="' + b";" * LARGEST,
    "nesting": b"".join(b"Content-Type: multipart/mixed; boundary=a%d\n\n--a%d\n" % (n, n) for n in range(25)) + b"--\n" * 40_000,
    "messages": b"Content-Type: message/rfc822\n\n" * 29 + b"\n" * 90_000,
    "parts": BEGIN + b"multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 26_000,
    "headers": b"A: b\n" * 26_000,
    "folds": b"A: b\n" + b" x\n" * 43_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 9_000,
    "addresses": b"From: " + b"a@" * 60_000 + b"\n\nx",
    "text of addresses": b"A: b\n\n" + b"a.a@a.a" * 18_000,
    "words before an at": b"A: b\n\n" + b"a" * LARGEST + b"@",
    "labels": b"A: b\n\n" + b"Name:\n" * 21_000,
    "a label": b"A: b\n\n" + b"a " * 60_000 + b":",
    "colons": b"A: b\n\n" + b":" * LARGEST,
    "html": BEGIN + b"text/html\n\n" + b"<td>a:" * 21_000,
    "tags": BEGIN + b"text/html\n\n" + b"<" * LARGEST,
    "base64": BEGIN + b"text/plain\nContent-Transfer-Encoding: base64\n\n" + b"=a" * 60_000,
    "quoted": BEGIN + b"text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * 60_000,
    "uuencoded": BEGIN + b"text/plain\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 f\n" + b"M\n\xff" * 40_000,
    "punycode": BEGIN + b"text/plain; charset=punycode\n\n" + b"a-b" * 43_000,
    "date": b"Date: " + b"1" * 2000 + b"\n\nx",
    "subject": b"Subject: lead from " + b"A b" * 40_000 + b"\n\nx",
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_mail_takes_bounded_time(kind: str) -> None:
    assert cpu_seconds(SENDER, post(HOSTILE[kind][:LARGEST], "message/rfc822")) < BOUNDED


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"\xff\xfe", b"Content-Type: ;;;=\n\n", b"Content-Type: text/plain; charset*=x'y'%zz; charset*1*=\n\nx"]
)
def test_a_mail_with_odd_headers_is_read_or_refused(body: bytes) -> None:
    assert refusal(SENDER, post(body, "message/rfc822")) in (0, 400)
