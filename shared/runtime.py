"""Running services: what one is made of, how its loops are supervised, and in which order it stops.

A service is a FastAPI app and loops: its own, a consumer, a relay, housekeeping. An unexpected crash of a loop ends the process, for a
half-alive service is worse than a restarted one. Shutdown: not ready, stop accepting and reading, finish the batch in hand, commit, leave
the group, flush the relay, close.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import uvicorn
import uvloop
from alembic.script import ScriptDirectory
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from shared.auth import Tokens
from shared.bus.kafka import KafkaBus
from shared.bus.port import Bus
from shared.bus.postgres import PostgresBus, Wakes
from shared.clock import Clock, SystemClock
from shared.consumer import Consumer, Subscriptions
from shared.contracts.topics import TOPIC_OF
from shared.db import answers, deadletters, inbox, migrate
from shared.db.uow import Database
from shared.errors import ConfigurationError, Transient
from shared.relay import Relay
from shared.settings import PlatformSettings, ServiceSettings, load
from shared.telemetry import configure_logging, logger
from shared.web.app import create_app
from shared.web.front import Front
from shared.web.guard import Endpoint, Guard
from shared.web.platform import Health

HOUSEKEEPING = 3600.0  # seconds
DRAIN = 10  # seconds that open requests have to finish

log = logger(__name__)


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

    def bus(self, settings: ServiceSettings) -> Bus:
        if self.settings.bus == "kafka":
            return KafkaBus(self.settings, session_timeout=settings.session_timeout, instance=settings.instance)
        return PostgresBus(settings.bus_dsn or settings.dsn, wakes=self.wakes, session_timeout=settings.session_timeout)


@dataclass
class Service:
    """One service, assembled. `sources` stop before `relay`, so that what they commit is still published."""

    name: str
    app: FastAPI
    guard: Guard
    owns: tuple[str, ...]
    database: Database
    bus: Bus
    relay: Relay
    sources: list[Loop]
    owns_exactly: tuple[str, ...] = ()


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
    forms: tuple[str, ...] = (),
    hot: Mapping[tuple[str, str], Endpoint] | None = None,
) -> Service:
    """Puts a service together the way all four are."""
    bus = platform.bus(settings)
    relay = Relay(database, bus.publisher, bound=settings.outbox_bound)
    own = list(loops(relay))
    sources: list[Loop] = [*own, Housekeeping(database, bus)]
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
    )
    for loop in own:
        setattr(app.state, type(loop).__name__.lower(), loop)
    guard = Guard(app, service=name, clock=platform.clock, forms=forms, hot=hot)
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


class Housekeeping:
    """Once an hour: partitions ahead of time, and what is old goes."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._stop = asyncio.Event()

    async def run(self) -> None:
        while not self._stop.is_set():
            try:
                await self._keep()
                pause = HOUSEKEEPING
            except Transient as error:
                log.warning("housekeeping.waiting", service=self._database.service, error=str(error))
                pause = 5.0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _keep(self) -> None:
        async with self._database.begin() as uow:
            await inbox.maintain(uow)
            await answers.purge(uow)
            await deadletters.purge(uow)
        if isinstance(self._bus, PostgresBus):
            await self._bus.maintain()

    def stop(self) -> None:
        self._stop.set()

    def health(self) -> str | None:
        return None


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: this module decides what a signal does, and in which order."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    services: Sequence[Service],
    platform: Platform,
    *,
    port: int,
    ready: Callable[[str], None] | None = None,
    until: asyncio.Event | None = None,
) -> None:
    """Runs services on one port until a signal (or `until`), then stops them in order.

    Calls `ready` with the address once requests are accepted. Raises ConfigurationError where a schema is missing or old, and an
    ExceptionGroup where a loop crashed.
    """
    stopping = until or asyncio.Event()
    with _signals(stopping, platform):
        for service in services:
            await _schema_is_current(service, stopping)
        if not stopping.is_set():
            await _serve(services, platform, port=port, ready=ready, stopping=stopping)
    for service in services:
        with contextlib.suppress(Transient):
            await service.bus.close()
        await service.database.close()


async def _serve(
    services: Sequence[Service],
    platform: Platform,
    *,
    port: int,
    ready: Callable[[str], None] | None,
    stopping: asyncio.Event,
) -> None:
    server = _Server(_uvicorn_config(_one_app(services)))
    listening = _listen(platform.settings.host, port)
    async with asyncio.TaskGroup() as group:
        sources = [group.create_task(loop.run(), name=f"{s.name}.{type(loop).__name__}") for s in services for loop in s.sources]
        relays = [group.create_task(s.relay.run(), name=f"{s.name}.Relay") for s in services]
        web = group.create_task(server.serve(sockets=[listening]), name="http")
        await server.up.wait()
        address = f"http://{platform.settings.host}:{listening.getsockname()[1]}"
        log.info("ready", services=[service.name for service in services], address=address)
        if ready:
            ready(address)
        await stopping.wait()
        platform.draining = True
        server.should_exit = True
        await web
        await _stop([loop for service in services for loop in service.sources], sources)
        await _stop([service.relay for service in services], relays)
    log.info("stopped", services=[service.name for service in services])


async def _stop(loops: Sequence[Loop], tasks: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.stop()
    await asyncio.gather(*tasks)


def _one_app(services: Sequence[Service]) -> ASGIApp:
    if len(services) == 1:
        return services[0].guard
    return Front(
        {service.name: service.app for service in services},
        {service.name: service.guard for service in services},
        {service.name: service.owns for service in services},
        exact={address: service.name for service in services for address in service.owns_exactly},
    )


def _uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises ConfigurationError where the port is taken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}; choose another port or host") from error
    return listening


@contextlib.contextmanager
def _signals(stopping: asyncio.Event, platform: Platform) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        platform.draining = True
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _schema_is_current(service: Service, stopping: asyncio.Event) -> None:
    """Waits for the database, then holds the schema's version against this code's."""
    script = ScriptDirectory.from_config(migrate.config(service.name, ""))
    while not stopping.is_set():
        try:
            async with service.database.begin() as uow:
                exists = await uow.fetchval("SELECT to_regclass($1)", f"{service.name}.alembic_version")
                version = await uow.fetchval(f"SELECT version_num FROM {service.name}.alembic_version") if exists else None
            break
        except Transient as error:
            log.warning("database.waiting", service=service.name, error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)
    else:
        return
    if version != script.get_current_head():
        raise ConfigurationError(
            f"{service.name}: the schema is at {version or 'nothing'}, this code needs {script.get_current_head()}; "
            "run: python -m services migrate"
        )


def main(build: Callable[[Platform], Service], settings: type[ServiceSettings]) -> None:
    """One service as a process of its own: `python -m services.<name>`. Exits 2 for a wrong setting, 1 for a crash."""
    try:
        platform = Platform.from_environment()
        run(lambda: serve([build(platform)], platform, port=load(settings).port))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except Exception as crash:
        log.critical("crashed", exc_info=crash)
        sys.exit(1)


def run(work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Runs the work on uvloop."""

    async def call() -> None:
        await work()

    # A batch makes thousands of objects that die by themselves; the collector's default would look through all that lives 700 at a time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(call())
