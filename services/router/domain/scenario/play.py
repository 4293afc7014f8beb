"""One play of a scenario: the world it goes on in, the names of its leads, and what was checked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.router.domain.lead import Case
from services.router.domain.policy.shape import nearby
from services.router.domain.scenario.leads import begun
from services.router.domain.scenario.moments import NoMoment, read_duration, read_moment
from services.router.domain.scenario.people import Person
from services.router.domain.scenario.policies import Base
from services.router.domain.scenario.values import Check, Document, InvalidScenario, Scenario
from services.router.domain.scenario.world import World
from shared.rules import Problem


class NotDone(Exception):
    """What a step asks for is refused; the message says why."""


class Play:
    """`document` is the policy in force as it was written. `down_until`: nothing runs until then."""

    def __init__(self, scenario: Scenario, base: Base, world: World, document: Document) -> None:
        self.scenario, self.base, self.world, self.document = scenario, base, world, document
        self.checks: list[Check] = []
        self.lines: list[tuple[int, str]] = []
        self.down_until: datetime | None = None
        self._ids: dict[str, UUID] = {}
        self._names: dict[UUID, str] = {}
        self._unnamed = 0

    # -- Names

    def new_lead(self, name: str | None, received_at: datetime, path: str) -> Case:
        """A lead that was not there before; without a name it is called by its number. Raises InvalidScenario for one that was."""
        if name is None:
            self._unnamed += 1
            name = f"lead {self._unnamed}"
        if name in self._ids:
            raise InvalidScenario([Problem(path, f"there is a lead {name} already; say `score` where it is scored again")])
        lead = begun(len(self._ids) + 1, received_at)
        self._ids[name], self._names[lead.lead_id] = lead.lead_id, name
        return lead

    def lead(self, name: str, path: str) -> Case:
        """Raises InvalidScenario for a name that no lead has by now."""
        if name not in self._ids:
            raise InvalidScenario([Problem(path, f"there is no lead {name} by then{nearby(name, self._ids)}")])
        return self.world.cases[self._ids[name]]

    def agent(self, name: str, path: str) -> Person:
        """Raises InvalidScenario."""
        return self.world.people.find(name, path)

    def name_of(self, lead_id: UUID) -> str:
        return self._names[lead_id]

    # -- Time

    def moment(self, text: str, path: str) -> datetime:
        """The moment meant, as things are now. Raises InvalidScenario."""
        if text == "now":
            return self.world.now
        try:
            return read_moment(text, zone=self.scenario.zone, start=self.scenario.starts, before=self.world.now)
        except NoMoment as error:
            raise InvalidScenario([Problem(path, str(error))]) from error

    def expected_moment(self, text: str, path: str) -> datetime:
        """A moment that is expected: a time of day is the next one after the start."""
        try:
            return read_moment(text, zone=self.scenario.zone, start=self.scenario.starts, before=self.scenario.starts)
        except NoMoment as error:
            raise InvalidScenario([Problem(path, str(error))]) from error

    def until(self, parts: Document, path: str) -> datetime:
        """`until` a moment, or `for` a duration from now."""
        if "until" in parts:
            return self.moment(parts["until"], f"{path}/until")
        try:
            return self.world.now + read_duration(parts["for"])
        except NoMoment as error:
            raise InvalidScenario([Problem(f"{path}/for", str(error))]) from error

    def note(self, line: str) -> None:
        """A line of the account that is no happening; it stands before what is told next."""
        self.lines.append((len(self.world.history.told), line))
