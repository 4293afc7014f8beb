"""What time does to a lead: offers run out, waits end, promises are warned of, broken and escalated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.router.domain import offers
from services.router.domain.desk import promises
from services.router.domain.desk.desk import Desk
from services.router.domain.desk.happenings import Breached, How, Warned
from services.router.domain.lead import Case
from services.router.domain.policy import Match
from services.router.domain.sla import Clock, Look, Step, StepKind, due, look

NOUGHT = timedelta()


def pass_time(desk: Desk, lead: Case, cause: Any, *, outage: timedelta = NOUGHT) -> None:
    """Does what fell due for a lead until now. `outage` is for how long nothing ran when it did: see `sla.look` and `offers.expire`.

    A lead that gets an owner by it is looked at again before it may leave that one: a record has one change of owner of each lead.
    """
    held = lead.held
    _expire_offer(desk, lead, cause, outage)
    if lead.queued and lead.queued.until and lead.queued.until <= desk.now:
        desk.decide(lead, Match(lead.queued.rule, lead.queued.pool), cause)
    if lead.clocks and (lead.held is None or lead.held is held):
        found = look(lead.clocks, promises.calendars_of(desk, lead), desk.now, outage=outage)
        _take_steps(desk, lead, found, cause)


def move_on(desk: Desk, lead: Case, match: Match, cause: Any, *, how: How, reason: str) -> bool:
    """Takes an owned lead from its owner to somebody else in a pool; False where nobody else can have it: then it stays."""
    held = lead.held
    assert held
    without = (*lead.refused, held.agent_id)
    if not desk.can_give(lead, match, without=without):
        return False
    desk.end(lead, reason, cause)
    lead.refused = without
    lead.hops += 1
    desk.decide(lead, match, cause, how=how, offered=how is How.NEXT_AGENT)
    return True


def _expire_offer(desk: Desk, lead: Case, cause: Any, outage: timedelta) -> None:
    offered = lead.offered
    if offered is None:
        return
    stands = offers.expire(offered.offer, desk.now, outage=outage)
    if stands is None:
        desk.decide(lead, desk.still(lead, offered.rule, offered.home), cause, offered=True)
    elif stands is not offered.offer:
        lead.offered = offered.standing(stands)
        desk.change(lead)


def _take_steps(desk: Desk, lead: Case, found: Look, cause: Any) -> None:
    clocks = {clock.name: clock for clock in lead.clocks}
    lead.clocks = found.clocks
    desk.change(lead)
    for step in found.steps:
        _take_step(desk, lead, clocks[step.clock], step, cause)


def _take_step(desk: Desk, lead: Case, clock: Clock, step: Step, cause: Any) -> None:
    held = lead.held
    match step.kind:
        case StepKind.WARN | StepKind.REMIND:
            desk.tell(lead, Warned(clock, step, held, _breaks_at(desk, lead, clock)), cause)
        case StepKind.BREACH | StepKind.MANAGER:
            manager = promises.manager_of(desk, held.agent_id) if held else None
            desk.tell(lead, Breached(clock, step, held, step.at, manager), cause)
        case StepKind.NEXT_AGENT if held:
            move_on(desk, lead, Match(held.rule, _living(desk, held.pool)), cause, how=How.NEXT_AGENT, reason="expired")
        case StepKind.POOL if held and step.pool in desk.policy.pools:
            assert step.pool
            move_on(desk, lead, Match(None, step.pool), cause, how=How.NEXT_AGENT, reason="expired")


def _living(desk: Desk, pool: str) -> str:
    """The pool, or the default where a later policy has it no more."""
    return pool if pool in desk.policy.pools else desk.policy.default_pool


def _breaks_at(desk: Desk, lead: Case, clock: Clock) -> datetime:
    steps = due(clock, promises.calendars_of(desk, lead))
    return next((step.at for step in steps if step.kind is StepKind.BREACH), desk.now)
