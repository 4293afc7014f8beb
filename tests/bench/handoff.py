"""Handoff as a system under test: services as processes of their own, over either bus, on a database of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import make_url

from services.commands.installation import SERVICES, install
from shared.auth import Caller, Role, Tokens, write_new_keys
from shared.clock import SystemClock, uuid7_floor
from shared.contracts.topics import LEADS_RECEIVED, TOPICS
from shared.db.migrate import role_of
from shared.settings import PlatformSettings
from tests.bench.children import Child, free_port, until
from tests.bench.environment import Environment, Past
from tests.bench.system import Counts

AGENTS = 30  # in three pools, without caps: nobody waits

# Ids tell the leads of this run, so that nothing is counted of the many that may have been there before. Those have no timeline but
# for the touches of this run.
_COUNTS = """
SELECT (SELECT count(*) FROM intake.leads WHERE id >= $1) AS received,
       (SELECT count(*) FROM scoring.leads WHERE lead_id >= $1) AS scored,
       (SELECT count(*) FROM router.assignments) AS assigned,
       (SELECT count(*) FROM tracker.leads
        WHERE lead_id >= $1 AND received_at IS NOT NULL AND points IS NOT NULL AND assignment_id IS NOT NULL) AS tracked
"""
_TOUCHES = """
SELECT (SELECT count(*) FROM intake.touches) AS received,
       (SELECT count(*) FROM tracker.timeline WHERE lead_id < $1) AS tracked
"""
_ALONE = """
SELECT (SELECT count(*) FROM intake.leads WHERE id >= $1) AS leads,
       (SELECT count(*) FROM intake.touches) AS touches,
       (SELECT sum(next)::bigint FROM bus.heads WHERE topic = $2) AS published
"""
_INTAKE_TO_ASSIGNED = """
SELECT extract(epoch FROM assigned_at - received_at)::float8 AS seconds
FROM tracker.leads WHERE received_at >= $1 AND assigned_at IS NOT NULL
"""


async def install_into(dsn: str, kafka: str = "") -> dict[str, str]:
    """Makes the database of `dsn` one of Handoff's, on the given Kafka or the PostgreSQL bus; the DSNs of its services."""
    dsns = {name: make_url(dsn).set(username=role_of(name), password="only-for-the-bench") for name in SERVICES}
    shown = {name: url.render_as_string(hide_password=False) for name, url in dsns.items()}
    await install(dsn, shown, PlatformSettings(bus="kafka" if kafka else "postgres", kafka_bootstrap=kafka or "unused"))
    return shown


