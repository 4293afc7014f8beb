"""One service's connections to the log, and what wakes the readers of one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import asyncpg

from shared.db.faults import translated


class Connections:
    """A small pool, opened with its first use; what goes wrong on a connection is raised as Transient or Permanent."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A pooled connection; what goes wrong on it is raised as Transient or Permanent."""
        with translated():
            if self._pool is None:
                await self._open()
            assert self._pool is not None
            async with (
                self._pool.acquire() as connection
            ):  # without a timeout, which would make tasks: no more ask than there are
                yield connection

    async def _open(self) -> None:
        async with self._opening:  # a reader and a publisher that begin at once must not make two
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self._dsn, min_size=1, max_size=4, timeout=5, reset=_as_it_is)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here changes a session, so a connection goes back into the pool without the round trip of a reset."""


class Wakes:
    """Tells the readers of one process that a topic has news."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    def listen(self, topics: Sequence[str]) -> asyncio.Event:
        event = asyncio.Event()
        for topic in topics:
            self._events.setdefault(topic, set()).add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        for events in self._events.values():
            events.discard(event)

    def notify(self, topics: set[str]) -> None:
        for topic in topics:
            for event in self._events.get(topic, ()):
                event.set()
