"""What people answer: they accept, claim, decline, return or hand over a lead; or somebody says who is to have it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.router.domain import offers
from services.router.domain.decision import Outcome
from services.router.domain.desk import promises
from services.router.domain.desk.desk import Desk
from services.router.domain.desk.happenings import Accepted, How
from services.router.domain.lead import Case
from services.router.domain.offers import Answer, Ruling
from services.router.domain.policy import Match
from services.router.domain.sla import accepted


def accept(desk: Desk, lead: Case, cause: Any, *, by: str) -> None:
    """The owner takes the lead on; a second time changes nothing. However late: as long as the lead has not moved on, it counts."""
    held = lead.held
    assert held
    if held.accepted_at:
        return
    held = held.taken_on(max(desk.now, held.assigned_at))
    lead.held = held
    desk.record.accepted.append((lead, held))
    assert held.accepted_at
    desk.tell(lead, Accepted(held, held.accepted_at, by), cause)
    promises.note(desk, lead, accepted(held.accepted_at, held.id), cause)


def claim(desk: Desk, lead: Case, agent_id: UUID, cause: Any, *, by: str) -> Ruling:
    """The first of those to whom a lead is offered gets it, through the same gates as anybody. A claim is an acceptance too."""
    owner = lead.held.agent_id if lead.held else None
    offered = lead.offered
    if offered is None or offered.pool not in desk.policy.pools:
        return offers.claim(None, agent_id, owner=owner, availability=None, now=desk.now)
    _, state = desk.state_of_pool(offered.pool)
    availability = state.availability(agent_id, state.roll(desk.now)) if agent_id in offered.offer.agents else None
    ruling = offers.claim(offered.offer, agent_id, owner=owner, availability=availability, now=desk.now)
    if not ruling.granted:
        return ruling
    if hindrance := desk.hindrance(lead, agent_id, offered.pool):
        return Ruling(Answer.CANNOT_RECEIVE, f"The agent {hindrance}.")
    counts = desk.policy.pools[offered.pool].strategy.counts
    desk.place(lead, agent_id, offered.pool, cause, outcome=Outcome.CLAIMED, rule=offered.rule, counts=counts, by=by)
    accept(desk, lead, cause, by=by)
    return ruling


def decline_offer(desk: Desk, lead: Case, agent_id: UUID, cause: Any) -> None:
    """One of those to whom a lead is offered does not want it; once none is left, the fallback decides."""
    offered = lead.offered
    assert offered
    lead.offered = offered.standing(offers.decline(offered.offer, agent_id))
    lead.refused = _with(lead.refused, agent_id)
    desk.change(lead)
    if lead.offered.offer.is_hopeless:
        desk.decide(lead, desk.still(lead, offered.rule, offered.home), cause, offered=True)


def give_back(
    desk: Desk, lead: Case, cause: Any, *, reason: str, by: str, why: str | None = None, match: Match | None = None
) -> None:
    """The owner declines the lead or returns it: it is decided anew by the rules, or in `match`, and that one does not get it again by
    itself."""
    held = desk.end(lead, reason, cause, by=by, why=why)
    assert held
    lead.refused = _with(lead.refused, held.agent_id)
    if match:
        desk.decide(lead, match, cause)
    else:
        decide_anew(desk, lead, cause)


def decide_anew(desk: Desk, lead: Case, cause: Any, *, how: How = How.DECIDED, offered: bool = False) -> None:
    """A lead without owner is decided by the rules as they are now."""
    if not desk.reject(lead, cause):
        desk.decide(lead, desk.match(lead), cause, how=how, offered=offered)


def hand_to(
    desk: Desk, lead: Case, agent_id: UUID, pool: str, cause: Any, *, by: str, forced: bool = False, why: str | None = None
) -> str | None:
    """Somebody says who is to have the lead, whoever has it now. Returns why that one may not, to be read on from its name; None if done.

    Forced, it passes the gates but for that of the inactive, and is marked.
    """
    if hindrance := desk.hindrance(lead, agent_id, pool, forced=forced):
        return hindrance
    owned, rule = lead.held is not None, _rule_in(lead, pool)
    if owned:
        desk.end(lead, "reassigned", cause, by=by, why=why)
    outcome = Outcome.FORCED if forced else Outcome.BY_HAND
    how = How.HANDED_OVER if owned and not forced else None
    desk.place(lead, agent_id, pool, cause, outcome=outcome, rule=rule, how=how, by=by, said=why)
    return None


def _rule_in(lead: Case, pool: str) -> str | None:
    """The rule that brought the lead into this pool, where it is there: what the rule promised goes on."""
    places = (lead.held, lead.queued, lead.offered)
    return next((place.rule for place in places if place and place.pool == pool), None)


def _with(refused: tuple[UUID, ...], agent_id: UUID) -> tuple[UUID, ...]:
    return refused if agent_id in refused else (*refused, agent_id)
