"""Raw deliveries: what a source sent, byte for byte, so that it can be read again after its mapping was mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake import tables
from shared.db.uow import Row, UnitOfWork, columns


class DeliveryRow(NamedTuple):
    """One delivery. `headers` is JSON: only those that reading it again needs."""

    id: UUID
    source_id: UUID
    received_at: datetime
    method: str
    url: str
    headers: str
    body: bytes
    state: str
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class StoredDelivery:
    id: UUID
    source_id: UUID
    received_at: datetime
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    state: str
    reason: str | None
    detail: str | None


COLUMNS = "id, source_id, received_at, method, url, headers, body, state, reason, detail"


def add_deliveries(uow: UnitOfWork, rows: Sequence[DeliveryRow]) -> None:
    uow.add(tables.deliveries, DeliveryRow._fields, rows)


def insert_repetitions(uow: UnitOfWork, rows: Sequence[tuple[UUID, UUID]]) -> None:
    """Keeps which known leads (lead, delivery) a delivery of several named again."""
    uow.change(
        "INSERT INTO intake.repetitions (lead_id, delivery_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING",
        *columns(rows),
    )


async def get_delivery(uow: UnitOfWork, id: UUID) -> StoredDelivery | None:
    row = await uow.fetchrow(f"SELECT {COLUMNS} FROM intake.deliveries WHERE id = $1", id)
    return StoredDelivery(**row) if row else None


async def lock_deliveries(
    uow: UnitOfWork, source_id: UUID, *, after: UUID | None, limit: int, states: Sequence[str], since: datetime | None = None
) -> list[StoredDelivery]:
    """The source's next deliveries in these states, oldest first, locked. Those whose bytes were not kept are left out."""
    rows = await uow.fetch(
        f"SELECT {COLUMNS} FROM intake.deliveries WHERE source_id = $1 AND ($2::uuid IS NULL OR id > $2) AND state = ANY($3) "
        "AND body <> '' AND ($5::timestamptz IS NULL OR received_at >= $5) ORDER BY id LIMIT $4 FOR UPDATE",
        *(source_id, after, list(states), limit, since),
    )
    return [StoredDelivery(**row) for row in rows]


async def settle_delivery(uow: UnitOfWork, id: UUID, state: str, reason: str | None, detail: str | None) -> None:
    await uow.execute(
        "UPDATE intake.deliveries SET state = $2, reason = $3, detail = $4 WHERE id = $1", id, state, reason, detail
    )


async def page_of_deliveries(
    uow: UnitOfWork, source_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int, state: str | None
) -> list[Row]:
    """The source's deliveries without their bodies, newest first, each with the leads that it became."""
    return await uow.fetch(
        "SELECT d.id, d.received_at, d.method, d.state, d.reason, d.detail, length(d.body) AS bytes, "
        "coalesce((SELECT array_agg(l.id ORDER BY l.id) FROM intake.leads l WHERE l.delivery_id = d.id), '{}') AS lead_ids "
        "FROM intake.deliveries d WHERE d.source_id = $1 AND ($2::timestamptz IS NULL OR (d.received_at, d.id) < ($2, $3)) "
        "AND ($4::text IS NULL OR d.state = $4) ORDER BY d.received_at DESC, d.id DESC LIMIT $5",
        *(source_id, *(before or (None, None)), state, limit),
    )


async def count(uow: UnitOfWork, source_id: UUID, *, states: Sequence[str], since: datetime | None) -> int:
    """How many deliveries in these states can be read again."""
    number: int = await uow.fetchval(
        "SELECT count(*) FROM intake.deliveries WHERE source_id = $1 AND state = ANY($2) AND body <> '' "
        "AND ($3::timestamptz IS NULL OR received_at >= $3)",
        *(source_id, list(states), since),
    )
    return number
