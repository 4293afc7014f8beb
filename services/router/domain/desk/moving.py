"""Leads that are moved by many at once: those of one who leaves, and those that a change of policy would send elsewhere.

People's moves are no hops: how often a lead may move by itself is counted apart.
"""

from __future__ import annotations

from typing import Any

from services.router.domain.desk.answers import give_back
from services.router.domain.desk.desk import Desk
from services.router.domain.desk.happenings import How
from services.router.domain.lead import Case
from services.router.domain.policy import Match

STAYED = "stayed"  # nobody else could take it
SAME = "same"  # it is where it should be


def take_to_pool(desk: Desk, lead: Case, pool: str | None, cause: Any, *, by: str, why: str | None) -> str:
    """Takes an owned lead from its owner to a pool, or with None to where the rules send it. Where nobody there can have it, it waits.

    Returns its status. The owner does not get it again by itself.
    """
    match = Match(None, pool) if pool else None
    give_back(desk, lead, cause, reason="reassigned", by=by, why=why, match=match)
    return lead.status


def decide_waiting(desk: Desk, lead: Case, cause: Any) -> str:
    """A lead in a hold queue is decided by the rules as they are now: its status then, or SAME where they send it where it waits."""
    queued, match = lead.queued, desk.match(lead)
    assert queued
    if desk.is_routed(lead):
        desk.decide(lead, match, cause)
        return SAME if lead.queued and (match.rule, match.pool) == (queued.rule, queued.pool) else lead.status
    desk.leave_queue(lead)
    desk.reject(lead, cause)
    return lead.status


def decide_owned(desk: Desk, lead: Case, cause: Any, *, by: str, why: str | None) -> str:
    """An owned lead that the rules send to another pool now goes there, unless nobody there can have it: its status then, STAYED or SAME.

    An owner who is in that pool too keeps it.
    """
    held, match = lead.held, desk.match(lead)
    assert held
    members = {member.agent_id for member in desk.policy.pools[match.pool].members}
    if held.pool in desk.policy.ways(match.pool) or held.agent_id in members:
        return SAME
    if not desk.is_routed(lead) or not desk.can_give(lead, match, without=lead.refused):
        return STAYED
    desk.end(lead, "reassigned", cause, by=by, why=why)
    desk.decide(lead, match, cause, how=How.REROUTED)
    return lead.status
