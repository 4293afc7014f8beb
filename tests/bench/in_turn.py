"""What intake accepts with the code of several checkouts, or with an empty database and a full one, in turn on one machine.

    python -m tests.bench.in_turn before=../old now=. full=.:1000000 strangers=.:1000000:new --rounds 8

A side is a name and a checkout, with `:CONTACTS` for a database that has known so many people (in this checkout's schema). Some of these
send leads again, unless it says `:new`: then the load is what an empty database gets. The pace of a machine shared with others changes
within minutes, so each round runs every side once, every other round backwards, and what counts is a side's part of the first one in the
same round. Prints a line a run, then the medians. The checkouts' own Python environments are not used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import uvloop

from shared.auth import Caller, Role, Tokens, write_new_keys
from shared.clock import SystemClock
from shared.telemetry import configure_logging
from tests.bench.accounting import Usage
from tests.bench.children import Child, free_port, until
from tests.bench.environment import Environment, Past
from tests.bench.measurement import BenchmarkFailed
from tests.bench.population import make_past
from tests.bench.servers import postgres

PATIENCE = 120.0

# The parts of it that every version has had: run by each checkout itself, so that its own migrations are what is installed.
INSTALL = """
import asyncio, json, sys
from services.commands.installation import SERVICES, install
from shared.db.migrate import role_of
from shared.settings import PlatformSettings
from sqlalchemy import make_url
dsns = {name: make_url(sys.argv[1]).set(username=role_of(name), password="only-for-the-bench") for name in SERVICES}
shown = {name: url.render_as_string(hide_password=False) for name, url in dsns.items()}
asyncio.run(install(sys.argv[1], shown, PlatformSettings(bus="postgres", kafka_bootstrap="unused")))
print(json.dumps(shown["intake"]))
"""


class Side(NamedTuple):
    """The code of a checkout, how many contacts its database knows at the start, and whether only others send leads."""

    name: str
    checkout: Path
    contacts: int = 0
    strangers: bool = False


class Run(NamedTuple):
    """One side in one round. CPU is that of intake and PostgreSQL, microseconds a lead: while leads came, and until all was at rest."""

    rate: float
    p50_ms: float
    coming_us: float
    intake_us: float
    rested_us: float
    log_bytes: float
    stolen: float


def side(text: str) -> Side:
    """`name=checkout`, `name=checkout:contacts` or `name=checkout:contacts:new`."""
    name, _, rest = text.partition("=")
    folder, *past = rest.split(":")
    if len(past) > 2 or (past and not past[0].isdigit()) or past[1:] not in ([], ["new"]):
        raise argparse.ArgumentTypeError(f"{text}: behind the checkout comes :CONTACTS, or :CONTACTS:new, or nothing")
    checkout = Path(folder).resolve()
    if not (checkout / "services" / "intake").is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no checkout of Handoff at {checkout}")
    return Side(name, checkout, int(past[0]) if past else 0, len(past) == 2)


async def measured(one: Side, environment: Environment, past: Past | None, arguments: argparse.Namespace) -> Run:
    """Starts intake of one side on a database of its own, loads it, and waits until nothing is left to publish or to weigh."""
    dsn = await environment.create_database(one.name, copied=past.dsn if past else None)
    try:
        role_dsn = json.loads(subprocess.check_output([sys.executable, "-c", INSTALL, dsn], cwd=one.checkout).splitlines()[-1])
        await environment.settle(patience=PATIENCE)
        return await _served(one, environment, dsn, role_dsn, arguments)
    finally:
        await environment.drop_database(dsn)


class Running(NamedTuple):
    """Intake of a side, ready to take leads at `url`; `dsn` is of its database, as superuser.

    Of the first `known` people some send leads again; new ones are those from number `known` + `first` on.
    """

    child: Child
    dsn: str
    url: str
    headers: dict[str, str]
    known: int
    first: int


async def _served(one: Side, environment: Environment, dsn: str, role_dsn: str, arguments: argparse.Namespace) -> Run:
    port, keys = free_port(), environment.folder / "keys.json"
    env = {
        "INTAKE_DSN": role_dsn,
        "INTAKE_PORT": str(port),
        "HANDOFF_BUS": "postgres",
        "HANDOFF_TOKEN_KEYS": str(keys),
        "HANDOFF_LOG_LEVEL": "warning",
    }
    token = Tokens.from_file(keys).issue(Caller("bench", Role.ADMIN), now=SystemClock().now(), lifetime=timedelta(hours=1))
    address, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
    child = await Child.start("intake", "services.intake", log=environment.folder / "intake.log", env=env, cwd=one.checkout)
    try:
        await _ready(child, address, headers)
        known, first = (0, one.contacts) if one.strangers else (one.contacts, 0)
        running = Running(child, dsn, f"{address}/v1/leads", headers, known, first)
        return await _loaded(running, environment, arguments)
    finally:
        await child.stop()


async def _ready(child: Child, address: str, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(headers=headers, timeout=10) as client:

        async def ready() -> bool:
            child.assert_alive()
            try:
                return (await client.get(f"{address}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, "intake ready", timeout=60, poll=0.1)
        (await client.post(f"{address}/v1/sources", json={"name": "bench"})).raise_for_status()


async def _loaded(running: Running, environment: Environment, arguments: argparse.Namespace) -> Run:
    connection = await asyncpg.connect(running.dsn)
    try:
        first, connections = running.first, arguments.connections
        await _load(running, environment, connections=connections, total=arguments.warm_up, first_sequence=first)
        await _at_rest(connection)
        roots = {"intake": running.child.pid, **await environment.backing_processes()}
        before, written = Usage.of(roots), await connection.fetchval("SELECT pg_current_wal_lsn()")
        said = await _load(
            running,
            environment,
            connections=connections,
            seconds=arguments.seconds,
            first_sequence=first + arguments.warm_up,
        )
        came = Usage.of(roots).since(before)
        log_bytes = await connection.fetchval("SELECT pg_current_wal_lsn() - $1::pg_lsn", written)
        await _at_rest(connection)
        rested = Usage.of(roots).since(before)
    finally:
        await connection.close()
    accepted = said["accepted"]
    return Run(
        rate=said["rate"],
        p50_ms=said["latency_ms"]["p50"],
        coming_us=_each(came, accepted, "intake", "postgres"),
        intake_us=_each(came, accepted, "intake"),
        rested_us=_each(rested, accepted, "intake", "postgres"),
        log_bytes=float(log_bytes) / accepted,
        stolen=came.stolen / said["seconds"],
    )


async def _load(running: Running, environment: Environment, **options: float) -> dict[str, Any]:
    """What the generator says of its run. Raises BenchmarkFailed where a lead was refused."""
    options |= {"known": running.known, "limit": PATIENCE}
    said = await environment.generate(running.url, headers=running.headers, **options)
    if said["failures"] or said["accepted"] != said["sent"] or not said["accepted"]:
        raise BenchmarkFailed(f"of {said['sent']} sent: {said['statuses']}, {said['failures']}")
    return said


def _each(used: Usage, leads: int, *names: str) -> float:
    return sum(used.trees[name] for name in names) / leads * 1e6


async def _at_rest(connection: asyncpg.Connection[Any]) -> None:
    """Until nothing waits to be published or weighed. Older code had nothing to weigh."""
    weighed = await connection.fetchval("SELECT to_regclass('intake.unweighed') IS NOT NULL")
    waiting = "SELECT EXISTS (SELECT FROM intake.outbox)" + (" OR EXISTS (SELECT FROM intake.unweighed)" if weighed else "")

    async def nothing() -> bool:
        return not await connection.fetchval(waiting)

    await until(nothing, "rest", timeout=PATIENCE, poll=0.1)


async def in_turn(arguments: argparse.Namespace, environment: Environment) -> dict[str, list[Run]]:
    """Every round's run of every side, printed as they come."""
    pasts = {n: await _past(environment, n) for n in sorted({one.contacts for one in arguments.sides} - {0})}
    runs: dict[str, list[Run]] = {one.name: [] for one in arguments.sides}
    try:
        for n in range(arguments.rounds):
            for one in arguments.sides[:: -1 if n % 2 else 1]:
                run = await measured(one, environment, pasts.get(one.contacts), arguments)
                runs[one.name].append(run)
                print(line(n + 1, one, run), flush=True)
    finally:
        for past in pasts.values():
            await environment.drop_database(past.dsn)
    return runs


