"""Who had whom: former owners by what a lead is known by, as they were looked up and as this desk gives leads out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.decision import Former
from services.router.domain.strategies import Key, keys_of


class Owners:
    """Former owners of the contacts, accounts and companies that were looked up; the others are not known."""

    def __init__(self) -> None:
        self._known: dict[tuple[Key, str], dict[UUID, datetime]] = {}

    def learn(self, key: Key, value: str, found: Iterable[tuple[UUID, datetime]]) -> None:
        """All that is known by this key so far."""
        self._known[key, value] = dict(found)

    def gave(self, agent_id: UUID, facts: Mapping[str, Any], at: datetime) -> None:
        """A lead of these facts was given to the agent just now."""
        for key in keys_of(facts).items():
            self._known.setdefault(key, {})[agent_id] = at

    def lost(self, agent_id: UUID, facts: Mapping[str, Any]) -> None:
        """The agent sent a lead of these facts back, or let its time pass: it is the owner no more."""
        for key in keys_of(facts).items():
            self._known.get(key, {}).pop(agent_id, None)

    def of(self, facts: Mapping[str, Any]) -> tuple[Former, ...]:
        """Owners of a lead of these facts, in a stated order."""
        return tuple(
            Former(agent_id, key, at)
            for key, value in sorted(keys_of(facts).items())
            for agent_id, at in sorted(self._known.get((key, value), {}).items())
        )
