"""Every query of the router. Never commits.

The order of locks is policy → group → agent → lead. Whoever can change who may receive holds the policy's lock: shared to use the active
version, exclusively to change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from services.router.domain import Entry
from shared.db.uow import Row, UnitOfWork, columns, to_json
from shared.errors import Transient

POLICY_LOCK = "handoff.router.policy"
PERIODS_KEPT = timedelta(days=4)  # a zone moves a local date by two days at most


@dataclass(slots=True)
class Lead:
    """A lead as the router knows it. `status`: unrouted, assigned, queued, rejected, closed."""

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
    """One agent's ownership of one lead."""

    id: UUID
    lead_id: UUID
    agent_id: UUID
    pool: str
    policy_version: int
    period: str
    assigned_at: datetime
    gave_back: bool = False


class Queued(NamedTuple):
    """A lead in a pool's hold queue."""

    lead_id: UUID
    pool: str
    rule: str | None
    points: int
    queued_at: datetime


class DecisionRow(NamedTuple):
    """A decision in full: with the ledger's number before it, it can be made again and explained. The last three are JSON."""

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


# -- Policy and groups -----------------------------------------------------------------------------------------------------------


async def share_policy(uow: UnitOfWork) -> int:
    """Takes the policy's lock shared; returns the active version. Two statements: a snapshot is older than the lock it waits for."""
    await uow.execute("SELECT pg_advisory_xact_lock_shared(hashtext($1))", POLICY_LOCK)
    return int(await uow.fetchval("SELECT version FROM router.policies WHERE active"))


async def own_policy(uow: UnitOfWork) -> int:
    """Takes the policy's lock exclusively; returns the active version."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext($1))", POLICY_LOCK)
    return int(await uow.fetchval("SELECT version FROM router.policies WHERE active"))


async def get_policy(uow: UnitOfWork, version: int) -> Row | None:
    return await uow.fetchrow("SELECT * FROM router.policies WHERE version = $1", version)


async def page_of_policies(uow: UnitOfWork, *, before: int | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT * FROM router.policies WHERE $1::int IS NULL OR version < $1 ORDER BY version DESC LIMIT $2", before, limit
    )


async def insert_policy(uow: UnitOfWork, document: dict[str, Any], by: str) -> int:
    """The next version, active; the one before is not any more. Needs the policy's exclusive lock."""
    await uow.execute("UPDATE router.policies SET active = false WHERE active")
    version = await uow.fetchval(
        "INSERT INTO router.policies (version, document, active, created_at, created_by) "
        "SELECT max(version) + 1, $1, true, $2, $3 FROM router.policies RETURNING version",
        to_json(document),
        uow.now,
        by,
    )
    return int(version)


async def open_groups(uow: UnitOfWork) -> list[Row]:
    return await uow.fetch("SELECT id, pools FROM router.groups WHERE closed_at IS NULL ORDER BY id")


async def lock_groups(uow: UnitOfWork, ids: Iterable[int]) -> list[Row]:
    """The groups' counters, with their rows locked in the order of ids."""
    return await uow.fetch(
        "SELECT id, last_number, last_now FROM router.groups WHERE id = ANY($1) ORDER BY id FOR UPDATE", sorted(set(ids))
    )


async def group_snapshot(uow: UnitOfWork, id: int) -> dict[str, Any]:
    found: dict[str, Any] = await uow.fetchval("SELECT snapshot FROM router.groups WHERE id = $1", id)
    return found


async def ledger_after(uow: UnitOfWork, group_id: int, number: int) -> list[Entry]:
    rows = await uow.fetch(
        "SELECT number, kind, at, agent_id, lead_id, pool, data FROM router.ledger "
        "WHERE group_id = $1 AND number > $2 ORDER BY number",
        group_id,
        number,
    )
    return [Entry(**row) for row in rows]


async def insert_group(uow: UnitOfWork, pools: Sequence[str], version: int, snapshot: dict[str, Any]) -> int:
    return int(
        await uow.fetchval(
            "INSERT INTO router.groups (pools, policy_version, last_number, last_now, snapshot, snapshot_number, opened_at) "
            "VALUES ($1, $2, 0, $4, $3, 0, $4) RETURNING id",
            sorted(pools),
            version,
            to_json(snapshot),
            uow.now,
        )
    )


async def close_groups(uow: UnitOfWork, ids: Sequence[int]) -> None:
    await uow.execute("UPDATE router.groups SET closed_at = $2 WHERE id = ANY($1)", list(ids), uow.now)


async def append_ledger(uow: UnitOfWork, entries: Sequence[tuple[int, Entry]]) -> None:
    rows = [(id, e.number, e.kind, e.at, e.agent_id, e.lead_id, e.pool, to_json(e.data)) for id, e in entries]
    await uow.insert("ledger", ("group_id", "number", "kind", "at", "agent_id", "lead_id", "pool", "data"), rows)


