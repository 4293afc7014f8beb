"""A member of a consumer group in a process of its own, so that tests can kill and freeze it.

    python -m tests.support.member '{"bus": "postgres", "address": "…", "group": "…", "topic": "…", "session_timeout": 1.5}'

Joins, says so, then does what the lines on its standard input ask: `read` (answers with the records read), `done`, `commit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from shared.bus.kafka import KafkaBus
from shared.bus.port import Bus, Reader
from shared.bus.postgres import PostgresBus
from shared.contracts.envelope import Received
from shared.errors import Transient
from shared.settings import PlatformSettings
from shared.telemetry import configure_logging


@dataclass
class Member:
    """The remote control of a member's process."""

    process: asyncio.subprocess.Process

    async def read(self) -> list[tuple[int, int]]:
        """Partition and offset of each record of the next batch, which may be empty."""
        return [(partition, offset) for partition, offset in await self._ask("read")]

    async def done(self) -> None:
        await self._ask("done")

    async def commit(self) -> None:
        """Also returns where the member's broker refused: that is for the caller to find out by reading."""
        await self._ask("commit")

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def _ask(self, verb: str) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(verb.encode() + b"\n")
        async with asyncio.timeout(20):
            return json.loads(await self.process.stdout.readline())


@contextlib.asynccontextmanager
async def member(bus: str, address: str, *, group: str, topic: str, session_timeout: float) -> AsyncIterator[Member]:
    """A member that has joined; killed at the end of the block."""
    order = {"bus": bus, "address": address, "group": group, "topic": topic, "session_timeout": session_timeout}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.member",
        json.dumps(order),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b'"joined"\n'
        yield Member(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def open_bus(kind: str, address: str, session_timeout: float) -> Bus:
    if kind == "kafka":
        return KafkaBus(PlatformSettings(bus="kafka", kafka_bootstrap=address), session_timeout=session_timeout)
    return PostgresBus(address, session_timeout=session_timeout)


async def _obey(bus: str, address: str, group: str, topic: str, session_timeout: float) -> None:
    reader = await open_bus(bus, address, session_timeout).reader(group, [topic], member=f"member-{os.getpid()}")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    _say("joined")
    batch: list[Received] = []
    while command := (await commands.readline()).strip():
        try:
            batch = await _do(command, reader, batch)
            _say([(record.partition, record.offset) for record in batch])
        except Transient:
            _say([])


async def _do(command: bytes, reader: Reader, batch: list[Received]) -> list[Received]:
    if command == b"read":
        return await reader.read(1000)
    if command == b"done":
        reader.done(batch)
    elif command == b"commit":
        await reader.commit()
    return batch


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logging()  # to standard error: standard output is for the answers
    asyncio.run(_obey(**json.loads(sys.argv[1])))
