"""What the router says, on leads.routed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.contracts.events.shape import Event, Facts


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