async def advance_groups(uow: UnitOfWork, positions: Sequence[tuple[int, int, datetime]]) -> None:
    """Sets last ledger number and last `now` of locked groups."""
    await uow.execute(
        "UPDATE router.groups g SET last_number = p.number, last_now = p.at "
        "FROM unnest($1::bigint[], $2::int[], $3::timestamptz[]) AS p(id, number, at) WHERE g.id = p.id",
        *columns(positions),
    )


async def store_snapshot(uow: UnitOfWork, id: int, number: int, snapshot: dict[str, Any]) -> None:
    await uow.execute("UPDATE router.groups SET snapshot = $3, snapshot_number = $2 WHERE id = $1", id, number, to_json(snapshot))


# -- Leads, assignments, queue, decisions --------------------------------------------------------------------------------------

LEAD_COLUMNS = (
    "lead_id, sequence, status, received_at, facts, points, grade, qualification, scored_sequence, stage, tracked_sequence"
)
_LEAD_VALUES = (
    "unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::int[], $7::text[], $8::text[], $9::int[], "
    f"$10::text[], $11::int[]) AS n({LEAD_COLUMNS})"
)


async def lock_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Lead]:
    """Those of the leads that are known, with their rows locked in the order of ids."""
    rows = await uow.fetch(
        f"SELECT {LEAD_COLUMNS} FROM router.leads WHERE lead_id = ANY($1) ORDER BY lead_id FOR UPDATE", sorted(set(ids))
    )
    return {row["lead_id"]: Lead(**{**row, "points": row["points"] or 0}) for row in rows}


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
    uow: UnitOfWork, closing: Sequence[tuple[UUID, UUID | None, str, datetime]], *, reason: str
) -> list[Row]:
    """Closes open assignments: (lead, the assignment meant or None for whichever is open, outcome, when).

    Returns those that it closed: a counter falls by these and by nothing else.
    """
    return await uow.fetch(
        "UPDATE router.assignments a SET closed_at = c.at, close_reason = $5, outcome = c.outcome "
        "FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS c(lead_id, id, outcome, at) "
        "WHERE a.lead_id = c.lead_id AND a.closed_at IS NULL AND (c.id IS NULL OR c.id = a.id) "
        "RETURNING a.id, a.lead_id, a.agent_id, a.pool, a.period, a.outcome, a.closed_at",
        *columns(closing),
        reason,
    )


async def counts_of_agents(uow: UnitOfWork, ids: Sequence[UUID]) -> tuple[dict[UUID, int], dict[UUID, dict[str, int]]]:
    """Open assignments, and assignments counted by period, recounted from the rows."""
    opened = await uow.fetch(
        "SELECT agent_id, count(*) AS n FROM router.assignments WHERE agent_id = ANY($1) AND closed_at IS NULL GROUP BY agent_id",
        list(ids),
    )
    counted = await uow.fetch(
        "SELECT agent_id, period, count(*) AS n FROM router.assignments "
        "WHERE agent_id = ANY($1) AND assigned_at > $2 AND NOT gave_back GROUP BY agent_id, period",
        list(ids),
        uow.now - PERIODS_KEPT,
    )
    periods: dict[UUID, dict[str, int]] = {}
    for row in counted:
        periods.setdefault(row["agent_id"], {})[row["period"]] = row["n"]
    return {row["agent_id"]: row["n"] for row in opened}, periods


async def insert_queue(uow: UnitOfWork, rows: Sequence[Queued]) -> None:
    await uow.insert("queue", Queued._fields, rows)


async def rank_queue(uow: UnitOfWork, points: Sequence[tuple[UUID, int]]) -> None:
    await uow.execute(
        "UPDATE router.queue q SET points = p.points FROM unnest($1::uuid[], $2::int[]) AS p(lead_id, points) "
        "WHERE q.lead_id = p.lead_id",
        *columns(points),
    )


async def move_queue(uow: UnitOfWork, moves: Sequence[tuple[UUID, str, str | None]]) -> None:
    """Puts waiting leads into other pools' queues: (lead, pool, rule)."""
    await uow.execute(
        "UPDATE router.queue q SET pool = m.pool, rule = m.rule FROM unnest($1::uuid[], $2::text[], $3::text[]) "
        "AS m(lead_id, pool, rule) WHERE q.lead_id = m.lead_id",
        *columns(moves),
    )


