"""Leads that are to be fetched from their senders, and how far each source was looked through for leads that were not notified.

A fetch is leased: whoever has the lease calls the sender, outside of any transaction, and then says how it went. `attempts` counts
leases and is the proof of one: what a process says whose lease ran out, and was given to another, is not heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.identity import external_key
from services.intake.domain.senders.shape import Fetch
from services.intake.store.sources import NAMES, Source
from shared.db.uow import Row, UnitOfWork, to_json

_OF_SOURCE = ", ".join(f"s.{name.strip()}" for name in NAMES.split(","))
_FREE = "(f.lease_until IS NULL OR f.lease_until <= $2)"


@dataclass(frozen=True)
class Leased:
    """A fetch that is ours until its lease runs out."""

    id: UUID
    source_id: UUID
    fetch: Fetch
    delivery_id: UUID | None
    attempts: int
    created_at: datetime


class LeasedPoll(NamedTuple):
    """A source that is ours to look through; `lease_until` is the proof."""

    source: Source
    cursor: dict[str, Any]
    lease_until: datetime


# -- Fetches -----------------------------------------------------------------------------------------------------------------------


async def enqueue(uow: UnitOfWork, source_id: UUID, fetches: Sequence[Fetch], delivery_id: UUID | None) -> list[bool]:
    """Keeps what is to be fetched, due at once. For each, in order, whether it is new: the same one again is no second fetch."""
    unique = {(fetch.resource, fetch.external_id): fetch for fetch in reversed(fetches)}
    order = sorted(unique)  # so that two transactions with the same ones wait for each other and do not lock up
    rows = await uow.fetch(
        "INSERT INTO intake.fetches (id, source_id, resource, external_id, hints, delivery_id, state, attempts, created_at, due_at) "
        "SELECT n.id, $1, n.resource, n.external_id, n.hints, $2, 'waiting', 0, $3, $3 "
        "FROM unnest($4::uuid[], $5::text[], $6::text[], $7::jsonb[]) WITH ORDINALITY AS n(id, resource, external_id, hints, at) "
        "ORDER BY n.at ON CONFLICT (source_id, resource, external_id) DO NOTHING RETURNING resource, external_id",
        source_id,
        delivery_id,
        uow.now,
        [uow.clock.uuid7() for _ in order],
        [resource for resource, _ in order],
        [external_id for _, external_id in order],
        [to_json(unique[key].hints) for key in order],
    )
    fresh = {(row["resource"], row["external_id"]) for row in rows}
    first: list[bool] = []
    for fetch in fetches:
        key = (fetch.resource, fetch.external_id)
        first.append(key in fresh)
        fresh.discard(key)
    return first


async def unknown(uow: UnitOfWork, source_id: UUID, external_ids: Sequence[str]) -> set[str]:
    """Those of a sender's ids that are neither a lead already nor to be fetched."""
    rows = await uow.fetch(
        "SELECT n.external_id FROM unnest($2::text[], $3::bytea[]) AS n(external_id, key) "
        "WHERE NOT EXISTS (SELECT FROM intake.external_ids e WHERE e.key = n.key AND e.lead_id IS NOT NULL) "
        "AND NOT EXISTS (SELECT FROM intake.fetches f WHERE f.source_id = $1 AND f.external_id = n.external_id)",
        source_id,
        list(external_ids),
        [external_key(str(source_id), external_id) for external_id in external_ids],
    )
    return {row["external_id"] for row in rows}


async def due_sources(uow: UnitOfWork, kinds: Sequence[str]) -> list[Source]:
    """The sources that have something to be fetched now, and may be asked."""
    rows = await uow.fetch(
        f"SELECT {_OF_SOURCE} FROM intake.sources s WHERE s.kind = ANY($1) AND s.active AND NOT s.paused AND EXISTS "
        f"(SELECT FROM intake.fetches f WHERE f.source_id = s.id AND f.state = 'waiting' AND f.due_at <= $2 AND {_FREE})",
        list(kinds),
        uow.now,
    )
    return [Source(**row) for row in rows]


