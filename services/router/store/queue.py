"""The hold queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.router.domain.lead import Queued
from shared.db.uow import Row, UnitOfWork, columns


async def insert_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    await uow.insert("queue", Queued._fields, rows)


async def rank_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    """Writes points and ranks of leads that wait."""
    await uow.execute(
        "UPDATE router.queue q SET points = r.points, rank = r.rank FROM unnest($1::uuid[], $2::int[], $3::bigint[]) "
        "AS r(lead_id, points, rank) WHERE q.lead_id = r.lead_id",
        *columns([(row.lead_id, row.points, row.rank) for row in rows]),
    )


async def rank_pools(uow: UnitOfWork, ageing: Mapping[str, int]) -> None:
    """Ranks who waits for these pools anew, by the points that an hour of waiting is worth in each: see `domain.lead.rank_of`."""
    await uow.execute(
        "UPDATE router.queue q SET rank = n.rank FROM (SELECT w.lead_id, w.points * 3600000::bigint - a.points * "
        "floor(extract(epoch FROM w.queued_at) * 1000)::bigint AS rank FROM router.queue w "
        "JOIN unnest($1::text[], $2::bigint[]) AS a(pool, points) ON a.pool = w.pool) n "
        "WHERE q.lead_id = n.lead_id AND q.rank <> n.rank",
        list(ageing),
        list(ageing.values()),
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
    """Who waits in these pools, highest rank first, from behind `after` on."""
    rows = await uow.fetch(
        "SELECT q.* FROM unnest($1::text[]) AS p(pool) CROSS JOIN LATERAL ("
        "SELECT * FROM router.queue q WHERE q.pool = p.pool "
        "AND ($3::bigint IS NULL OR (-q.rank, q.queued_at, q.lead_id) > (-$3, $4::timestamptz, $5::uuid)) "
        "ORDER BY rank DESC, queued_at, lead_id LIMIT $2) q ORDER BY rank DESC, queued_at, lead_id LIMIT $2",
        sorted(set(pools)),
        limit,
        *((after.rank, after.queued_at, after.lead_id) if after else (None, None, None)),
    )
    return [Queued(**row) for row in rows]


async def leads_outside(uow: UnitOfWork, pools: Iterable[str]) -> list[UUID]:
    """Leads that wait for a pool, or are on offer in one, that is none of these."""
    rows = await uow.fetch(
        "SELECT lead_id FROM router.queue WHERE NOT pool = ANY($1) UNION ALL SELECT lead_id FROM router.leads "
        "WHERE offered IS NOT NULL AND NOT (offered ->> 'pool' = ANY($1) AND offered ->> 'home' = ANY($1))",
        sorted(set(pools)),
    )
    return [row["lead_id"] for row in rows]


async def page_of_queue(uow: UnitOfWork, *, after: tuple[int, datetime, UUID] | None, limit: int, pool: str | None) -> list[Row]:
    rank, queued_at, lead_id = after or (None, None, None)
    return await uow.fetch(
        "SELECT * FROM router.queue WHERE ($1::text IS NULL OR pool = $1) "
        "AND ($2::bigint IS NULL OR (-rank, queued_at, lead_id) > (-$2, $3, $4)) ORDER BY rank DESC, queued_at, lead_id LIMIT $5",
        pool,
        rank,
        queued_at,
        lead_id,
        limit,
    )


async def queue_lengths(uow: UnitOfWork) -> dict[str, int]:
    rows = await uow.fetch("SELECT pool, count(*) AS n FROM router.queue GROUP BY pool")
    return {row["pool"]: row["n"] for row in rows}