async def delete_queue(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    await uow.execute("DELETE FROM router.queue WHERE lead_id = ANY($1)", list(ids))


async def pools_with_queue(uow: UnitOfWork, pools: Iterable[str]) -> set[str]:
    rows = await uow.fetch(
        "SELECT pool FROM unnest($1::text[]) AS p(pool) WHERE EXISTS (SELECT FROM router.queue q WHERE q.pool = p.pool)",
        sorted(set(pools)),
    )
    return {row["pool"] for row in rows}


async def queue_head(uow: UnitOfWork, pools: Iterable[str], limit: int) -> list[Queued]:
    """Who waits in these pools, best and oldest first."""
    rows = await uow.fetch(
        "SELECT q.* FROM unnest($1::text[]) AS p(pool) CROSS JOIN LATERAL ("
        "SELECT lead_id, pool, rule, points, queued_at FROM router.queue q WHERE q.pool = p.pool "
        "ORDER BY points DESC, queued_at, lead_id LIMIT $2) q ORDER BY points DESC, queued_at, lead_id LIMIT $2",
        sorted(set(pools)),
        limit,
    )
    return [Queued(**row) for row in rows]


async def queued_outside(uow: UnitOfWork, pools: Iterable[str]) -> list[UUID]:
    """Leads that wait for a pool that is none of these."""
    rows = await uow.fetch("SELECT lead_id FROM router.queue WHERE NOT pool = ANY($1)", sorted(set(pools)))
    return [row["lead_id"] for row in rows]


async def insert_decisions(uow: UnitOfWork, rows: Sequence[DecisionRow]) -> None:
    await uow.insert("decisions", DecisionRow._fields, rows)


# -- Agents ------------------------------------------------------------------------------------------------------------------------


async def insert_agent(uow: UnitOfWork, id: UUID, values: dict[str, Any], by: str) -> None:
    await uow.execute(
        "INSERT INTO router.agents (id, name, kind, active, daily_cap, open_cap, zone, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        id,
        values["name"],
        values["kind"],
        values["active"],
        values["daily_cap"],
        values["open_cap"],
        values["zone"],
        uow.now,
    )
    await _remember(uow, id, values, by)


async def update_agent(uow: UnitOfWork, id: UUID, values: dict[str, Any], by: str) -> None:
    await uow.execute(
        "UPDATE router.agents SET name = $2, kind = $3, active = $4, daily_cap = $5, open_cap = $6, zone = $7, updated_at = $8 "
        "WHERE id = $1",
        id,
        values["name"],
        values["kind"],
        values["active"],
        values["daily_cap"],
        values["open_cap"],
        values["zone"],
        uow.now,
    )
    await _remember(uow, id, values, by)


async def _remember(uow: UnitOfWork, id: UUID, values: dict[str, Any], by: str) -> None:
    await uow.execute(
        "INSERT INTO router.agent_history (agent_id, changed_at, changed_by, settings) VALUES ($1, $2, $3, $4)",
        id,
        uow.now,
        by,
        to_json(values),
    )


async def get_agent(uow: UnitOfWork, id: UUID, *, lock: bool = False) -> Row | None:
    return await uow.fetchrow(f"SELECT * FROM router.agents WHERE id = $1 {'FOR UPDATE' if lock else ''}", id)


async def agents_by_id(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await uow.fetch("SELECT * FROM router.agents WHERE id = ANY($1)", list(ids))
    return {row["id"]: row for row in rows}


async def page_of_agents(uow: UnitOfWork, *, after: UUID | None, limit: int, active: bool | None) -> list[Row]:
    return await uow.fetch(
        "SELECT * FROM router.agents WHERE ($1::uuid IS NULL OR id > $1) AND ($3::bool IS NULL OR active = $3) ORDER BY id LIMIT $2",
        after,
        limit,
        active,
    )


async def agent_history(uow: UnitOfWork, id: UUID, *, before: int | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT id, changed_at, changed_by, settings FROM router.agent_history "
        "WHERE agent_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        id,
        before,
        limit,
    )


# -- Reading for people ------------------------------------------------------------------------------------------------------------


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


async def page_of_queue(uow: UnitOfWork, *, after: tuple[int, datetime, UUID] | None, limit: int, pool: str | None) -> list[Row]:
    points, queued_at, lead_id = after or (None, None, None)
    return await uow.fetch(
        "SELECT * FROM router.queue WHERE ($1::text IS NULL OR pool = $1) "
        "AND ($2::int IS NULL OR (-points, queued_at, lead_id) > (-$2, $3, $4)) ORDER BY points DESC, queued_at, lead_id LIMIT $5",
        pool,
        points,
        queued_at,
        lead_id,
        limit,
    )


async def queue_lengths(uow: UnitOfWork) -> dict[str, int]:
    rows = await uow.fetch("SELECT pool, count(*) AS n FROM router.queue GROUP BY pool")
    return {row["pool"]: row["n"] for row in rows}


async def decisions_of_lead(uow: UnitOfWork, lead_id: UUID, *, after: UUID | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT * FROM router.decisions WHERE lead_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
        lead_id,
        after,
        limit,
    )
