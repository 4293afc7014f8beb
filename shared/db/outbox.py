"""The outbox as the relay reads it: the oldest rows in id order, deleted once they are published.

Never `id > last seen`: ids become visible in the order of commits, not of drawing, and what is passed over is lost.
"""

from __future__ import annotations

import asyncpg

from shared.contracts.envelope import Outgoing


async def oldest(connection: asyncpg.Connection, service: str, limit: int) -> tuple[list[int], list[Outgoing]]:
    rows = await connection.fetch(f"SELECT id, topic, key, headers, value FROM {service}.outbox ORDER BY id LIMIT $1", limit)
    return [row["id"] for row in rows], [Outgoing(row["topic"], row["key"], row["headers"], row["value"]) for row in rows]


async def delete(connection: asyncpg.Connection, service: str, ids: list[int]) -> None:
    await connection.execute(f"DELETE FROM {service}.outbox WHERE id = ANY($1)", ids)


async def backlog(connection: asyncpg.Connection, service: str, bound: int) -> int:
    """How many rows wait, counted up to just above the bound."""
    return int(await connection.fetchval(f"SELECT count(*) FROM (SELECT FROM {service}.outbox LIMIT $1) AS waiting", bound + 1))
