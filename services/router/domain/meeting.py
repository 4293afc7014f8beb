"""Who of a pool's members meets what is asked for a lead, remembered by the values that are asked for.

Members who are alike in all that is asked of an agent (its languages, say) meet it or do not meet it together, so one of each kind is asked
and not each member; whether a member covers the lead's place is known by an index of territories.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.policy import AGENT, Profile, Requirements
from services.router.domain.territory import Territories, place_of
from shared.rules import Facts

_MOST = 4_096

Kinds = tuple[tuple[Profile, frozenset[UUID]], ...]
"""One of each kind, and all who are of that kind."""


class Meeting:
    """The members of one pool. Asking is O(kinds of members) for values that were not asked for since an agent changed, else O(1)."""

    def __init__(self, members: Iterable[UUID], settings_of: Callable[[UUID], Settings]) -> None:
        self._members = tuple(members)
        self._settings_of = settings_of
        self.forget()

    def forget(self) -> None:
        """A member's settings changed."""
        self._found: dict[Hashable, frozenset[UUID]] = {}
        self._sets: dict[frozenset[UUID], frozenset[UUID]] = {}  # equal ones are one object
        self._kinds: dict[frozenset[str], Kinds] = {}
        self._profiles: tuple[Profile, ...] = ()
        self._territories: Territories | None = None

    def among(self, requirements: Requirements, lead: Facts) -> frozenset[UUID] | None:
        """Those who meet all of it for a lead of these facts; None where nothing is asked."""
        if not requirements:
            return None
        covering = self._covering(lead) if requirements.asks_place else None
        key = requirements.key(lead, covering)
        found = self._found.get(key)
        return self._find(key, requirements, lead, covering) if found is None else found

    def _find(self, key: Hashable, requirements: Requirements, lead: Facts, covering: frozenset[UUID] | None) -> frozenset[UUID]:
        if len(self._found) >= _MOST:
            self._found.clear()
            self._sets.clear()
        found = frozenset[UUID]().union(*self._parts(requirements, lead, covering))
        self._found[key] = found = self._sets.setdefault(found, found)
        return found

    def _parts(self, requirements: Requirements, lead: Facts, covering: frozenset[UUID] | None) -> Iterable[frozenset[UUID]]:
        """Of each kind those who meet it: all or none, or those who cover the place, or those who do not."""
        for one, alike in self._alike(requirements):
            inside = all(asked.met(one, lead, covers=True) for asked in requirements)
            outside = inside if covering is None else all(asked.met(one, lead, covers=False) for asked in requirements)
            if inside and outside:
                yield alike
            elif inside:
                yield alike & (covering or frozenset())
            elif outside:
                yield alike - (covering or frozenset())

    def _alike(self, requirements: Requirements) -> Kinds:
        asked = frozenset(name for one in requirements for name in one.rule.names if name in AGENT)
        if asked not in self._kinds:
            kinds: dict[Hashable, list[Profile]] = {}
            for member in self._all():
                kinds.setdefault(tuple(member.facts[name] for name in sorted(asked)), []).append(member)
            self._kinds[asked] = tuple((alike[0], frozenset(one.id for one in alike)) for alike in kinds.values())
        return self._kinds[asked]

    def _covering(self, lead: Facts) -> frozenset[UUID]:
        if self._territories is None:
            self._territories = Territories({one: self._settings_of(one).territories for one in self._members})
        return self._territories.covering(place_of(lead))

    def _all(self) -> tuple[Profile, ...]:
        if not self._profiles:
            self._profiles = tuple(profile(one, self._settings_of(one)) for one in self._members)
        return self._profiles


def profile(agent_id: UUID, settings: Settings) -> Profile:
    """An agent as conditions ask for it."""
    return Profile(
        agent_id,
        settings.name,
        settings.kind,
        settings.weight,
        settings.level,
        settings.skills,
        settings.languages,
        settings.tags,
    )
