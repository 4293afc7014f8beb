"""Every query of the tracker. Never commits.

The folds are commutative and idempotent: a row's columns are set by the event with the highest sequence of their topic, whenever it
comes, and a timeline entry is what it is. So topics may arrive in any order, doubled and interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Double, Select, and_, case, cast, extract, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import array

from services.tracker.domain import Entry, Lead, Routing
from services.tracker.tables import leads
from shared.contracts.envelope import Message
from shared.contracts.events import LeadReceived, LeadScored
from shared.db.uow import Row, UnitOfWork, columns, to_json

LEAD = ", ".join(column.name for column in leads.columns)
ENTRY = "lead_id, service, sequence, event_id, type, at, data, causation, trace_id"


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


@dataclass(frozen=True)
class Filter:
    """Which leads; None does not ask. Times are bounds of received_at, the later one excluded.

    `agent_id` is who has or last had a lead, `owner` who may see it as their own.
    """

    stage: str | None = None
    source: str | None = None
    agent_id: UUID | None = None
    pool: str | None = None
    grade: str | None = None
    qualification: str | None = None
    routing: str | None = None
    outcome: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    owner: UUID | None = None


async def fold_received(uow: UnitOfWork, messages: Sequence[Message[LeadReceived]]) -> None:
    await uow.execute(
        "INSERT INTO tracker.leads AS l (lead_id, received_seq, received_at, source, contact, facts) "
        "SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::jsonb[], $6::jsonb[]) "
        "ON CONFLICT (lead_id) DO UPDATE SET received_seq = excluded.received_seq, received_at = excluded.received_at, "
        "source = excluded.source, contact = excluded.contact, facts = excluded.facts "
        "WHERE l.received_seq < excluded.received_seq",
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
        "WHERE l.scored_seq < excluded.scored_seq",
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
    owner_seq, assignment_id, agent_id, agent_name, pool, assigned_at, first_assigned_at)
SELECT lead_id, routed_seq, routing, ended_reason,
    owner_seq, assignment_id, agent_id, agent_name, pool, assigned_at, assigned_at
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[],
    $10::timestamptz[]) AS r(lead_id, routed_seq, routing, owner_seq,
    ended_reason, assignment_id, agent_id, agent_name, pool, assigned_at)
ON CONFLICT (lead_id) DO UPDATE SET
    routing = CASE WHEN excluded.routed_seq > l.routed_seq THEN excluded.routing ELSE l.routing END,
    ended_reason = CASE WHEN excluded.routed_seq > l.routed_seq THEN excluded.ended_reason ELSE l.ended_reason END,
    routed_seq = greatest(excluded.routed_seq, l.routed_seq),
    assignment_id = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.assignment_id ELSE l.assignment_id END,
    agent_id = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.agent_id ELSE l.agent_id END,
    agent_name = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.agent_name ELSE l.agent_name END,
    pool = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.pool ELSE l.pool END,
    assigned_at = CASE WHEN excluded.owner_seq > l.owner_seq THEN excluded.assigned_at ELSE l.assigned_at END,
    owner_seq = greatest(excluded.owner_seq, l.owner_seq),
    first_assigned_at = least(excluded.first_assigned_at, l.first_assigned_at)
"""


async def fold_routed(uow: UnitOfWork, rows: Sequence[Routed]) -> None:
    await uow.execute(FOLD_ROUTED, *columns(rows))


async def add_entries(uow: UnitOfWork, entries: Sequence[Entry]) -> None:
    """Adds to timelines what is not there yet. `data` is JSON text here."""
    await uow.execute(
        f"INSERT INTO tracker.timeline ({ENTRY}) SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::text[], "
        "$6::timestamptz[], $7::jsonb[], $8::text[], $9::text[]) ON CONFLICT DO NOTHING",
        *columns(entries),
    )


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


# -- Lists and reports ---------------------------------------------------------------------------------------------------------


async def page_of_leads(uow: UnitOfWork, wanted: Filter, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Lead]:
    """Leads whose receipt is known, newest first."""
    query = _chosen(select(leads), wanted).order_by(leads.c.received_at.desc(), leads.c.lead_id.desc()).limit(limit)
    if before:
        query = query.where(tuple_(leads.c.received_at, leads.c.lead_id) < before)
    return [Lead(**row) for row in (await uow.run(query)).mappings()]


async def counts(uow: UnitOfWork, wanted: Filter, by: Sequence[str]) -> list[Row]:
    """How many leads there are of each combination of these columns, the most first. An agent has one name, whatever they were called."""
    keys = [leads.c[name] for name in by]
    names = [func.max(leads.c.agent_name).label("agent_name")] if "agent_id" in by else []
    number = func.count()
    query = _chosen(select(*keys, *names, number.label("count")), wanted).group_by(*keys).order_by(number.desc(), *keys)
    return [dict(row) for row in (await uow.run(query)).mappings()]


async def response_times(uow: UnitOfWork, wanted: Filter) -> list[Row]:
    """By source: how many leads, and the quantiles 0.5, 0.9, 0.99 of seconds from receipt to assignment and to first response."""
    query = _chosen(
        select(
            leads.c.source,
            func.count().label("leads"),
            func.count(leads.c.first_assigned_at).label("assigned"),
            _quantiles(leads.c.first_assigned_at).label("to_assigned"),
            func.count(leads.c.first_responded_at).label("responded"),
            _quantiles(leads.c.first_responded_at).label("to_first_response"),
        ),
        wanted,
    )
    return [dict(row) for row in (await uow.run(query.group_by(leads.c.source).order_by(leads.c.source))).mappings()]


def _quantiles(moment: ColumnElement[datetime | None]) -> ColumnElement[list[float] | None]:
    seconds = cast(extract("epoch", moment - leads.c.received_at), Double)
    shown = case((seconds < 0, 0.0), else_=seconds)  # not greatest(): it passes over NULL, and no answer would be one at once
    return func.percentile_cont(array([0.5, 0.9, 0.99])).within_group(shown)


def _chosen(query: Select[Any], wanted: Filter) -> Select[Any]:
    query = query.where(leads.c.received_at.is_not(None))
    for name in ("stage", "source", "agent_id", "pool", "grade", "qualification", "routing", "outcome"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(leads.c[name] == value)
    if wanted.received_from is not None:
        query = query.where(leads.c.received_at >= wanted.received_from)
    if wanted.received_to is not None:
        query = query.where(leads.c.received_at < wanted.received_to)
    if wanted.owner is not None:
        # As Lead.owner has it.
        closed = and_(leads.c.routing == Routing.ENDED, leads.c.ended_reason == "closed")
        query = query.where(leads.c.agent_id == wanted.owner, or_(leads.c.routing == Routing.ASSIGNED, closed))
    return query
