"""A whole installation for tests: databases made from one template, tokens, and services running in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from services.commands.installation import SERVICES, install
from shared.auth import Caller, Role, Tokens, write_new_keys
from shared.clock import Clock, SystemClock
from shared.db.embedded import Server
from shared.runtime import Platform, Service, serve
from shared.settings import PlatformSettings, ServiceSettings
from tests.support import postgres

PASSWORD = "only-for-tests"


def service_dsns(server: Server, database: str) -> dict[str, str]:
    return {name: server.dsn_for(f"handoff_{name}", PASSWORD, database) for name in SERVICES}


@dataclass
class Installation:
    """One test's database and keys. `admin_dsn` is the superuser's."""

    admin_dsn: str
    dsns: dict[str, str]
    tokens: Tokens
    clock: Clock = field(default_factory=SystemClock)
    bus: str = "postgres"
    kafka_bootstrap: str = "127.0.0.1:9092"

    def token(self, role: Role = Role.ADMIN, *, subject: str = "tester", agent_id: UUID | None = None) -> str:
        return self.tokens.issue(Caller(subject, role, agent_id), now=self.clock.now(), lifetime=timedelta(hours=1))

    def headers(self, role: Role = Role.ADMIN, *, agent_id: UUID | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(role, agent_id=agent_id)}"}

    def platform(self) -> Platform:
        settings = PlatformSettings(bus=self.bus, kafka_bootstrap=self.kafka_bootstrap)
        return Platform(settings, self.tokens, self.clock)

    def settings(self, name: str, **overrides: object) -> ServiceSettings:
        return SERVICES[name].settings(dsn=self.dsns[name], **overrides)

    def build(self, platform: Platform, *names: str, **overrides: object) -> list[Service]:
        return [SERVICES[name].build(platform, self.settings(name, **overrides)) for name in names or SERVICES]

    @contextlib.asynccontextmanager
    async def running(self, *names: str, **overrides: object) -> AsyncIterator[httpx.AsyncClient]:
        """These services (all, if none is named) on one port of this process; a client with an administrator's token."""
        platform = self.platform()
        async with (
            serving(self.build(platform, *names, **overrides), platform) as address,
            httpx.AsyncClient(base_url=address, headers=self.headers(), timeout=15) as client,
        ):
            yield client


@contextlib.asynccontextmanager
async def installed(server: Server, template: str, tokens: Tokens) -> AsyncIterator[Installation]:
    """An installation in a new copy of the template."""
    async with postgres.create_database(server, template=template) as dsn:
        yield Installation(dsn, service_dsns(server, urlsplit(dsn).path.lstrip("/")), tokens)


@contextlib.asynccontextmanager
async def serving(services: Sequence[Service], platform: Platform) -> AsyncIterator[str]:
    """Serves until the block ends; what crashes in a loop fails the block."""
    until = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(services, platform, port=0, ready=ready.set_result, until=until))
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield ready.result()
        until.set()


async def prepare_template(dsn: str, server: Server, database: str) -> None:
    """Roles, schemas, migrations and the bus, as `python -m services migrate` makes them."""
    await install(dsn, service_dsns(server, database))


def make_tokens(folder: Path) -> Tokens:
    path = folder / "keys.json"
    write_new_keys(path)
    return Tokens.from_file(path)
