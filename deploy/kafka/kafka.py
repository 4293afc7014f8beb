"""A real Apache Kafka on this machine, without Docker: one KRaft node on loopback, for development and tests.

    python deploy/kafka/kafka.py start | stop | kill | status | run  [--data DIR] [--port N] [--controller-port N]

`start` returns once the broker answers and does nothing when it already does; `run` stays until it is interrupted;
`kill` ends the broker as a crash would. The data folder keeps topics and offsets across restarts. Needs Java 17 or newer
and, the first time, Maven. Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import string
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / ".handoff" / "kafka"
HOST = "127.0.0.1"
JAVA = 17
HEAP = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC")
READY_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.1
TAIL_LINES = 15
API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)  # key, version, correlation id, no client id


class LauncherError(Exception):
    """The message says what is wrong and what to do."""


@dataclass(frozen=True)
class Broker:
    data: Path
    port: int
    controller_port: int

    @property
    def properties(self) -> Path:
        return self.data / "server.properties"

    @property
    def pid_file(self) -> Path:
        return self.data / "kafka.pid"


def start(broker: Broker) -> int:
    """Make the broker answer; where it already does, only say so."""
    with _locked(broker.data):
        if _running(broker) is None:
            _launch(broker)
        elif not _answers(broker.port):
            raise LauncherError(f"a broker on {broker.data} runs but does not answer on port {broker.port}: stop it first")
    return status(broker)


def stop(broker: Broker) -> int:
    """End the broker, gently for 15 seconds; no error where none runs."""
    pid = _running(broker)
    if pid is None:
        _say("Kafka is not running.")
        return 0
    if not _end(broker, pid, signal.SIGTERM):
        _say(f"Kafka did not stop within {STOP_SECONDS:.0f} s: killing it.")
        _end(broker, pid, signal.SIGKILL)
    broker.pid_file.unlink(missing_ok=True)
    _say("Kafka stopped.")
    return 0


def kill(broker: Broker) -> int:
    """End the broker with SIGKILL, as a crash would; no error where none runs."""
    pid = _running(broker)
    if pid is not None and not _end(broker, pid, signal.SIGKILL):
        raise LauncherError(f"process {pid} survives SIGKILL: it hangs in the operating system")
    return 0


def status(broker: Broker) -> int:
    """0 when the broker answers, 3 when it does not."""
    pid = _running(broker)
    if pid is None or not _answers(broker.port):
        _say(f"Kafka does not answer on {HOST}:{broker.port}.")
        return 3
    _say(f"Kafka {version()} answers on {HOST}:{broker.port} (process {pid}, data in {broker.data}).")
    return 0


def run(broker: Broker) -> int:
    """Stay in the foreground until interrupted; 1 when the broker ends by itself."""
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, signal.default_int_handler)
    try:
        start(broker)
        while _running(broker) is not None:
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return stop(broker)
    raise LauncherError(f"the broker ended by itself\n{_log_tail(broker)}")


def version() -> str:
    """The version of Kafka that the POM pins."""
    found = ET.parse(HERE / "pom.xml").findtext(".//{*}kafka.version")
    if found is None:
        raise LauncherError("pom.xml names no kafka.version")
    return found


def _launch(broker: Broker) -> None:
    for port in (broker.port, broker.controller_port):
        _check_free(port)
    java = _java()
    jars = _jars()
    _format(broker, java, jars)
    command = [java, *HEAP, *_logging(broker), "-cp", f"{jars}/*", "kafka.Kafka", str(broker.properties)]
    with open(broker.data / "kafka.out", "ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    broker.pid_file.write_text(f"{process.pid}\n")
    try:
        _await_answer(broker, process)
    except BaseException:
        process.kill()
        process.wait()
        broker.pid_file.unlink()
        raise


def _await_answer(broker: Broker, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(broker.port):
        if process.poll() is not None:
            raise LauncherError(f"the broker ended while starting\n{_log_tail(broker)}")
        if time.monotonic() > deadline:
            raise LauncherError(f"the broker does not answer after {READY_SECONDS:.0f} s\n{_log_tail(broker)}")
        time.sleep(POLL_SECONDS)


def _answers(port: int) -> bool:
    """Whether a broker answers an ApiVersions request, which it does only once it serves clients."""
    with suppress(OSError, struct.error), socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(struct.pack(">i", len(API_VERSIONS)) + API_VERSIONS)
        _, correlation_id, error = struct.unpack(">iih", connection.recv(10, socket.MSG_WAITALL))
        return bool(correlation_id == 1 and error == 0)
    return False


def _format(broker: Broker, java: str, jars: Path) -> None:
    """Write the properties and, the first time, the cluster's id; renamed into place, so that it is whole or absent."""
    topics = broker.data / "topics"
    if not (topics / "meta.properties").exists():
        unfinished = broker.data / "topics.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        _write_properties(broker, unfinished)
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        tool = [java, *_logging(broker), "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "--standalone"]
        _run([*tool, f"--cluster-id={cluster_id}", "--config", str(broker.properties)], "formatting the storage failed")
        unfinished.rename(topics)
    _write_properties(broker, topics)


def _write_properties(broker: Broker, log_dir: Path) -> None:
    template = string.Template((HERE / "server.properties").read_text())
    filled = template.substitute(port=broker.port, controller_port=broker.controller_port, log_dir=log_dir)
    broker.properties.write_text(filled)


def _logging(broker: Broker) -> list[str]:
    return [f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", f"-Dhandoff.kafka.logs={broker.data}"]


def _jars() -> Path:
    """The folder with Kafka's jars, fetched when the POM is new."""
    pom = HERE / "pom.xml"
    jars = HOME / f"jars-{sha256(pom.read_bytes()).hexdigest()[:12]}"
    if jars.exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise LauncherError("Maven (mvn) is not installed: it fetches Kafka's jars; install it and start again")
    _say(f"Fetching Apache Kafka {version()} from Maven Central, about 45 MB, this once ...")
    fetched = jars.with_name(f"{jars.name}.{os.getpid()}")
    goal = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    try:
        _run([*goal, f"-DoutputDirectory={fetched}"], "Maven could not fetch Kafka's jars; is the network there?")
        with suppress(OSError):  # another start was quicker
            fetched.rename(jars)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    return jars


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise LauncherError(f"Java is not installed: Kafka needs Java {JAVA} or newer (java on the PATH, or JAVA_HOME)")
    found = re.search(r'version "(\d+)', _run([java, "-version"], f"{java} does not run"))
    if found is None or int(found[1]) < JAVA:
        raise LauncherError(f"{java} is too old: Kafka needs Java {JAVA} or newer (set JAVA_HOME to it)")
    return java


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise LauncherError(f"port {port} is taken by another program: stop it, or choose another port") from None


def _running(broker: Broker) -> int | None:
    """The broker's process id. A number left by a crash may be another program's by now, so its command line decides."""
    try:
        pid = int(broker.pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(broker.properties) in _command_line(pid) else None


def _command_line(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def _end(broker: Broker, pid: int, how: signal.Signals) -> bool:
    """Send the signal and wait; True when the broker is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, how)
    deadline = time.monotonic() + STOP_SECONDS
    while _running(broker) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _run(command: Sequence[str], failure: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise LauncherError("\n".join([failure, *done.stdout.splitlines()[-TAIL_LINES:]]))
    return done.stdout


def _log_tail(broker: Broker) -> str:
    lines = []
    for name in ("kafka.out", "kafka.log"):
        with suppress(FileNotFoundError):
            lines += (broker.data / name).read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(lines)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two starts at once would format twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


COMMANDS: dict[str, Callable[[Broker], int]] = {"start": start, "stop": stop, "kill": kill, "status": status, "run": run}


def main() -> int:
    parser = argparse.ArgumentParser(description="A real Apache Kafka on this machine, without Docker.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--data", type=Path, default=HOME, help="folder that keeps topics and offsets")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--controller-port", type=int, help="default: the port after the broker's")
    given = parser.parse_args()
    controller_port = given.controller_port or given.port + 1
    try:
        return COMMANDS[given.command](Broker(given.data.resolve(), given.port, controller_port))
    except LauncherError as error:
        _say(f"Kafka: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
