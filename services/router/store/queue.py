"""The hold queues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.router.domain.lead import Queued
from shared.db.uow import Row, UnitOfWork, columns

Position: TypeAlias = tuple[int, datetime, UUID]
"""Where a lead stands in the order of queues: its rank, since when it waits, its id."""


def send_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    uow.send("queue", Queued._fields, rows)


async def rank_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    """Writes points and ranks of leads that wait, and what they ask."""
    await uow.execute(
        "UPDATE router.queue q SET points = r.points, rank = r.rank, asks = r.asks "
        "FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS r(lead_id, points, rank, asks) WHERE q.lead_id = r.lead_id",
        *columns([(row.lead_id, row.points, row.rank, row.asks) for row in rows]),
    )


async def forget_asks(uow: UnitOfWork) -> None:
    """What leads ask who wait is to be found anew, each the next time that it is looked at: the policy changed."""
    await uow.execute("UPDATE router.queue SET asks = '' WHERE asks <> ''")


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


async def queue_head(
    uow: UnitOfWork,
    pools: Iterable[str],
    limit: int,
    *,
    after: Position | None = None,
    hopeless: Collection[str] = (),
) -> list[Queued]:
    """Who waits in these pools, highest rank first, from behind `after` on, without those who ask what is hopeless."""
    rows = await uow.fetch(
        "SELECT q.* FROM unnest($1::text[]) AS p(pool) CROSS JOIN LATERAL ("
        "SELECT * FROM router.queue q WHERE q.pool = p.pool "
        "AND ($3::bigint IS NULL OR (-q.rank, q.queued_at, q.lead_id) > (-$3, $4::timestamptz, $5::uuid)) "
        "AND q.asks <> ALL($6::text[]) "
        "ORDER BY rank DESC, queued_at, lead_id LIMIT $2) q ORDER BY rank DESC, queued_at, lead_id LIMIT $2",
        sorted(set(pools)),
        limit,
        *(after or (None, None, None)),
        sorted(hopeless),
    )
    return [Queued(**row) for row in rows]


async def one_of_each(uow: UnitOfWork, pools: Iterable[str], limit: int, *, known: Collection[str] = ()) -> list[UUID]:
    """Of those who wait in these pools, one of each that ask the same, without those whose asking is known."""
    rows = await uow.fetch(
        "SELECT (array_agg(lead_id))[1] AS lead_id FROM router.queue WHERE pool = ANY($1) AND asks <> ALL($3::text[]) AND asks > '' "
        "GROUP BY asks LIMIT $2",
        sorted(set(pools)),
        limit,
        sorted(known),
    )
    return [row["lead_id"] for row in rows]


async def leads_outside(uow: UnitOfWork, pools: Iterable[str]) -> list[UUID]:
    """Leads that wait for a pool, or are on offer in one, that is none of these."""
    rows = await uow.fetch(
        "SELECT lead_id FROM router.queue WHERE NOT pool = ANY($1) UNION ALL SELECT lead_id FROM router.leads "
        "WHERE offered IS NOT NULL AND NOT (offered ->> 'pool' = ANY($1) AND offered ->> 'home' = ANY($1))",
        sorted(set(pools)),
    )
    return [row["lead_id"] for row in rows]


class Waiting(NamedTuple):
    """Which of those who wait: each that is not None must be so. `before`: they waited already at that moment."""

    pool: str | None = None
    rule: str | None = None
    before: datetime | None = None


ALL = Waiting()
_SOUGHT = "($1::text IS NULL OR pool = $1) AND ($2::text IS NULL OR rule = $2) AND ($3::timestamptz IS NULL OR queued_at <= $3)"


async def page_of_queue(uow: UnitOfWork, *, after: Position | None, limit: int, sought: Waiting = ALL) -> list[Row]:
    """Highest rank first, with each lead's place among all who wait for its pool, and its last decision, which says why it waits."""
    return await uow.fetch(
        "SELECT p.*, d.id AS decision_id, d.why, d.gates FROM (SELECT * FROM (SELECT *, "
        "row_number() OVER (PARTITION BY pool ORDER BY rank DESC, queued_at, lead_id) AS position "
        f"FROM router.queue WHERE $1::text IS NULL OR pool = $1) placed WHERE {_SOUGHT} "
        "AND ($4::bigint IS NULL OR (-rank, queued_at, lead_id) > (-$4, $5::timestamptz, $6::uuid)) "
        "ORDER BY rank DESC, queued_at, lead_id LIMIT $7) p LEFT JOIN LATERAL ("
        "SELECT id, why, gates FROM router.decisions d WHERE d.lead_id = p.lead_id ORDER BY d.id DESC LIMIT 1) d ON true "
        "ORDER BY p.rank DESC, p.queued_at, p.lead_id",
        *sought,
        *(after or (None, None, None)),
        limit,
    )


async def queue_lengths(uow: UnitOfWork, sought: Waiting = ALL) -> dict[str, int]:
    rows = await uow.fetch(f"SELECT pool, count(*) AS n FROM router.queue WHERE {_SOUGHT} GROUP BY pool", *sought)
    return {row["pool"]: row["n"] for row in rows}


async def queue_by_rule(uow: UnitOfWork, limits: Mapping[str, datetime]) -> list[Row]:
    """How many wait for each pool by each rule, since when, how many for their own owner, and how many since before the pool's limit."""
    return await uow.fetch(
        "SELECT pool, rule, count(*) AS n, min(queued_at) AS since, count(until) AS for_owner, "
        "count(*) FILTER (WHERE queued_at < l.at) AS broken FROM router.queue "
        "LEFT JOIN unnest($1::text[], $2::timestamptz[]) AS l(pool, at) USING (pool) GROUP BY pool, rule ORDER BY pool, n DESC, rule",
        list(limits),
        list(limits.values()),
    )


async def timer_data(uow: UnitOfWork, kind: str, subject: UUID) -> Row | None:
    """What a timer that is set carries."""
    found: Row | None = await uow.fetchval("SELECT data FROM router.timers WHERE kind = $1 AND subject = $2", kind, subject)
    return found
