"""Waiting for what happens in the background: bounded, and never longer than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

T = TypeVar("T")
PAUSE = 0.02  # seconds between looks


async def eventually(check: Callable[[], Awaitable[T]], *, timeout: float = 10) -> T:
    """Calls `check` until what it returns is true, and returns that. Raises AssertionError after `timeout` seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout
    while not (found := await check()):
        if loop.time() >= until:
            raise AssertionError(f"not within {timeout} s; the last look gave {found!r}")
        await asyncio.sleep(PAUSE)
    return found


async def waits_for_a_lock(connection: asyncpg.Connection) -> bool:
    """Does anybody on this server? Of pg_locks, for pg_stat_activity stands still within a transaction."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
