"""The suppression list: whom we must not take, by the keys of their identifiers only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.intake.domain.identity import kind_of
from shared.db.uow import Row, UnitOfWork, columns


class Suppression(NamedTuple):
    key: bytes
    kind: str
    reason: str
    created_at: datetime
    created_by: str


async def add(uow: UnitOfWork, keys: Sequence[bytes], *, reason: str, by: str) -> None:
    """Puts these on the list. One that is there stays as it is."""
    if keys:
        await uow.execute(
            "INSERT INTO intake.suppressions (key, kind, reason, created_at, created_by) "
            "SELECT key, kind, $3, $4, $5 FROM unnest($1::bytea[], $2::text[]) AS n(key, kind) ORDER BY key ON CONFLICT DO NOTHING",
            *columns([(key, kind_of(key).value) for key in keys]),
            *(reason, uow.now, by),
        )


async def remove(uow: UnitOfWork, key: bytes) -> bool:
    """False where it is not on the list."""
    return await uow.execute("DELETE FROM intake.suppressions WHERE key = $1", key) == "DELETE 1"


async def get(uow: UnitOfWork, key: bytes) -> Suppression | None:
    row = await uow.fetchrow("SELECT * FROM intake.suppressions WHERE key = $1", key)
    return Suppression(**row) if row else None


async def page(uow: UnitOfWork, *, after: tuple[datetime, bytes] | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT * FROM intake.suppressions WHERE $1::timestamptz IS NULL OR (created_at, key) > ($1, $2) "
        "ORDER BY created_at, key LIMIT $3",
        *(after or (None, None)),
        limit,
    )
