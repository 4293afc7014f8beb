"""What people say of leads in a scenario: they accept, claim, decline, return, hand over, or say who is to have one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.router.domain.desk import (
    accept,
    claim,
    decline_offer,
    give_back,
    hand_to,
)
from services.router.domain.lead import Case
from services.router.domain.offers import Answer
from services.router.domain.scenario.people import Person
from services.router.domain.scenario.play import NotDone, Play
from services.router.domain.scenario.values import InvalidScenario, Step
from shared.rules import Problem

CAUSE = "a step"
Parts = Mapping[str, Any]


def take_on(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    owner = _owner(play, lead, parts, step.path)
    desk = play.world.open([lead])
    accept(desk, lead, CAUSE, by=owner.settings.name)
    play.world.settle(desk)


def take_offer(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    agent = play.agent(parts["by"], f"{step.path}/by")
    desk = play.world.open([lead])
    ruling = claim(desk, lead, agent.id, CAUSE, by=agent.settings.name)
    if ruling.answer not in (Answer.GRANTED, Answer.YOURS):
        raise NotDone(ruling.text)
    play.world.settle(desk)


def turn_down(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    if lead.offered is None:
        send_back(play, step, reason="declined")
        return
    if "by" not in parts:
        raise InvalidScenario([Problem(f"{step.path}/by", "is missing: the lead is on offer, so say who declines it")])
    agent = play.agent(parts["by"], f"{step.path}/by")
    if agent.id not in lead.offered.offer.open_to:
        raise NotDone(f"The lead is not on offer to {agent.settings.name}.")
    desk = play.world.open([lead])
    decline_offer(desk, lead, agent.id, CAUSE)
    play.world.settle(desk)


def send_back(play: Play, step: Step, *, reason: str) -> None:
    lead, parts = said(play, step)
    owner = _owner(play, lead, parts, step.path)
    desk = play.world.open([lead])
    give_back(desk, lead, CAUSE, reason=reason, by=owner.settings.name, why=parts.get("reason"))
    play.world.settle(desk)


def pass_on(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    owner = _owner(play, lead, parts, step.path)
    _give_to(play, step, lead, by=owner.settings.name)


def assign(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    _give_to(play, step, lead, by="somebody", forced=parts.get("force", False))


def _give_to(play: Play, step: Step, lead: Case, *, by: str, forced: bool = False) -> None:
    parts: Parts = step.value
    agent = play.agent(parts["to"], f"{step.path}/to")
    if lead.status in ("closed", "merged", "erased"):
        raise NotDone(f"The lead is {lead.status}.")
    if lead.held and lead.held.agent_id == agent.id:
        raise NotDone(f"{agent.settings.name} has the lead already.")
    pool = parts.get("pool") or _pool_for(play, lead, agent.id)
    if pool not in play.world.active.policy.pools:
        raise InvalidScenario([Problem(f"{step.path}/pool", f"there is no pool {pool}")])
    desk = play.world.open([lead])
    hindrance = hand_to(desk, lead, agent.id, pool, CAUSE, by=by, forced=forced, why=parts.get("reason"))
    if hindrance:
        raise NotDone(f"{agent.settings.name} {hindrance}.")
    play.world.settle(desk)


def _pool_for(play: Play, lead: Case, agent_id: UUID) -> str:
    """Where the lead is, if the agent is in that pool, or another one that it is in; the default where the lead's own is no more."""
    policy = play.world.active.policy
    here = next((place.pool for place in (lead.held, lead.queued, lead.offered) if place), policy.default_pool)
    within = [name for name, pool in policy.pools.items() if any(one.agent_id == agent_id for one in pool.members)]
    if here in within or (not within and here in policy.pools):
        return here
    return within[0] if within else policy.default_pool


def said(play: Play, step: Step) -> tuple[Case, Parts]:
    parts = {"lead": step.value} if isinstance(step.value, str) else step.value
    return play.lead(parts["lead"], step.path), parts


def _owner(play: Play, lead: Case, parts: Parts, path: str) -> Person:
    """The lead's owner, who does this."""
    if lead.held is None:
        raise NotDone("The lead has no owner.")
    owner = play.world.people.by_id[lead.held.agent_id]
    if "by" in parts and play.agent(parts["by"], f"{path}/by").id != owner.id:
        raise NotDone(f"The lead is {owner.settings.name}'s.")
    return owner
