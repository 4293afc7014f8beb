"""How many leads a second the router commits to PostgreSQL: one replica alone, and four at once on the same pools.

`python -m tests.bench.committing [--quick]` prints it. A replica is a process with the router's own consumer and handlers; what it would
read from the bus lies in its memory, and what it would publish stays in its outbox. The pools share their agents, so they are one group and
its lock is fought for; some agents have caps that bite. What was written is judged afterwards by tests/support/ledgers.py, from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from services.router.handlers import SUBSCRIPTIONS, policies, rosters
from shared.clock import SystemClock
from shared.consumer import Consumer
from shared.contracts.envelope import Cause, Outgoing, Received, pack, unpack_headers
from shared.contracts.events import LeadScored
from shared.contracts.topics import LEADS_ROUTED, LEADS_SCORED
from shared.db.uow import Database
from shared.runtime.server import run
from shared.telemetry import configure_logging, new_traceparent
from tests.bench import teams
from tests.bench.children import ROOT
from tests.bench.environment import Environment
from tests.bench.handoff import install_into
from tests.bench.measurement import BenchmarkFailed
from tests.bench.servers import postgres
from tests.bench.teams import NOON
from tests.support.checks import router_violations
from tests.support.office import SetClock
from tests.support.world import connected

AGENTS, RULES = 300, 100
BITING = 5  # every so many-th agent may hold TIGHT leads only
TIGHT = 5
LEADS = 48_000
BATCH = 500  # as the services have it
REPLICAS = (1, 4)
_WARM = 500


class Shelf:
    """A reader of records that lie in memory; it stops its consumer behind the last one."""

    def __init__(self, records: Sequence[Received]) -> None:
        self._left = list(records)
        self.consumer: Consumer | None = None

    async def read(self, limit: int) -> list[Received]:
        records, self._left = self._left[:limit], self._left[limit:]
        if not records:
            assert self.consumer
            self.consumer.stop()
        return records

    def done(self, records: Sequence[Received]) -> None:
        """Nothing: what was read is off the shelf."""

    def rewind(self, records: Sequence[Received]) -> None:
        self._left = [*records, *self._left]

    async def commit(self) -> None:
        """Nothing: nobody else reads here."""

    async def lag(self) -> int:
        return len(self._left)

    def trouble(self) -> None:
        return None

    async def close(self) -> None:
        """Nothing to leave."""


async def measure(environment: Environment, *, leads: int = LEADS) -> dict[str, Any]:
    """Leads a second by number of replicas, each run on a database of its own.

    Raises BenchmarkFailed where a lead is missing or doubled, or an invariant is broken.
    """
    return {str(replicas): await _measured(environment, replicas, leads) for replicas in REPLICAS}


async def _measured(environment: Environment, replicas: int, leads: int) -> dict[str, Any]:
    dsn = await environment.create_database(f"routing{replicas}")
    try:
        dsns = await install_into(dsn)
        await _set_up(dsns["router"])
        runs = await _run(dsns["router"], replicas, leads // replicas)
        assigned = await _judged(dsn, replicas * (leads // replicas + _WARM))
    finally:
        await environment.drop_database(dsn)
    seconds = max(run["ended"] for run in runs) - min(run["started"] for run in runs)
    committed = replicas * (leads // replicas)
    return {
        "leads_per_second": round(committed / seconds),
        "seconds": round(seconds, 2),
        "cpu_us": round(sum(run["cpu"] for run in runs) / committed * 1e6),
        "assigned": assigned,
    }


async def _set_up(dsn: str) -> None:
    """Agents and an active policy, as an operator would make them."""
    database, cause = _database(dsn), Cause("bench", new_traceparent())
    documents = [teams.agent_document(n) for n in range(AGENTS)]
    for document in documents[::BITING]:
        document["caps"] = {"open": TIGHT}
    try:
        async with database.begin() as uow:
            taken = await rosters.import_agents(documents, uow, by="bench", cause=cause, dry_run=False)
            assert {one.result for one in taken} == {"created"}, taken[0]
        async with database.begin() as uow:
            await policies.post_policy(teams.policy_document(RULES), uow, by="bench", cause=cause)
    finally:
        await database.close()


async def _run(dsn: str, replicas: int, leads: int) -> list[dict[str, float]]:
    """Starts the replicas, lets them begin together once all are warm, and returns what each says of its run."""
    orders = [{"dsn": dsn, "first": n * 1_000_000, "leads": leads} for n in range(replicas)]
    processes = [await _start(order) for order in orders]
    try:
        for process in processes:
            await _said(process)
        for process in processes:
            assert process.stdin
            process.stdin.write(b"go\n")
        return [await _said(process) for process in processes]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _start(order: dict[str, Any]) -> asyncio.subprocess.Process:
    arguments = ("-m", "tests.bench.committing", "--replica", json.dumps(order))
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdin=pipe, stdout=pipe)


async def _said(process: asyncio.subprocess.Process) -> dict[str, float]:
    assert process.stdout
    async with asyncio.timeout(300):
        line = await process.stdout.readline()
    if not line:
        raise BenchmarkFailed(f"a replica ended with {await process.wait()}")
    said: dict[str, float] = json.loads(line)
    return said


async def _judged(dsn: str, leads: int) -> float:
    """The part of the leads that somebody got; the others wait."""
    if broken := await router_violations(dsn):
        raise BenchmarkFailed(f"routing: {'; '.join(broken[:5])}")
    async with connected(dsn) as connection:
        found = dict(await connection.fetch("SELECT status, count(*) FROM router.leads GROUP BY status"))
        said = await connection.fetchval("SELECT count(DISTINCT key) FROM router.outbox")
    if sum(found.values()) != leads or found.get("assigned", 0) + found.get("queued", 0) != leads or said != leads:
        raise BenchmarkFailed(f"routing: of {leads} leads {found}, and {said} were told of")
    return round(found["assigned"] / leads, 3)


# -- A replica -------------------------------------------------------------------------------------------------------------------


def _database(dsn: str) -> Database:
    return Database(dsn, service="router", topic=LEADS_ROUTED.name, clock=SetClock(NOON))


async def replica(dsn: str, first: int, leads: int) -> None:
    """Routes some leads to get warm, says so, and on a line of input routes the others and says when it began and ended."""
    database = _database(dsn)
    clock = SystemClock()
    records = [_record(clock, first + n) for n in range(leads + _WARM)]
    try:
        await _consume(database, records[:_WARM])
        _say({"ready": 1})
        await asyncio.to_thread(sys.stdin.readline)
        started, cpu = time.time(), time.process_time()
        await _consume(database, records[_WARM:])
        _say({"started": started, "ended": time.time(), "cpu": time.process_time() - cpu})
    finally:
        await database.close()


async def _consume(database: Database, records: Sequence[Received]) -> None:
    shelf = Shelf(records)

    async def reader() -> Shelf:
        return shelf

    shelf.consumer = Consumer(database, SUBSCRIPTIONS, reader, batch=BATCH, stuck_after=60.0)
    await shelf.consumer.run()


def _record(clock: SystemClock, n: int) -> Received:
    lead = teams.lead(n)
    event = LeadScored(
        lead_id=clock.uuid7(),
        received_at=NOON,
        points=lead.points,
        grade=lead.grade,
        qualification=lead.qualification,
        reasons=[],
        scorecard_version=1,
        facts=dict(lead.facts),
    )
    return _received(
        pack(
            event,
            topic=LEADS_SCORED.name,
            source="/bench",
            id=clock.uuid7(),
            time=NOON,
            sequence=1,
            cause=Cause("bench", new_traceparent()),
        ),
        n,
    )


def _received(sent: Outgoing, n: int) -> Received:
    return Received(sent.topic, 0, n, sent.key, unpack_headers(sent.headers), sent.value)


def _say(what: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def alone(leads: int) -> dict[str, Any]:
    """Measures on an embedded server of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        async with postgres(None, Path(name)) as dsn:
            return await measure(Environment(dsn, None, Path(name), uuid.uuid4().hex[:8]), leads=leads)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.committing", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the leads")
    parser.add_argument("--replica", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    configure_logging(level="error")
    if arguments.replica:
        run(lambda: replica(**arguments.replica))
    else:
        sys.stdout.write(json.dumps(uvloop.run(alone(LEADS // 4 if arguments.quick else LEADS)), indent=1) + "\n")


if __name__ == "__main__":
    main()
