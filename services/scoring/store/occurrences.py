"""What the persons of leads did: activities and later submissions, those of merged leads counted with the lead they went into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import UnitOfWork, columns

KEPT = 200  # the newest of each lead


class ActivityRow(NamedTuple):
    """Something that happened on a lead. `data` is JSON on the way in, and comes out parsed."""

    lead_id: UUID
    id: UUID
    kind: str
    at: datetime
    source: str | None
    data: Any


class Happened(NamedTuple):
    """One thing that counts for the lead `root`: its own, or of a lead that is merged into it.

    The receipt of a merged lead has its facts instead of a kind, and the lead's id for its own.
    """

    root: UUID
    lead_id: UUID
    id: UUID
    kind: str | None
    at: datetime
    source: str | None
    data: Any
    facts: Any


async def keep_activities(uow: UnitOfWork, rows: Sequence[ActivityRow]) -> None:
    """Keeps what is not known yet. Needs the leads' locks."""
    await uow.execute(
        "INSERT INTO scoring.activities (lead_id, id, kind, at, source, data) "
        "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::jsonb[]) "
        "ON CONFLICT (lead_id, id) DO NOTHING",
        *columns(rows),
    )


async def trim_activities(uow: UnitOfWork, leads: Sequence[UUID]) -> None:
    """Drops all but the newest of each of these leads. Which are left does not depend on the order in which they came."""
    await uow.execute(
        "DELETE FROM scoring.activities a USING (SELECT n.lead_id, kept.at, kept.id FROM unnest($1::uuid[]) AS n(lead_id) "
        "CROSS JOIN LATERAL (SELECT at, id FROM scoring.activities k WHERE k.lead_id = n.lead_id "
        "ORDER BY at DESC, id DESC OFFSET $2 LIMIT 1) AS kept) AS last "
        "WHERE a.lead_id = last.lead_id AND (a.at, a.id) <= (last.at, last.id)",
        list(leads),
        KEPT,
    )


async def happened_on(uow: UnitOfWork, leads: Sequence[UUID]) -> list[Happened]:
    """Everything that counts for these leads but their own receipts, in no order."""
    rows = await uow.fetch(
        "WITH RECURSIVE family(root, lead_id) AS (SELECT id, id FROM unnest($1::uuid[]) AS n(id) "
        "UNION SELECT f.root, l.lead_id FROM family f JOIN scoring.leads l ON l.merged_into = f.lead_id) "
        "SELECT f.root, f.lead_id, a.id, a.kind, a.at, a.source, a.data, NULL::json AS facts "
        "FROM family f JOIN scoring.activities a USING (lead_id) "
        "UNION ALL SELECT f.root, l.lead_id, l.lead_id, NULL, l.received_at, l.source, NULL, l.facts "
        "FROM family f JOIN scoring.leads l USING (lead_id) WHERE f.root <> f.lead_id AND l.facts IS NOT NULL",
        list(leads),
    )
    return [Happened(**row) for row in rows]
