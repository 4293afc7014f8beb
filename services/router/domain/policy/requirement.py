"""What is asked of an agent: by a pool of its members, by a rule or a pool of who may receive a lead."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

from services.router.domain.policy.facts import COVERS, PLACE, Profile
from shared.rules import Facts, Rule

LEAD = "lead."


@dataclass(frozen=True, eq=False)
class Requirement:
    """A condition on an agent, `agent.…`, and, where it is one on who receives a lead, on `lead.…` too. Two of the same text are equal."""

    rule: Rule

    @property
    def text(self) -> str:
        return self.rule.text

    def met(self, profile: Profile, lead: Facts | None = None, *, covers: bool | None = None) -> bool:
        """Whether the agent meets it, for a lead of these facts. `covers`: the lead's place lies in the agent's territories."""
        asked = {LEAD + name: lead[name] for name in self.lead_facts if name in lead} if lead else {}
        return self.rule({**profile.facts, **asked, **({} if covers is None else {COVERS: covers})})

    def asked(self, lead: Facts) -> tuple[Hashable, ...]:
        """The lead's values that it asks for: the same members meet it for all leads of the same values."""
        return tuple(_hashable(lead.get(name)) for name in self.lead_facts)

    @cached_property
    def asks_place(self) -> bool:
        return COVERS in self.rule.names

    @cached_property
    def named(self) -> tuple[str, ...]:
        """As `lead_facts`, without what tells the lead's place only for `agent.covers_lead`: who covers it is known by territories."""
        return tuple(sorted(name.removeprefix(LEAD) for name in self.rule.names if name.startswith(LEAD)))

    @cached_property
    def lead_facts(self) -> tuple[str, ...]:
        """The facts of a lead that decide who meets it, without the `lead.` before them."""
        return tuple(sorted({*self.named, *(PLACE if self.asks_place else ())}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Requirement) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Requirements(tuple[Requirement, ...]):
    """All that is asked of who receives a lead, by its pool and by the rule that sent it."""

    @cached_property
    def asks_place(self) -> bool:
        return any(one.asks_place for one in self)

    @cached_property
    def lead_facts(self) -> frozenset[str]:
        """The facts of a lead that decide who meets them."""
        return frozenset(name for one in self for name in one.lead_facts)

    @cached_property
    def _named(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self for name in one.named))

    @cached_property
    def _text(self) -> tuple[str, ...]:
        return tuple(one.text for one in self)

    def key(self, lead: Facts, covering: Hashable) -> Hashable:
        """What leads have in common whom the same members meet, given who covers their place."""
        get = lead.get
        return (
            self._text,
            covering,
            *[value if value is None or value.__class__ is str else _hashable(value) for value in map(get, self._named)],
        )


NOTHING = Requirements()


def _hashable(value: object) -> Hashable:
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(sorted(map(repr, value)))
    return (value.__class__, repr(value))  # 1 and True are the same to Python, and are not to a rule
