"""Leads, their assignments and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from shared.db.uow import Row, UnitOfWork, columns, to_json
from shared.errors import Transient


@dataclass(slots=True)
class Lead:
    """A lead as the router knows it. `status`: unrouted, assigned, queued, rejected, closed, merged, erased.

    `scored_sequence` is the highest of scoring's that was taken of it; `facts` are None until it is scored.
    """

    lead_id: UUID
    sequence: int = 0
    status: str = "unrouted"
    received_at: datetime | None = None
    facts: dict[str, Any] | None = None
    points: int = 0
    grade: str = ""
    qualification: str = ""
    scored_sequence: int = 0
    stage: str | None = None
    tracked_sequence: int = 0

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence


class Assignment(NamedTuple):
    """One agent's ownership of one lead. `turn` is the requirement class that it was a turn of; None where it was none."""

    id: UUID
    lead_id: UUID
    agent_id: UUID
    pool: str
    policy_version: int
    period: str
    assigned_at: datetime
    gave_back: bool = False
    hour: int = 0
    work: int = 1
    turn: int | None = None


class DecisionRow(NamedTuple):
    """A decision in full: with the ledger's number before it, it can be made again and explained. Gates, counters and facts are JSON.

    `via` is the pool that the lead belongs to, where that one overflowed to `pool`.
    """

    id: UUID
    lead_id: UUID
    decided_at: datetime
    policy_version: int
    group_id: int | None
    number: int | None
    ordinal: int
    outcome: str
    rule: str | None
    pool: str | None
    agent_id: UUID | None
    why: str
    eligible: int
    gates: str
    counters: str | None
    facts: str
    via: str | None = None


LEAD_COLUMNS = (
    "lead_id, sequence, status, received_at, facts, points, grade, qualification, scored_sequence, stage, tracked_sequence"
)
_LEAD_VALUES = (
    "unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::int[], $7::text[], $8::text[], $9::int[], "
    f"$10::text[], $11::int[]) AS n({LEAD_COLUMNS})"
)


async def get_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Lead]:
    """Those of the leads that are known, as they are just now."""
    rows = await uow.fetch(f"SELECT {LEAD_COLUMNS} FROM router.leads WHERE lead_id = ANY($1)", list(ids))
    return {row["lead_id"]: _lead(row) for row in rows}


async def lock_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Lead]:
    """Those of the leads that are known, with their rows locked in the order of ids."""
    rows = await uow.fetch(
        f"SELECT {LEAD_COLUMNS} FROM router.leads WHERE lead_id = ANY($1) ORDER BY lead_id FOR UPDATE", sorted(set(ids))
    )
    return {row["lead_id"]: _lead(row) for row in rows}


def _lead(row: Row) -> Lead:
    return Lead(**{**row, "points": row["points"] or 0})


async def insert_leads(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """New leads. Raises Transient where another unit of work knew one of them first: the work begins again and sees it."""
    try:
        await uow.insert("leads", LEAD_COLUMNS.split(", "), _lead_rows(sorted(leads, key=lambda lead: lead.lead_id)))
    except UniqueViolationError as error:
        raise Transient("a lead became known meanwhile") from error


async def update_leads(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """Writes locked leads back."""
    await uow.execute(
        "UPDATE router.leads l SET sequence = n.sequence, status = n.status, received_at = n.received_at, facts = n.facts, "
        "points = n.points, grade = n.grade, qualification = n.qualification, scored_sequence = n.scored_sequence, "
        f"stage = n.stage, tracked_sequence = n.tracked_sequence FROM {_LEAD_VALUES} WHERE l.lead_id = n.lead_id",
        *columns(_lead_rows(leads)),
    )


def _lead_rows(leads: Sequence[Lead]) -> list[tuple[Any, ...]]:
    return [
        (
            lead.lead_id,
            lead.sequence,
            lead.status,
            lead.received_at,
            None if lead.facts is None else to_json(lead.facts),
            lead.points,
            lead.grade,
            lead.qualification,
            lead.scored_sequence,
            lead.stage,
            lead.tracked_sequence,
        )
        for lead in leads
    ]


async def where_leads_are(uow: UnitOfWork, ids: Iterable[UUID]) -> tuple[dict[UUID, UUID], dict[UUID, str]]:
    """The agents who own these leads, and the pools in whose queues they wait. Read without a lock: read again under it."""
    wanted = list(ids)
    owners = await uow.fetch(
        "SELECT lead_id, agent_id FROM router.assignments WHERE lead_id = ANY($1) AND closed_at IS NULL", wanted
    )
    waiting = await uow.fetch("SELECT lead_id, pool FROM router.queue WHERE lead_id = ANY($1)", wanted)
    return {row["lead_id"]: row["agent_id"] for row in owners}, {row["lead_id"]: row["pool"] for row in waiting}


async def insert_assignments(uow: UnitOfWork, rows: Sequence[Assignment]) -> None:
    await uow.insert("assignments", Assignment._fields, rows)


async def close_assignments(
    uow: UnitOfWork,
    closing: Sequence[tuple[UUID, UUID | None, str | None, datetime]],
    *,
    reason: str,
    returning: Sequence[str] = (),
) -> list[Row]:
    """Closes open assignments: (lead, the assignment meant or None for whichever is open, outcome, when).

    Those in the pools `returning` give back what they counted.

    Returns those that it closed: a counter falls by these and by nothing else.
    """
    return await uow.fetch(
        "UPDATE router.assignments a SET closed_at = c.at, close_reason = $5, outcome = c.outcome, gave_back = a.pool = ANY($6) "
        "FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS c(lead_id, id, outcome, at) "
        "WHERE a.lead_id = c.lead_id AND a.closed_at IS NULL AND (c.id IS NULL OR c.id = a.id) "
        "RETURNING a.id, a.lead_id, a.agent_id, a.pool, a.period, a.hour, a.work, a.outcome, a.closed_at, a.turn, a.gave_back, "
        "(SELECT d.group_id FROM router.decisions d WHERE d.lead_id = a.lead_id AND d.id = a.id) AS group_id",
        *columns(closing),
        reason,
        list(returning),
    )


async def insert_decisions(uow: UnitOfWork, rows: Sequence[DecisionRow]) -> None:
    await uow.insert("decisions", DecisionRow._fields, rows)


async def page_of_assignments(
    uow: UnitOfWork,
    *,
    after: tuple[int, UUID] | None,
    limit: int,
    agent_id: UUID | None,
    lead_id: UUID | None,
    open_only: bool,
) -> list[Row]:
    """Assignments in an order in which none appears behind one that was read: by writing transaction, up to the oldest that is open."""
    written_by, id = after or (0, UUID(int=0))
    return await uow.fetch(
        "SELECT a.*, g.name AS agent_name FROM router.assignments a LEFT JOIN router.agents g ON g.id = a.agent_id "
        "WHERE (a.written_by, a.id) > ($1, $2) AND a.written_by < pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
        "AND ($4::uuid IS NULL OR a.agent_id = $4) AND ($5::uuid IS NULL OR a.lead_id = $5) "
        "AND (NOT $6 OR a.closed_at IS NULL) ORDER BY a.written_by, a.id LIMIT $3",
        written_by,
        id,
        limit,
        agent_id,
        lead_id,
        open_only,
    )
