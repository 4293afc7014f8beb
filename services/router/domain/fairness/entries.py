"""Entries of the ledger that are about fairness alone. Each is of one agent in one pool, and its data is whole numbers and words.

They are what somebody decides. What follows from other entries and the time has none of its own: turns and their returns, leave that
begins and ends, members who come and go with a policy.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.ledger import Entry

CREDITED = "credited"
DEBITED = "debited"
REWEIGHTED = "reweighted"

FAIRNESS_KINDS = frozenset([CREDITED, DEBITED, REWEIGHTED])


def credited(number: int, at: datetime, *, agent_id: UUID, pool: str, turns: int, reason: str, by: str) -> Entry:
    """Somebody gave the agent so many turns (1 or more) by hand, at the expense of the others."""
    return _entry(number, CREDITED, at, agent_id, pool, turns=turns, reason=reason, by=by)


def debited(number: int, at: datetime, *, agent_id: UUID, pool: str, turns: int, reason: str, by: str) -> Entry:
    """Somebody took so many turns (1 or more) from the agent, for the others: the reverse of a credit."""
    return _entry(number, DEBITED, at, agent_id, pool, turns=turns, reason=reason, by=by)


def reweighted(number: int, at: datetime, *, agent_id: UUID, pool: str, weight: int) -> Entry:
    """The agent's weight in the pool, from the next turn on; differences stay."""
    return _entry(number, REWEIGHTED, at, agent_id, pool, weight=weight)


def _entry(number: int, kind: str, at: datetime, agent_id: UUID, pool: str, **data: Any) -> Entry:
    return Entry(number, kind, at, agent_id, None, pool, data)
