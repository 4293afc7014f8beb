"""Dead letters: records that could not be handled, kept with their bytes and the reason until somebody redrives them.

They are rows in the consumer's own schema, written in the transaction that claims the record. Later events of the same lead are parked
behind the first, so that a lead is repaired in order. Redrive (shared/consumer/redrive.py) and the consumer take the same per-lead lock.
A lead's erasure waits behind nothing and deletes what waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.contracts.envelope import Received, family, pack_headers, unpack_headers
from shared.contracts.events import LeadErased, type_name
from shared.db.uow import Row, UnitOfWork, columns

KEPT = timedelta(days=30)
Kind = Literal["poison", "suspect", "parked"]
COLUMNS = (
    'id, event_id, lead_id, kind, type, reason, attempts, topic, partition, "offset", key, headers, value, first_seen, last_tried'
)


@dataclass(frozen=True)
class DeadLetter:
    """A record that waits. `kind`: poison (it fails), suspect (it alone kept failing while the world was well), parked (behind one)."""

    id: int
    event_id: UUID
    lead_id: UUID | None
    kind: Kind
    type: str | None
    reason: str
    attempts: int
    record: Received
    first_seen: datetime
    last_tried: datetime


@dataclass(frozen=True)
class NewDeadLetter:
    event_id: UUID
    lead_id: UUID | None
    kind: Kind
    reason: str
    attempts: int
    record: Received


async def add(uow: UnitOfWork, letters: Sequence[NewDeadLetter]) -> None:
    """Keeps these records. One that is kept already stays as it is."""
    await uow.execute(
        f"INSERT INTO {uow.service}.dead_letters "
        '(event_id, lead_id, kind, reason, attempts, topic, partition, "offset", key, headers, value, type, first_seen, last_tried) '
        "SELECT event_id, lead_id, kind, reason, attempts, topic, partition, o, key, headers, value, type, $13, $13 FROM unnest("
        "$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::text[], $7::int[], $8::bigint[], $9::bytea[], "
        "$10::bytea[], $11::bytea[], $12::text[]) WITH ORDINALITY "
        "AS l(event_id, lead_id, kind, reason, attempts, topic, partition, o, key, headers, value, type, n) "
        "ORDER BY n ON CONFLICT (event_id) DO NOTHING",
        *columns([_values(letter) for letter in letters]),
        uow.now,
    )


def _values(letter: NewDeadLetter) -> tuple[object, ...]:
    record = letter.record
    place = (record.topic, record.partition, record.offset, record.key)
    content = (pack_headers(record.headers), record.value, _text(record.headers.get("ce_type")))
    return (letter.event_id, letter.lead_id, letter.kind, _reason(letter.reason), letter.attempts, *place, *content)


def _reason(reason: str) -> str:
    return reason.replace("\0", "\ufffd")[:2000]


async def parked_leads(uow: UnitOfWork, lead_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these leads have a dead letter, so that their next event must wait behind it.

    Asked twice. Without a lock first: no row means that no redrive of the lead is open, for an open one has not yet deleted its
    rows for others. Only a lead with a row is asked again under the lock that redrive holds.
    """
    query = f"SELECT DISTINCT lead_id FROM {uow.service}.dead_letters WHERE lead_id = ANY($1)"
    suspects = [row["lead_id"] for row in await uow.fetch(query, list(lead_ids))]
    if not suspects:
        return set()
    await lock(uow, suspects)
    return {row["lead_id"] for row in await uow.fetch(query, suspects)}


async def lock(uow: UnitOfWork, lead_ids: Iterable[UUID]) -> None:
    """Takes the leads' dead-letter locks until the transaction ends, in order."""
    await uow.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1 || id::text, 0)) FROM unnest($2::uuid[]) AS l(id)",
        f"{uow.service}.dead_letters.",
        sorted(set(lead_ids)),
    )


async def page(
    uow: UnitOfWork, *, after: int, limit: int, lead_id: UUID | None = None, kind: str | None = None
) -> list[DeadLetter]:
    """Dead letters with an id above `after`, oldest first."""
    rows = await uow.fetch(
        f"SELECT {COLUMNS} FROM {uow.service}.dead_letters WHERE id > $1 AND ($3::uuid IS NULL OR lead_id = $3) "
        "AND ($4::text IS NULL OR kind = $4) ORDER BY id LIMIT $2",
        after,
        limit,
        lead_id,
        kind,
    )
    return [_letter(row) for row in rows]


async def get(uow: UnitOfWork, id: int) -> DeadLetter | None:
    row = await uow.fetchrow(f"SELECT {COLUMNS} FROM {uow.service}.dead_letters WHERE id = $1", id)
    return _letter(row) if row else None


async def of_lead(uow: UnitOfWork, lead_id: UUID) -> list[DeadLetter]:
    """The lead's dead letters in the order in which they came, with their rows locked."""
    rows = await uow.fetch(f"SELECT {COLUMNS} FROM {uow.service}.dead_letters WHERE lead_id = $1 ORDER BY id FOR UPDATE", lead_id)
    return [_letter(row) for row in rows]


async def failed_again(uow: UnitOfWork, id: int, reason: str) -> None:
    await uow.execute(
        f"UPDATE {uow.service}.dead_letters SET attempts = attempts + 1, kind = 'poison', reason = $2, last_tried = $3 WHERE id = $1",
        id,
        _reason(reason),
        uow.now,
    )


async def delete(uow: UnitOfWork, ids: Sequence[int]) -> None:
    await uow.execute(f"DELETE FROM {uow.service}.dead_letters WHERE id = ANY($1)", list(ids))


async def forget(uow: UnitOfWork, lead_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Deletes what is kept of leads that are being erased; returns how many letters of each it was.

    Erasures that wait themselves stay: they name nobody, and what they confirm is still to be told.
    """
    rows = await uow.fetch(
        f"WITH gone AS (DELETE FROM {uow.service}.dead_letters WHERE lead_id = ANY($1) AND coalesce(type, '') NOT LIKE $2 "
        "RETURNING lead_id) SELECT lead_id, count(*) AS n FROM gone GROUP BY lead_id",
        list(lead_ids),
        f"{family(type_name(LeadErased))}.v%",
    )
    return {row["lead_id"]: row["n"] for row in rows}


async def purge(uow: UnitOfWork) -> None:
    await uow.execute(f"DELETE FROM {uow.service}.dead_letters WHERE first_seen < $1", uow.now - KEPT)


def _letter(row: Row) -> DeadLetter:
    record = Received(row["topic"], row["partition"], row["offset"], row["key"], unpack_headers(row["headers"]), row["value"])
    return DeadLetter(
        id=row["id"],
        event_id=row["event_id"],
        lead_id=row["lead_id"],
        kind=row["kind"],
        type=row["type"],
        reason=row["reason"],
        attempts=row["attempts"],
        record=record,
        first_seen=row["first_seen"],
        last_tried=row["last_tried"],
    )


def _text(value: str | None) -> str | None:
    return value.replace("\0", "\ufffd")[:200] if value else None
