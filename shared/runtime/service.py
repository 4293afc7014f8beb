"""What a service is made of, and how all four are put together."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import APIRouter, FastAPI

from shared.auth import Tokens
from shared.bus.kafka import KafkaBus
from shared.bus.port import Bus
from shared.bus.postgres import PostgresBus, Wakes
from shared.clock import Clock, SystemClock
from shared.consumer import Consumer, Subscriptions
from shared.contracts.topics import TOPIC_OF
from shared.db.uow import Database
from shared.errors import ConfigurationError
from shared.relay import Relay
from shared.runtime.housekeeping import Housekeeping
from shared.sealing import Sealer
from shared.settings import PlatformSettings, ServiceSettings, load
from shared.telemetry import configure_logging
from shared.timers import Timers
from shared.web.app import create_app
from shared.web.guard import Endpoint, Guard
from shared.web.platform import Health


class Loop(Protocol):
    """Something that runs until it is asked to stop, and can say why it is not ready."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...
    def health(self) -> str | None: ...


@dataclass
class Platform:
    """What the services of one process share."""

    settings: PlatformSettings
    tokens: Tokens
    clock: Clock = field(default_factory=SystemClock)
    wakes: Wakes = field(default_factory=Wakes)
    draining: bool = False

    @classmethod
    def from_environment(cls) -> Platform:
        """Raises ConfigurationError: a service of its own does not start without the installation's token keys."""
        settings = load(PlatformSettings)
        configure_logging(level=settings.log_level, form=settings.log_format)
        if settings.token_keys is None:
            raise ConfigurationError("HANDOFF_TOKEN_KEYS: name the key file (make one: python -m services keys new PATH)")
        return cls(settings, Tokens.from_file(settings.token_keys))

    def sealer(self, purpose: str) -> Sealer:
        return Sealer(self.tokens.raw_keys(), purpose=purpose)

    def bus(self, settings: ServiceSettings) -> Bus:
        if self.settings.bus == "kafka":
            return KafkaBus(self.settings, session_timeout=settings.session_timeout, instance=settings.instance)
        return PostgresBus(settings.bus_dsn or settings.dsn, wakes=self.wakes, session_timeout=settings.session_timeout)


@dataclass
class Service:
    """One service, assembled. `sources` stop before `relay`, so that what they commit is still published; `closes` are called last."""

    name: str
    app: FastAPI
    guard: Guard
    owns: tuple[str, ...]
    database: Database
    bus: Bus
    relay: Relay
    sources: list[Loop]
    owns_exactly: tuple[str, ...] = ()
    closes: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


def assemble(
    name: str,
    platform: Platform,
    settings: ServiceSettings,
    *,
    database: Database,
    subscriptions: Subscriptions,
    routers: Sequence[APIRouter],
    description: str,
    owns: tuple[str, ...],
    owns_exactly: tuple[str, ...] = (),
    loops: Callable[[Relay], Sequence[Loop]] = lambda _: (),
    timers: Timers | None = None,
    forms: tuple[str, ...] = (),
    streams: tuple[str, ...] = (),
    hot: Mapping[tuple[str, str], Endpoint] | None = None,
) -> Service:
    """Puts a service together the way all four are."""
    bus = platform.bus(settings)
    relay = Relay(database, bus.publisher, bound=settings.outbox_bound)
    own = list(loops(relay))
    sources: list[Loop] = [*own, Housekeeping(database, bus)]
    if timers:
        sources.append(timers)
    if subscriptions.topics:
        member = settings.instance or f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        consumer = Consumer(
            database,
            subscriptions,
            lambda: bus.reader(name, subscriptions.topics, member=member),
            batch=settings.batch,
            stuck_after=settings.stuck_after,
        )
        sources.append(consumer)
    checks = {type(loop).__name__.lower(): loop.health for loop in (*sources, relay)}
    checks["draining"] = lambda: "shutting down" if platform.draining else None
    app = create_app(
        name,
        database=database,
        tokens=platform.tokens,
        health=Health(checks),
        subscriptions=subscriptions,
        routers=routers,
        description=description,
        has_timers=timers is not None,
    )
    for loop in own:
        setattr(app.state, type(loop).__name__.lower(), loop)
    guard = Guard(app, service=name, clock=platform.clock, forms=forms, streams=streams, hot=hot)
    return Service(name, app, guard, owns, database, bus, relay, sources, owns_exactly)


def open_database(name: str, platform: Platform, settings: ServiceSettings) -> Database:
    return Database(settings.dsn, service=name, topic=TOPIC_OF[name].name, clock=platform.clock, pool_size=settings.pool_size)


async def open_bus(settings: PlatformSettings, admin_dsn: str, *, roles: Sequence[str]) -> Bus:
    """The bus as an administrator sees it, with its schema in place, for making topics."""
    if settings.bus == "kafka":
        return KafkaBus(settings)
    bus = PostgresBus(admin_dsn)
    await bus.install(roles)
    return bus
