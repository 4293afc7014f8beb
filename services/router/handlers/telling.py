"""What happened at the desk, as the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Counter

from services.router.domain.desk import (
    Accepted,
    Assigned,
    Breached,
    Ended,
    Happening,
    OfferMade,
    Refused,
    Waited,
    Warned,
)
from services.router.domain.lead import Case
from shared.contracts.events import (
    AssignmentAccepted,
    AssignmentEnded,
    Event,
    LeadAssigned,
    LeadOffered,
    LeadQueued,
    LeadRejected,
    SlaBreached,
    SlaWarned,
)
from shared.telemetry import METRICS

promises_told = Counter(
    "handoff_sla_told",
    "What was told of promises as their time passed, by service level and step: warn, remind, breach, manager.",
    ["sla", "step"],
    registry=METRICS,
)


def count_told(happenings: Iterable[object]) -> None:
    """Counts warnings and breaches. To be called once they are durable."""
    for what in happenings:
        if isinstance(what, Warned | Breached):
            promises_told.labels(what.clock.name, what.step.kind.value if what.step else "breach").inc()


def event_of(what: Happening, lead: Case, *, policy_version: int, now: datetime, agent_name: str) -> Event:
    match what:
        case Assigned():
            return _assigned(what, lead, policy_version, agent_name)
        case OfferMade():
            return _offered(what, lead, policy_version)
        case Waited():
            return _waited(what, lead, policy_version)
        case Refused(code, why):
            return LeadRejected(lead_id=lead.lead_id, code=code, why=why, policy_version=policy_version, rejected_at=now)
        case Ended():
            return _ended(what, lead)
        case Accepted():
            return _accepted(what, lead)
        case Warned():
            return _warned(what, lead, now)
        case Breached():
            return _breached(what, lead, now)


def _assigned(what: Assigned, lead: Case, policy_version: int, agent_name: str) -> Event:
    held = what.held
    return LeadAssigned(
        lead_id=lead.lead_id,
        assignment_id=held.id,
        agent_id=held.agent_id,
        agent_name=agent_name,
        pool=held.pool,
        rule=held.rule,
        why=what.why,
        policy_version=policy_version,
        received_at=lead.received_at or held.assigned_at,
        assigned_at=held.assigned_at,
        points=lead.points,
        grade=lead.grade,
        qualification=lead.qualification,
        facts=lead.facts or {},
        how=what.how.value,
    )


def _offered(what: OfferMade, lead: Case, policy_version: int) -> Event:
    offered = what.offered
    return LeadOffered(
        lead_id=lead.lead_id,
        agents=list(offered.offer.agents),
        pool=offered.pool,
        rule=offered.rule,
        why=what.decision.reason,
        policy_version=policy_version,
        offered_at=offered.offer.offered_at,
        until=offered.offer.until,
    )


def _waited(what: Waited, lead: Case, policy_version: int) -> Event:
    decision = what.decision
    assert decision.home is not None
    return LeadQueued(
        lead_id=lead.lead_id,
        pool=decision.home,
        rule=decision.rule,
        why=what.why,
        policy_version=policy_version,
        queued_at=decision.now,
        gates={gate.value: count for gate, count in decision.stopped.items()},
        waits_until=decision.until,
    )


def _ended(what: Ended, lead: Case) -> Event:
    return AssignmentEnded(
        lead_id=lead.lead_id,
        assignment_id=what.held.id,
        agent_id=what.held.agent_id,
        reason=what.reason,
        ended_at=what.at,
        outcome=what.outcome,
        why=what.why,
        by=what.by,
    )


def _accepted(what: Accepted, lead: Case) -> Event:
    return AssignmentAccepted(
        lead_id=lead.lead_id,
        assignment_id=what.held.id,
        agent_id=what.held.agent_id,
        accepted_at=what.at,
        by=what.by,
        seconds=(what.at - what.held.assigned_at).total_seconds(),
    )


def _warned(what: Warned, lead: Case, now: datetime) -> Event:
    return SlaWarned(
        lead_id=lead.lead_id,
        sla=what.clock.name,
        clock=what.clock.sla.clock.value,
        step=what.step.kind.value,
        percent=what.step.percent,
        due_at=what.due_at,
        warned_at=now,
        assignment_id=what.held.id if what.held else None,
        agent_id=what.held.agent_id if what.held else None,
        pool=_pool_of(lead),
    )


def _breached(what: Breached, lead: Case, now: datetime) -> Event:
    step = what.step
    return SlaBreached(
        lead_id=lead.lead_id,
        sla=what.clock.name,
        clock=what.clock.sla.clock.value,
        step=step.kind.value if step else "breach",
        percent=step.percent if step else 100,
        breached_at=what.at,
        told_at=now,
        assignment_id=what.held.id if what.held else None,
        agent_id=what.held.agent_id if what.held else None,
        pool=_pool_of(lead),
        manager_id=what.manager_id,
        instead=step.instead.value if step and step.instead else None,
    )


def _pool_of(lead: Case) -> str | None:
    for place in (lead.held, lead.queued, lead.offered):
        if place:
            return place.pool
    return None
