"""The agents of a scenario: those that it names itself, over those that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.router.domain.agent import Agent, Leave, Pause, Presence, Settings
from services.router.domain.policy import Draft, Profile, agent_id
from services.router.domain.policy.shape import nearby
from services.router.domain.roster import InvalidSettings, change_settings
from services.router.domain.scenario.moments import NoMoment, read_duration
from services.router.domain.scenario.values import Document, InvalidScenario
from shared.rules import Problem
from shared.rules.definitions import escape

Moment = Callable[[str, str], datetime]
"""Reads a moment; the second text is where it stands."""
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:handoff:policy-tests")
_APART = frozenset(("name", "id", "manager", "leave", "pause", "presence"))
LONG = timedelta(hours=12)  # that a presence holds where nothing is said


@dataclass(frozen=True)
class Person:
    """An agent outside of any group: settings, and what is known of its absence."""

    id: UUID
    settings: Settings
    leaves: tuple[Leave, ...] = ()
    pause: Pause | None = None
    presence: Presence | None = None

    def agent(self, *, open: int = 0, counts: Mapping[str, int] | None = None) -> Agent:
        return Agent(self.settings, open, dict(counts or {}), self.leaves, self.pause, self.presence)

    @property
    def profile(self) -> Profile:
        one = self.settings
        return Profile(self.id, one.name, one.kind, one.weight, one.level, one.skills, one.languages, one.tags)


class People:
    """Everybody by id and by name."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self.by_id = {one.id: one for one in people}

    def __iter__(self) -> Iterator[Person]:
        return iter(self.by_id.values())

    def find(self, text: str, path: str) -> Person:
        """The agent of that name or id. Raises InvalidScenario."""
        named = [one for one in self if one.settings.name == text]
        if len(named) == 1:
            return named[0]
        if not named and (id := agent_id(text)) and id in self.by_id:
            return self.by_id[id]
        names = [one.settings.name for one in self]
        said = (
            f"{len(named)} agents are called {text}: write the id" if named else f"there is no agent {text}{nearby(text, names)}"
        )
        raise InvalidScenario([Problem(path, said)])

    def knows(self, name: str) -> bool:
        return any(one.settings.name == name for one in self)

    def name(self, id: UUID | None) -> str:
        found = self.by_id.get(id) if id else None
        return found.settings.name if found else str(id)

    def put(self, person: Person) -> None:
        self.by_id[person.id] = person

    def copy(self) -> People:
        return People(self)


def gathered(agents: Mapping[str, Document], there_are: Iterable[Person], zone: str, path: str, moment: Moment) -> People:
    """Those that a scenario names, over those of the same name that there are. Raises InvalidScenario with all that is wrong."""
    people = People(there_are)
    problems: list[Problem] = []
    for name, parts in agents.items():
        try:
            people.put(_person(name, parts, zone, f"{path}/{escape(name)}", moment))
            continue
        except InvalidScenario as error:
            problems += error.problems
    if problems:
        raise InvalidScenario(problems)
    ids = {one.settings.name: one.id for one in there_are}
    _take_places(people, agents, ids)
    _name_managers(people, agents, path)
    return people


def named_by(draft: Draft, zone: str) -> People:
    """Everybody whom the policy names, each able to receive at any time: for a scenario that has no agents of its own."""
    found = People()
    for pool in draft.policy.pools.values():
        for listed in pool.listed:
            id = agent_id(listed.agent)
            if listed.agent and not found.knows(listed.agent):
                found.put(Person(id or id_of(listed.agent), Settings(name=listed.agent, zone=zone)))
    return found


def id_of(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


def _take_places(people: People, agents: Mapping[str, Document], ids: Mapping[str, UUID]) -> None:
    """Who has the name of an agent that there is, is that one: the policy may name it by its id."""
    for name, parts in agents.items():
        if name in ids and "id" not in parts and ids[name] != id_of(name):
            own = people.by_id.pop(id_of(name))
            people.put(replace(own, id=ids[name]))


def _name_managers(people: People, agents: Mapping[str, Document], path: str) -> None:
    for name, parts in agents.items():
        if "manager" in parts:
            manager = people.find(parts["manager"], f"{path}/{escape(name)}/manager")
            one = people.find(name, path)
            people.put(replace(one, settings=replace(one.settings, manager_id=manager.id)))


def _person(name: str, parts: Document, zone: str, path: str, moment: Moment) -> Person:
    id = agent_id(parts["id"]) if "id" in parts else id_of(name)
    if id is None:
        raise InvalidScenario([Problem(f"{path}/id", "must be an agent's id (a UUID)")])
    settings = changed(Settings(name=name, zone=zone), parts, path)
    leaves = tuple(read_leave(one, f"{path}/leave/{index}", moment) for index, one in enumerate(parts.get("leave", [])))
    pause = read_pause(parts.get("pause", False), f"{path}/pause", moment)
    presence = read_presence(parts["presence"], f"{path}/presence", moment) if "presence" in parts else None
    return Person(id, settings, leaves, pause, presence)


def changed(settings: Settings, parts: Document, path: str) -> Settings:
    """The settings with these changes, as PATCH /v1/agents takes them. Raises InvalidScenario."""
    try:
        return change_settings(settings, {name: value for name, value in parts.items() if name not in _APART})
    except InvalidSettings as error:
        raise InvalidScenario([Problem(path + one.path, one.message) for one in error.problems]) from error


def read_leave(parts: Document, path: str, moment: Moment) -> Leave:
    starts = moment(parts.get("from", "now"), f"{path}/from")
    ends = moment(parts["to"], f"{path}/to")
    if ends <= starts:
        raise InvalidScenario([Problem(f"{path}/to", "must be later than the start")])
    return Leave(uuid5(_NAMESPACE, f"leave {path} {starts} {ends}"), starts, ends, parts.get("catch_up", False))


def read_pause(said: Any, path: str, moment: Moment) -> Pause | None:
    if not said:
        return None
    parts: Document = {} if said is True else said
    return Pause(_until(parts, path, moment), parts.get("reason", ""))


def read_presence(said: Any, path: str, moment: Moment) -> Presence:
    parts: Document = {"status": said} if isinstance(said, str) else said
    until = _until(parts, path, moment)
    return Presence(parts.get("status", "online"), until or moment("now", path) + LONG)


def _until(parts: Document, path: str, moment: Moment) -> datetime | None:
    if "for" in parts:
        try:
            return moment("now", path) + read_duration(parts["for"])
        except NoMoment as error:
            raise InvalidScenario([Problem(f"{path}/for", str(error))]) from error
    return moment(parts["until"], f"{path}/until") if "until" in parts else None
