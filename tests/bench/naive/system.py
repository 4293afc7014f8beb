"""The naive pipeline as a system under test: four processes on a database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.bench.children import Child, free_port
from tests.bench.environment import Environment
from tests.bench.naive.tables import create_tables
from tests.bench.naive.worker import READY, STAGES
from tests.bench.system import Counts

# The agents' counters are part of the check: one that ran ahead of its assignments shows as one lead too many.
_COUNTS = """
SELECT (SELECT count(*) FROM leads) AS received,
       (SELECT count(*) FROM scores) AS scored,
       (SELECT greatest(sum(assigned), (SELECT count(*) FROM assignments)) FROM agents) AS assigned,
       (SELECT count(DISTINCT lead_id) FROM timeline) AS tracked
"""

_INTAKE_TO_ASSIGNED = """
SELECT extract(epoch FROM assigned_at - received_at)::float8 AS seconds
FROM leads JOIN assignments ON lead_id = id
WHERE received_at >= $1
"""


class NaivePipeline:
    """Over Kafka when `kafka` is an address, over a table queue when it is empty."""

    known = 0
    token = ""

    def __init__(self, environment: Environment, kafka: str = "") -> None:
        self.name = "naive-kafka" if kafka else "naive-postgres"
        self._environment, self._kafka = environment, kafka
        self._topics = f"naive-{environment.run}-" if kafka else ""
        self._children: dict[str, Child] = {}
        self._dsn = ""
        self._connection: asyncpg.Connection[Any] | None = None

    async def start(self) -> None:
        self._dsn = await self._environment.create_database(self.name)
        await create_tables(self._dsn)
        self._connection = await asyncpg.connect(self._dsn)
        if self._kafka:
            await self._with_admin("create")
        port = free_port()
        self.intake_url = f"http://127.0.0.1:{port}/v1/leads"
        flags = ("--loop=uvloop", "--http=httptools", "--no-access-log", f"--port={port}")
        await self._spawn("intake", "uvicorn", "tests.bench.naive.intake:app", *flags)
        for stage in STAGES:
            await self._spawn(stage, "tests.bench.naive.worker", stage)
        await self._children["intake"].until_listening(port)
        for stage in STAGES:
            await self._children[stage].until_logged(READY)

    async def stop(self) -> None:
        for child in self._children.values():
            await child.stop()
        if self._connection:
            await self._connection.close()
        if self._kafka:
            await self._with_admin("delete")
        if self._dsn:
            await self._environment.drop_database(self._dsn)

    def processes(self) -> Mapping[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    async def counts(self) -> Counts:
        assert self._connection
        return Counts(dict(await self._connection.fetchrow(_COUNTS)))

    async def backlog(self) -> int:
        return 0

    async def intake_to_assigned(self, since: float) -> list[float]:
        assert self._connection
        rows = await self._connection.fetch(_INTAKE_TO_ASSIGNED, datetime.fromtimestamp(since, UTC))
        return [row["seconds"] for row in rows]

    async def _spawn(self, name: str, *arguments: str) -> None:
        env = {"NAIVE_DSN": self._dsn, "NAIVE_KAFKA": self._kafka, "NAIVE_TOPICS": self._topics}
        log = self._environment.folder / f"{self.name}-{name}.log"
        self._children[name] = await Child.start(name, *arguments, log=log, env=env)

    async def _with_admin(self, verb: str) -> None:
        names = [self._topics + source for source, _, _ in STAGES.values()]
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        await admin.start()
        try:
            if verb == "create":
                await admin.create_topics([NewTopic(name, 12, 1) for name in names])
            else:
                await admin.delete_topics(names)
        finally:
            await admin.close()
