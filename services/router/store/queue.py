"""The hold queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.uow import Row, UnitOfWork, columns


class Queued(NamedTuple):
    """A lead in a pool's hold queue."""

    lead_id: UUID
    pool: str
    rule: str | None
    points: int
    queued_at: datetime


async def insert_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    await uow.insert("queue", Queued._fields, rows)


async def rank_queue(uow: UnitOfWork, points: Sequence[tuple[UUID, int]]) -> None:
    await uow.execute(
        "UPDATE router.queue q SET points = p.points FROM unnest($1::uuid[], $2::int[]) AS p(lead_id, points) "
        "WHERE q.lead_id = p.lead_id",
        *columns(points),
    )


async def move_queue(uow: UnitOfWork, moves: Sequence[tuple[UUID, str, str | None]]) -> None:
    """Puts waiting leads into other pools' queues: (lead, pool, rule)."""
    await uow.execute(
        "UPDATE router.queue q SET pool = m.pool, rule = m.rule FROM unnest($1::uuid[], $2::text[], $3::text[]) "
        "AS m(lead_id, pool, rule) WHERE q.lead_id = m.lead_id",
        *columns(moves),
    )


async def delete_queue(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    await uow.execute("DELETE FROM router.queue WHERE lead_id = ANY($1)", list(ids))


async def pools_with_queue(uow: UnitOfWork, pools: Iterable[str]) -> set[str]:
    rows = await uow.fetch(
        "SELECT pool FROM unnest($1::text[]) AS p(pool) WHERE EXISTS (SELECT FROM router.queue q WHERE q.pool = p.pool)",
        sorted(set(pools)),
    )
    return {row["pool"] for row in rows}


async def queue_head(uow: UnitOfWork, pools: Iterable[str], limit: int, *, after: Queued | None = None) -> list[Queued]:
    """Who waits in these pools, best and oldest first, from behind `after` on."""
    rows = await uow.fetch(
        "SELECT q.* FROM unnest($1::text[]) AS p(pool) CROSS JOIN LATERAL ("
        "SELECT lead_id, pool, rule, points, queued_at FROM router.queue q WHERE q.pool = p.pool "
        "AND ($3::int IS NULL OR (-q.points, q.queued_at, q.lead_id) > (-$3, $4::timestamptz, $5::uuid)) "
        "ORDER BY points DESC, queued_at, lead_id LIMIT $2) q ORDER BY points DESC, queued_at, lead_id LIMIT $2",
        sorted(set(pools)),
        limit,
        *((after.points, after.queued_at, after.lead_id) if after else (None, None, None)),
    )
    return [Queued(**row) for row in rows]


async def queued_outside(uow: UnitOfWork, pools: Iterable[str]) -> list[UUID]:
    """Leads that wait for a pool that is none of these."""
    rows = await uow.fetch("SELECT lead_id FROM router.queue WHERE NOT pool = ANY($1)", sorted(set(pools)))
    return [row["lead_id"] for row in rows]


async def page_of_queue(uow: UnitOfWork, *, after: tuple[int, datetime, UUID] | None, limit: int, pool: str | None) -> list[Row]:
    points, queued_at, lead_id = after or (None, None, None)
    return await uow.fetch(
        "SELECT * FROM router.queue WHERE ($1::text IS NULL OR pool = $1) "
        "AND ($2::bigint IS NULL OR (-points, queued_at, lead_id) > (-$2, $3, $4)) ORDER BY points DESC, queued_at, lead_id LIMIT $5",
        pool,
        points,
        queued_at,
        lead_id,
        limit,
    )


async def queue_lengths(uow: UnitOfWork) -> dict[str, int]:
    rows = await uow.fetch("SELECT pool, count(*) AS n FROM router.queue GROUP BY pool")
    return {row["pool"]: row["n"] for row in rows}