async def lease(uow: UnitOfWork, allowances: Mapping[UUID, int], *, limit: int, until: datetime) -> list[Leased]:
    """Leases what is due longest: of each source no more than it is allowed, `limit` in all. What others hold is passed over."""
    rows = await uow.fetch(
        "WITH due AS (SELECT f.id, f.due_at FROM unnest($3::uuid[], $4::int[]) AS a(source_id, calls) CROSS JOIN LATERAL "
        "(SELECT f.id, f.due_at FROM intake.fetches f WHERE f.source_id = a.source_id AND f.state = 'waiting' AND f.due_at <= $2 "
        f"AND {_FREE} ORDER BY f.due_at LIMIT a.calls FOR UPDATE SKIP LOCKED) AS f ORDER BY f.due_at LIMIT $5) "
        "UPDATE intake.fetches f SET lease_until = $1, attempts = f.attempts + 1 FROM due WHERE f.id = due.id "
        "RETURNING f.id, f.source_id, f.resource, f.external_id, f.hints, f.delivery_id, f.attempts, f.created_at",
        until,
        uow.now,
        list(allowances.keys()),
        list(allowances.values()),
        limit,
    )
    return [_leased(row) for row in rows]


def _leased(row: Row) -> Leased:
    fetch = Fetch(row["external_id"], row["resource"], row["hints"])
    return Leased(row["id"], row["source_id"], fetch, row["delivery_id"], row["attempts"], row["created_at"])


async def release(uow: UnitOfWork, leased: Sequence[Leased]) -> None:
    """Gives leases back as if they had never been taken."""
    await uow.execute(
        "UPDATE intake.fetches f SET lease_until = NULL, attempts = f.attempts - 1 "
        "FROM unnest($1::uuid[], $2::int[]) AS n(id, attempts) WHERE f.id = n.id AND f.attempts = n.attempts AND f.state = 'waiting'",
        [one.id for one in leased],
        [one.attempts for one in leased],
    )


async def succeed(uow: UnitOfWork, leased: Leased, note: str | None) -> None:
    """It was fetched and taken; `note` says if it became no lead."""
    await uow.execute(
        "UPDATE intake.fetches SET state = 'done', error = $3, lease_until = NULL "
        "WHERE id = $1 AND attempts = $2 AND state = 'waiting'",
        leased.id,
        leased.attempts,
        note,
    )


async def fail(uow: UnitOfWork, leased: Leased, error: str, due_at: datetime | None, *, counted: bool) -> None:
    """It is tried again then; without a time it has failed, and is kept. Where it is not counted, it is as if it had not been tried."""
    await uow.execute(
        "UPDATE intake.fetches SET state = CASE WHEN $4::timestamptz IS NULL THEN 'failed' ELSE 'waiting' END, error = $3, "
        "due_at = coalesce($4, due_at), attempts = attempts - $5, lease_until = NULL "
        "WHERE id = $1 AND attempts = $2 AND state = 'waiting'",
        leased.id,
        leased.attempts,
        error,
        due_at,
        0 if counted else 1,
    )


async def retry(uow: UnitOfWork, source_id: UUID) -> int:
    """Makes all that failed, or waits for a later time, due now. Returns how many."""
    rows = await uow.fetch(
        "UPDATE intake.fetches SET state = 'waiting', due_at = $2, created_at = $2, attempts = 0, lease_until = NULL "
        "WHERE source_id = $1 AND (state = 'failed' OR (state = 'waiting' AND due_at > $2)) RETURNING id",
        source_id,
        uow.now,
    )
    return len(rows)


async def forget(uow: UnitOfWork, source_id: UUID, external_ids: Sequence[str]) -> int:
    """Ends the fetches of leads that are to be erased; the rows stay, so that the same notification does not begin them again."""
    rows = await uow.fetch(
        "UPDATE intake.fetches SET state = 'done', hints = '{}', error = 'erased', lease_until = NULL "
        "WHERE source_id = $1 AND external_id = ANY($2) RETURNING id",
        source_id,
        list(external_ids),
    )
    return len(rows)


