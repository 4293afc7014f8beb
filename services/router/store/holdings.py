"""Who has what: one assignment, an agent's leads, and the leads that a bulk move asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import Row, UnitOfWork


async def get_assignment(uow: UnitOfWork, id: UUID) -> Row | None:
    """An assignment with its lead's clocks. It has its decision's id, by which it is found."""
    return await uow.fetchrow(
        "SELECT a.*, g.name AS agent_name, d.why, d.outcome AS how, l.status, l.points, l.grade, l.qualification, l.stage, l.clocks "
        "FROM router.decisions d JOIN router.assignments a ON a.lead_id = d.lead_id AND a.id = d.id "
        "JOIN router.leads l ON l.lead_id = a.lead_id LEFT JOIN router.agents g ON g.id = a.agent_id WHERE d.id = $1",
        id,
    )


async def page_of_holdings(uow: UnitOfWork, agent_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """What an agent has, and what is offered to it and not declined, newest first. `id` is that of the assignment."""
    at, lead_id = before or (None, None)
    return await uow.fetch(
        f"SELECT * FROM ({_ASSIGNED} UNION ALL {_OFFERED}) held "
        "WHERE $2::timestamptz IS NULL OR (at, lead_id) < ($2, $3::uuid) ORDER BY at DESC, lead_id DESC LIMIT $4",
        agent_id,
        at,
        lead_id,
        limit,
    )


_LEAD = "l.points, l.grade, l.qualification, l.stage, l.received_at, l.clocks"
_ASSIGNED = (
    "SELECT a.id, a.lead_id, a.pool, a.rule, a.assigned_at AS at, a.accepted_at, NULL::timestamptz AS until, d.why, d.outcome AS how, "
    f"{_LEAD} FROM router.assignments a JOIN router.leads l ON l.lead_id = a.lead_id "
    "LEFT JOIN router.decisions d ON d.lead_id = a.lead_id AND d.id = a.id WHERE a.agent_id = $1 AND a.closed_at IS NULL"
)
_OFFERED = (
    "SELECT NULL::uuid, l.lead_id, l.offered ->> 'pool', l.offered ->> 'rule', (l.offered #>> '{offer,offered_at}')::timestamptz, "
    f"NULL::timestamptz, (l.offered #>> '{{offer,until}}')::timestamptz, d.why, 'offered', {_LEAD} FROM router.leads l "
    "CROSS JOIN LATERAL (SELECT why FROM router.decisions d WHERE d.lead_id = l.lead_id ORDER BY d.id DESC LIMIT 1) d "
    "WHERE l.offered IS NOT NULL AND l.offered #> '{offer,agents}' ? $1::uuid::text "
    "AND NOT l.offered #> '{offer,declined}' ? $1::uuid::text"
)


# -- Bulk ------------------------------------------------------------------------------------------------------------------------


async def held_by(uow: UnitOfWork, agent_id: UUID, *, after: UUID | None, limit: int, untouched: bool) -> list[UUID]:
    """Leads that an agent owns, in the order of their ids; `untouched` only those that nobody has accepted or contacted."""
    rows = await uow.fetch(f"SELECT lead_id {_HELD} ORDER BY lead_id LIMIT $4", agent_id, untouched, after, limit)
    return [row["lead_id"] for row in rows]


async def count_held_by(uow: UnitOfWork, agent_id: UUID, *, untouched: bool) -> int:
    return int(await uow.fetchval(f"SELECT count(*) {_HELD}", agent_id, untouched, None))


_HELD = (
    "FROM router.assignments a JOIN router.leads l USING (lead_id) WHERE a.agent_id = $1 AND a.closed_at IS NULL "
    "AND (NOT $2 OR (a.accepted_at IS NULL AND l.responded_at IS NULL)) AND ($3::uuid IS NULL OR lead_id > $3)"
)


class Misplaced(NamedTuple):
    """Which leads are to be looked at after a change of policy: `waiting`, or `owned` by whom the default pool gave them to.

    Those of this pool and rule, by the default where `default_only`, that waited or were given out `before` then; None is all.
    """

    waiting: bool = True
    owned: bool = False
    pool: str | None = None
    rule: str | None = None
    default_only: bool = False
    before: datetime | None = None


async def misplaced(uow: UnitOfWork, wanted: Misplaced, *, after: UUID | None, limit: int) -> list[UUID]:
    """These leads, in the order of their ids."""
    rows = await uow.fetch(f"SELECT lead_id FROM ({_MISPLACED}) x ORDER BY lead_id LIMIT $8", *_asked(wanted, after), limit)
    return [row["lead_id"] for row in rows]


async def count_misplaced(uow: UnitOfWork, wanted: Misplaced) -> int:
    return int(await uow.fetchval(f"SELECT count(*) FROM ({_MISPLACED}) x", *_asked(wanted, None)))


def _asked(wanted: Misplaced, after: UUID | None) -> Sequence[Any]:
    return (*wanted, after)


# By hand, by escalation or by re-routing a lead may be somewhere without a rule as well: it fell to the default only where a decision
# chose the pool that was the default of its policy.
_MISPLACED = (
    "SELECT q.lead_id FROM router.queue q WHERE $1 AND ($3::text IS NULL OR q.pool = $3) AND ($4::text IS NULL OR q.rule = $4) "
    "AND (NOT $5 OR q.rule IS NULL) AND ($6::timestamptz IS NULL OR q.queued_at < $6) AND ($7::uuid IS NULL OR q.lead_id > $7) "
    "UNION ALL SELECT a.lead_id FROM router.assignments a JOIN router.decisions d ON d.lead_id = a.lead_id AND d.id = a.id "
    "JOIN router.policies p ON p.version = a.policy_version WHERE $2 AND a.closed_at IS NULL AND a.rule IS NULL AND $4::text IS NULL "
    "AND d.outcome IN ('assigned', 'kept', 'claimed') "
    "AND coalesce(d.via, d.pool) = coalesce(p.document ->> 'default', p.document ->> 'default_pool') "
    "AND ($3::text IS NULL OR a.pool = $3) AND ($6::timestamptz IS NULL OR a.assigned_at < $6) "
    "AND ($7::uuid IS NULL OR a.lead_id > $7)"
)
