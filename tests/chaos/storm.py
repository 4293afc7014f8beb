"""One storm on one bus: load at a steady rate, every replica killed, broker and database gone for a while; then the checks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from services.commands.installation import install
from shared.db.embedded import EmbeddedPostgres
from shared.settings import PlatformSettings
from tests.support.ground import Ground
from tests.support.installation import Installation, make_tokens, service_dsns
from tests.support.kafka import session_kafka
from tests.support.market import lead, make_market
from tests.support.processes import Fleet, Replica
from tests.support.sender import Sender
from tests.support.waiting import eventually

REPLICAS = 2
OUTAGE = 10.0  # seconds
DRAIN = 120.0
WON_OF = 3  # every third lead is won, so that capacity comes free all the time
KILLS_FROM, KILLS_TO = 0.03, 0.40  # parts of the load between which the replicas are killed
OUTAGES_AT = (0.50, 0.75)


@dataclass(frozen=True)
class Outage:
    """Something that everybody needs, and how it goes and comes back."""

    name: str
    down: Callable[[], object]
    up: Callable[[], object]


@dataclass(frozen=True)
class Phase:
    """One fault: how many seconds it lasted, how many until all were ready again, and what clients met while it lasted."""

    name: str
    lasted: float
    recovered: float
    answers: dict[str, int]


@dataclass
class Outcome:
    bus: str
    leads: int
    rate: float
    phases: list[Phase] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    worst_acceptance: float = 0.0
    drained: float = 0.0
    won: int = 0
    records: int = 0
    repeated: int = 0
    exits: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class Storm:
    """Runs the faults one after the other while the sender sends."""

    def __init__(self, fleet: Fleet, sender: Sender, outages: list[Outage], outcome: Outcome) -> None:
        self._fleet, self._sender, self._outages, self._outcome = fleet, sender, outages, outcome
        self.over = asyncio.Event()

    async def run(self) -> None:
        victims = [replicas[n] for n in range(REPLICAS) for replicas in self._fleet.replicas.values()]
        for n, replica in enumerate(victims):
            await self._sent(KILLS_FROM + (KILLS_TO - KILLS_FROM) * n / len(victims))
            await self._kill(replica)
        for at, outage in zip(OUTAGES_AT, self._outages, strict=True):
            await self._sent(at)
            await self._stop(outage)
        if self._sender.begun >= self._outcome.leads:
            self._outcome.violations.append("the load was over before the faults were, so this proves less: lower --rate")

    async def _sent(self, part: float) -> None:
        async def enough() -> bool:
            return self._sender.begun >= part * self._outcome.leads

        await eventually(enough, timeout=600)

    async def _kill(self, replica: Replica) -> None:
        with self._phase(f"SIGKILL {replica.name}") as phase:
            replica.kill()
            replica.start()
            await replica.ready()
            phase.ended()

    async def _stop(self, outage: Outage) -> None:
        with self._phase(outage.name) as phase:
            await asyncio.to_thread(outage.down)
            await asyncio.sleep(OUTAGE)
            await asyncio.to_thread(outage.up)
            phase.ended()
            await asyncio.gather(*(replica.ready() for replica in self._fleet.all))

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[_Watch]:
        watch = _Watch(self._sender.answers)
        yield watch
        self._outcome.phases.append(watch.phase(name))


class _Watch:
    """Measures one phase."""

    def __init__(self, answers: Counter[str]) -> None:
        self._answers, self._before = answers, Counter(answers)
        self._loop = asyncio.get_running_loop()
        self._began = self._end = self._loop.time()
        self._during: Counter[str] = Counter()

    def ended(self) -> None:
        self._end = self._loop.time()
        self._during = self._answers - self._before

    def phase(self, name: str) -> Phase:
        return Phase(name, self._end - self._began, self._loop.time() - self._end, dict(self._during))


async def win(fleet: Fleet, sender: Sender, over: asyncio.Event) -> int:
    """Says that every third accepted lead is won, through either replica, again and again until it is heard."""
    won = 0
    async with httpx.AsyncClient(headers=fleet.installation.headers(), timeout=10) as client:
        while True:
            if won * WON_OF < len(sender.accepted):
                address = fleet.replicas["tracker"][won % REPLICAS].address
                if await _said(client, f"{address}/v1/leads/{sender.accepted[won * WON_OF]}/status"):
                    won += 1
                    continue
            elif over.is_set():
                return won
            await asyncio.sleep(0.05)


async def _said(client: httpx.AsyncClient, address: str) -> bool:
    try:
        answer = await client.post(address, json={"status": "won"})
    except httpx.TransportError:
        return False
    assert answer.status_code in (200, 404, 503), f"{answer.status_code}: {answer.text}"  # 404: not yet visible
    return answer.status_code == httpx.codes.OK


async def storm(bus: str, *, leads: int, rate: float, folder: Path) -> Outcome:
    """Runs one storm in a folder of its own and returns what became of it. Fails where a client met what it should not."""
    outcome = Outcome(bus, leads, rate)
    async with grounded(bus, folder) as (ground, outages), ground.fleet(replicas=REPLICAS) as fleet:
        async with fleet.client("intake") as intake, fleet.client("router") as router:
            agents = await make_market(intake, router)
        addresses = [replica.address for replica in fleet.replicas["intake"]]
        async with Sender(addresses, ground.installation.headers(), patience=120) as sender:
            await _blow(fleet, sender, outages, outcome)
        await _calm(ground, fleet, agents, outcome)
        await _judge(ground, sender, outcome)
        outcome.exits = await fleet.stop()
    return outcome


async def _blow(fleet: Fleet, sender: Sender, outages: list[Outage], outcome: Outcome) -> None:
    weather = Storm(fleet, sender, outages, outcome)
    async with asyncio.TaskGroup() as group:
        winning = group.create_task(win(fleet, sender, weather.over))
        faults = group.create_task(weather.run())
        await sender.send_all((lead(n) for n in range(outcome.leads)), rate=outcome.rate)
        await faults
        weather.over.set()
    outcome.answers, outcome.worst_acceptance = dict(sender.answers), sender.worst
    outcome.won = winning.result()


async def _calm(ground: Ground, fleet: Fleet, agents: dict[str, UUID], outcome: Outcome) -> None:
    """Everything drains: first what is under way, then, with the caps lifted, the hold queues."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ground.drained(timeout=DRAIN)
    outcome.drained = loop.time() - began
    async with fleet.client("router") as router:
        for agent in agents.values():
            (await router.patch(f"/v1/agents/{agent}", json={"open_cap": None})).raise_for_status()

        async def nobody_waits() -> bool:
            return (await router.get("/v1/queue")).json()["items"] == []

        await eventually(nobody_waits, timeout=DRAIN)
    await ground.drained(timeout=DRAIN)