async def _past(environment: Environment, contacts: int) -> Past:
    return await make_past(await environment.create_database(f"past{contacts}"), contacts, lambda what: None)


HEAD = (
    "| round | side | accepted, leads/s | p50 | CPU a lead while leads come | of it intake | with the weighing "
    "| log, KiB a lead | stolen |"
)


def line(n: int, one: Side, run: Run) -> str:
    return (
        f"| {n} | {one.name} | {run.rate:,.0f} | {run.p50_ms:.0f} ms | {run.coming_us:.0f} µs | {run.intake_us:.0f} µs "
        f"| {run.rested_us:.0f} µs | {run.log_bytes / 1024:.1f} | {run.stolen:.2f} |"
    )


def summary(sides: list[Side], runs: dict[str, list[Run]]) -> str:
    """Each side's part of the first one's, in the median of the rounds, and the least and the most of it."""
    first = runs[sides[0].name]
    lines = ["", f"| side | rate of {sides[0].name} | CPU while leads come | with the weighing |", "|---|---:|---:|---:|"]
    for one in sides[1:]:
        cells = []
        for name in ("rate", "coming_us", "rested_us"):
            parts = [getattr(run, name) / getattr(base, name) for run, base in zip(runs[one.name], first, strict=True)]
            cells.append(f"{statistics.median(parts):.2f} ({min(parts):.2f} to {max(parts):.2f})")
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.in_turn", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "sides", nargs="+", type=side, metavar="NAME=CHECKOUT[:CONTACTS[:new]]", help="the first is what others are compared to"
    )
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load, in each run")
    parser.add_argument(
        "--warm-up", type=int, default=400, help="leads before those that count: a large database needs more than the default"
    )
    arguments = parser.parse_args()
    if len({one.name for one in arguments.sides}) < len(arguments.sides):
        parser.error("two sides have the same name")
    return arguments


async def main() -> None:
    arguments = parse_arguments()
    configure_logging(level="error")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        write_new_keys(folder / "keys.json")
        async with postgres(None, folder) as dsn:
            print(f"{HEAD}\n|---:|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
            runs = await in_turn(arguments, Environment(dsn, None, folder, uuid.uuid4().hex[:8]))
    print(summary(arguments.sides, runs))


if __name__ == "__main__":
    uvloop.run(main())
