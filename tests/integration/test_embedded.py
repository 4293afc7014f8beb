"""The embedded server: what it keeps, whom it lets in, and that it is never there twice or half."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import asyncpg
import pytest

from shared.db import cluster
from shared.db.embedded import DataFolderInUse, EmbeddedPostgres, EmbeddedPostgresError, Server

ROOT = Path(__file__).parents[2]
OWNER = """
import sys
from pathlib import Path
import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
from shared.db.embedded import EmbeddedPostgres
owner = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
with owner as server:
    try:
        print(owner.pid, flush=True)  # whoever reads this may interrupt at once
        sys.stdin.read()
    except KeyboardInterrupt:
        print("running" if owner.pid else "gone", flush=True)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def owner_process(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that owns the folder, and its postmaster's id; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as owner:
        try:
            assert owner.stdout is not None
            yield owner, int(owner.stdout.readline())
        finally:
            owner.kill()


async def write(server: Server, value: int) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()


async def read(server: Server) -> list[int]:
    connection = await asyncpg.connect(server.dsn)
    rows = await connection.fetch("SELECT value FROM kept ORDER BY value")
    await connection.close()
    return [row["value"] for row in rows]


def gone(pid: int) -> bool:
    """No such process, or only its exit status is left for whoever inherited it."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


async def test_data_and_address_survive_a_restart(data_dir: Path) -> None:
    owner = EmbeddedPostgres(data_dir)
    first = owner.start()
    await write(first, 1)
    owner.stop()
    with owner as second:
        assert second == first
        assert await read(second) == [1]
        assert owner.start() is second


async def test_settings_are_durable_unless_a_test_says_otherwise(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        connection = await asyncpg.connect(server.dsn)
        names = ["fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "max_connections"]
        found = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]
        await connection.close()
    assert found == ["on", "on", "on", "", "200"]


async def test_only_the_right_password_opens(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn_for("postgres", "wrong"))


def test_nobody_else_reads_or_enters_what_is_private(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert stat.S_IMODE((data_dir / "postgres.secret").stat().st_mode) == 0o600
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE(data_dir.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH | stat.S_IRGRP) == 0
        password = (data_dir / "postgres.secret").read_text().strip()
        assert password in server.dsn
        assert password not in repr(server)


def test_a_second_start_names_the_folder_and_the_process(data_dir: Path) -> None:
    with owner_process(data_dir) as (owner, _):
        with pytest.raises(DataFolderInUse) as refused:
            EmbeddedPostgres(data_dir).start()
        assert str(data_dir) in str(refused.value)
        assert str(owner.pid) in str(refused.value)


async def test_a_killed_owner_leaves_no_second_server(data_dir: Path) -> None:
    with owner_process(data_dir) as (owner, postmaster):
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        with EmbeddedPostgres(data_dir, durable=False) as server:
            assert gone(postmaster)
            await write(server, 1)
            assert await read(server) == [1]


async def test_a_killed_server_recovers_what_was_committed(data_dir: Path) -> None:
    owner = EmbeddedPostgres(data_dir)
    await write(owner.start(), 1)
    assert owner.pid is not None
    os.kill(owner.pid, signal.SIGKILL)
    owner.stop()
    with owner as server:
        assert await read(server) == [1]


async def test_a_stale_pid_file_that_names_another_program_harms_neither(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False):
        pid_file = (data_dir / "postgres" / "postmaster.pid").read_text()
    account = cluster.server_account(data_dir / "postgres")
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, user=account.uid, group=account.gid, extra_groups=account.groups
    ) as innocent:
        lines = [str(innocent.pid), *pid_file.splitlines()[1:]]
        (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with EmbeddedPostgres(data_dir, durable=False) as server:
            await write(server, 1)
            assert innocent.poll() is None
            assert await read(server) == [1]


def test_interrupting_the_terminal_leaves_the_server_to_its_owner(data_dir: Path) -> None:
    with owner_process(data_dir) as (owner, postmaster):
        os.killpg(owner.pid, signal.SIGINT)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "running\n"
        assert owner.wait(timeout=30) == 0
        assert gone(postmaster)


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 20) / "with space, and comma"
    with EmbeddedPostgres(data_dir, durable=False) as server:
        await write(server, 1)
        assert server.socket_dir.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert not server.socket_dir.exists()


def test_a_failed_initdb_leaves_nothing_half_made(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "wheel" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    initdb = programs / "initdb"
    initdb.write_text('#!/bin/sh\nmkdir "$2" && touch "$2/PG_VERSION"\necho "No space left on device"\nexit 1\n')
    initdb.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(cluster, "binaries", lambda: programs)
        with pytest.raises(EmbeddedPostgresError, match="disk is full"):
            EmbeddedPostgres(data_dir, durable=False).start()
    assert {path.name for path in data_dir.iterdir()} == {"lock", "postgres.secret"}
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert server.data_dir == data_dir


def test_a_server_that_cannot_start_says_why_and_frees_the_folder(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False):
        pass
    settings = data_dir / "postgres" / "postgresql.auto.conf"
    settings.write_text("shared_preload_libraries = 'nothing_of_that_name'\n")
    owner = EmbeddedPostgres(data_dir, durable=False)
    with pytest.raises(EmbeddedPostgresError, match="nothing_of_that_name"):
        owner.start()
    assert owner.pid is None
    settings.write_text("")
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert server.data_dir == data_dir


def test_a_lost_password_file_is_not_replaced(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False):
        pass
    (data_dir / "postgres.secret").unlink()
    with pytest.raises(EmbeddedPostgresError, match="backup"):
        EmbeddedPostgres(data_dir, durable=False).start()
    assert not (data_dir / "postgres.secret").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here already runs as an ordinary user")
def test_an_ordinary_user_needs_no_help() -> None:
    nobody = 65534
    with tempfile.TemporaryDirectory(prefix="handoff-test-") as folder:
        os.chown(folder, nobody, nobody)
        # Forked, not started: an ordinary user may not be able to reach the interpreter that root runs.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as process:
            assert process.submit(_server_uid, Path(folder) / "data", nobody).result(timeout=60) == nobody


def _server_uid(data_dir: Path, user: int) -> int:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    owner = EmbeddedPostgres(data_dir, durable=False)
    with owner:
        return os.stat(f"/proc/{owner.pid}").st_uid
