"""Leads, the touches and consents that belong to them, and the sender's own ids of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake import tables
from shared.db.uow import UnitOfWork, columns


class LeadRow(NamedTuple):
    """A lead to be stored. Contact, facts, warnings and changes are JSON; its sequence begins with 1, its LeadReceived."""

    id: UUID
    source_id: UUID
    received_at: datetime
    contact: str
    facts: str
    warnings: str
    changes: str
    contact_id: UUID
    delivery_id: UUID | None
    test: bool
    sequence: int


class TouchRow(NamedTuple):
    """What a known person said this time."""

    id: UUID
    lead_id: UUID
    source_id: UUID
    touched_at: datetime
    contact: str
    facts: str
    warnings: str
    delivery_id: UUID | None


class CorrectionRow(NamedTuple):
    """What a lead says, read anew. All but the id is JSON."""

    id: UUID
    contact: str
    facts: str
    warnings: str
    changes: str


class ConsentRow(NamedTuple):
    id: UUID
    lead_id: UUID
    purpose: str
    granted: bool
    at: datetime
    text: str | None
    recorded_at: datetime


@dataclass(frozen=True)
class Seen:
    """A sender's own id that is known already: its lead, None while that is still to be fetched, and when it was first sent."""

    lead_id: UUID | None
    seen_at: datetime


def add_leads(uow: UnitOfWork, rows: Sequence[LeadRow]) -> None:
    uow.add(tables.leads, LeadRow._fields, rows)


def add_touches(uow: UnitOfWork, rows: Sequence[TouchRow]) -> None:
    uow.add(tables.touches, TouchRow._fields, rows)


def add_consents(uow: UnitOfWork, rows: Sequence[ConsentRow]) -> None:
    uow.add(tables.consents, ConsentRow._fields, rows)


async def lock_sequences(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The sequences of those of these leads that are alive (neither merged nor erased), with their rows locked."""
    rows = await uow.fetch(
        "SELECT id, sequence FROM intake.leads WHERE id = ANY($1) AND merged_into IS NULL AND erased_at IS NULL "
        "ORDER BY id FOR UPDATE",
        list(ids),
    )
    return {row["id"]: row["sequence"] for row in rows}


async def survivors(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The lead that stands for each of these now: itself, or the one it was merged into, and so on. Unknown ones are left out."""
    rows = await uow.fetch(
        "WITH RECURSIVE way AS (SELECT id AS first, id, merged_into FROM intake.leads WHERE id = ANY($1) "
        "UNION SELECT w.first, l.id, l.merged_into FROM way w JOIN intake.leads l ON l.id = w.merged_into) "
        "SELECT first, id FROM way WHERE merged_into IS NULL",
        list(ids),
    )
    return {row["first"]: row["id"] for row in rows}


def advance_sequences(uow: UnitOfWork, sequences: Mapping[UUID, int]) -> None:
    """Sets the sequences of leads whose rows the caller has locked."""
    uow.change(
        "UPDATE intake.leads l SET sequence = n.sequence FROM unnest($1::uuid[], $2::int[]) AS n(id, sequence) WHERE l.id = n.id",
        list(sequences.keys()),
        list(sequences.values()),
    )


async def correct_leads(uow: UnitOfWork, rows: Sequence[CorrectionRow]) -> None:
    """Writes what leads say, read anew; the caller has locked their rows."""
    await uow.execute(
        "UPDATE intake.leads l SET contact = n.contact, facts = n.facts, warnings = n.warnings, changes = n.changes "
        "FROM unnest($1::uuid[], $2::json[], $3::json[], $4::json[], $5::json[]) AS n(id, contact, facts, warnings, changes) "
        "WHERE l.id = n.id",
        *columns(rows),
    )


async def made_of(uow: UnitOfWork, delivery_id: UUID) -> list[UUID]:
    """The leads that a delivery became, in the order in which it named them."""
    rows = await uow.fetch("SELECT id FROM intake.leads WHERE delivery_id = $1 ORDER BY id", delivery_id)
    return [row["id"] for row in rows]


# -- The sender's own ids ----------------------------------------------------------------------------------------------------------


async def claim_external_ids(uow: UnitOfWork, keys: Sequence[bytes]) -> dict[bytes, Seen]:
    """Locks these ids, in order, and says which of them were known. What is new is kept with no lead as yet."""
    rows = await uow.fetch(
        "INSERT INTO intake.external_ids AS e (key, seen_at) SELECT key, $2 FROM unnest($1::bytea[]) AS k(key) ORDER BY key "
        "ON CONFLICT (key) DO UPDATE SET lead_id = e.lead_id RETURNING key, lead_id, seen_at",
        sorted(set(keys)),
        uow.now,
    )
    return {row["key"]: Seen(row["lead_id"], row["seen_at"]) for row in rows if row["lead_id"] is not None}


def settle_external_ids(uow: UnitOfWork, leads: Mapping[bytes, UUID], *, free: Sequence[bytes]) -> None:
    """Says which lead each claimed id became, as of now; frees those that became none."""
    if leads:
        uow.change(
            "UPDATE intake.external_ids e SET lead_id = n.lead_id, seen_at = $3 "
            "FROM unnest($1::bytea[], $2::uuid[]) AS n(key, lead_id) WHERE e.key = n.key",
            *columns(list(leads.items())),
            uow.now,
        )
    if free:
        uow.change("DELETE FROM intake.external_ids WHERE key = ANY($1) AND lead_id IS NULL", list(free))


async def leads_of_external_ids(uow: UnitOfWork, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    rows = await uow.fetch(
        "SELECT key, lead_id FROM intake.external_ids WHERE key = ANY($1) AND lead_id IS NOT NULL", sorted(set(keys))
    )
    return {row["key"]: row["lead_id"] for row in rows}
