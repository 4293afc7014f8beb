"""The servers behind the systems, of this run alone: each is started in the run's folder unless an address is given."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.db.embedded import EmbeddedPostgres
from tests.bench.children import ROOT, free_port

_LAUNCHER = ROOT / "deploy" / "kafka" / "kafka.py"


@asynccontextmanager
async def postgres(dsn: str | None, folder: Path) -> AsyncIterator[str]:
    """A DSN that may create databases: the given one, else that of an embedded server."""
    if dsn:
        yield dsn
        return
    embedded = EmbeddedPostgres(folder)
    server = await asyncio.to_thread(embedded.start)
    try:
        yield server.dsn
    finally:
        await asyncio.to_thread(embedded.stop)


@asynccontextmanager
async def kafka(bootstrap: str | None, folder: Path) -> AsyncIterator[str | None]:
    """A bootstrap address: the given one, else that of a broker of this run; None where none can be started."""
    if bootstrap:
        yield bootstrap
        return
    flags = (f"--data={folder / 'kafka'}", f"--port={free_port()}", f"--controller-port={free_port()}")
    started = await _launcher("start", *flags)
    try:
        yield flags[1].replace("--port=", "127.0.0.1:") if started else None
    finally:
        await _launcher("stop", *flags)


async def _launcher(command: str, *flags: str) -> bool:
    """Whether it succeeded; it says itself, on standard error, why it did not."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(_LAUNCHER), command, *flags)
    return await process.wait() == 0
