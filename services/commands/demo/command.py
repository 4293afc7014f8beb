"""The command: starts the whole system as `run` does, plays the sample against it, shows what came of it, stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console

from services.commands.demo.interface import DemoFailed, Interface
from services.commands.demo.play import PATIENCE, Played, play
from services.commands.demo.sample import Sample, read_sample
from services.commands.demo.show import make_console, show
from services.commands.demo.steps import Steps
from services.commands.local import Local, open_local
from services.commands.run import DATA, Data
from shared import runtime
from shared.auth import Caller, Role
from shared.errors import HandoffError
from shared.runtime import Platform
from shared.telemetry import configure_logging

HOST = "127.0.0.1"
Work = Callable[[str], Coroutine[Any, Any, Played]]


def demo(data: Data = DATA) -> None:
    """Play the sample leads through the whole system on this machine: who received them, and why? Data and leads stay."""
    configure_logging(level="warning", form="console")
    console = make_console()
    steps = Steps(console)
    with contextlib.ExitStack() as stack:
        with steps.step("Read the sample in deploy/demo"):
            sample = read_sample()
        with steps.step(f"Start PostgreSQL in {data}"):
            local = stack.enter_context(open_local(data))
        runtime.run(lambda: _demo(local, sample, steps, console))


async def _demo(local: Local, sample: Sample, steps: Steps, console: Console) -> None:
    platform = local.platform(HOST)
    headers = {"Authorization": f"Bearer {local.token(platform, Role.ADMIN, 'demo')}"}

    async def work(address: str) -> Played:
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE + 10) as client:
            return await play(Interface(client), sample, steps, lambda agent: _token(local, platform, agent))

    show(await _while_serving(local, platform, steps, work), console, local.data)


def _token(local: Local, platform: Platform, agent: dict[str, Any]) -> str:
    caller = Caller(agent["name"], Role(agent["kind"]), UUID(agent["id"]))
    return local.tokens.issue(caller, now=platform.clock.now(), lifetime=timedelta(minutes=10))


async def _while_serving(local: Local, platform: Platform, steps: Steps, work: Work) -> Played:
    """Runs the work against the running system, then stops both. The work is given up where the system stops by itself."""
    until = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with steps.step("Start the four services"):
        services = await local.build(platform)
        serving = asyncio.create_task(runtime.serve(services, platform, port=0, ready=ready.set_result, until=until))
        starting: set[asyncio.Future[Any]] = {serving, ready}
        await asyncio.wait(starting, return_when=asyncio.FIRST_COMPLETED)
        _raise_if_over(serving)
    working = asyncio.create_task(work(ready.result()))
    both: set[asyncio.Task[Any]] = {serving, working}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    stopped = until.is_set()  # by a signal
    until.set()
    working.cancel()  # does nothing to work that is done
    await asyncio.wait(both)
    # What ended the system explains best why the work failed.
    if working.cancelled() or (working.exception() and (stopped or serving.exception())):
        _raise_if_over(serving)
    return working.result()


def _raise_if_over(serving: asyncio.Task[None]) -> None:
    if not serving.done():
        return
    if crash := serving.exception():
        raise crash if isinstance(crash, HandoffError) else DemoFailed(f"the system crashed: {_causes(crash)}") from crash
    raise DemoFailed("stopped before the demo was over")


def _causes(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_causes(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"
