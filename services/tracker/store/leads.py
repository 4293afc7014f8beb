"""Leads and their timelines.

The folds are commutative and idempotent: a row's columns are set by the event with the highest sequence of their topic, whenever it
comes, and a timeline entry is what it is. So topics may arrive in any order, doubled and interleaved. An erased lead stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.tracker.domain import Entry, Filled, Lead, Routing
from services.tracker.tables import leads
from shared.contracts.envelope import Message
from shared.contracts.events import LeadReceived, LeadScored
from shared.db.uow import UnitOfWork, columns, to_json

LEAD = ", ".join(column.name for column in leads.columns)
ENTRY = "lead_id, service, sequence, event_id, type, at, data, causation, trace_id"


class Merged(NamedTuple):
    """What intake says a lead was merged into (None: it is itself again), and which contact it is of from then on."""

    lead_id: UUID
    sequence: int
    into: UUID | None
    contact_id: UUID


class Touched(NamedTuple):
    """What touches made of a lead. `contact_seq` is the highest of intake's that said which contact it is of.

    `corrected` holds both blocks as they were read anew last, with the sequence of the touch that says so.
    """

    lead_id: UUID
    filled: Filled | None
    contact_seq: int
    contact_id: UUID | None
    corrected: dict[str, Any] | None


class Routed(NamedTuple):
    """What one event of the router says of a lead's row. `owner_seq` is 0 where the event leaves open who owned it last."""

    lead_id: UUID
    sequence: int
    routing: Routing
    owner_seq: int = 0
    ended_reason: str | None = None
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
    agent_name: str | None = None
    pool: str | None = None
    assigned_at: datetime | None = None
    how: str | None = None


@dataclass(frozen=True)
class StageRow:
    """A lead's row after somebody said how it is doing. `sequence` counts the tracker's own events of it."""

    lead_id: UUID
    sequence: int
    stage: str
    at: datetime
    by: str
    reason: str | None
    outcome: str | None
    value: float | None
    currency: str | None
    first_responded_at: datetime | None


async def fold_received(uow: UnitOfWork, messages: Sequence[Message[LeadReceived]]) -> None:
    await uow.execute(
        "INSERT INTO tracker.leads AS l (lead_id, received_seq, received_at, source, contact, facts) "
        "SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::json[], $6::json[]) "
        "ON CONFLICT (lead_id) DO UPDATE SET received_seq = excluded.received_seq, received_at = excluded.received_at, "
        "source = excluded.source, contact = excluded.contact, facts = excluded.facts "
        "WHERE l.received_seq < excluded.received_seq AND l.erased_at IS NULL",
        *columns(
            [
                (m.lead_id, m.sequence, m.data.received_at, m.data.source, to_json(m.data.contact), to_json(m.data.facts))
                for m in messages
            ]
        ),
    )


async def fold_scored(uow: UnitOfWork, messages: Sequence[Message[LeadScored]]) -> None:
    await uow.execute(
        "INSERT INTO tracker.leads AS l (lead_id, scored_seq, points, grade, qualification, scorecard_version) "
        "SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::int[]) "
        "ON CONFLICT (lead_id) DO UPDATE SET scored_seq = excluded.scored_seq, points = excluded.points, "
        "grade = excluded.grade, qualification = excluded.qualification, scorecard_version = excluded.scorecard_version "
        "WHERE l.scored_seq < excluded.scored_seq AND l.erased_at IS NULL",
        *columns(
            [
                (m.lead_id, m.sequence, m.data.points, m.data.grade, m.data.qualification, m.data.scorecard_version)
                for m in messages
            ]
        ),
    )


# Two registers in one row: how far routing is, and who owned the lead last, which the end of an assignment leaves as it is.
FOLD_ROUTED = """
INSERT INTO tracker.leads AS l (lead_id, routed_seq, routing, ended_reason,
    owner_seq, assignment_id, agent_id, agent_name, pool, assigned_at, how, first_assigned_at)
SELECT lead_id, routed_seq, routing, ended_reason,
    owner_seq, assignment_id, agent_id, agent_name, pool, assigned_at, how, assigned_at
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[],
    $10::timestamptz[], $11::text[]) AS r(lead_id, routed_seq, routing, owner_seq,
    ended_reason, assignment_id, agent_id, agent_name, pool, assigned_at, how)
ON CONFLICT (lead_id) DO UPDATE SET
    routing = CASE WHEN excluded.routed_seq > l.routed_seq THEN excluded.routing ELSE l.routing END,
    ended_reason = CASE WHEN excluded.routed_seq > l.routed_seq THEN excluded.ended_reason ELSE l.ended_reason END,
    routed_seq = greatest(excluded.routed_seq, l.routed_seq),
    assignment_id = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.assignment_id ELSE l.assignment_id END,
    agent_id = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.agent_id ELSE l.agent_id END,
    agent_name = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.agent_name ELSE l.agent_name END,
    pool = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.pool ELSE l.pool END,
    assigned_at = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.assigned_at ELSE l.assigned_at END,
    how = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.how ELSE l.how END,
    owner_seq = greatest(excluded.owner_seq, l.owner_seq),
    first_assigned_at = least(excluded.first_assigned_at, l.first_assigned_at)
WHERE l.erased_at IS NULL
"""


