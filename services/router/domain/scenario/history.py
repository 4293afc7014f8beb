"""What happened in a scenario: who had which lead and how it ended, what was decided, and what was told, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.domain.agent import Agent
from services.router.domain.desk import Happening, Made, Record
from services.router.domain.lead import Case, Held
from services.router.domain.period import day_at, keys_of, without_past
from services.router.domain.policy import Policy
from services.router.domain.scenario.people import Person
from services.router.domain.strategies import Key
from services.router.domain.strategies import keys_of as known_by

GIVEN_UP = frozenset(("declined", "expired", "returned", "reassigned"))
"""Who ended an assignment so is the lead's owner no more."""


@dataclass(slots=True)
class Had:
    """An assignment, open or over. `earlier` ones were there before the scenario began."""

    lead_id: UUID
    held: Held
    earlier: bool = False
    reason: str | None = None
    gave_back: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was made, under the policy of then."""

    made: Made
    policy: Policy


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a lead, and when it was told."""

    at: datetime
    lead_id: UUID
    what: Happening


class History:
    """`queue` are leads that wait, or waited not long ago: ask each."""

    def __init__(self) -> None:
        self.assignments: dict[UUID, Had] = {}
        self.decisions: list[Decided] = []
        self.told: list[Told] = []
        self.queue: dict[UUID, Case] = {}
        self.is_earlier = False

    def keep(self, done: Record, now: datetime, policy: Policy) -> None:
        for lead, held in done.assigned:
            self.assignments[held.id] = Had(lead.lead_id, held, self.is_earlier)
        for _, ending in done.ended:
            had = self.assignments[ending.held.id]
            had.reason, had.gave_back = ending.reason, ending.gave_back
        self.decisions += [Decided(made, policy) for made in done.made if not self.is_earlier]
        self.told += [Told(now, lead.lead_id, what) for lead, what, _, _ in done.told if not self.is_earlier]
        for lead in (*done.new.values(), *done.changed.values()):
            if lead.queued:
                self.queue[lead.lead_id] = lead
            else:
                self.queue.pop(lead.lead_id, None)

    def owners(self, key: Key, value: str, since: datetime, cases: Mapping[UUID, Case]) -> Iterable[tuple[UUID, datetime]]:
        """Who had leads that are known by this, and when last, but for those who gave them up."""
        found: dict[UUID, datetime] = {}
        for had in self.assignments.values():
            held = had.held
            if had.reason in GIVEN_UP or held.assigned_at < since:
                continue
            if known_by(cases[had.lead_id].facts or {}).get(key) == value:
                found[held.agent_id] = max(held.assigned_at, found.get(held.agent_id, held.assigned_at))
        return found.items()

    def counted(self, person: Person, now: datetime) -> Agent:
        """The agent with what it holds and has received, counted from its assignments."""
        work, counts = 0, dict[str, int]()
        for had in self.assignments.values():
            held = had.held
            if held.agent_id != person.id:
                continue
            work += held.work if had.reason is None else 0
            for key in () if had.gave_back else keys_of(held.period, held.hour):
                counts[key] = counts.get(key, 0) + 1
        today = day_at(person.settings.zone, now).isoformat()
        return person.agent(open=work, counts=without_past(counts, today))

    def received(self, agent_id: UUID) -> int:
        """Leads that the agent was given in the scenario, also those that went on from there."""
        return sum(had.held.agent_id == agent_id and not had.earlier for had in self.assignments.values())

    def holds(self, agent_id: UUID) -> int:
        return sum(had.held.agent_id == agent_id and had.reason is None for had in self.assignments.values())

    def of(self, lead_id: UUID) -> list[Decided]:
        """The lead's decisions, in order."""
        return [one for one in self.decisions if one.made.decision.lead_id == lead_id]
