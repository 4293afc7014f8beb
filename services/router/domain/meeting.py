"""Who of a pool's members meets what is asked for a lead, remembered by the values that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.policy import Profile, Requirement
from services.router.domain.territory import Territories, place_of
from shared.rules import Facts

_MOST = 4_096


class Meeting:
    """The members of one pool. Asking is O(n) for values that were not asked for since an agent changed, else O(1)."""

    def __init__(self, members: Iterable[UUID], settings_of: Callable[[UUID], Settings]) -> None:
        self._members = tuple(members)
        self._settings_of = settings_of
        self.forget()

    def forget(self) -> None:
        """A member's settings changed."""
        self._found: dict[Hashable, frozenset[UUID]] = {}
        self._sets: dict[frozenset[UUID], frozenset[UUID]] = {}  # equal ones are one object
        self._profiles: tuple[Profile, ...] = ()
        self._territories: Territories | None = None

    def among(self, requirements: Sequence[Requirement], lead: Facts) -> frozenset[UUID] | None:
        """Those who meet all of it for a lead of these facts; None where nothing is asked."""
        if not requirements:
            return None
        covering = self._covering(lead) if any(one.asks_place for one in requirements) else frozenset()
        key = (covering, *((one.text, one.asked_beside_place(lead)) for one in requirements))
        if key not in self._found:
            if len(self._found) >= _MOST:
                self._found.clear()
                self._sets.clear()
            found = frozenset(
                one.id for one in self._all() if all(asked.met(one, lead, covers=one.id in covering) for asked in requirements)
            )
            self._found[key] = self._sets.setdefault(found, found)
        return self._found[key]

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
