"""An installation on one machine: embedded PostgreSQL, the PostgreSQL bus, keys of its own, all in one data folder."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.commands.installation import SERVICES, install
from shared.auth import Caller, Role, Tokens, write_new_keys
from shared.db.embedded import EmbeddedPostgres, Server
from shared.db.migrate import role_of
from shared.runtime import Platform, Service
from shared.settings import PlatformSettings, load


@dataclass(frozen=True)
class Local:
    """A data folder in use: its server is up. Passwords and token keys lie beside the data, readable by their owner only."""

    data: Path
    server: Server
    tokens: Tokens
    dsns: dict[str, str]

    async def build(self, platform: Platform) -> list[Service]:
        """Brings every schema up to date and puts the services together."""
        await install(self.server.dsn, self.dsns, platform.settings)
        return [kind.build(platform, kind.settings(dsn=self.dsns[name])) for name, kind in SERVICES.items()]

    def platform(self, host: str) -> Platform:
        return Platform(load(PlatformSettings, bus="postgres", host=host), self.tokens)

    def token(self, platform: Platform, role: Role, subject: str, days: int = 1) -> str:
        return self.tokens.issue(Caller(subject, role), now=platform.clock.now(), lifetime=timedelta(days=days))


@contextlib.contextmanager
def open_local(data: Path) -> Iterator[Local]:
    """Starts the folder's server, making what is missing; stops it at the end.

    Raises an error that says what to do where another process uses the folder, or PostgreSQL does not start.
    """
    with EmbeddedPostgres(data) as server:
        passwords = _passwords(data / "roles.secret")
        keys = data / "keys.json"
        if not keys.exists():
            write_new_keys(keys)
        dsns = {name: server.dsn_for(role_of(name), passwords[name]) for name in SERVICES}
        yield Local(data, server, Tokens.from_file(keys), dsns)


def _passwords(path: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: secrets.token_urlsafe(24) for name in SERVICES if name not in known}
    if missing:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**known, **missing}, file)
    return {**known, **missing}
