"""Entries of the ledger that are about fairness. Each is of one agent in one pool, and its data is whole numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.ledger import Entry

CREDITED = "credited"
DEBITED = "debited"
JOINED = "joined"
LEFT = "left"
LEAVE_BEGAN = "leave_began"
LEAVE_ENDED = "leave_ended"
REWEIGHTED = "reweighted"
RETURNED = "returned"

FAIRNESS_KINDS = frozenset([CREDITED, DEBITED, JOINED, LEFT, LEAVE_BEGAN, LEAVE_ENDED, REWEIGHTED, RETURNED])


def credited(number: int, at: datetime, *, agent_id: UUID, pool: str, turns: int, reason: str, by: str) -> Entry:
    """Somebody gave the agent so many turns (1 or more) by hand, at the expense of the others."""
    return _entry(number, CREDITED, at, agent_id, pool, turns=turns, reason=reason, by=by)


def debited(number: int, at: datetime, *, agent_id: UUID, pool: str, turns: int, reason: str, by: str) -> Entry:
    """Somebody took so many turns (1 or more) from the agent, for the others: the reverse of a credit."""
    return _entry(number, DEBITED, at, agent_id, pool, turns=turns, reason=reason, by=by)


def joined(number: int, at: datetime, *, agent_id: UUID, pool: str, turns: int = 0) -> Entry:
    """A new member begins, level or with a credit of so many turns."""
    return _entry(number, JOINED, at, agent_id, pool, turns=turns)


def left(number: int, at: datetime, *, agent_id: UUID, pool: str) -> Entry:
    """A member leaves the pool for good: what it was owed, or was ahead, goes to those who stay."""
    return _entry(number, LEFT, at, agent_id, pool)


def leave_began(number: int, at: datetime, *, agent_id: UUID, pool: str, catch_up: bool, limit: int | None = None) -> Entry:
    """The agent is away. With `catch_up` it keeps earning, of which it keeps `limit` turns at most (None: all)."""
    return _entry(number, LEAVE_BEGAN, at, agent_id, pool, catch_up=catch_up, limit=limit)


def leave_ended(number: int, at: datetime, *, agent_id: UUID, pool: str) -> Entry:
    """The agent is back."""
    return _entry(number, LEAVE_ENDED, at, agent_id, pool)


def reweighted(number: int, at: datetime, *, agent_id: UUID, pool: str, weight: int) -> Entry:
    """The agent's weight in the pool, from the next turn on; differences stay."""
    return _entry(number, REWEIGHTED, at, agent_id, pool, weight=weight)


def returned(number: int, at: datetime, *, agent_id: UUID, pool: str, lead_id: UUID, of: int) -> Entry:
    """A turn does not count; `of` is the requirement class it was taken in (`Turns.take`)."""
    return Entry(number, RETURNED, at, agent_id, lead_id, pool, {"of": of})


def _entry(number: int, kind: str, at: datetime, agent_id: UUID, pool: str, **data: Any) -> Entry:
    return Entry(number, kind, at, agent_id, None, pool, data)
