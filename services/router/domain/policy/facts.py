"""What a policy's conditions may ask: of a lead, of an agent, and of what changed when a lead was scored again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from shared.rules import Facts, Kind, Vocabulary

COVERS = "agent.covers_lead"  # the lead's place lies in the agent's territories
PLACE = ("country", "region", "postcode", "h3")  # what that is told by

SCORED: Mapping[str, Kind] = {
    "points": Kind.NUMBER,
    "fit": Kind.NUMBER,
    "engagement": Kind.NUMBER,
    "letter": Kind.TEXT,
    "number": Kind.NUMBER,
    "grade": Kind.TEXT,
    "qualification": Kind.TEXT,
    "thresholds": Kind.TEXTS,
}
MOVED: Mapping[str, Kind] = {
    "changed_grade": Kind.TEXT,  # up, down or same
    "changed_qualification": Kind.TEXT,
    "previous_grade": Kind.TEXT,
    "previous_qualification": Kind.TEXT,
    "pool": Kind.TEXT,  # the one that the lead was given out from
}
_AGENT: Mapping[str, Kind] = {
    "agent.id": Kind.TEXT,
    "agent.name": Kind.TEXT,
    "agent.kind": Kind.TEXT,
    "agent.skills": Kind.TEXTS,
    "agent.languages": Kind.TEXTS,
    "agent.tags": Kind.TEXTS,
    "agent.weight": Kind.NUMBER,
    "agent.level": Kind.NUMBER,
}
AGENT = Vocabulary(_AGENT)


@dataclass(frozen=True)
class Profile:
    """An agent as conditions ask for it. `never` is why it cannot ever receive as it is set up, for a person; None where it can."""

    id: UUID
    name: str
    kind: str = "agent"
    weight: int = 1
    level: int = 1
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    never: str | None = field(default=None, compare=False)

    @cached_property
    def facts(self) -> Facts:
        values = (str(self.id), self.name, self.kind, self.skills, self.languages, self.tags, self.weight, self.level)
        return dict(zip(_AGENT, values, strict=True))


def of_lead(facts: Vocabulary) -> Vocabulary:
    """What `when` may ask, given the facts that intake tells of a lead: those, and what scoring found."""
    return facts.plus(SCORED)


def of_match(lead: Vocabulary) -> Vocabulary:
    """What `requires` may ask: the lead's facts as `lead.…`, and the agent's."""
    return Vocabulary({f"lead.{name}": kind for name, kind in lead.names.items()}).plus({**_AGENT, COVERS: Kind.TRUTH})
