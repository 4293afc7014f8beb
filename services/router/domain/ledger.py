"""Entries of a group's append-only ledger: everything that changed who may receive, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

ASSIGNED = "assigned"
ENDED = "ended"
AGENT_CHANGED = "agent_changed"


class LedgerError(ValueError):
    """A ledger that cannot be folded: written wrongly, or meant for another group.

    ├── LedgerGap       an entry that is not the next one
    └── NotInGroup      a pool or an agent that the group does not have
    """


class LedgerGap(LedgerError):
    """The entry is not the next one."""


class NotInGroup(LedgerError):
    """The group has no such pool or agent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a ledger. Build it with the function of its kind (`assigned`, `ended`, `agent_changed`).

    `number` counts 1, 2, 3 … without gaps in a group. `at` is aware and never earlier than the group's last `now`.
    `data` is plain data that JSON can carry.
    """

    number: int
    kind: str
    at: datetime
    agent_id: UUID | None
    lead_id: UUID | None
    pool: str | None
    data: Mapping[str, Any]


def assigned(number: int, at: datetime, *, agent_id: UUID, lead_id: UUID, pool: str | None, turn: bool, period: str) -> Entry:
    """An agent became a lead's owner.

    `turn` tells whether it is a turn of the pool's rotation; a sticky, forced or claimed assignment is none. `period`
    is the key of the agent's day that it counts in (`GroupState.today`): an assignment's row keeps it for its end.
    """
    return Entry(number, ASSIGNED, at, agent_id, lead_id, pool, {"turn": turn, "period": period})


def ended(
    number: int,
    at: datetime,
    *,
    agent_id: UUID,
    lead_id: UUID,
    pool: str | None,
    reason: str,
    gives_back: bool,
    period: str,
) -> Entry:
    """An assignment was closed; with `gives_back` the count of the period it was counted in is given back."""
    data = {"reason": reason, "gives_back": gives_back, "period": period}
    return Entry(number, ENDED, at, agent_id, lead_id, pool, data)


def agent_changed(
    number: int, at: datetime, *, agent_id: UUID, active: bool, daily_cap: int | None, open_cap: int | None, zone: str
) -> Entry:
    """An agent's settings, all of them, as they are from now on."""
    data = {"active": active, "daily_cap": daily_cap, "open_cap": open_cap, "zone": zone}
    return Entry(number, AGENT_CHANGED, at, agent_id, None, None, data)
