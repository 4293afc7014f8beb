"""What a sender is: one small shape that every source of leads fits, whatever it calls things and however it signs.

A sender is a table of pure functions over one delivery. The hook (api/hooks.py) goes through them in order: `handshake` for a GET,
`verify` over the raw bytes, `parse` into notices, and `acknowledge` in the words that this sender expects. Nothing here does I/O.

    Delivery ──verify──▶ parse ──▶ [SentLead | Fetch | Erasure | Happening | Confirmation | Ignored] ──▶ acknowledge ──▶ Reply
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID


@dataclass(frozen=True)
class Delivery:
    """One request as it came. Header names are lower case; `url` is the public address with its query."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Connection:
    """What a sender needs to know of the source: the secrets that are valid now, newest first, and its settings."""

    secrets: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


class Forged(Exception):
    """The delivery does not come from whom it claims. `status` is 401 for missing or stale proof, 403 for a wrong one."""

    def __init__(self, detail: str, status: int = 401) -> None:
        super().__init__(detail)
        self.status = status


class Malformed(Exception):
    """An authentic delivery that cannot be read. `status` 400 for bad syntax, 415 for a kind not read here, 422 for a wrong shape."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.status = status


# -- Notices: what a delivery says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consent:
    """What the person agreed to, or refused, in the words that they were shown. `at` None is the time of the delivery."""

    purpose: str
    granted: bool
    text: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class SentLead:
    """A lead, with its answers as the sender names them; the source's mapping makes normal fields of them.

    `external_id` is the sender's own id of this lead, or a digest where the sender has none; the same id again is the same lead and says
    nothing new. `window` limits that to a time (for digests: the same form sent again next week is a new interest). `also` are other
    ids under which the same person's same interest is known already (a rescheduled meeting): the lead is then a touch of that one.
    """

    answers: dict[str, Any]
    external_id: str | None = None
    window: timedelta | None = None
    also: tuple[str, ...] = ()
    test: bool = False
    submitted_at: datetime | None = None
    consents: tuple[Consent, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetch:
    """A lead that must be fetched from the sender (clients.py): its id, and what the notification said beside it."""

    external_id: str
    resource: str
    hints: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Erasure:
    """The sender asks us to erase the person behind this lead."""

    external_id: str


@dataclass(frozen=True)
class Happening:
    """Something that the person of a known lead did, such as cancelling a meeting. `data` holds no contact data."""

    external_id: str
    kind: str
    at: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Confirmation:
    """An address of the sender that must be fetched once, to confirm a subscription."""

    url: str


@dataclass(frozen=True)
class Ignored:
    """Authentic, and nothing for us: another event type, or spam. `spam` is answered as if it had worked."""

    reason: str
    spam: bool = False


Notice: TypeAlias = SentLead | Fetch | Erasure | Happening | Confirmation | Ignored


# -- Answers -----------------------------------------------------------------------------------------------------------------------


class Status(StrEnum):
    """What became of one notice. A closed list."""

    ACCEPTED = "accepted"  # a new lead
    TOUCHED = "touched"  # a known person again: `lead_id` is their lead
    DUPLICATE = "duplicate"  # the same delivery again
    TEST = "test"  # kept apart, never routed
    HELD = "held"  # the source is paused; it is handled when it goes on
    QUEUED = "queued"  # to be fetched from the sender
    DONE = "done"  # an erasure or an activity, recorded
    IGNORED = "ignored"
    SPAM = "spam"
    REJECTED = "rejected"


class Result(NamedTuple):
    """What became of one notice. A rejected one says why: `slug` never changes, `detail` is for a person, `pointer` names the field.

    `http` is the status that a rejection is answered with where the sender wants to know.
    """

    status: Status
    lead_id: UUID | None = None
    slug: str | None = None
    detail: str | None = None
    pointer: str | None = None
    http: int = 422


@dataclass(frozen=True)
class Reply:
    """What the sender is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """One setting of a source of this kind. `kind` is text, integer, boolean or list (of texts)."""

    name: str
    help: str
    kind: str = "text"
    required: bool = False
    default: Any = None


Handshake: TypeAlias = Callable[[Delivery, Connection], Reply | None]
Verify: TypeAlias = Callable[[Delivery, Connection], None]
Parse: TypeAlias = Callable[[Delivery, Connection], list[Notice]]
Acknowledge: TypeAlias = Callable[[Sequence[Result], Delivery, Connection], Reply]
Refuse: TypeAlias = Callable[[int, str, Delivery, Connection], Reply]


@dataclass(frozen=True)
class Sender:
    """One kind of source. `mapping` is its default field mapping: path in the answers → normal field, under the source's own.

    `handshake` answers a GET (None: there is none; raises Forged). `verify` raises Forged. `parse` raises Malformed. `acknowledge`
    None is the plain answer (senders/replies.py). `refuse` words, by status and detail, that a request is refused as a whole, where this
    sender shows that to somebody; None is a problem document. `secret` says what the secret is and where to find it; None: no secret is
    needed.
    """

    kind: str
    title: str
    help: str
    parse: Parse
    verify: Verify
    mapping: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    secret: str | None = None
    settings: tuple[Setting, ...] = ()
    handshake: Handshake | None = None
    acknowledge: Acknowledge | None = None
    refuse: Refuse | None = None
    fetches: bool = False
