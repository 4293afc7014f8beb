"""Every query of intake. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from services.intake.tables import sources
from shared.db.uow import UnitOfWork, to_json


@dataclass(frozen=True)
class Source:
    """Where leads come from. The token itself is shown once and never kept."""

    id: UUID
    name: str
    mapping: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime


class LeadRow(NamedTuple):
    """A lead to be stored. Contact, facts and warnings are JSON; its sequence begins with 1, its LeadReceived."""

    id: UUID
    source_id: UUID
    received_at: datetime
    contact: str
    facts: str
    warnings: str
    sequence: int = 1


class DeliveryRow(NamedTuple):
    """A hook's raw bytes, kept beside the lead that was made of them."""

    lead_id: UUID
    content_type: str
    body: bytes


COLUMNS = (sources.c.id, sources.c.name, sources.c.mapping, sources.c.active, sources.c.created_at, sources.c.updated_at)


async def insert_leads(uow: UnitOfWork, rows: Sequence[LeadRow]) -> None:
    await uow.insert("leads", LeadRow._fields, rows)


async def insert_deliveries(uow: UnitOfWork, rows: Sequence[DeliveryRow]) -> None:
    await uow.insert("deliveries", DeliveryRow._fields, rows)


async def sources_by_name(uow: UnitOfWork, names: Sequence[str]) -> dict[str, Source]:
    rows = await uow.fetch(
        "SELECT id, name, mapping, active, created_at, updated_at FROM intake.sources WHERE name = ANY($1)", list(names)
    )
    return {row["name"]: Source(**row) for row in rows}


async def source_by_token(uow: UnitOfWork, token_hash: bytes) -> Source | None:
    row = await uow.fetchrow(
        "SELECT id, name, mapping, active, created_at, updated_at FROM intake.sources WHERE token_hash = $1", token_hash
    )
    return Source(**row) if row else None


async def insert_source(uow: UnitOfWork, source: Source, token_hash: bytes) -> bool:
    """False where the name is taken."""
    row = await uow.fetchval(
        "INSERT INTO intake.sources (id, name, token_hash, mapping, active, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING RETURNING id",
        source.id,
        source.name,
        token_hash,
        to_json(source.mapping),
        source.active,
        source.created_at,
    )
    return row is not None


async def page_of_sources(uow: UnitOfWork, *, after: str | None, limit: int, active: bool | None) -> list[Source]:
    query = select(*COLUMNS).order_by(sources.c.name).limit(limit)
    if after is not None:
        query = query.where(sources.c.name > after)
    if active is not None:
        query = query.where(sources.c.active == active)
    return [Source(**row) for row in (await uow.run(query)).mappings()]


async def get_source(uow: UnitOfWork, id: UUID) -> Source | None:
    row = (await uow.run(select(*COLUMNS).where(sources.c.id == id))).mappings().one_or_none()
    return Source(**row) if row else None


async def update_source(uow: UnitOfWork, id: UUID, values: dict[str, Any]) -> Source | None:
    """Sets the given columns; returns the source as it is now, None where there is no such source."""
    query = update(sources).where(sources.c.id == id).values(updated_at=uow.now, **values).returning(*COLUMNS)
    row = (await uow.run(query)).mappings().one_or_none()
    return Source(**row) if row else None
