"""What changes about agents in a scenario: settings, pauses, leave, presence, and what they are credited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from services.router.domain.agent import Settings
from services.router.domain.availability import copy_calendars
from services.router.domain.desk import (
    count_so_far,
    reweigh,
)
from services.router.domain.fairness import credited, debited
from services.router.domain.ledger import Entry, agent_changed, leave_changed, pause_changed, presence_changed
from services.router.domain.policy import enrol
from services.router.domain.scenario.people import Person, changed, id_of, read_leave, read_pause, read_presence
from services.router.domain.scenario.play import NotDone, Play
from services.router.domain.scenario.values import InvalidScenario, Step
from shared.rules import Problem


def change_agent(play: Play, step: Step) -> None:
    name, people = step.value["name"], play.world.people
    known = (
        people.find(name, step.path) if people.knows(name) else Person(id_of(name), Settings(name=name, zone=play.scenario.zone))
    )
    settings = changed(known.settings, step.value, step.path)
    if "manager" in step.value:
        settings = replace(settings, manager_id=play.agent(step.value["manager"], f"{step.path}/manager").id)
    person = replace(known, settings=settings)
    calendars = copy_calendars(settings.holidays, play.world.now.year)
    _change(play, person, partial(agent_changed, agent_id=person.id, settings=settings, calendars=calendars), before=known)


def pause(play: Play, step: Step) -> None:
    parts = {"agent": step.value} if isinstance(step.value, str) else step.value
    pause = read_pause(parts, step.path, play.moment)
    _take_pause(play, parts["agent"], pause, step.path)


def resume(play: Play, step: Step) -> None:
    _take_pause(play, step.value, None, step.path)


def _take_pause(play: Play, name: str, pause: Any, path: str) -> None:
    person = replace(play.agent(name, path), pause=pause)
    _change(play, person, partial(pause_changed, agent_id=person.id, pause=pause))


def send_on_leave(play: Play, step: Step) -> None:
    person = play.agent(step.value["agent"], f"{step.path}/agent")
    leave = read_leave({"from": "now", **step.value}, step.path, play.moment)
    leaves = (*(one for one in person.leaves if one.ends > play.world.now), leave)
    _change(play, replace(person, leaves=leaves), partial(leave_changed, agent_id=person.id, leaves=leaves))


def note_presence(play: Play, step: Step) -> None:
    person = play.agent(step.value["agent"], f"{step.path}/agent")
    presence = read_presence(step.value, step.path, play.moment)
    _change(play, replace(person, presence=presence), partial(presence_changed, agent_id=person.id, presence=presence))


def _change(play: Play, person: Person, entry_of: Callable[[int, datetime], Entry], *, before: Person | None = None) -> None:
    """Tells the agent's group, once what passed of promises is counted by the hours of before.

    With other settings than `before` members by rule are enrolled anew, and the agent's own weight is entered.
    """
    world = play.world
    promised = [lead for lead in world.cases.values() if lead.clocks and lead.held and lead.held.agent_id == person.id]
    desk = world.open(promised)
    for lead in promised:
        count_so_far(desk, lead)
    world.settle(desk, draining=False)
    world.people.put(person)
    if before:
        _enrol(play)
    desk = world.open(promised)
    if before:
        reweigh(desk, person.id, before.settings, person.settings)
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


def credit(play: Play, step: Step, *, debits: bool = False) -> None:
    """So many turns of a pool by hand, at the expense of the others."""
    agent, pool = play.agent(step.value["agent"], f"{step.path}/agent"), step.value["pool"]
    if pool not in play.world.active.policy.pools:
        raise InvalidScenario([Problem(f"{step.path}/pool", f"there is no pool {pool}")])
    desk = play.world.open()
    group, state = desk.state_of_pool(pool)
    if agent.id not in state.pool(pool).turns:
        raise NotDone(f"{agent.settings.name} is not a member of pool {pool}.")
    parts = {"turns": step.value["turns"], "reason": step.value.get("reason", "a step"), "by": "somebody"}
    entry_of = debited if debits else credited
    desk.append(group, entry_of(state.number + 1, state.last_now, agent_id=agent.id, pool=pool, **parts))
    play.world.settle(desk)