class Handoff:
    """Over Kafka when `kafka` is an address, over the PostgreSQL bus when it is empty; its database is empty or a copy of `past`."""

    services = tuple(SERVICES)
    kind = "handoff"

    def __init__(self, environment: Environment, *, kafka: str = "", past: Past | None = None) -> None:
        self.name = f"{self.kind}-{'contacts' if past else 'kafka' if kafka else 'postgres'}"
        self.known = past.contacts if past else 0
        self.token = ""
        self.intake_url = ""
        self._environment, self._kafka, self._past = environment, kafka, past
        self._children: dict[str, Child] = {}
        self._ports = {name: free_port() for name in self.services}
        self._dsn = ""
        self._first_id = UUID(int=0)
        self._database: asyncpg.Connection[Any] | None = None

    async def start(self) -> None:
        self._dsn = await self._environment.create_database(self.name, copied=self._past.dsn if self._past else None)
        dsns = await install_into(self._dsn, self._kafka)
        self._database = await asyncpg.connect(self._dsn)
        self._first_id = uuid7_floor(SystemClock().now())
        self._make_token()
        for name in self.services:
            await self._spawn(name, dsns[name])
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {self.token}"}, timeout=10) as client:
            for name in self.services:
                await until(lambda name=name: self._ready(client, name), f"{name} ready", timeout=60, poll=0.1)
            await self._set_up(client)
        self.intake_url = f"{self._address('intake')}/v1/leads"

    async def stop(self) -> None:
        for child in self._children.values():
            await child.stop()
        if self._database:
            await self._database.close()
        if self._kafka:
            await self._delete_topics()
        if self._dsn:
            await self._environment.drop_database(self._dsn)

    def processes(self) -> Mapping[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    async def counts(self) -> Counts:
        leads = await self._connection.fetchrow(_COUNTS, self._first_id)
        return Counts(dict(leads), dict(await self._connection.fetchrow(_TOUCHES, self._first_id)))

    async def backlog(self) -> int:
        return int(await self._connection.fetchval("SELECT coalesce(sum(cardinality(contact_ids)), 0) FROM intake.unweighed"))

    async def intake_to_assigned(self, since: float) -> list[float] | None:
        rows = await self._connection.fetch(_INTAKE_TO_ASSIGNED, datetime.fromtimestamp(since, UTC))
        return [row["seconds"] for row in rows]

    @property
    def _connection(self) -> asyncpg.Connection[Any]:
        assert self._database
        return self._database

    def _address(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def _make_token(self) -> None:
        path = self._environment.folder / f"{self.name}-keys.json"
        write_new_keys(path)
        caller = Caller("bench", Role.ADMIN)
        self.token = Tokens.from_file(path).issue(caller, now=SystemClock().now(), lifetime=timedelta(hours=2))

    async def _spawn(self, name: str, dsn: str) -> None:
        env = {
            f"{name.upper()}_DSN": dsn,
            f"{name.upper()}_PORT": str(self._ports[name]),
            "HANDOFF_BUS": "kafka" if self._kafka else "postgres",
            "HANDOFF_TOKEN_KEYS": str(self._environment.folder / f"{self.name}-keys.json"),
            "HANDOFF_LOG_LEVEL": "warning",
            **({"KAFKA_BOOTSTRAP": self._kafka} if self._kafka else {}),
        }
        log = self._environment.folder / f"{self.name}-{name}.log"
        self._children[name] = await Child.start(name, f"services.{name}", log=log, env=env)

    async def _ready(self, client: httpx.AsyncClient, name: str) -> bool:
        try:
            return (await client.get(f"{self._address(name)}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def _set_up(self, client: httpx.AsyncClient) -> None:
        (await client.post(f"{self._address('intake')}/v1/sources", json={"name": "bench"})).raise_for_status()
        if "router" in self.services:
            await self._make_pools(client, self._address("router"))

    async def _make_pools(self, client: httpx.AsyncClient, router: str) -> None:
        agents = []
        for n in range(AGENTS):
            made = await client.post(f"{router}/v1/agents", json={"name": f"Rep {n}"})
            agents.append(made.raise_for_status().json()["id"])
        pools = {name: {"members": [{"agent_id": id} for id in agents[n::3]]} for n, name in enumerate(("us", "eu", "default"))}
        rules = [
            {"name": "states", "when": "country == 'US'", "pool": "us"},
            {"name": "europe", "when": "country in ['DE', 'FR']", "pool": "eu"},
        ]
        policy = {"pools": pools, "rules": rules, "default": "default"}
        (await client.post(f"{router}/v1/policies?activate=true", json=policy)).raise_for_status()

    async def _delete_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        await admin.start()
        try:
            await admin.delete_topics([topic.name for topic in TOPICS])
        finally:
            await admin.close()


class IntakeAlone(Handoff):
    """Intake without the other services, on the PostgreSQL bus: done with a lead when its event is published."""

    services = ("intake",)
    kind = "intake"

    async def counts(self) -> Counts:
        row = await self._connection.fetchrow(_ALONE, self._first_id, LEADS_RECEIVED.name)
        leads = {"received": row["leads"], "published": row["published"] - row["touches"]}
        return Counts(leads, {"received": row["touches"]})

    async def intake_to_assigned(self, since: float) -> None:
        return None
