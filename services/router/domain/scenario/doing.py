"""What is done in a scenario, a function a kind of step: each finds whom it is about and leaves the rest to the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.availability import copy_calendars
from services.router.domain.desk import (
    accept,
    claim,
    count_so_far,
    decline_offer,
    give_back,
    hand_to,
    note_response,
    note_stage,
    take_scored,
)
from services.router.domain.lead import Case
from services.router.domain.ledger import Entry, agent_changed, leave_changed, pause_changed, presence_changed
from services.router.domain.offers import Answer
from services.router.domain.policy import enrol
from services.router.domain.scenario.leads import describe, usual_qualification
from services.router.domain.scenario.people import Person, changed, id_of, read_leave, read_pause, read_presence
from services.router.domain.scenario.play import NotDone, Play
from services.router.domain.scenario.policies import enrolled_draft
from services.router.domain.scenario.reading import patched
from services.router.domain.scenario.storing import restored
from services.router.domain.scenario.values import Check, InvalidScenario, Step
from shared.rules import Problem

CAUSE = "a step"
Parts = Mapping[str, Any]


def do(play: Play, step: Step) -> None:
    """Does what the step says. Raises NotDone where that is refused, InvalidScenario for what is not there."""
    _STEPS[step.kind](play, step)


# -- Leads -----------------------------------------------------------------------------------------------------------------------


def _bring(play: Play, step: Step) -> None:
    parts: Parts = step.value
    received = play.moment(parts["received"], f"{step.path}/received") if "received" in parts else step.at
    lead = play.new_lead(parts.get("name"), received, step.path)
    lead.qualification = usual_qualification(play.world.active.policy)
    describe(lead, play.scenario.lead)
    describe(lead, parts)
    desk = play.world.open([lead])
    desk.add(lead)
    take_scored(desk, lead, desk.match(lead), ("", ""), CAUSE)
    play.world.settle(desk)


def _score(play: Play, step: Step) -> None:
    lead = play.lead(step.value["lead"], step.path)
    before = lead.grade, lead.qualification
    describe(lead, step.value, others=("lead",))
    desk = play.world.open([lead])
    take_scored(desk, lead, desk.match(lead), before, CAUSE)
    play.world.settle(desk)


def _contact(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    desk = play.world.open([lead])
    note_response(desk, lead, _when(play, step, parts), CAUSE, assignment_id=_assignment(lead))
    play.world.settle(desk)


def _stage(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    stage = parts.get("stage", parts.get("as", "won"))
    desk = play.world.open([lead])
    note_stage(desk, lead, stage, _when(play, step, parts), CAUSE, assignment_id=_assignment(lead))
    play.world.settle(desk)


def _assignment(lead: Case) -> UUID | None:
    return lead.held.id if lead.held else None


def _when(play: Play, step: Step, parts: Parts) -> datetime:
    return play.moment(parts["when"], f"{step.path}/when") if "when" in parts else play.world.now


# -- Answers ---------------------------------------------------------------------------------------------------------------------


def _accept(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    owner = _owner(play, lead, parts, step.path)
    desk = play.world.open([lead])
    accept(desk, lead, CAUSE, by=owner.settings.name)
    play.world.settle(desk)


def _claim(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    agent = play.agent(parts["by"], f"{step.path}/by")
    desk = play.world.open([lead])
    ruling = claim(desk, lead, agent.id, CAUSE, by=agent.settings.name)
    if ruling.answer not in (Answer.GRANTED, Answer.YOURS):
        raise NotDone(ruling.text)
    play.world.settle(desk)


def _decline(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    if lead.offered is None:
        _give_back(play, step, reason="declined")
        return
    if "by" not in parts:
        raise InvalidScenario([Problem(f"{step.path}/by", "is missing: the lead is on offer, so say who declines it")])
    agent = play.agent(parts["by"], f"{step.path}/by")
    if agent.id not in lead.offered.offer.open_to:
        raise NotDone(f"The lead is not on offer to {agent.settings.name}.")
    desk = play.world.open([lead])
    decline_offer(desk, lead, agent.id, CAUSE)
    play.world.settle(desk)


def _give_back(play: Play, step: Step, *, reason: str) -> None:
    lead, parts = _said(play, step)
    owner = _owner(play, lead, parts, step.path)
    desk = play.world.open([lead])
    give_back(desk, lead, CAUSE, reason=reason, by=owner.settings.name, why=parts.get("reason"))
    play.world.settle(desk)


def _hand_over(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
    owner = _owner(play, lead, parts, step.path)
    _give_to(play, step, lead, by=owner.settings.name)


def _assign(play: Play, step: Step) -> None:
    lead, parts = _said(play, step)
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
    """Where the lead is, if the agent is in that pool, or another one that it is in."""
    pools = play.world.active.policy.pools
    here = next((place.pool for place in (lead.held, lead.queued, lead.offered) if place), play.world.active.policy.default_pool)
    within = [name for name, pool in pools.items() if any(one.agent_id == agent_id for one in pool.members)]
    return here if here in within or not within else within[0]


def _said(play: Play, step: Step) -> tuple[Case, Parts]:
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


# -- Agents ----------------------------------------------------------------------------------------------------------------------


def _agent(play: Play, step: Step) -> None:
    name, people = step.value["name"], play.world.people
    known = (
        people.find(name, step.path) if people.knows(name) else Person(id_of(name), Settings(name=name, zone=play.scenario.zone))
    )
    settings = changed(known.settings, step.value, step.path)
    if "manager" in step.value:
        settings = replace(settings, manager_id=play.agent(step.value["manager"], f"{step.path}/manager").id)
    person = replace(known, settings=settings)
    calendars = copy_calendars(settings.holidays, play.world.now.year)
    _change(play, person, partial(agent_changed, agent_id=person.id, settings=settings, calendars=calendars), enrols=True)


def _pause(play: Play, step: Step) -> None:
    parts = {"agent": step.value} if isinstance(step.value, str) else step.value
    pause = read_pause(parts, step.path, play.moment)
    _take_pause(play, parts["agent"], pause, step.path)


def _resume(play: Play, step: Step) -> None:
    _take_pause(play, step.value, None, step.path)


def _take_pause(play: Play, name: str, pause: Any, path: str) -> None:
    person = replace(play.agent(name, path), pause=pause)
    _change(play, person, partial(pause_changed, agent_id=person.id, pause=pause))


def _leave(play: Play, step: Step) -> None:
    person = play.agent(step.value["agent"], f"{step.path}/agent")
    leave = read_leave({"from": "now", **step.value}, step.path, play.moment)
    leaves = (*(one for one in person.leaves if one.ends > play.world.now), leave)
    _change(play, replace(person, leaves=leaves), partial(leave_changed, agent_id=person.id, leaves=leaves))


def _presence(play: Play, step: Step) -> None:
    person = play.agent(step.value["agent"], f"{step.path}/agent")
    presence = read_presence(step.value, step.path, play.moment)
    _change(play, replace(person, presence=presence), partial(presence_changed, agent_id=person.id, presence=presence))


def _change(play: Play, person: Person, entry_of: Callable[[int, datetime], Entry], *, enrols: bool = False) -> None:
    """Tells the agent's group, once what passed of promises is counted by the hours of before; members by rule are enrolled anew."""
    world = play.world
    promised = [lead for lead in world.cases.values() if lead.clocks and lead.held and lead.held.agent_id == person.id]
    desk = world.open(promised)
    for lead in promised:
        count_so_far(desk, lead)
    world.settle(desk, draining=False)
    world.people.put(person)
    if enrols:
        _enrol(play)
    desk = world.open(promised)
    if found := desk.state_of_agent(person.id):
        group, state = found
        desk.append(group, entry_of(state.number + 1, state.last_now))
    for lead in promised:
        desk.change(lead)
    world.settle(desk)