async def _judge(ground: Ground, sender: Sender, outcome: Outcome) -> None:
    records = await ground.published()
    outcome.records = len(records)
    outcome.repeated = len(records) - len({record.event_id for record in records})
    if len(sender.accepted) != outcome.leads:
        outcome.violations.append(f"{len(sender.accepted)} of {outcome.leads} leads were accepted")
    outcome.violations += await ground.violations(sender.accepted)


@contextlib.asynccontextmanager
async def grounded(bus: str, folder: Path) -> AsyncIterator[tuple[Ground, list[Outage]]]:
    """A durable database and the bus, both of this storm alone, and what can be taken away."""
    with contextlib.ExitStack() as stack:
        embedded = EmbeddedPostgres(folder / "data")
        server = stack.enter_context(embedded)
        installation = Installation(server.dsn, service_dsns(server, "handoff"), make_tokens(folder), bus=bus)
        database = Outage("database stopped", embedded.stop, embedded.start)
        if bus == "kafka":
            kafka = stack.enter_context(session_kafka())
            installation.kafka_bootstrap = kafka.bootstrap
            outages = [Outage("broker killed", kafka.kill, kafka.start), database]
        else:
            outages = [Outage("database (and bus) killed", lambda: _kill(embedded), embedded.start), database]
        settings = PlatformSettings(bus="kafka" if bus == "kafka" else "postgres", kafka_bootstrap=installation.kafka_bootstrap)
        await install(server.dsn, installation.dsns, settings)
        yield Ground(installation, folder), outages


def _kill(embedded: EmbeddedPostgres) -> None:
    assert embedded.pid is not None
    os.kill(embedded.pid, signal.SIGKILL)
