"""Policies, groups and their ledgers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.router.domain import Entry
from shared.db.uow import Row, UnitOfWork, columns, to_json

POLICY_LOCK = "handoff.router.policy"


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
        "SELECT * FROM router.policies WHERE $1::bigint IS NULL OR version < $1 ORDER BY version DESC LIMIT $2", before, limit
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
