"""Sources, and the tallies of what became of their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from services.intake.tables import sources, tallies
from shared.db.uow import Row, UnitOfWork, to_json


@dataclass(frozen=True)
class Source:
    """Where leads come from. The hook's token is shown once and never kept; `secrets` are sealed."""

    id: UUID
    name: str
    mapping: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime
    kind: str = "generic"
    region: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recognition: dict[str, Any] = field(default_factory=dict)
    secrets: bytes | None = field(default=None, repr=False)
    per_minute: int | None = None
    paused: bool = False
    retention_days: int | None = None


class TallyRow(NamedTuple):
    """So many deliveries of a source that ended alike. `lag` is the longest time from submission to receipt among them, in seconds."""

    source_id: UUID
    at: datetime
    outcome: str
    reason: str
    n: int
    lag: float | None = None


COLUMNS = tuple(sources.c[name] for name in Source.__dataclass_fields__)
NAMES = ", ".join(Source.__dataclass_fields__)


async def sources_by_name(uow: UnitOfWork, names: Sequence[str]) -> dict[str, Source]:
    rows = await uow.fetch(f"SELECT {NAMES} FROM intake.sources WHERE name = ANY($1)", list(names))
    return {row["name"]: Source(**row) for row in rows}


async def sources_by_id(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Source]:
    rows = await uow.fetch(f"SELECT {NAMES} FROM intake.sources WHERE id = ANY($1)", list(ids))
    return {row["id"]: Source(**row) for row in rows}


async def source_by_token(uow: UnitOfWork, token_hash: bytes) -> Source | None:
    row = await uow.fetchrow(f"SELECT {NAMES} FROM intake.sources WHERE token_hash = $1", token_hash)
    return Source(**row) if row else None


async def insert_source(uow: UnitOfWork, source: Source, token_hash: bytes) -> bool:
    """False where the name is taken."""
    row = await uow.fetchval(
        "INSERT INTO intake.sources (id, name, token_hash, mapping, active, created_at, updated_at, kind, region, settings, "
        "recognition, secrets, per_minute, paused, retention_days) "
        "VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING RETURNING id",
        *(source.id, source.name, token_hash, to_json(source.mapping), source.active, source.created_at),
        *(source.kind, source.region, to_json(source.settings), to_json(source.recognition), source.secrets),
        *(source.per_minute, source.paused, source.retention_days),
    )
    return row is not None


async def page_of_sources(
    uow: UnitOfWork, *, after: str | None, limit: int, active: bool | None, kind: str | None = None
) -> list[Source]:
    query = select(*COLUMNS).order_by(sources.c.name).limit(limit)
    if after is not None:
        query = query.where(sources.c.name > after)
    if active is not None:
        query = query.where(sources.c.active == active)
    if kind is not None:
        query = query.where(sources.c.kind == kind)
    return [Source(**row) for row in (await uow.run(query)).mappings()]


async def get_source(uow: UnitOfWork, id: UUID, *, lock: bool = False) -> Source | None:
    row = await uow.fetchrow(f"SELECT {NAMES} FROM intake.sources WHERE id = $1{' FOR UPDATE' if lock else ''}", id)
    return Source(**row) if row else None


async def update_source(uow: UnitOfWork, id: UUID, values: dict[str, Any]) -> Source | None:
    """Sets the given columns; returns the source as it is now, None where there is no such source."""
    query = update(sources).where(sources.c.id == id).values(updated_at=uow.now, **values).returning(*COLUMNS)
    row = (await uow.run(query)).mappings().one_or_none()
    return Source(**row) if row else None


# -- Tallies: a row a commit, so that no commit waits for another's counter; folded by the hour later -----------------------------


def add_tallies(uow: UnitOfWork, rows: Sequence[TallyRow]) -> None:
    uow.add(tallies, ("source_id", "at", "outcome", "reason", "count", "lag"), rows)


async def fold_tallies(uow: UnitOfWork, *, before: datetime) -> None:
    """Folds the tallies of the day before that moment into one row an hour; drops what is older than 90 days."""
    await uow.execute(
        "WITH recent AS (DELETE FROM intake.tallies WHERE at < $1 AND at >= $1::timestamptz - interval '1 day' RETURNING *) "
        "INSERT INTO intake.tallies (source_id, at, outcome, reason, count, lag) "
        "SELECT source_id, max(at), outcome, reason, sum(count), max(lag) FROM recent "
        "GROUP BY source_id, date_trunc('hour', at), outcome, reason",
        before,
    )
    await uow.execute("DELETE FROM intake.tallies WHERE at < $1::timestamptz - interval '90 days'", before)


async def tallies_since(uow: UnitOfWork, source_id: UUID, since: datetime) -> list[Row]:
    """What became of the source's deliveries since then, most frequent first."""
    return await uow.fetch(
        "SELECT outcome, reason, sum(count)::bigint AS count, max(at) AS last, max(lag) AS lag FROM intake.tallies "
        "WHERE source_id = $1 AND at >= $2 GROUP BY outcome, reason ORDER BY count DESC, outcome, reason",
        source_id,
        since,
    )


async def sources_with_secrets(uow: UnitOfWork) -> list[Source]:
    rows = await uow.fetch(f"SELECT {NAMES} FROM intake.sources WHERE secrets IS NOT NULL ORDER BY id FOR UPDATE")
    return [Source(**row) for row in rows]


async def last_delivery(uow: UnitOfWork, source_id: UUID) -> datetime | None:
    """When the source last sent anything, in the time for which tallies are kept."""
    at: datetime | None = await uow.fetchval("SELECT max(at) FROM intake.tallies WHERE source_id = $1", source_id)
    return at


async def sources_with_held(uow: UnitOfWork) -> list[Source]:
    """Sources that go on, and still have deliveries that were kept while they were paused, and no replay under way that reads them."""
    rows = await uow.fetch(
        f"SELECT {NAMES} FROM intake.sources s WHERE active AND NOT paused "
        "AND EXISTS (SELECT FROM intake.deliveries d WHERE d.source_id = s.id AND d.state = 'held') "
        "AND NOT EXISTS (SELECT FROM intake.jobs j WHERE j.about = s.id AND j.state IN ('waiting', 'running'))"
    )
    return [Source(**row) for row in rows]
