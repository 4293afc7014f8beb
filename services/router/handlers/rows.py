"""Decisions as they are written: the row that explains one, and the event that tells of an assignment."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.router.domain import Decision, Outcome, Winner
from services.router.store import DecisionRow, Lead
from shared.contracts.events import LeadAssigned
from shared.db.uow import to_json


@dataclass(frozen=True)
class Place:
    """Where a decision was made: by which policy, in which group after which number of its ledger, as which of its unit of work."""

    policy_version: int
    group: int | None
    number: int | None
    ordinal: int


@dataclass(frozen=True, slots=True)
class View:
    """A lead as the domain asks for it."""

    lead_id: UUID
    facts: dict[str, object]
    points: int
    grade: str
    qualification: str


def view_of(lead: Lead) -> View:
    return View(lead.lead_id, lead.facts or {}, lead.points, lead.grade, lead.qualification)


def decision_row(id: UUID, decision: Decision, place: Place, outcome: Outcome, why: str) -> DecisionRow:
    """The decision in full. `outcome` and `why` are its own, or say why the lead queues although somebody may receive."""
    given = decision.winner if outcome is not Outcome.QUEUED else None
    via = decision.via if given else None
    return DecisionRow(
        id,
        decision.lead_id,
        decision.now,
        place.policy_version,
        place.group,
        place.number,
        place.ordinal,
        outcome.value,
        decision.rule,
        decision.pool if given else decision.home,
        given.agent_id if given else None,
        why,
        decision.eligible,
        to_json(decision.stopped) if decision.stopped else "{}",
        to_json(_counters(given)) if given else None,
        to_json(decision.facts),
        via,
    )


def _counters(winner: Winner) -> dict[str, object]:
    """How the winner stood before and after, its caps beside what they count."""
    return {
        "before": {"received": winner.before.received, "difference": winner.before.difference},
        "after": {"received": winner.after.received, "difference": winner.after.difference},
        "open": (winner.open, winner.open_cap),
        "daily": (winner.daily, winner.daily_cap),
        "period": winner.period,
    }


def lead_assigned(lead: Lead, decision: Decision, assignment_id: UUID, agent_name: str, policy_version: int) -> LeadAssigned:
    assert decision.winner is not None
    assert decision.pool is not None
    return LeadAssigned(
        lead_id=lead.lead_id,
        assignment_id=assignment_id,
        agent_id=decision.winner.agent_id,
        agent_name=agent_name,
        pool=decision.pool,
        rule=decision.rule,
        why=decision.reason,
        policy_version=policy_version,
        received_at=lead.received_at or decision.now,
        assigned_at=decision.now,
        points=lead.points,
        grade=lead.grade,
        qualification=lead.qualification,
        facts=lead.facts or {},
    )