def _enrol(play: Play) -> None:
    before = play.world.active.policy
    if any(pool.member_rule for pool in before.pools.values()):
        after, _ = enrol(before, [one.profile for one in play.world.people])
        if any(pool.members != before.pools[name].members for name, pool in after.pools.items()):
            play.world.activate(after)


# -- Around ----------------------------------------------------------------------------------------------------------------------


def _activate(play: Play, step: Step) -> None:
    document = step.value.get("policy") or patched(play.document, step.value["change"])
    policy = enrolled_draft(document, play.base.facts, play.world.people)
    if not isinstance(policy, tuple):
        play.document = document
        play.world.activate(policy)
        return
    raise NotDone("; ".join(f"{one.path}: {one.message}" for one in policy))


def _restart(play: Play, step: Step) -> None:
    world = play.world
    faults = world.ledgers.restart()
    for id, lead in world.cases.items():
        stored = restored(lead)
        if stored != lead:
            faults.append(f"lead {play.name_of(id)} is not as it was")
        world.cases[id] = stored
        if id in world.history.queue:
            world.history.queue[id] = stored
    play.checks.append(
        Check(step.path, "a restart changes nothing", not faults, "everything as it was", "; ".join(faults) or "so it is")
    )


def _outage(play: Play, step: Step) -> None:
    play.down_until = play.until(step.value, step.path)


def _wait(play: Play, step: Step) -> None:
    """Time has passed already."""


def _set_back(play: Play, step: Step) -> None:
    play.world.set_back(step.at)


_STEPS: dict[str, Callable[[Play, Step], None]] = {
    "lead": _bring,
    "score": _score,
    "contacted": _contact,
    "stage": _stage,
    "close": _stage,
    "accept": _accept,
    "claim": _claim,
    "decline": _decline,
    "return": partial(_give_back, reason="returned"),
    "hand_over": _hand_over,
    "assign": _assign,
    "agent": _agent,
    "pause": _pause,
    "resume": _resume,
    "leave": _leave,
    "presence": _presence,
    "activate": _activate,
    "restart": _restart,
    "outage": _outage,
    "wait": _wait,
    "clock": _set_back,
}
