"""A real Kafka broker for a test session, which a chaos test may stop, kill and start again.

With KAFKA_BOOTSTRAP set, the tests use that broker instead and leave its life alone. Plain functions; the fixtures that
call them are in conftest.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).parents[2] / "deploy" / "kafka" / "kafka.py"


def available() -> str | None:
    """None when a broker can be had, else what is missing."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        return None
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if not missing:
        return None
    return f"Kafka needs {' and '.join(missing)}, which this machine lacks (or set KAFKA_BOOTSTRAP to a broker)"


@dataclass(frozen=True)
class Kafka:
    """A broker at `bootstrap`. `data` is None where it is not ours to start and stop."""

    bootstrap: str
    data: Path | None = None
    controller_port: int = 0

    def start(self) -> None:
        """Start the broker and return once it answers; on the same data and ports as before."""
        self._launcher("start")

    def stop(self) -> None:
        """Stop the broker gracefully."""
        self._launcher("stop")

    def kill(self) -> None:
        """Kill the broker with SIGKILL."""
        self._launcher("kill")

    def _launcher(self, command: str) -> None:
        if self.data is None:
            raise RuntimeError(f"cannot {command} the broker of KAFKA_BOOTSTRAP: unset it to run this test")
        ports = ["--port", self.bootstrap.rpartition(":")[2], "--controller-port", str(self.controller_port)]
        done = subprocess.run(
            [sys.executable, str(LAUNCHER), command, "--data", str(self.data), *ports],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)


@contextmanager
def session_kafka() -> Iterator[Kafka]:
    """A running broker on free ports in a temporary folder, or the one of KAFKA_BOOTSTRAP."""
    if existing := os.environ.get("KAFKA_BOOTSTRAP"):
        yield Kafka(existing)
        return
    with tempfile.TemporaryDirectory(prefix="handoff-kafka-") as folder:
        port, controller_port = _free_ports()
        kafka = Kafka(f"127.0.0.1:{port}", Path(folder), controller_port)
        kafka.start()
        try:
            yield kafka
        finally:
            kafka.kill()


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
