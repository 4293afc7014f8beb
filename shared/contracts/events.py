"""The events. Past tense, one struct each; the class's `VERSION` is the major version in the type on the wire.

A published version is only ever added to: a new field has a default, nothing is renamed, removed or narrowed
(tests/contract/test_contracts.py holds the golden examples against it). Closed lists travel as plain strings, so that a reader
keeps a value that it does not know yet.

Two blocks hold what is known of a lead. `contact` says who it is: it travels on leads.received only and is kept by intake and
tracker only. `facts` is all that a rule may ask and holds no contact data; LeadScored and LeadAssigned carry it onward.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

Facts = dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event has: the lead it is about."""

    VERSION: ClassVar[int] = 1

    lead_id: UUID


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who the person is and what they wrote. `extra` keeps every answer that no field is mapped to."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    street: str | None = None
    message: str | None = None
    extra: dict[str, Any] = {}


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule that added to a score, and by how much.

    `hundredths` of a point are what adds up to the score, exactly; `points` is the same in whole points, rounded half to even for whoever
    reads only those, so that of scores with fractions they need not. `part` is fit or engagement.
    """

    text: str
    points: int
    name: str = ""
    part: str = ""
    hundredths: int = 0


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person set in the place of the machine's word, and what the machine said. What they did not set is None."""

    by: str
    at: datetime
    grade: str | None = None
    qualification: str | None = None
    machine_grade: str
    machine_qualification: str


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


class LeadScored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """scoring: how good the lead is, by which versions of the shared definitions, and why. Said again when that changes.

    `fit` (who they are) and `engagement` (what they did) are hundredths of a point; `points` is their sum in whole points, rounded half to
    even. The grade is the letter of the fit with the number of the engagement, such as B2, and holds until a score is clearly below it.
    `outcome` is qualified, disqualified (for which `disqualified` gives the reason) or insufficient (`missing` says what is not known).
    `dimensions` are the confidences, in per cent, of what is known of budget, authority and so on. `changed` names what is not as it was
    said before and is empty for the first score. `grade` and `qualification` are a person's where `override` says so.
    """

    received_at: datetime
    points: int
    grade: str
    qualification: str
    reasons: list[Reason]
    scorecard_version: int
    facts: Facts
    fit: int = 0
    engagement: int = 0
    letter: str = ""
    number: int = 0
    thresholds: list[str] = []
    outcome: str = ""
    level: str | None = None
    missing: list[str] = []
    disqualified: str | None = None
    dimensions: dict[str, int] = {}
    definition_version: int | None = None
    override: Override | None = None
    changed: list[str] = []


class LeadOffered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: the first of these agents to claim the lead has it. An offer reserves nothing and lapses at `until`.

    `why` is a sentence for a person.
    """

    agents: list[UUID]
    pool: str
    rule: str | None = None
    why: str
    policy_version: int
    offered_at: datetime
    until: datetime


class LeadAssigned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: one agent owns the lead from now until AssignmentEnded. `why` is a sentence for a person.

    `how` is decided, sticky, claimed, by_hand, forced, restored, next_agent, rerouted or handed_over.
    """

    assignment_id: UUID
    agent_id: UUID
    agent_name: str
    pool: str
    rule: str | None = None
    why: str
    policy_version: int
    received_at: datetime
    assigned_at: datetime
    points: int
    grade: str
    qualification: str
    facts: Facts
    how: str = "decided"


class LeadQueued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: nobody in the pool may receive now; the lead waits. `gates` counts the members that each gate stopped.

    `waits_until` is until when it waits for its own owner, where it does and that is known; None where it waits for whoever is free.
    """

    pool: str
    rule: str | None = None
    why: str
    policy_version: int
    queued_at: datetime
    gates: dict[str, int] = {}
    waits_until: datetime | None = None


class LeadRejected(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: the lead is not routed, and why: its qualification is not one that the policy routes, or it is over already."""

    code: str
    why: str
    policy_version: int
    rejected_at: datetime


class AssignmentAccepted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: the agent said that they take the lead on. `seconds` is from assignment to that."""

    assignment_id: UUID
    agent_id: UUID
    accepted_at: datetime
    by: str
    seconds: float | None = None


class AssignmentEnded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: the agent no longer owns the lead. `reason` is closed, declined, expired, returned, reassigned, merged or erased.

    `why` says it in words: the router's own, or those of the person named by `by`, who is asked for at most 200 characters
    and no contact data. `by` is None where nobody did it.
    """

    assignment_id: UUID
    agent_id: UUID
    reason: str
    ended_at: datetime
    outcome: str | None = None
    why: str | None = None
    by: str | None = None


class SlaWarned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: a promise on the lead is running out, and whoever holds it was told. It breaks at `due_at`.

    `sla` is the promise's name in the policy, `clock` what it times: accept, first_response or follow_up. `step` is warn or remind and
    `percent` how much of the promised time was up when it fell due. Without an assignment the lead lies in `pool`, with nobody.
    """

    sla: str
    clock: str
    step: str  # warn or remind
    percent: int
    due_at: datetime
    warned_at: datetime
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
    pool: str | None = None


class SlaBreached(Event, frozen=True, kw_only=True, omit_defaults=True):
    """router: a promise on the lead is broken, since `breached_at`; it was noticed and said at `told_at`. Otherwise as SlaWarned.

    `step` is breach, said once a clock, or manager: `manager_id` was told, at a later step of the ladder. `instead` is the move that
    should have come here and that the hop limit forbids.
    """

    sla: str
    clock: str
    step: str  # breach or manager
    percent: int
    breached_at: datetime
    told_at: datetime
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
    pool: str | None = None
    manager_id: UUID | None = None
    instead: str | None = None


class StageChanged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """tracker: somebody said how the lead is doing. `assignment_id` is the one that was open as far as the tracker knew."""

    stage: str
    previous: str
    changed_at: datetime
    by: str
    reason: str | None = None
    note: str | None = None
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
    value: float | None = None
    currency: str | None = None


class FirstResponded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """tracker: the lead was contacted for the first time. `seconds` is from receipt to contact, None if receipt is not known yet."""

    responded_at: datetime
    by: str
    seconds: float | None = None
    assignment_id: UUID | None = None
    agent_id: UUID | None = None


def type_name(kind: type[Event]) -> str:
    """The CloudEvents type: `handoff.LeadReceived.v1`."""
    return f"handoff.{kind.__name__}.v{kind.VERSION}"


PUBLISHED: tuple[type[Event], ...] = (
    LeadReceived,
    LeadTouched,
    ActivityRecorded,
    LeadMerged,
    LeadUnmerged,
    LeadErased,
    LeadScored,
    LeadOffered,
    LeadAssigned,
    LeadQueued,
    LeadRejected,
    AssignmentAccepted,
    AssignmentEnded,
    SlaWarned,
    SlaBreached,
    StageChanged,
    FirstResponded,
)
REGISTRY: dict[str, type[Event]] = {type_name(kind): kind for kind in PUBLISHED}
