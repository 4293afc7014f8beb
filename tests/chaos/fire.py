"""The routing fire: many processes of the router decide at once, agents come and go, policies change, and processes are killed.

Then everybody is let back in, what waits is given out, and the tables are judged: see `tests.support.checks` and `.decisions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.router.domain.desk import Desk, accept, claim, decline_offer, give_back, hand_to
from services.router.domain.lead import Case
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.telemetry import logger
from tests.chaos import firm
from tests.support.checks import router_violations
from tests.support.decisions import decision_faults, outcomes
from tests.support.ground import Ground
from tests.support.hands import CAUSE, at_the_desk
from tests.support.office import Office, offices
from tests.support.processes import Fleet
from tests.support.waiting import eventually
from tests.support.world import connected

log = logger(__name__)

CHUNK = 50  # leads published at once
AHEAD = 0.1  # part of all leads that is published and not yet taken at most, so that all that happens happens meanwhile
REST = 0.1  # seconds between what one person does and the next, so that the processes come to their locks
KILLED_FROM, KILLED_TO = 0.05, 0.9  # parts of the leads between which processes are killed
SETTLING = 240.0  # seconds
OPEN_WORK = """
SELECT id, lead_id, agent_id FROM router.assignments WHERE closed_at IS NULL AND NOT id = ANY($1) AND NOT agent_id = ANY($2)
ORDER BY assigned_at LIMIT 200
"""
DONE = "SELECT count(*) FROM router.inbox"
LAG = """
SELECT coalesce(sum(h.next - o.position), 0) FROM bus.heads h JOIN bus.offsets o USING (topic, partition)
WHERE o.consumer_group = 'router'
"""
WAITING = "SELECT (SELECT count(*) FROM router.queue) + (SELECT count(*) FROM router.leads WHERE offered IS NOT NULL)"


@dataclass
class Outcome:
    """What the fire left. `done` counts what people and processes did, `decided` the decisions by outcome, `ended` the ends by reason."""

    leads: int
    processes: int
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    policies: int = 0
    entries: int = 0
    longest_queue: int = 0
    burnt: float = 0.0
    settled: float = 0.0
    judged: float = 0.0
    violations: list[str] = field(default_factory=list)


@dataclass
class Fire:
    """The parts that burn at once, each drawn from a seed of its own."""

    fleet: Fleet
    replicas: list[Office]
    bus: PostgresBus
    connection: asyncpg.Connection
    outcome: Outcome
    agents: dict[str, UUID]
    published: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._reading = asyncio.Lock()
        self.market = firm.Market(self.drawn("market"), SystemClock())

    def drawn(self, part: str) -> Random:
        return Random(f"{self.outcome.seed} {part}")

    async def fetch(self, query: str, *args: object) -> list[Any]:
        async with self._reading:
            return list(await self.connection.fetch(query, *args))

    async def count(self, query: str) -> int:
        [row] = await self.fetch(query)
        return int(row[0])

    async def burn(self) -> None:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self.watch())
            parts = [self.close_leads(), *(self.use_hands(n) for n in range(3)), *(self.toggle(n) for n in range(3))]
            burning = [group.create_task(part) for part in parts]
            killing = group.create_task(self.kill())
            await self.publish_leads()
            await killing
            self.over.set()
            await asyncio.gather(*burning)
            watching.cancel()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(10)
            waiting = await self.count("SELECT count(*) FROM router.queue")
            log.warning("fire.burns", published=self.outcome.done["published"], waiting=waiting, lag=await self.count(LAG))

    # -- Leads come

    async def publish_leads(self) -> None:
        publisher = await self.bus.publisher()
        while self.outcome.done["published"] < self.outcome.leads:
            count = min(CHUNK, self.outcome.leads - self.outcome.done["published"])
            await publisher.publish(self.market.leads(count))
            self.published += count
            self.outcome.done["published"] += count
            await eventually(self.has_caught_up, timeout=SETTLING)

    async def has_caught_up(self) -> bool:
        return await self.count(LAG) < max(AHEAD * self.outcome.leads, 8 * CHUNK)

    # -- Processes are killed

    async def kill(self) -> None:
        drawn, processes = self.drawn("kills"), self.outcome.processes
        part = (KILLED_TO - KILLED_FROM) / (2 * processes)
        moments = [KILLED_FROM + part * (n + drawn.random()) for n in range(2 * processes)]
        victims = [*range(processes), *range(processes)]
        drawn.shuffle(victims)
        for moment, victim in zip(moments, victims, strict=True):
            await eventually(partial(self.has_published, moment), timeout=10 * SETTLING)
            await asyncio.sleep(drawn.random() / 10)  # at whatever place in a transaction that is
            replica = self.fleet.replicas["router"][victim]
            replica.kill()
            replica.start()
            self.outcome.done["killed with SIGKILL"] += 1

    async def has_published(self, part: float) -> bool:
        return self.outcome.done["published"] >= part * self.outcome.leads

    # -- Leads are worked on

    async def close_leads(self) -> None:
        """Owners win and lose leads, so that there is room again for those who have caps."""
        drawn, publisher, told = self.drawn("closings"), await self.bus.publisher(), set[UUID]()
        contacted = set[UUID]()
        spared = [self.agents[name] for name in firm.FAIR]
        while not self.over.is_set():
            rows = await self.fetch(OPEN_WORK, list(told), spared)
            stages = []
            for row in rows:
                over = row["id"] in contacted or drawn.random() < 0.7
                (told if over else contacted).add(row["id"])
                stages.append(
                    self.market.stage(row["lead_id"], drawn.choice(["won", "lost"]) if over else "contacted", row["id"])
                )
            await publisher.publish(stages)
            self.published += len(stages)
            self.outcome.done["stages told"] += len(stages)
            self.outcome.longest_queue = max(self.outcome.longest_queue, await self.count("SELECT count(*) FROM router.queue"))
            await eventually(self.has_caught_up, timeout=SETTLING)
            await asyncio.sleep(REST)

    async def use_hands(self, number: int) -> None:
        drawn = self.drawn(f"hands {number}")
        while not self.over.is_set():
            offered = drawn.random() < 0.5
            where = "offered IS NOT NULL" if offered else "status = 'assigned'"
            rows = await self.fetch(f"SELECT lead_id FROM router.leads WHERE {where} ORDER BY lead_id DESC LIMIT 40")
            if rows:
                lead = drawn.choice(rows)["lead_id"]
                work = partial(self.answer_offer if offered else self.answer_lead, drawn)
                self.outcome.done[
                    await at_the_desk(self.replicas[number % len(self.replicas)], lead, work, pools=["spare", "field"])
                ] += 1
            await asyncio.sleep(REST)

    def answer_offer(self, drawn: Random, desk: Desk, lead: Case) -> str:
        if lead.offered is None:
            return "came too late"
        agents = lead.offered.offer.agents
        if drawn.random() < 0.2 and lead.offered.offer.open_to:
            decline_offer(desk, lead, lead.offered.offer.open_to[0], CAUSE)
            return "offers declined"
        return f"claims answered {claim(desk, lead, drawn.choice(agents), CAUSE, by='agent').answer}"

    def answer_lead(self, drawn: Random, desk: Desk, lead: Case) -> str:
        if lead.held is None:
            return "came too late"
        match drawn.randrange(6):
            case 0 | 1 | 2:
                accept(desk, lead, CAUSE, by="owner")
                return "leads accepted"
            case 3:
                give_back(desk, lead, CAUSE, reason=drawn.choice(["declined", "returned"]), by="owner")
                return "leads given back"
        pool = drawn.choice(["spare", "field"])
        agent = self.agents[drawn.choice(firm.SPARE if pool == "spare" else firm.FIELD)]
        forced = drawn.random() < 0.2
        why_not = hand_to(desk, lead, agent, pool, CAUSE, by="manager", forced=forced)
        return "hand-overs refused" if why_not else "hand-overs forced" if forced else "hand-overs"

    # -- Agents come and go

    async def toggle(self, number: int) -> None:
        drawn = self.drawn(f"toggles {number}")
        async with httpx.AsyncClient(headers=self.fleet.installation.headers(), timeout=15) as client:
            while not self.over.is_set():
                method, path, body, name = self.drawn_change(drawn)
                address = drawn.choice(self.fleet.replicas["router"]).address
                self.outcome.done[await _asked(client, method, f"{address}{path}", body, name)] += 1
                await asyncio.sleep(REST)

    def drawn_change(self, drawn: Random) -> tuple[str, str, Any, str]:
        """A request: method, path, body, and what it is called."""
        if drawn.random() < 0.05:
            self.outcome.policies += 1
            return "POST", "/v1/policies?activate=true", firm.policy(self.outcome.policies), "policies activated"
        name = drawn.choice(firm.BUSY)
        path, now = f"/v1/agents/{self.agents[name]}", SystemClock().now()
        match drawn.randrange(7):
            case 0:
                return "PATCH", path, {"active": drawn.random() < 0.75}, "made active or not"
            case 1:
                return "PATCH", path, {"caps": firm.caps(drawn, self.outcome.leads)}, "caps changed"
            case 2:
                until = (now + timedelta(seconds=drawn.randint(1, 4))).isoformat()
                return "POST", f"{path}/pause", {"until": until}, "paused"
            case 3:
                return "POST", f"{path}/resume", None, "resumed"
            case 4:
                starts, ends = now + timedelta(seconds=drawn.randint(0, 2)), now + timedelta(seconds=drawn.randint(3, 6))
                return "POST", f"{path}/leave", {"starts": starts.isoformat(), "ends": ends.isoformat()}, "leave taken"
        path = f"/v1/agents/{self.agents[drawn.choice(firm.ONLINE)]}"
        status = drawn.choice(["online", "online", "away"])
        return "PUT", f"{path}/presence", {"status": status, "seconds": drawn.randint(1, 8)}, "presence told"

    # -- And then

    async def settle(self) -> None:
        """Everybody is let back in, without caps; what was published is taken, what waits is given out, what is on offer runs out."""
        await asyncio.gather(*(replica.ready() for replica in self.fleet.all))
        async with self.fleet.client("router") as client:
            for name in firm.BUSY:
                path = f"/v1/agents/{self.agents[name]}"
                for method, url, body in (
                    ("PATCH", path, {"active": True, "caps": None, "needs_presence": False}),
                    ("POST", f"{path}/resume", None),
                ):
                    await eventually(partial(_is_done, client, method, url, body), timeout=SETTLING)
        await eventually(self.is_quiet, timeout=SETTLING)

    async def is_quiet(self) -> bool:
        taken = await self.count(DONE) == self.published
        return taken and await self.count(WAITING) == 0 and await self.count("SELECT count(*) FROM router.outbox") == 0

    async def judge(self, dsn: str) -> None:
        outcome = self.outcome
        codes = await self.fleet.stop()
        outcome.violations += [f"{name} ended with {code}" for name, code in codes.items() if code]
        outcome.violations += await router_violations(dsn)
        outcome.violations += await decision_faults(self.connection)
        failed = await self.count("SELECT count(*) FROM router.timers WHERE failed")
        dead = await self.count("SELECT count(*) FROM router.dead_letters")
        if failed or dead:
            outcome.violations.append(f"{failed} timers failed, and {dead} messages are dead letters")
        outcome.decided = await outcomes(self.connection)
        reasons = await self.fetch("SELECT close_reason, count(*) AS n FROM router.assignments GROUP BY 1")
        outcome.ended = Counter({row["close_reason"] or "held still": row["n"] for row in reasons})
        outcome.entries = await self.count("SELECT count(*) FROM router.ledger")


async def _asked(client: httpx.AsyncClient, method: str, url: str, body: Any, name: str) -> str:
    """What became of a request, by name. One to a process that was just killed is not repeated."""
    try:
        answer = await client.request(method, url, json=body)
    except httpx.TransportError:
        return "requests unanswered"
    assert answer.status_code in (200, 201, 409, 422, 503), f"{method} {url}: {answer.status_code} {answer.text}"
    return name if answer.is_success else f"requests answered {answer.status_code}"


async def _is_done(client: httpx.AsyncClient, method: str, url: str, body: Any) -> bool:
    return (await client.request(method, url, json=body)).is_success


async def fire(ground: Ground, *, leads: int, processes: int, seed: int) -> Outcome:
    """Burns once on this ground, which is new, and returns what became of it."""
    outcome = Outcome(leads, processes, seed)
    async with _laid(ground, outcome) as burning:
        outcome.burnt = await _timed(burning.burn())
        outcome.settled = await _timed(burning.settle())
        outcome.judged = await _timed(burning.judge(ground.installation.admin_dsn))
    return outcome


async def _timed(part: Awaitable[None]) -> float:
    began = time.monotonic()
    await part
    return time.monotonic() - began


@contextlib.asynccontextmanager
async def _laid(ground: Ground, outcome: Outcome) -> AsyncIterator[Fire]:
    """The processes run, the firm is set up, nothing burns yet."""
    dsn = ground.installation.admin_dsn
    async with (
        ground.fleet(replicas=outcome.processes, services=["router"]) as fleet,
        offices(ground.installation, 2) as replicas,
        connected(dsn) as connection,
    ):
        made = firm.agents(Random(f"{outcome.seed} agents"), outcome.leads)
        agents = {name: await replicas[0].agent(name, **settings) for name, settings in made.items()}
        await replicas[0].policy(firm.policy(0))
        bus = PostgresBus(dsn)
        try:
            yield Fire(fleet, replicas, bus, connection, outcome, agents)
        finally:
            await bus.close()
