"""All that is kept of a person across intake's tables: for merging two, for forgetting one, for telling one what we hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import Row, UnitOfWork, columns, to_json

LEAD = "id, source_id, received_at, contact, facts, warnings, changes, sequence, contact_id, delivery_id, test, merged_into, erased_at"


@dataclass(frozen=True)
class LeadOf:
    """A lead of a contact, as intake keeps it."""

    id: UUID
    source_id: UUID
    received_at: datetime
    contact: dict[str, Any]
    facts: dict[str, Any]
    warnings: list[str]
    changes: list[dict[str, Any]]
    sequence: int
    contact_id: UUID
    delivery_id: UUID | None
    test: bool
    merged_into: UUID | None
    erased_at: datetime | None

    @property
    def lives(self) -> bool:
        return self.merged_into is None and self.erased_at is None and not self.test


class Tombstone(NamedTuple):
    """What stays of an erased lead."""

    lead_id: UUID
    contact_id: UUID
    erased_at: datetime
    erased_by: str
    reason: str


async def root_of(uow: UnitOfWork, contact_id: UUID) -> UUID | None:
    """The contact that stands for this one now; None where there is no such contact."""
    root: UUID | None = await uow.fetchval(
        "WITH RECURSIVE way AS (SELECT id, merged_into FROM intake.contacts WHERE id = $1 "
        "UNION SELECT c.id, c.merged_into FROM way w JOIN intake.contacts c ON c.id = w.merged_into) "
        "SELECT id FROM way WHERE merged_into IS NULL",
        contact_id,
    )
    return root


async def family_of(uow: UnitOfWork, root: UUID) -> list[UUID]:
    """The contact and all that were merged into it, however deep."""
    rows = await uow.fetch(
        "WITH RECURSIVE family AS (SELECT id FROM intake.contacts WHERE id = $1 "
        "UNION SELECT c.id FROM family f JOIN intake.contacts c ON c.merged_into = f.id) SELECT id FROM family ORDER BY id",
        root,
    )
    return [row["id"] for row in rows]


async def leads_of(uow: UnitOfWork, contact_ids: Sequence[UUID], *, lock: bool = False) -> list[LeadOf]:
    """Every lead of these contacts, oldest first by id."""
    rows = await uow.fetch(
        f"SELECT {LEAD} FROM intake.leads WHERE contact_id = ANY($1) ORDER BY id{' FOR UPDATE' if lock else ''}",
        list(contact_ids),
    )
    return [LeadOf(**row) for row in rows]


async def lead_of(uow: UnitOfWork, id: UUID) -> LeadOf | None:
    row = await uow.fetchrow(f"SELECT {LEAD} FROM intake.leads WHERE id = $1", id)
    return LeadOf(**row) if row else None


# -- Merging -------------------------------------------------------------------------------------------------------------------------


class LeadMove(NamedTuple):
    """Where a lead goes: to which contact, and into which lead if it is merged."""

    id: UUID
    contact_id: UUID
    merged_into: UUID | None
    sequence: int


async def move_leads(uow: UnitOfWork, moves: Sequence[LeadMove]) -> None:
    """Moves leads whose rows the caller has locked."""
    await uow.execute(
        "UPDATE intake.leads l SET contact_id = m.contact_id, merged_into = m.merged_into, sequence = m.sequence "
        "FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[]) AS m(id, contact_id, merged_into, sequence) WHERE l.id = m.id",
        *columns(moves),
    )


async def insert_merge(uow: UnitOfWork, id: UUID, *, loser_id: UUID, winner_id: UUID, by: str, before: Mapping[str, Any]) -> None:
    await uow.execute(
        "INSERT INTO intake.merges (id, loser_id, winner_id, merged_at, merged_by, before) VALUES ($1, $2, $3, $4, $5, $6)",
        *(id, loser_id, winner_id, uow.now, by, to_json(before)),
    )


async def open_merge(uow: UnitOfWork, loser_id: UUID) -> Row | None:
    """The merge of this contact into another that was not undone."""
    return await uow.fetchrow("SELECT * FROM intake.merges WHERE loser_id = $1 AND undone_at IS NULL", loser_id)


async def undo_merge(uow: UnitOfWork, id: UUID, *, by: str) -> bool:
    """False where somebody else has undone it."""
    done = await uow.execute(
        "UPDATE intake.merges SET undone_at = $2, undone_by = $3 WHERE id = $1 AND undone_at IS NULL", id, uow.now, by
    )
    return done == "UPDATE 1"


async def touches_since(uow: UnitOfWork, lead_ids: Sequence[UUID], since: datetime) -> list[Row]:
    return await uow.fetch(
        "SELECT contact, facts FROM intake.touches WHERE lead_id = ANY($1) AND touched_at > $2 ORDER BY id", list(lead_ids), since
    )


# -- Forgetting ----------------------------------------------------------------------------------------------------------------------


async def forget_leads(uow: UnitOfWork, leads: Sequence[LeadOf]) -> dict[str, int]:
    """Removes what is kept of leads whose rows the caller has locked, but for their ids; how many rows of what were removed."""
    ids = [lead.id for lead in leads]
    removed = {"leads": len(ids)}
    await uow.execute(
        "UPDATE intake.leads SET contact = '{}', facts = '{}', warnings = '[]', changes = '[]', erased_at = $2 WHERE id = ANY($1)",
        ids,
        uow.now,
    )
    deliveries = await uow.fetch(
        "DELETE FROM intake.deliveries WHERE id IN (SELECT delivery_id FROM intake.leads WHERE id = ANY($1) "
        "UNION SELECT delivery_id FROM intake.touches WHERE lead_id = ANY($1) "
        "UNION SELECT delivery_id FROM intake.repetitions WHERE lead_id = ANY($1)) RETURNING id",
        ids,
    )
    await uow.execute("DELETE FROM intake.repetitions WHERE lead_id = ANY($1)", ids)
    removed["deliveries"] = len(deliveries)
    for table in ("touches", "consents", "activities"):
        removed[table] = _count(await uow.execute(f"DELETE FROM intake.{table} WHERE lead_id = ANY($1)", ids))
    # An answer names the lead, and its key is a digest of what was sent.
    removed["answers"] = _count(
        await uow.execute(
            "DELETE FROM intake.answers a USING unnest($1::text[]) AS n(id) WHERE position(convert_to(n.id, 'UTF8') IN a.content) > 0",
            [str(id) for id in ids],
        )
    )
    return removed


async def forget_contacts(uow: UnitOfWork, contact_ids: Sequence[UUID], keys: Sequence[bytes]) -> dict[str, int]:
    """Removes what is kept of contacts beside their leads: evidence, merges, blocks, and what their visitors did before."""
    ids = list(contact_ids)
    removed = {"blocks": _count(await uow.execute("DELETE FROM intake.blocks WHERE contact_id = ANY($1)", ids))}
    removed["matches"] = _count(
        await uow.execute("DELETE FROM intake.matches WHERE contact_id = ANY($1) OR other_id = ANY($1)", ids)
    )
    removed["merges"] = _count(
        await uow.execute("DELETE FROM intake.merges WHERE loser_id = ANY($1) OR winner_id = ANY($1)", ids)
    )
    removed["visits"] = _count(
        await uow.execute("DELETE FROM intake.activities WHERE lead_id IS NULL AND visitor = ANY($1)", list(keys))
    )
    return removed


async def forget_unread(uow: UnitOfWork, words: Sequence[str]) -> int:
    """Removes raw deliveries that became no lead and hold one of these words (in lower case); how many."""
    return _count(
        await uow.execute(
            "DELETE FROM intake.deliveries d WHERE state IN ('held', 'ignored', 'rejected', 'spam') AND EXISTS "
            "(SELECT FROM unnest($1::text[]) AS w(word) WHERE position(word IN lower(encode(d.body, 'escape'))) > 0)",
            list(words),
        )
    )


async def insert_tombstones(uow: UnitOfWork, rows: Sequence[Tombstone]) -> None:
    await uow.insert("erasures", Tombstone._fields, rows)


async def expired_leads(uow: UnitOfWork, *, limit: int) -> list[UUID]:
    """Leads that are older than their source keeps them, oldest first."""
    rows = await uow.fetch(
        "SELECT l.id FROM intake.sources s CROSS JOIN LATERAL (SELECT id, received_at FROM intake.leads "
        "WHERE source_id = s.id AND erased_at IS NULL AND received_at < $1::timestamptz - make_interval(days => s.retention_days) "
        "ORDER BY received_at LIMIT $2) AS l WHERE s.retention_days IS NOT NULL ORDER BY l.received_at LIMIT $2",
        uow.now,
        limit,
    )
    return [row["id"] for row in rows]


async def purge_deliveries(uow: UnitOfWork, *, limit: int) -> int:
    """Drops raw deliveries that became no lead and are older than their source keeps leads, or than 90 days."""
    return _count(
        await uow.execute(
            "DELETE FROM intake.deliveries WHERE id IN (SELECT d.id FROM intake.deliveries d "
            "JOIN intake.sources s ON s.id = d.source_id WHERE d.state <> 'held' "
            "AND d.received_at < $1::timestamptz - make_interval(days => least(coalesce(s.retention_days, 90), 90)) "
            "AND NOT EXISTS (SELECT FROM intake.leads l WHERE l.delivery_id = d.id) LIMIT $2)",
            uow.now,
            limit,
        )
    )


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])


# -- Telling -------------------------------------------------------------------------------------------------------------------------


async def held_on(uow: UnitOfWork, contact_ids: Sequence[UUID], lead_ids: Sequence[UUID]) -> dict[str, list[dict[str, Any]]]:
    """Everything that hangs on these contacts and leads, by table. Bytes are left as they are."""
    by_lead = {
        "touches": "SELECT * FROM intake.touches WHERE lead_id = ANY($1) ORDER BY id",
        "consents": "SELECT * FROM intake.consents WHERE lead_id = ANY($1) ORDER BY id",
        "activities": "SELECT id, lead_id, kind, occurred_at, recorded_at, source, data FROM intake.activities "
        "WHERE lead_id = ANY($1) ORDER BY occurred_at, id",
        "deliveries": "SELECT id, source_id, received_at, method, headers, body, state FROM intake.deliveries WHERE id IN "
        "(SELECT delivery_id FROM intake.leads WHERE id = ANY($1) UNION SELECT delivery_id FROM intake.touches "
        "WHERE lead_id = ANY($1)) ORDER BY id",
        "list_rows": "SELECT import_id, n, cells, state, lead_id, reason, warnings FROM intake.import_rows WHERE lead_id = ANY($1) "
        "ORDER BY import_id, n",
    }
    by_contact = {
        "matches": "SELECT * FROM intake.matches WHERE contact_id = ANY($1) OR other_id = ANY($1) ORDER BY id",
        "merges": "SELECT id, loser_id, winner_id, merged_at, merged_by, undone_at, undone_by FROM intake.merges "
        "WHERE loser_id = ANY($1) OR winner_id = ANY($1) ORDER BY id",
    }
    found = {name: await uow.fetch(sql, list(lead_ids)) for name, sql in by_lead.items()}
    found |= {name: await uow.fetch(sql, list(contact_ids)) for name, sql in by_contact.items()}
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


async def page_of_contacts(uow: UnitOfWork, *, keys: Sequence[bytes], before: UUID | None, limit: int) -> list[Row]:
    """Living contacts, newest first; only those that one of the keys speaks for, where keys are given."""
    if keys:
        return await uow.fetch(
            "SELECT c.* FROM intake.contacts c WHERE c.id IN (SELECT unnest(contact_ids) FROM intake.identifiers WHERE key = ANY($1)) "
            "AND c.erased_at IS NULL AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3",
            *(list(keys), before, limit),
        )
    return await uow.fetch(
        "SELECT * FROM intake.contacts WHERE merged_into IS NULL AND erased_at IS NULL AND ($1::uuid IS NULL OR id < $1) "
        "ORDER BY id DESC LIMIT $2",
        *(before, limit),
    )
