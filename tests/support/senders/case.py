"""What the tests know of a sender: what it says of a person, how it proves that, and what it wants to hear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

MINUTE = timedelta(minutes=1)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Person:
    """Somebody invented, who has this number. `id` is what senders call their lead."""

    number: int

    @property
    def first(self) -> str:
        return ("Ada", "Bo", "Cleo", "Dara", "Ezra")[self.number % 5]

    @property
    def last(self) -> str:
        """A name of nobody, in letters only, since names with digits are mended."""
        return "Sample" + "".join("abcdefghij"[int(digit)] for digit in str(self.number))

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def email(self) -> str:
        return f"{self.first}.{self.last}@example.com".lower()

    @property
    def phone(self) -> str:
        """A number for fiction, as long as there are no more than ten thousand."""
        return f"+1202555{self.number:04d}"

    @property
    def id(self) -> str:
        """More digits than a double holds."""
        return f"10203040506{self.number:07d}"

    @classmethod
    def of(cls, id: str) -> Person:
        return cls(int(id[-7:]))


@dataclass(frozen=True)
class Sent:
    """A request as it goes out."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def said(self, body: bytes) -> Sent:
        return replace(self, body=body)

    def headed(self, **headers: str) -> Sent:
        """With more headers, whose names are written with underscores."""
        return replace(self, headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})


@dataclass(frozen=True)
class Proof:
    """With what and when a delivery is signed. `claimed` is the time that it then says, where that is another."""

    secret: str
    at: datetime
    url: str = ""
    claimed: datetime | None = None

    @property
    def says(self) -> datetime:
        return self.claimed or self.at


Says = Callable[[Person, datetime], Sent]
Acknowledged = Callable[[httpx.Response, str], None]


@dataclass(frozen=True)
class Case:
    """One sender. `says` is its delivery about a person without any proof, and `prove` adds that.

    `acknowledged` asserts that an answer is the sender's own; its second argument is what became of the lead, for senders that are told.
    `tolerance` is how old a signature may be, `ahead` how far it may lie in the future; None where it bears no time. `covers`: the proof
    is over the body too. `own`: the secret is the sender's and not one of the source's. `fetched`: the delivery only names the lead.
    `says_test` is a test lead of this sender.
    """

    name: str
    kind: str
    says: Says
    prove: Callable[[Sent, Proof], Sent]
    acknowledged: Acknowledged
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    secret_of: Callable[[str], str] = "secret-{}-of-the-source".format
    tolerance: timedelta | None = None
    ahead: timedelta | None = None
    covers: bool = False
    own: bool = False
    fetched: bool = False
    says_test: Says | None = None

    def delivery(self, person: Person, proof: Proof) -> Sent:
        return self.prove(self.says(person, proof.at), proof)

    def forgeries(self, person: Person, proof: Proof) -> dict[str, tuple[Sent, int]]:
        """Deliveries that must be refused, and the status with which. `proof` is a good one."""
        said = self.says(person, proof.at)
        found = {
            "without a proof": (said, 401),
            "with another secret": (self.prove(said, replace(proof, secret=self.secret_of("other"))), 403),
        }
        if self.covers:
            good = self.prove(said, proof)
            found["changed after it was signed"] = good.said(_changed(good.body)), 403
        if self.tolerance:
            old = replace(proof, at=proof.at - self.tolerance - MINUTE)
            found["stale"] = self.prove(said, old), 401
            found["replayed under another time"] = self.prove(said, replace(old, claimed=proof.at)), 403
        if self.ahead:
            found["from the future"] = self.prove(said, replace(proof, at=proof.at + self.ahead + MINUTE)), 401
        return found


def _changed(body: bytes) -> bytes:
    """Says the same of another person."""
    assert b"ample" in body or b"1020304050" in body
    return body.replace(b"ample", b"imple").replace(b"1020304050", b"1020304051")


# -- What senders want to hear -------------------------------------------------------------------------------------------------------


def nothing(answer: httpx.Response, _: str) -> None:
    assert (answer.status_code, answer.content) == (200, b"")


def empty_object(answer: httpx.Response, _: str) -> None:
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})


def outcome(answer: httpx.Response, became: str) -> None:
    """Which lead it is, and what became of it."""
    assert (answer.status_code, answer.headers["content-type"]) == (202, JSON)
    told = answer.json()
    assert told.keys() == {"lead_id", "status"}
    assert UUID(told["lead_id"])
    assert told["status"] == became


def page(address: str) -> Acknowledged:
    """The way on to a page, whatever became of it."""

    def acknowledged(answer: httpx.Response, _: str) -> None:
        assert (answer.status_code, answer.headers["location"], answer.content) == (303, address, b"")

    return acknowledged
