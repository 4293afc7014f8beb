"""What becomes of a lead as a person's: merged into another, or erased. Rare, so apart from the columns that every lead is written with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.uow import UnitOfWork, columns


class HeldBefore(NamedTuple):
    """Who had a lead when it was merged away, in which pool, and the rule that had sent it there."""

    agent_id: UUID
    pool: str
    rule: str | None


async def keep_merges(uow: UnitOfWork, rows: Sequence[tuple[UUID, UUID, UUID | None, str | None]]) -> None:
    """(lead, into, agent who had it, in which pool). Of a lead that is merged on, who had it stays as it was."""
    if not rows:
        return
    await uow.execute(
        "UPDATE router.leads l SET merged_into = m.target, "
        "held_by = CASE WHEN l.merged_into IS NULL THEN m.agent_id ELSE l.held_by END, "
        "held_pool = CASE WHEN l.merged_into IS NULL THEN m.pool ELSE l.held_pool END "
        "FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS m(lead_id, target, agent_id, pool) "
        "WHERE l.lead_id = m.lead_id",
        *columns(rows),
    )


async def held_before(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, HeldBefore]:
    """Who had these leads when they were merged away; those that nobody had are left out."""
    rows = await uow.fetch(
        "SELECT l.lead_id, l.held_by, l.held_pool, a.rule FROM router.leads l LEFT JOIN LATERAL (SELECT rule FROM router.assignments a "
        "WHERE a.lead_id = l.lead_id AND a.close_reason = 'merged' ORDER BY a.assigned_at DESC, a.id DESC LIMIT 1) a ON true "
        "WHERE l.lead_id = ANY($1) AND l.held_by IS NOT NULL",
        list(ids),
    )
    return {row["lead_id"]: HeldBefore(row["held_by"], row["held_pool"], row["rule"]) for row in rows}


async def end_merges(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    await uow.execute(
        "UPDATE router.leads SET merged_into = NULL, held_by = NULL, held_pool = NULL WHERE lead_id = ANY($1)", list(ids)
    )


async def forget_decisions(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Takes the facts, and what people wrote, out of what was decided for these leads; returns how many decisions that were.

    The rest explains the ledger.
    """
    rows = await uow.fetch(
        "WITH gone AS (UPDATE router.decisions SET facts = '{}', more = (more::jsonb - 'said')::json "
        "WHERE lead_id = ANY($1) AND (facts::text <> '{}' OR more::jsonb ? 'said') RETURNING lead_id) "
        "SELECT lead_id, count(*) AS n FROM gone GROUP BY lead_id",
        list(ids),
    )
    return {row["lead_id"]: row["n"] for row in rows}


async def mark_erased(uow: UnitOfWork, rows: Sequence[tuple[UUID, datetime]]) -> None:
    """(lead, when). The first time counts."""
    await uow.execute(
        "UPDATE router.leads l SET erased_at = coalesce(l.erased_at, e.at), merged_into = NULL, held_by = NULL, held_pool = NULL "
        "FROM unnest($1::uuid[], $2::timestamptz[]) AS e(lead_id, at) WHERE l.lead_id = e.lead_id",
        *columns(rows),
    )
