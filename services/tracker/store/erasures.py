"""Erased leads: their tombstones, and the proof of who forgot them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from services.tracker.domain import SERVICES, Confirmation, Erasure
from services.tracker.tables import leads
from shared.db.uow import Row, UnitOfWork, columns, to_json

KEPT = ("lead_id", "sequence", "erased_at")
BLANK = ", ".join(f"{column.name} = DEFAULT" for column in leads.columns if column.name not in KEPT)
ERASURE = "lead_id, contact_id, reason, by, erased_at, received"


async def erased_among(uow: UnitOfWork, ids: Sequence[UUID]) -> set[UUID]:
    rows = await uow.fetch("SELECT lead_id FROM tracker.erasures WHERE lead_id = ANY($1)", list(ids))
    return {row["lead_id"] for row in rows}


async def forget_leads(uow: UnitOfWork, rows: Sequence[tuple[UUID, datetime]]) -> dict[UUID, int]:
    """Leaves of these leads (and when each was erased), whose rows are locked, nothing but a tombstone.

    Returns how many entries their timelines had.
    """
    gone = await uow.fetch(
        "WITH gone AS (DELETE FROM tracker.timeline WHERE lead_id = ANY($1) RETURNING lead_id) "
        "SELECT lead_id, count(*) AS n FROM gone GROUP BY lead_id",
        [lead_id for lead_id, _ in rows],
    )
    await uow.execute(
        f"UPDATE tracker.leads l SET {BLANK}, erased_at = e.at FROM unnest($1::uuid[], $2::timestamptz[]) AS e(lead_id, at) "
        "WHERE l.lead_id = e.lead_id AND l.erased_at IS NULL",
        *columns(rows),
    )
    return {row["lead_id"]: row["n"] for row in gone}


async def erasures_of_leads(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Erasure]:
    rows = await uow.fetch(f"SELECT {ERASURE} FROM tracker.erasures WHERE lead_id = ANY($1)", list(ids))
    return {row["lead_id"]: _erasure(row) for row in rows}


async def erasures_of_contact(uow: UnitOfWork, contact_id: UUID) -> list[Erasure]:
    rows = await uow.fetch(f"SELECT {ERASURE} FROM tracker.erasures WHERE contact_id = $1 ORDER BY lead_id", contact_id)
    return [_erasure(row) for row in rows]


async def page_of_erasures(uow: UnitOfWork, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """Erased contacts, newest first: when, how many leads, and whether every service confirmed every one."""
    at, contact_id = before or (None, None)
    rows = await uow.fetch(
        "SELECT contact_id, max(erased_at) AS erased_at, count(*) AS leads, bool_and(received ?& $4) AS complete "
        "FROM tracker.erasures GROUP BY contact_id HAVING $1::timestamptz IS NULL OR (max(erased_at), contact_id) < ($1, $2::uuid) "
        "ORDER BY erased_at DESC, contact_id DESC LIMIT $3",
        at,
        contact_id,
        limit,
        list(SERVICES),
    )
    return [dict(row) for row in rows]


async def keep_erasures(uow: UnitOfWork, erasures: Sequence[Erasure]) -> None:
    """Writes erasures of leads whose rows are locked."""
    await uow.execute(
        f"INSERT INTO tracker.erasures ({ERASURE}) "
        "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[]) "
        "ON CONFLICT (lead_id) DO UPDATE SET contact_id = excluded.contact_id, reason = excluded.reason, by = excluded.by, "
        "erased_at = excluded.erased_at, received = excluded.received",
        *columns([(e.lead_id, e.contact_id, e.reason, e.by, e.erased_at, to_json(_document(e))) for e in erasures]),
    )


def _document(erasure: Erasure) -> dict[str, object]:
    return {service: asdict(said) for service, said in erasure.received.items()}


def _erasure(row: Row) -> Erasure:
    received = {service: _confirmation(said) for service, said in row["received"].items()}
    return Erasure(**{**row, "received": received})


def _confirmation(said: Row) -> Confirmation:
    moments = {name: datetime.fromisoformat(said[name]) for name in ("at", "seen_at")}
    return Confirmation(**{**said, **moments})
