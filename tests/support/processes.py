"""The four services as processes of their own, several replicas of each: to start, kill and stop them as the world does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path

import httpx

from services.commands.installation import SERVICES
from tests.support.installation import Installation
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
READY_SECONDS = 150.0  # eight interpreters start at once on two cores, which others use too
STOP_SECONDS = 20.0
TAIL = 3000  # characters of each log that a failing test shows
INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")  # nothing else of the tests' environment reaches a service


class Replica:
    """One process of a service. Its port and its log stay the same when it is started again."""

    def __init__(self, service: str, number: int, *, port: int, environment: Mapping[str, str], folder: Path) -> None:
        self.service = service
        self.name = f"{service}-{number}"
        self.address = f"http://127.0.0.1:{port}"
        self.log = folder / f"{self.name}.log"
        self._environment = {**environment, f"{service.upper()}_PORT": str(port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.service}"],
                cwd=ROOT,
                env={**_inherited(), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def ready(self, timeout: float = READY_SECONDS) -> None:
        """Waits until /readyz says so. Fails at once where the process ended."""

        said = "nothing"

        async def is_ready() -> bool:
            nonlocal said
            assert self.code() is None, f"{self.name} ended with {self.code()} instead of becoming ready\n{self.tail()}"
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get("/readyz")
                said = answer.text
                return answer.status_code == httpx.codes.OK
            return False

        async with httpx.AsyncClient(base_url=self.address, timeout=5) as client:
            try:
                await eventually(is_ready, timeout=timeout)
            except AssertionError as error:
                error.add_note(f"{self.name} answered {said}")
                raise

    def code(self) -> int | None:
        """The exit code; None while it runs, and before it was started."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """SIGKILL: nothing is finished, said or closed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code. One that does not heed it is killed, and the code tells."""
        assert self._process is not None
        self._process.terminate()
        try:
            return await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def tail(self) -> str:
        return f"--- {self.name}\n{self.log.read_text(errors='replace')[-TAIL:] if self.log.exists() else ''}"


class Fleet:
    """All replicas of all services of one installation, or of some."""

    def __init__(
        self, installation: Installation, *, replicas: int, keys: Path, folder: Path, services: Collection[str] = tuple(SERVICES)
    ) -> None:
        self.installation = installation
        ports = free_ports(replicas * len(services))
        environment = {
            "HANDOFF_BUS": installation.bus,
            "KAFKA_BOOTSTRAP": installation.kafka_bootstrap,
            "HANDOFF_TOKEN_KEYS": str(keys),
            "HANDOFF_LOG_LEVEL": "warning",
            **{f"{name.upper()}_DSN": dsn for name, dsn in installation.dsns.items()},
        }
        self.replicas = {
            name: [Replica(name, n, port=next(ports), environment=environment, folder=folder) for n in range(replicas)]
            for name in services
        }

    @property
    def all(self) -> list[Replica]:
        return [replica for replicas in self.replicas.values() for replica in replicas]

    async def start(self) -> None:
        for replica in self.all:
            replica.start()
        await asyncio.gather(*(replica.ready() for replica in self.all))

    async def stop(self) -> dict[str, int]:
        """SIGTERM to all; their exit codes."""
        running = [replica for replica in self.all if replica.code() is None]
        codes = await asyncio.gather(*(replica.stop() for replica in running))
        return {replica.name: code for replica, code in zip(running, codes, strict=True)}

    def kill(self) -> None:
        for replica in self.all:
            if replica.code() is None:
                replica.kill()

    def client(self, service: str, replica: int = 0) -> httpx.AsyncClient:
        """A client of one replica, with an administrator's token."""
        address = self.replicas[service][replica].address
        return httpx.AsyncClient(base_url=address, headers=self.installation.headers(), timeout=15)

    def tails(self) -> str:
        return "\n".join(replica.tail() for replica in self.all)


@contextlib.asynccontextmanager
async def running_fleet(
    installation: Installation, *, replicas: int, keys: Path, folder: Path, services: Collection[str] = tuple(SERVICES)
) -> AsyncIterator[Fleet]:
    """Started and ready; gone afterwards. A failure inside comes with the end of every log."""
    fleet = Fleet(installation, replicas=replicas, keys=keys, folder=folder, services=services)
    try:
        await fleet.start()
        yield fleet
    except BaseException as error:
        error.add_note(fleet.tails())
        raise
    finally:
        fleet.kill()


def free_ports(count: int) -> Iterator[int]:
    """TCP ports on loopback, all different, that were free a moment ago."""
    with contextlib.ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return iter([one.getsockname()[1] for one in found])


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}