async def drop_done(uow: UnitOfWork, *, before: datetime) -> None:
    """Drops fetches that are long done; the sender's ids of their leads are known for good (intake.external_ids)."""
    await uow.execute("DELETE FROM intake.fetches WHERE state = 'done' AND created_at < $1", before)


async def state_of(uow: UnitOfWork, source_id: UUID) -> Row:
    """How the fetches of a source stand: counts, the oldest that waits, and what the last trouble was."""
    row = await uow.fetchrow(
        "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'failed') AS failed, "
        "min(created_at) FILTER (WHERE state = 'waiting') AS oldest, min(due_at) FILTER (WHERE state = 'waiting') AS next_try, "
        "count(*) FILTER (WHERE state = 'waiting' AND error ~ '^(denied|unset):') AS denied, "
        "(array_agg(error ORDER BY due_at DESC) FILTER (WHERE state <> 'done' AND error IS NOT NULL))[1] AS error "
        "FROM intake.fetches WHERE source_id = $1 AND state <> 'done'",
        source_id,
    )
    assert row is not None
    return row


# -- Polls -------------------------------------------------------------------------------------------------------------------------


async def add_polls(uow: UnitOfWork, kinds: Sequence[str]) -> None:
    """A row for each source of these kinds that has none yet, due at once."""
    await uow.execute(
        "INSERT INTO intake.polls (source_id, cursor, due_at) SELECT s.id, '{}', $2 FROM intake.sources s "
        "WHERE s.kind = ANY($1) AND NOT EXISTS (SELECT FROM intake.polls p WHERE p.source_id = s.id) "
        "ORDER BY s.id ON CONFLICT DO NOTHING",
        list(kinds),
        uow.now,
    )


async def lease_poll(uow: UnitOfWork, kinds: Sequence[str], *, until: datetime) -> LeasedPoll | None:
    """Leases the source that is due longest; None where none is. Those whose setting poll_minutes is 0 are left alone."""
    row = await uow.fetchrow(
        "WITH due AS (SELECT p.source_id FROM intake.polls p JOIN intake.sources s ON s.id = p.source_id "
        "WHERE p.due_at <= $2 AND (p.lease_until IS NULL OR p.lease_until <= $2) AND s.kind = ANY($3) AND s.active AND NOT s.paused "
        "AND s.settings -> 'poll_minutes' IS DISTINCT FROM '0'::jsonb ORDER BY p.due_at LIMIT 1 FOR UPDATE OF p SKIP LOCKED) "
        f"UPDATE intake.polls p SET lease_until = $1 FROM due, intake.sources s WHERE p.source_id = due.source_id "
        f"AND s.id = due.source_id RETURNING p.cursor AS poll_cursor, {_OF_SOURCE}",
        until,
        uow.now,
        list(kinds),
    )
    if row is None:
        return None
    source = Source(**{name: row[name] for name in Source.__dataclass_fields__})
    return LeasedPoll(source, row["poll_cursor"], until)


async def advance_poll(
    uow: UnitOfWork,
    leased: LeasedPoll,
    *,
    cursor: Mapping[str, Any],
    due_at: datetime,
    found: int,
    error: str | None,
    keep_error: bool,
) -> None:
    """Says how far the source was looked through; nothing, where the lease has gone to another. `keep_error`: an older one stands."""
    await uow.execute(
        "UPDATE intake.polls SET cursor = $3, due_at = $4, found = found + $5, "
        "error = CASE WHEN $8 THEN coalesce($6, error) ELSE $6 END, polled_at = $7, lease_until = NULL "
        "WHERE source_id = $1 AND lease_until = $2",
        leased.source.id,
        leased.lease_until,
        to_json(cursor),
        due_at,
        found,
        error,
        uow.now,
        keep_error,
    )


async def poll_of(uow: UnitOfWork, source_id: UUID) -> Row | None:
    return await uow.fetchrow("SELECT polled_at, due_at, found, error FROM intake.polls WHERE source_id = $1", source_id)
