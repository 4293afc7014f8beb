"""What intake says, on leads.received; what it says of an erasure or a merge the others pass on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from shared.contracts.events.shape import Contact, Event, Facts


class Consent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the person agreed to or refused, when, and in which words. The evidence itself stays with intake."""

    purpose: str
    granted: bool
    at: datetime
    text: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """One thing that speaks for or against two contacts being one person. Names fields, never their values."""

    field: str
    says: str
    weight: float


class LeadReceived(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: a person expressed interest, and it is stored."""

    received_at: datetime
    source: str
    contact: Contact
    facts: Facts
    warnings: list[str] = []
    consents: list[Consent] = []


class LeadTouched(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: the person of a known lead came again; `contact` and `facts` are what they said this time.

    Two kinds say that nobody came. `recognised`: the person is found, later, to be a known one; `facts` then has the contact id that holds
    from now. `corrected`: what was sent is read anew, by a better mapping; both blocks stand for those that were read before.
    """

    touched_at: datetime
    kind: str  # submission, recognised or corrected
    source: str
    contact: Contact = Contact()
    facts: Facts = {}
    warnings: list[str] = []
    consents: list[Consent] = []


class ActivityRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: the person of a known lead did something, such as reading a page. `data` holds no contact data."""

    activity_id: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source: str | None = None
    data: Facts = {}


class LeadMerged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: this lead and the lead `into` are one person's one interest; from now on only that one is worked on.

    Goes down the chain: scoring passes it on behind all it said of the lead, then the router.
    """

    into: UUID
    contact_id: UUID
    merged_at: datetime
    by: str
    score: float | None = None
    evidence: list[Evidence] = []


class LeadUnmerged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: the merge of this lead into `into` was wrong and is undone; `contact_id` is the lead's own contact again."""

    into: UUID
    contact_id: UUID
    unmerged_at: datetime
    by: str


class LeadErased(Event, frozen=True, kw_only=True, omit_defaults=True):
    """intake: the person is to be forgotten. Each service passes it on when it has forgotten them, with what it removed.

    `reason` is request, sender or retention. `removed` counts rows by table, in the service whose event this is.
    """

    contact_id: UUID
    erased_at: datetime
    by: str
    reason: str
    removed: dict[str, int] = {}
