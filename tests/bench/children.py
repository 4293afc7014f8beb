"""Processes that a benchmark starts, each with its log, each ended by its own id."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.05


class ChildFailed(RuntimeError):
    """A process ended or did not become ready; the message holds the end of its log."""


async def until(holds: Callable[[], Awaitable[bool]], what: str, *, timeout: float, poll: float = _POLL) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: it did not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not await holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:.0f} s")
        await asyncio.sleep(poll)


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A Python module running as a process of its own from the repository's root or another checkout's, writing to `log`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    @classmethod
    async def start(cls, name: str, *arguments: str, log: Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Self:
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                cwd=cwd,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def until_logged(self, text: str, timeout: float = 30.0) -> None:
        """Waits until the log holds `text`; raises ChildFailed when the process ends before."""

        async def logged() -> bool:
            self.assert_alive()
            return text in self.log.read_text(errors="replace")

        await until(logged, f"{self.name} logs {text!r}", timeout=timeout)

    async def until_listening(self, port: int, timeout: float = 30.0) -> None:
        """Waits until something answers on a loopback port; raises ChildFailed when the process ends before."""

        async def listening() -> bool:
            self.assert_alive()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await until(listening, f"{self.name} listens on {port}", timeout=timeout)

    def assert_alive(self) -> None:
        if self.process.returncode is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise ChildFailed(f"{self.name} ended with {self.process.returncode}:\n{tail}")

    async def stop(self, patience: float = 10.0) -> None:
        """SIGTERM, then SIGKILL for one that does not heed it within `patience` seconds."""
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), patience)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
