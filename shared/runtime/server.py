"""Serving: loops under supervision, HTTP beside them, and the order in which all of it stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence

import uvicorn
import uvloop
from alembic.script import ScriptDirectory
from starlette.types import ASGIApp

from shared.db import migrate
from shared.errors import ConfigurationError, Transient
from shared.runtime.service import Loop, Platform, Service
from shared.settings import ServiceSettings, load
from shared.telemetry import logger
from shared.web.front import Front
from shared.web.hot import protocol_for

DRAIN = 10  # seconds that open requests have to finish

log = logger(__name__)


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
            for close in service.closes:
                await close()
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
    server = _Server(_uvicorn_config(services))
    listening = _listen(platform.settings.host, port)
    async with asyncio.TaskGroup() as group:
        sources = [group.create_task(supervised(loop, stopping)) for service in services for loop in service.sources]
        relays = [group.create_task(supervised(service.relay, stopping)) for service in services]
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


async def supervised(loop: Loop, stopping: asyncio.Event) -> None:
    """Runs a loop. One that ends before it is asked to has crashed, whatever it says.

    A cancellation that nobody asked for (a broker's client may raise one) would otherwise end the loop in silence, and the process would
    live on without it.
    """
    try:
        await loop.run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(f"{type(loop).__name__} was cancelled from within") from error
    if not stopping.is_set():
        raise RuntimeError(f"{type(loop).__name__} ended by itself")


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


def _uvicorn_config(services: Sequence[Service]) -> uvicorn.Config:
    return uvicorn.Config(
        _one_app(services),
        loop="uvloop",
        http=protocol_for({address: take for service in services for address, take in service.guard.hot_routes().items()}),
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
