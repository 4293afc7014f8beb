"""Promises at the desk: clocks begin, go on and end as leads get owners, lose them and are worked on."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.desk.blotter import Blotter
from services.router.domain.desk.happenings import Breached
from services.router.domain.lead import Case
from services.router.domain.sla import Action, Calendars, Change, Holding, act, carry, hand_over, soonest, start, stop


def calendars_of(desk: Blotter, lead: Case) -> Calendars:
    """By whose hours the lead's clocks go: its owner's, and the policy's calendars."""
    if lead.held is None:
        return Calendars(None, desk.policy.calendars)
    agent_id = lead.held.agent_id
    found = desk.state_of_agent(agent_id)
    return Calendars(found[1].agent(agent_id) if found else desk.others.get(agent_id), desk.policy.calendars)


def begin(desk: Blotter, lead: Case, cause: Any) -> None:
    """The lead has just got an owner, or is on offer, or waits: clocks begin, and those that go on go by the new owner's time."""
    if not desk.policy.slas and not lead.clocks:
        return
    pool, rule = _place(lead)
    promised = desk.policy.promises(pool, rule)
    if not promised and not lead.clocks:
        return
    after, holding = calendars_of(desk, lead), _holding(lead, desk.now)
    if not lead.clocks:
        lead.clocks = start(promised, holding, after)
        return
    # The time of the owner before is counted already: see `pause`.
    before = Calendars(None, desk.policy.calendars)
    _take(desk, lead, hand_over(lead.clocks, promised, holding=holding, before=before, after=after, now=desk.now), cause)


def pause(desk: Blotter, lead: Case, cause: Any, *, over: str | None) -> None:
    """The lead's owner is about to lose it, for good where the lead is `over`: what passed so far is counted in that one's time."""
    if not lead.clocks:
        return
    calendars = calendars_of(desk, lead)
    if over:
        _take(desk, lead, stop(lead.clocks, over, calendars, desk.now), cause)
    else:
        lead.clocks = tuple(carry(clock, calendars, desk.now) for clock in lead.clocks)


def close(desk: Blotter, lead: Case, why: str, cause: Any) -> None:
    """The lead is over while it had no owner."""
    if lead.clocks:
        _take(desk, lead, stop(lead.clocks, why, calendars_of(desk, lead), desk.now), cause)


def note(desk: Blotter, lead: Case, action: Action, cause: Any) -> None:
    """Somebody did something with the lead, which may be what was promised."""
    if lead.clocks:
        _take(desk, lead, act(lead.clocks, action, calendars_of(desk, lead)), cause)


def count_so_far(desk: Blotter, lead: Case) -> None:
    """To be called before the hours or the leave of the lead's owner change: what passed so far is counted by those of before."""
    if lead.clocks:
        calendars = calendars_of(desk, lead)
        lead.clocks = tuple(carry(clock, calendars, desk.now) for clock in lead.clocks)
        desk.change(lead)


def due(desk: Blotter, lead: Case) -> datetime | None:
    """When the lead must be looked at again because time passed; None for never."""
    moments = [soonest(lead.clocks, calendars_of(desk, lead))] if lead.clocks else []
    if lead.offered:
        moments.append(lead.offered.offer.until)
    if lead.queued:
        moments.append(lead.queued.until)
    return min((moment for moment in moments if moment), default=None)


def manager_of(desk: Blotter, agent_id: UUID) -> UUID | None:
    """Whom a breach is taken to."""
    found = desk.state_of_agent(agent_id)
    agent = found[1].agent(agent_id) if found else desk.others.get(agent_id)
    return agent.settings.manager_id if agent else None


def _place(lead: Case) -> tuple[str, str | None]:
    for place in (lead.held, lead.queued):
        if place:
            return place.pool, place.rule
    assert lead.offered
    return lead.offered.pool, lead.offered.rule


def _holding(lead: Case, now: datetime) -> Holding:
    held = lead.held
    return Holding(
        lead.received_at or now, held.id if held else None, held.assigned_at if held else None, lead.responded_at, hops=lead.hops
    )


def _take(desk: Blotter, lead: Case, change: Change, cause: Any) -> None:
    """Keeps the clocks, and tells of those that were found to have broken when they ended."""
    lead.clocks = change.clocks
    desk.change(lead)
    for clock in change.breached:
        manager = manager_of(desk, lead.held.agent_id) if lead.held else None
        desk.tell(lead, Breached(clock, None, lead.held, clock.ended_at or desk.now, manager), cause)
