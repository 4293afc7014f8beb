"""What came to pools, who waits in them, and how their members got on with their leads: counts, for rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.db.uow import UnitOfWork

CLOCKS_APART = timedelta(hours=1)  # at the most: ids are drawn by the machine's clock
LONGEST_HELD = timedelta(days=90)  # what was assigned before says nothing of the present


class Arrivals(NamedTuple):
    recent: int
    all: int


class Standing(NamedTuple):
    """A pool's queue: how many wait, and since when the oldest does."""

    waiting: int
    since: datetime


async def arrivals(uow: UnitOfWork, *, recent: datetime, since: datetime) -> dict[str, Arrivals]:
    """Leads for which it was decided that they belong to a pool: since `recent`, and since `since`, which is before. Each lead once.

    Read along the ids of decisions, which are in the order of time.
    """
    rows = await uow.fetch(
        "SELECT coalesce(via, pool) AS home, count(DISTINCT lead_id) FILTER (WHERE decided_at >= $1) AS recent, "
        "count(DISTINCT lead_id) AS n FROM router.decisions WHERE id >= $3 AND decided_at >= $2 "
        "AND outcome = ANY('{assigned,kept,offered,queued}') GROUP BY 1",
        recent,
        since,
        _first_id(since - CLOCKS_APART),
    )
    return {row["home"]: Arrivals(row["recent"], row["n"]) for row in rows}


async def queue_standings(uow: UnitOfWork) -> dict[str, Standing]:
    rows = await uow.fetch("SELECT pool, count(*) AS n, min(queued_at) AS since FROM router.queue GROUP BY pool")
    return {row["pool"]: Standing(row["n"], row["since"]) for row in rows}


async def turnovers(uow: UnitOfWork, agents: Sequence[UUID], since: datetime) -> dict[UUID, tuple[int, timedelta]]:
    """Of each agent, how many assignments ended since, and how long all of them together were open since."""
    rows = await uow.fetch(
        "SELECT agent_id, count(closed_at) AS ended, sum(least(coalesce(closed_at, $3), $3) - greatest(assigned_at, $2)) AS held "
        "FROM router.assignments WHERE agent_id = ANY($1) AND assigned_at >= $4 AND assigned_at < $3 "
        "AND (closed_at IS NULL OR closed_at >= $2) GROUP BY agent_id",
        list(agents),
        since,
        uow.now,
        since - LONGEST_HELD,
    )
    return {row["agent_id"]: (row["ended"], row["held"]) for row in rows}


def _first_id(at: datetime) -> UUID:
    """An id that sorts before all that are made from this moment on."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
