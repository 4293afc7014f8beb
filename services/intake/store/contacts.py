"""Contacts: the persons behind the leads, and what they are recognised by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake import tables
from services.intake.domain.identity import KEY
from shared.db.uow import Row, UnitOfWork, columns, to_json

COLUMNS = "id, created_at, profile, keys, last_lead_id, last_lead_at, merged_into, erased_at"

WEIGHED_TOGETHER = 100  # contacts of one row that wait to be weighed


@dataclass(slots=True)
class Contact:
    """A person. `profile` is what they last said of themselves; `keys` are the identifiers that speak for them."""

    id: UUID
    created_at: datetime
    profile: dict[str, Any]
    keys: list[bytes]
    last_lead_id: UUID | None = None
    last_lead_at: datetime | None = None
    merged_into: UUID | None = None
    erased_at: datetime | None = None
    known: bool = field(default=True, compare=False)  # False for one that this transaction makes
    news: bool = field(default=False, compare=False)  # is more known of them than before this transaction?
    fresh_keys: list[bytes] = field(default_factory=list, compare=False)  # those of `keys` that are not stored yet


class ContactRow(NamedTuple):
    id: UUID
    created_at: datetime
    profile: str
    keys: bytes
    last_lead_id: UUID | None
    last_lead_at: datetime | None


def contact_of(row: Row) -> Contact:
    return Contact(**{**row, "keys": parted(row["keys"])})


def joined(keys: Sequence[bytes]) -> bytes:
    """Identifiers' keys as a contact's row has them, one behind the other."""
    return b"".join(keys)


def parted(keys: bytes) -> list[bytes]:
    return [keys[at : at + KEY] for at in range(0, len(keys), KEY)]


async def claim_identifiers(uow: UnitOfWork, wanted: Mapping[bytes, UUID]) -> tuple[dict[bytes, list[UUID]], set[bytes]]:
    """Locks these identifiers, in order, and says whom those speak for that were known, and who is suppressed.

    A new one speaks for the contact that comes with it. It is left out, as nearly all are.

    The row is the lock: two submissions of one person that are under way at once queue up here, whichever process they are in.
    """
    rows = await uow.fetch(
        "WITH claimed AS (INSERT INTO intake.identifiers AS i (key, contact_ids) SELECT key, ARRAY[contact_id] "
        "FROM unnest($1::bytea[], $2::uuid[]) AS n(key, contact_id) ORDER BY key "
        "ON CONFLICT (key) DO UPDATE SET contact_ids = i.contact_ids RETURNING key, contact_ids) "
        "SELECT c.key, c.contact_ids, s.key IS NOT NULL AS suppressed "
        "FROM claimed c JOIN unnest($1, $2) AS n(key, contact_id) USING (key) "
        "LEFT JOIN intake.suppressions s USING (key) WHERE c.contact_ids <> ARRAY[n.contact_id] OR s.key IS NOT NULL",
        list(wanted),
        list(wanted.values()),
    )
    return {row["key"]: row["contact_ids"] for row in rows}, {row["key"] for row in rows if row["suppressed"]}


async def lock_identifiers(uow: UnitOfWork, keys: Sequence[bytes]) -> dict[bytes, list[UUID]]:
    """Whom these identifiers speak for, locked in order; those that speak for nobody are left out."""
    rows = await uow.fetch(
        "SELECT key, contact_ids FROM intake.identifiers WHERE key = ANY($1) ORDER BY key FOR UPDATE", sorted(set(keys))
    )
    return {row["key"]: row["contact_ids"] for row in rows}


async def lock_visitors(uow: UnitOfWork, keys: Sequence[bytes]) -> dict[bytes, list[UUID]]:
    """As lock_identifiers, but a visitor who speaks for nobody yet is kept too: a lead that is being made with it is waited for.

    Keys sort by kind and visitors come last, so taking them after the others keeps the order of locks.
    """
    rows = await uow.fetch(
        "INSERT INTO intake.identifiers AS i (key, contact_ids) SELECT key, '{}' FROM unnest($1::bytea[]) AS n(key) ORDER BY key "
        "ON CONFLICT (key) DO UPDATE SET contact_ids = i.contact_ids RETURNING key, contact_ids",
        sorted(set(keys)),
    )
    return {row["key"]: row["contact_ids"] for row in rows}


def point_identifiers(uow: UnitOfWork, contacts_of: Mapping[bytes, Sequence[UUID]]) -> None:
    """Says anew whom identifiers, which the caller has locked, speak for. One that speaks for nobody goes."""
    gone = [key for key, ids in contacts_of.items() if not ids]
    if gone:
        uow.change("DELETE FROM intake.identifiers WHERE key = ANY($1)", gone)
    pairs = [(key, id, n) for key, ids in contacts_of.items() for n, id in enumerate(ids)]
    if pairs:
        uow.change(
            "INSERT INTO intake.identifiers AS i (key, contact_ids) "
            "SELECT key, array_agg(contact_id ORDER BY n) FROM unnest($1::bytea[], $2::uuid[], $3::int[]) AS p(key, contact_id, n) "
            "GROUP BY key ORDER BY key ON CONFLICT (key) DO UPDATE SET contact_ids = excluded.contact_ids",
            *columns(pairs),
        )


def add_contacts(uow: UnitOfWork, contacts: Sequence[Contact]) -> None:
    uow.add(
        tables.contacts,
        ContactRow._fields,
        [ContactRow(c.id, c.created_at, to_json(c.profile), joined(c.keys), c.last_lead_id, c.last_lead_at) for c in contacts],
    )


def touch_contacts(uow: UnitOfWork, contacts: Sequence[Contact]) -> None:
    """Writes what a new submission changes of contacts whose rows the caller has locked: profile, last lead, more keys."""
    uow.change(
        "UPDATE intake.contacts c SET profile = n.profile, last_lead_id = n.lead_id, last_lead_at = n.lead_at, keys = c.keys || n.keys "
        "FROM unnest($1::uuid[], $2::json[], $3::uuid[], $4::timestamptz[], $5::bytea[]) AS n(id, profile, lead_id, lead_at, keys) "
        "WHERE c.id = n.id",
        *columns([(c.id, to_json(c.profile), c.last_lead_id, c.last_lead_at, joined(c.fresh_keys)) for c in contacts]),
    )


async def save_contact(uow: UnitOfWork, contact: Contact) -> None:
    """Writes all of a contact whose row the caller has locked."""
    await uow.execute(
        "UPDATE intake.contacts SET profile = $2, keys = $3, last_lead_id = $4, last_lead_at = $5, merged_into = $6, "
        "erased_at = $7 WHERE id = $1",
        *(contact.id, to_json(contact.profile), joined(contact.keys), contact.last_lead_id, contact.last_lead_at),
        *(contact.merged_into, contact.erased_at),
    )


async def lock_contacts(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Contact]:
    rows = await uow.fetch(f"SELECT {COLUMNS} FROM intake.contacts WHERE id = ANY($1) ORDER BY id FOR UPDATE", list(ids))
    return {row["id"]: contact_of(row) for row in rows}


async def get_contact(uow: UnitOfWork, id: UUID) -> Contact | None:
    row = await uow.fetchrow(f"SELECT {COLUMNS} FROM intake.contacts WHERE id = $1", id)
    return contact_of(row) if row else None


def queue_for_weighing(uow: UnitOfWork, rows: Sequence[tuple[UUID, UUID]]) -> None:
    """Contacts, each with its lead, whose fuzzy evidence is to be weighed: a row a transaction, not a contact, for it goes again soon."""
    together = [columns(rows[first : first + WEIGHED_TOGETHER]) for first in range(0, len(rows), WEIGHED_TOGETHER)]
    uow.add(tables.unweighed, ("contact_ids", "lead_ids"), together)


async def last_leads(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The last lead of each of these contacts that has one."""
    rows = await uow.fetch(
        "SELECT id, last_lead_id FROM intake.contacts WHERE id = ANY($1) AND last_lead_id IS NOT NULL", list(ids)
    )
    return {row["id"]: row["last_lead_id"] for row in rows}
