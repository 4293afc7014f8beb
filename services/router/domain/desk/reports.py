"""What scoring and the tracker say of a lead: it is routed, ranked anew, moved by a re-route rule, answered or over."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.decision import facts_of
from services.router.domain.desk import promises
from services.router.domain.desk.desk import Desk
from services.router.domain.desk.happenings import How
from services.router.domain.desk.passing import move_on
from services.router.domain.lead import Case
from services.router.domain.policy import Match
from services.router.domain.sla import contacted, stage_changed

CLOSING = frozenset({"won", "lost", "disqualified"})
UNDECIDED = ("unrouted", "rejected")


def take_scored(desk: Desk, lead: Case, match: Match, before: tuple[str, str], cause: Any) -> None:
    """A lead was scored, and what was found is taken already; `before` are the grade and the qualification that it had.

    One that is not decided yet, or was refused, is decided. One that waits is ranked anew; one that is owned moves only by a re-route
    rule; one that was over before it could be routed is refused.
    """
    desk.change(lead)
    if lead.status in UNDECIDED:
        route(desk, lead, match, cause)
    elif lead.queued:
        rank_again(desk, lead)
    elif lead.held:
        reroute(desk, lead, before, cause)
    elif lead.status == "closed" and lead.sequence == 0:
        desk.refuse(lead, "closed", f"The lead was {lead.stage} before it could be routed.", cause, status="closed")


def route(desk: Desk, lead: Case, match: Match, cause: Any) -> None:
    """A lead that was scored and has no owner yet, or was refused before."""
    if not desk.reject(lead, cause):
        desk.decide(lead, match, cause)


def rank_again(desk: Desk, lead: Case) -> None:
    """A lead that waits was scored again."""
    assert lead.queued
    pool = desk.policy.pools.get(lead.queued.pool)
    lead.queued = lead.queued.scored(lead.points, pool.hold.ageing_points_per_hour if pool else 0)
    desk.record.ranked.append(lead.queued)
    desk.change(lead)


def reroute(desk: Desk, lead: Case, before: tuple[str, str], cause: Any) -> bool:
    """An owned lead was scored again: moves it where a re-route rule of the policy says so and somebody there can have it.

    `before` are the grade and the qualification that it had.
    """
    if not desk.policy.reroute or lead.held is None:
        return False
    facts = facts_of(lead.view) | moved(before, lead) | {"pool": lead.held.pool}
    rule = desk.policy.rerouted(facts, lead.held.pool)
    if rule is None or lead.hops >= rule.max_hops:
        return False
    match = Match(None, rule.to) if rule.to else desk.match(lead)
    if match.pool == lead.held.pool:
        return False
    return move_on(desk, lead, match, cause, how=How.REROUTED, reason="reassigned")


def moved(before: tuple[str, str], lead: Case) -> dict[str, str]:
    """What a re-route rule may ask beside the facts: how grade and qualification changed. A is better than B, and B1 than B2."""
    grade, qualification = before
    direction = "same" if grade == lead.grade else "up" if lead.grade < grade else "down"
    return {
        "changed_grade": direction,
        "changed_qualification": "same" if qualification == lead.qualification else "changed",
        "previous_grade": grade,
        "previous_qualification": qualification,
    }


def note_response(desk: Desk, lead: Case, at: datetime, cause: Any, *, assignment_id: UUID | None) -> None:
    """The lead was contacted for the first time."""
    if lead.responded_at is None:
        lead.responded_at = at
        desk.change(lead)
        promises.note(desk, lead, contacted(at, assignment_id), cause)


def note_stage(desk: Desk, lead: Case, stage: str, at: datetime, cause: Any, *, assignment_id: UUID | None) -> None:
    """The lead is in another stage; a closing one ends the work on it.

    Where another than the present assignment is meant, that one goes on.
    """
    lead.stage = stage
    desk.change(lead)
    promises.note(desk, lead, stage_changed(stage, at, assignment_id), cause)
    if stage in CLOSING:
        _close(desk, lead, stage, cause, assignment_id)


def _close(desk: Desk, lead: Case, stage: str, cause: Any, assignment_id: UUID | None) -> None:
    if lead.held and assignment_id in (None, lead.held.id):
        desk.end(lead, "closed", cause, outcome=stage)
        lead.status = "closed"
    elif lead.queued or lead.offered:
        desk.refuse(lead, "closed", f"The lead was {stage} while it waited.", cause, status="closed")
    elif lead.status not in ("assigned", "merged"):
        lead.status = "closed"
