"""The world outside, as intake calls it: the senders' own APIs and SNS's certificates. It knows every invented person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.intake.clients.addresses import Address
from services.intake.clients.web import Web
from tests.support.senders.case import Person
from tests.support.senders.proofs import CERTIFICATE, sns_key

MADE = "2026-01-02T03:04:05Z"
SNS_HOST = "sns.us-east-1.amazonaws.com"
FORM_QUESTIONS = ("FIRST_NAME", "LAST_NAME", "EMAIL", "PHONE_NUMBER")

Trouble = Callable[[httpx.Request], httpx.Response | None]


async def find(_: str) -> list[Address]:
    return [("203.0.114.7", 443)]


@dataclass
class Internet:
    """`asked` is every request that was made. `trouble` by host comes before the usual answer; `tests` are people of test leads.

    `listed` are people whose leads a sender has, though it never notified them.
    """

    asked: list[httpx.Request] = field(default_factory=list)
    trouble: dict[str, Trouble] = field(default_factory=dict)
    tests: set[Person] = field(default_factory=set)
    listed: dict[str, list[Person]] = field(default_factory=lambda: defaultdict(list))

    def web(self) -> Web:
        return Web(transport=httpx.MockTransport(self.answer), find=find)

    def hosts(self) -> set[str]:
        return {request.headers["host"] for request in self.asked}

    def asked_of(self, person: Person) -> list[httpx.Request]:
        return [request for request in self.asked if person.id in str(request.url)]

    def answer(self, request: httpx.Request) -> httpx.Response:
        host = request.headers["host"]
        self.asked.append(request)
        if (trouble := self.trouble.get(host)) and (odd := trouble(request)) is not None:
            return odd
        known = {
            "graph.facebook.com": self._meta,
            "api.linkedin.com": self._linkedin,
            "api.hubapi.com": self._hubspot,
            SNS_HOST: self._sns,
        }
        return known[host](request)

    def _meta(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/leads"):
            return httpx.Response(200, json={"data": [{"id": person.id} for person in self.listed["meta"]]})
        person = Person.of(request.url.path.rpartition("/")[2])
        test = person in self.tests
        said = {"full_name": person.name, "email": person.email, "phone_number": person.phone}
        answers = [
            {"name": name, "values": [f"<test lead: dummy data for {name}>" if test and name == "full_name" else value]}
            for name, value in said.items()
        ]
        return httpx.Response(200, json={"id": person.id, "created_time": MADE, "field_data": answers, "form_id": "2222"})

    def _linkedin(self, request: httpx.Request) -> httpx.Response:
        if "/leadForms/" in request.url.path:
            questions = [{"questionId": n, "predefinedField": name} for n, name in enumerate(FORM_QUESTIONS)]
            return httpx.Response(200, json={"name": "Invented form", "content": {"questions": questions}})
        if request.url.path.endswith("/leadFormResponses"):
            return httpx.Response(200, json={"elements": []})
        person = Person.of(request.url.path.rpartition("/")[2])
        said = (person.first, person.last, person.email, person.phone)
        answers = [{"questionId": n, "answerDetails": {"textQuestionAnswer": {"answer": text}}} for n, text in enumerate(said)]
        return httpx.Response(
            200,
            json={
                "id": person.id,
                "submittedAt": 1767323045000,
                "testLead": person in self.tests,
                "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:3333,1)",
                "formResponse": {"answers": answers},
            },
        )

    def _hubspot(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/search"):
            rows = [{"id": person.id, "properties": {"createdate": MADE}} for person in self.listed["hubspot"]]
            return httpx.Response(200, json={"results": rows})
        person = Person.of(request.url.path.rpartition("/")[2])
        said = {"firstname": person.first, "lastname": person.last, "email": person.email, "phone": person.phone}
        return httpx.Response(200, json={"id": person.id, "properties": said, "createdAt": MADE, "updatedAt": MADE})

    def _sns(self, request: httpx.Request) -> httpx.Response:
        if f"https://{SNS_HOST}{request.url.path}" == CERTIFICATE:
            return httpx.Response(200, content=certificate())
        confirmed = request.url.params.get("Action") == "ConfirmSubscription"
        return httpx.Response(200 if confirmed else 403, text="<ConfirmSubscriptionResponse/>")


@lru_cache(maxsize=1)
def certificate(secret: str = "secret-valid-of-the-source") -> bytes:
    """SNS's certificate: for the key that signs valid deliveries, in force around now."""
    key = sns_key(secret)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .sign(key, SHA256())
    )
    return built.public_bytes(Encoding.PEM)


def down(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503, text="try again later")


def once(answer: httpx.Response) -> Trouble:
    """This answer the first time, and the usual one after that."""
    left: list[Any] = [answer]
    return lambda _: left.pop() if left else None
