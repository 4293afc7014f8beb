"""`python -m tests.bench`: floors, every system, floors again; a table and a JSON file.

Ends with 1 when a lead was lost, doubled or refused anywhere; a missed target is shown in the table and ends with 0,
because a machine shared with others says little about a change.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import uvloop

from shared.telemetry import configure_logging
from tests.bench import committing, report, routing, scoring
from tests.bench.children import ChildFailed
from tests.bench.environment import Environment
from tests.bench.floors import measure_floors
from tests.bench.handoff import Handoff, IntakeAlone
from tests.bench.measure import measure_system
from tests.bench.measurement import BenchmarkFailed, Measurement, SystemResult
from tests.bench.naive.system import NaivePipeline
from tests.bench.people import PEOPLE
from tests.bench.population import make_past
from tests.bench.servers import kafka, postgres
from tests.bench.system import SystemUnderTest

MILLION = 1_000_000
FEWEST = 1_000  # with fewer contacts, too few would be recent


@dataclass(frozen=True)
class Stage:
    """A system; `leads` bounds its capacity runs, so that what a slow one has to drain does not last for minutes.

    `part` is of the seconds that others get.
    """

    build: Callable[[Environment], SystemUnderTest]
    leads: int | None = None
    part: float = 1.0
    needs_kafka: bool = False
    needs_past: bool = False


# Those that are compared follow each other: a machine shared with others is not the same ten minutes later.
STAGES = {
    "intake-postgres": Stage(IntakeAlone, part=0.5),
    "intake-contacts": Stage(lambda env: IntakeAlone(env, past=env.past), part=0.5, needs_past=True),
    "handoff-postgres": Stage(Handoff),
    "handoff-contacts": Stage(lambda env: Handoff(env, past=env.past), needs_past=True),
    "handoff-kafka": Stage(lambda env: Handoff(env, kafka=env.kafka or ""), needs_kafka=True),
    "naive-postgres": Stage(NaivePipeline, leads=1500),
    "naive-kafka": Stage(lambda env: NaivePipeline(env, env.kafka or ""), leads=1500, needs_kafka=True),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", nargs="+", metavar="SYSTEM", default=[""], help=f"those whose name begins so, of {', '.join(STAGES)}"
    )
    parser.add_argument("--contacts", type=int, default=MILLION, help="in the database of *-contacts; 0 leaves these out")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 128, 256], help="of the capacity runs")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="longest closed loop, and the open loop; intake alone gets half"
    )
    parser.add_argument("--floor-seconds", type=float, default=4.0)
    parser.add_argument("--drain", type=float, default=120.0, help="longest wait for the last lead, in seconds")
    parser.add_argument("--dsn", default=os.environ.get("BENCH_DSN"), help="PostgreSQL; the embedded one by default")
    parser.add_argument(
        "--kafka", default=os.environ.get("KAFKA_BOOTSTRAP"), help="bootstrap address; by default a broker of its own"
    )
    parser.add_argument("--json", type=Path, default=None, help="default: bench-<run>.json")
    arguments = parser.parse_args()
    if arguments.contacts and not FEWEST <= arguments.contacts <= PEOPLE // 2:
        parser.error(f"--contacts is 0, or from {FEWEST:,} to {PEOPLE // 2:,}")
    arguments.stages = chosen(arguments.only, arguments.contacts)
    if not arguments.stages:
        parser.error(f"--only names none of {', '.join(STAGES)}")
    return arguments


def chosen(only: list[str], contacts: int) -> dict[str, Stage]:
    """The systems whose name begins with one of these words; without contacts, only those that need none."""
    named = {name: stage for name, stage in STAGES.items() if name.startswith(tuple(only))}
    return {name: stage for name, stage in named.items() if contacts or not stage.needs_past}


@asynccontextmanager
async def environment(arguments: argparse.Namespace) -> AsyncIterator[Environment]:
    """A folder, the servers and a name for this run; what it started ends with it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with postgres(arguments.dsn, folder) as dsn, broker(arguments, folder) as bootstrap:
            yield Environment(dsn, bootstrap, folder, uuid.uuid4().hex[:8])


def broker(arguments: argparse.Namespace, folder: Path) -> AbstractAsyncContextManager[str | None]:
    wanted = any(stage.needs_kafka for stage in arguments.stages.values())
    return kafka(arguments.kafka, folder) if wanted else nullcontext(None)


@asynccontextmanager
async def with_past(arguments: argparse.Namespace, environment: Environment) -> AsyncIterator[Environment]:
    """The environment with a database that has a past, where one of the systems needs it; it is dropped at the end."""
    if not any(stage.needs_past for stage in arguments.stages.values()):
        yield environment
        return
    say(f"a database with {arguments.contacts:,} contacts")
    dsn = await environment.create_database("past")
    try:
        yield replace(environment, past=await make_past(dsn, arguments.contacts, say))
    finally:
        await environment.drop_database(dsn)


async def run_stages(arguments: argparse.Namespace, environment: Environment, results: report.Results) -> None:
    """Fills `results` stage by stage."""
    say("floors")
    results.before += await floors(arguments, environment)
    if any(name.startswith("handoff") for name in arguments.stages):
        say("scorecards")
        results.cards = scoring.measure()
        say("routing")
        results.decisions = routing.measure()
        await run_commits(environment, results)
    for name, stage in arguments.stages.items():
        if stage.needs_kafka and not environment.kafka:
            say(f"{name}: left out, for want of a broker (see above)")
            continue
        say(name)
        try:
            results.systems.append(await run_system(stage, arguments, environment))
        except (BenchmarkFailed, ChildFailed, TimeoutError) as failure:
            # The others are still worth measuring; the run ends with 1 all the same.
            results.failures.append(f"{name}: {failure}")
            say(f"FAILED {results.failures[-1]}")
    say("floors again")
    results.after += await floors(arguments, environment)


async def run_commits(environment: Environment, results: report.Results) -> None:
    say("routing, committed")
    try:
        results.commits = await committing.measure(environment)
    except (BenchmarkFailed, TimeoutError) as failure:
        results.failures.append(str(failure))
        say(f"FAILED {results.failures[-1]}")


async def floors(arguments: argparse.Namespace, environment: Environment) -> list[Measurement]:
    connections, seconds = arguments.connections[0], arguments.floor_seconds
    return await measure_floors(environment, connections=connections, seconds=seconds)


async def run_system(stage: Stage, arguments: argparse.Namespace, environment: Environment) -> SystemResult:
    return await measure_system(
        stage.build(environment),
        environment,
        connections=arguments.connections,
        leads=stage.leads,
        seconds=arguments.seconds * stage.part,
        drain=arguments.drain,
    )


async def server_version(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


def stop_on_termination() -> None:
    """SIGTERM unwinds like an interrupt, so that no server outlives the run."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def main() -> int:
    arguments, results = parse_arguments(), report.Results()
    configure_logging(level="error")
    stop_on_termination()
    # The client of the broker reports each retry as an error; what was lost for good shows in the counts.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    async with environment(arguments) as servers, with_past(arguments, servers) as shared:
        results.past = shared.past
        await run_stages(arguments, shared, results)
        path = arguments.json or Path(f"bench-{shared.run}.json")
        report.write(path, results, report.machine(await server_version(shared.dsn)))
    print(results.text())
    say(f"written to {path}")
    for failure in results.failures:
        say(f"FAILED {failure}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
