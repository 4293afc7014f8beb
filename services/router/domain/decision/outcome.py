"""What became of a lead, and how whoever got it stood."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.router.domain.rotation import Counters


class Outcome(StrEnum):
    """What became of a lead. A closed list."""

    ASSIGNED = "assigned"
    OFFERED = "offered"  # to several; the first to claim it gets it
    QUEUED = "queued"  # every member of the pool is stopped by a gate, or the lead waits for its own owner
    REJECTED = "rejected"  # the qualification is not routed; revisable when the lead is scored again
    KEPT = "kept"  # with the agent who had a lead of the same contact, company or account
    CLAIMED = "claimed"
    BY_HAND = "by_hand"  # somebody said who; that one could receive
    FORCED = "forced"  # an admin said who, past the gates
    RESTORED = "restored"  # back with the agent who had it: a merge was undone. No turn of the pool's rotation


PLACED = frozenset((Outcome.CLAIMED, Outcome.BY_HAND, Outcome.FORCED, Outcome.RESTORED))
"""Outcomes in which no strategy chose."""
GIVEN = PLACED | {Outcome.ASSIGNED, Outcome.KEPT}
"""Outcomes after which the lead has an owner."""


class Winner(NamedTuple):
    """The agent who gets the lead. Counters of its turns in the pool, open leads and leads of its day: once it has it.

    `period` and `hour` are the key of the day and the number of the hour that the assignment counts in, `work` is what it adds to `open`;
    a cap of None is no cap; `level` is its own in the pool.
    """

    agent_id: UUID
    before: Counters
    after: Counters
    open: int
    open_cap: int | None
    daily: int
    daily_cap: int | None
    period: str
    hour: int = 0
    work: int = 1
    level: int = 1