async def fold_routed(uow: UnitOfWork, rows: Sequence[Routed]) -> None:
    await uow.execute(FOLD_ROUTED, *columns(rows))


# Two registers again: what the lead was merged into, and which contact it is of, which a recognised touch changes too.
FOLD_MERGED = """
INSERT INTO tracker.leads AS l (lead_id, merged_seq, merged_into, contact_seq, contact_id)
SELECT lead_id, seq, merged_into, seq, contact_id
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[]) AS m(lead_id, seq, merged_into, contact_id)
ON CONFLICT (lead_id) DO UPDATE SET
    merged_into = CASE WHEN excluded.merged_seq > l.merged_seq THEN excluded.merged_into ELSE l.merged_into END,
    merged_seq = greatest(excluded.merged_seq, l.merged_seq),
    contact_id = CASE WHEN excluded.contact_seq > l.contact_seq THEN excluded.contact_id ELSE l.contact_id END,
    contact_seq = greatest(excluded.contact_seq, l.contact_seq)
WHERE l.erased_at IS NULL
"""


async def fold_merged(uow: UnitOfWork, rows: Sequence[Merged]) -> None:
    await uow.execute(FOLD_MERGED, *columns(rows))


async def hold_leads(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Touched]:
    """Locks these leads' rows, in the order of ids; one that is not known yet gets one. Returns what touches made of them."""
    wanted = sorted(ids)
    await uow.execute("INSERT INTO tracker.leads (lead_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING", wanted)
    rows = await uow.fetch(
        "SELECT lead_id, filled, contact_seq, contact_id, corrected FROM tracker.leads WHERE lead_id = ANY($1) ORDER BY lead_id FOR UPDATE",
        wanted,
    )
    return {row["lead_id"]: Touched(**row) for row in rows}


async def keep_touches(uow: UnitOfWork, rows: Sequence[Touched]) -> None:
    """Writes locked leads back, but for erased ones."""
    await uow.execute(
        "UPDATE tracker.leads l SET filled = t.filled, contact_seq = t.contact_seq, contact_id = t.contact_id, "
        "corrected = nullif(t.corrected, 'null') "
        "FROM unnest($1::uuid[], $2::jsonb[], $3::int[], $4::uuid[], $5::jsonb[]) "
        "AS t(lead_id, filled, contact_seq, contact_id, corrected) "
        "WHERE l.lead_id = t.lead_id AND l.erased_at IS NULL",
        *columns([(r.lead_id, to_json(r.filled), r.contact_seq, r.contact_id, to_json(r.corrected)) for r in rows]),
    )


async def add_entries(uow: UnitOfWork, entries: Sequence[Entry]) -> None:
    """Adds to timelines what is not there yet. Needs the leads' locks: nobody else adds meanwhile. `data` is JSON text here."""
    there = await uow.fetch(
        "SELECT lead_id, service, sequence FROM tracker.timeline WHERE lead_id = ANY($1) AND sequence = ANY($2)",
        [entry.lead_id for entry in entries],
        list({entry.sequence for entry in entries}),
    )
    known = {(row["lead_id"], row["service"], row["sequence"]) for row in there}
    await uow.insert("timeline", Entry._fields, [entry for entry in entries if entry[:3] not in known])


async def get_lead(uow: UnitOfWork, lead_id: UUID) -> Lead | None:
    row = await uow.fetchrow(f"SELECT {LEAD} FROM tracker.leads WHERE lead_id = $1", lead_id)
    return Lead(**row) if row else None


async def lock_lead(uow: UnitOfWork, lead_id: UUID) -> Lead | None:
    """The lead, with its row locked until the transaction ends."""
    row = await uow.fetchrow(f"SELECT {LEAD} FROM tracker.leads WHERE lead_id = $1 FOR UPDATE", lead_id)
    return Lead(**row) if row else None


async def entries_of(uow: UnitOfWork, lead_id: UUID) -> list[Entry]:
    rows = await uow.fetch(f"SELECT {ENTRY} FROM tracker.timeline WHERE lead_id = $1", lead_id)
    return [Entry(**row) for row in rows]


async def update_stage(uow: UnitOfWork, row: StageRow) -> None:
    await uow.execute(
        "UPDATE tracker.leads SET sequence = $2, stage = $3, stage_at = $4, stage_by = $5, stage_reason = $6, outcome = $7, "
        "value = $8, currency = $9, first_responded_at = $10 WHERE lead_id = $1",
        row.lead_id,
        row.sequence,
        row.stage,
        row.at,
        row.by,
        row.reason,
        row.outcome,
        row.value,
        row.currency,
        row.first_responded_at,
    )


async def merged_into(uow: UnitOfWork, lead_id: UUID) -> list[UUID]:
    """The leads that were merged into this one."""
    rows = await uow.fetch("SELECT lead_id FROM tracker.leads WHERE merged_into = $1 ORDER BY lead_id", lead_id)
    return [row["lead_id"] for row in rows]
