"""Agents and their history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from shared.db.uow import Row, UnitOfWork, to_json

SETTINGS = ("name", "kind", "active", "daily_cap", "open_cap", "zone")


async def insert_agent(uow: UnitOfWork, id: UUID, values: dict[str, Any], by: str) -> None:
    await uow.execute(
        "INSERT INTO router.agents (id, name, kind, active, daily_cap, open_cap, zone, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        id,
        *(values[name] for name in SETTINGS),
        uow.now,
    )
    await _remember(uow, id, values, by)


async def update_agent(uow: UnitOfWork, id: UUID, values: dict[str, Any], by: str) -> None:
    await uow.execute(
        "UPDATE router.agents SET name = $2, kind = $3, active = $4, daily_cap = $5, open_cap = $6, zone = $7, updated_at = $8 "
        "WHERE id = $1",
        id,
        *(values[name] for name in SETTINGS),
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
