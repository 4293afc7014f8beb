"""Activities, those of visitors whom nobody knows yet among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import UnitOfWork, columns

KEPT_UNKNOWN = timedelta(days=90)


class ActivityRow(NamedTuple):
    """An activity; without a lead it waits for its visitor to be recognised. `data` is JSON on the way in, and comes out parsed."""

    id: UUID
    lead_id: UUID | None
    visitor: bytes | None
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source: str | None
    data: Any


async def insert_activities(uow: UnitOfWork, rows: Sequence[ActivityRow]) -> None:
    await uow.insert("activities", ActivityRow._fields, rows)


async def known_ids(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
    """Which of these activities are recorded already, and on which lead. Waits for whoever is recording one of them."""
    if not ids:
        return {}
    await uow.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('intake.activity.' || id::text, 0)) FROM unnest($1::uuid[]) AS a(id)",
        sorted(set(ids)),
    )
    rows = await uow.fetch("SELECT id, lead_id FROM intake.activities WHERE id = ANY($1)", list(ids))
    return {row["id"]: row["lead_id"] for row in rows}


async def take_unattached(uow: UnitOfWork, leads: Mapping[bytes, UUID], *, limit: int) -> list[ActivityRow]:
    """Gives the latest activities of these visitors that have no lead yet to the leads, oldest first. Needs the visitors' locks."""
    rows = await uow.fetch(
        "UPDATE intake.activities a SET lead_id = n.lead_id FROM ("
        "SELECT id, v.lead_id, occurred_at FROM unnest($1::bytea[], $2::uuid[]) AS v(visitor, lead_id) CROSS JOIN LATERAL ("
        "SELECT id, occurred_at FROM intake.activities w WHERE w.visitor = v.visitor AND w.lead_id IS NULL "
        "ORDER BY occurred_at DESC LIMIT $3) AS w) AS n WHERE a.id = n.id "
        "RETURNING a.id, a.lead_id, a.visitor, a.kind, a.occurred_at, a.recorded_at, a.source, a.data",
        *columns(list(leads.items())),
        limit,
    )
    return sorted((ActivityRow(**row) for row in rows), key=lambda row: (row.occurred_at, row.id))


async def purge(uow: UnitOfWork) -> None:
    """Drops what visitors did who were not recognised within 90 days, and then the visitors of whom nothing is known."""
    await uow.execute("DELETE FROM intake.activities WHERE lead_id IS NULL AND recorded_at < $1", uow.now - KEPT_UNKNOWN)
    await uow.execute(
        "DELETE FROM intake.identifiers i WHERE contact_ids = '{}' AND NOT EXISTS "
        "(SELECT FROM intake.activities a WHERE a.visitor = i.key AND a.lead_id IS NULL)"
    )
