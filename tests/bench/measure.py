"""The method: capacity by a closed loop, latency by an open loop at a tenth of it, and a count check after each."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.accounting import Usage, resident_mib
from tests.bench.body import Mix
from tests.bench.children import until
from tests.bench.environment import Environment
from tests.bench.measurement import BenchmarkFailed, Capacity, Paced, SystemResult
from tests.bench.quantile import in_milliseconds
from tests.bench.system import Counts, SystemUnderTest

_WARM_UP_LEADS = 200
_WARM_UP_SECONDS = 3.0
_DRAIN_POLL = 0.1


async def measure_system(
    system: SystemUnderTest,
    environment: Environment,
    *,
    connections: list[int],
    leads: int | None,
    seconds: float,
    drain: float,
) -> SystemResult:
    """Starts the system, measures it and stops it.

    A capacity run ends after `leads` (if given) or `seconds`, whichever comes first, and each may take `drain` seconds to finish.

    Raises:
        BenchmarkFailed: a lead was refused, lost or counted twice, or the drain took too long.
    """
    try:
        await system.start()
        await _load(system, environment, connections=8, total=_WARM_UP_LEADS, limit=seconds + drain)
        await _drained(system, _WARM_UP_LEADS, drain)
        await _rested(system, drain)
        runs = [
            await capacity(system, environment, connections=n, leads=leads, seconds=seconds, drain=drain) for n in connections
        ]
        rate = max(run.end_to_end for run in runs) / 10
        await environment.settle(patience=drain)
        await paced(system, environment, rate=rate, seconds=_WARM_UP_SECONDS, drain=drain)
        return SystemResult(system.name, runs, await paced(system, environment, rate=rate, seconds=seconds, drain=drain))
    finally:
        await system.stop()


async def capacity(
    system: SystemUnderTest, environment: Environment, *, connections: int, leads: int | None, seconds: float, drain: float
) -> Capacity:
    """One closed-loop run from a system at rest to a system at rest."""
    roots = {**system.processes(), **await environment.backing_processes()}
    stored, before = (await system.counts()).accepted, Usage.of(roots)
    load = await _load(system, environment, connections=connections, total=leads, seconds=seconds, limit=seconds + drain)
    ended = await _drained(system, stored + load["accepted"], drain)
    rested = await _rested(system, drain)
    used, accepted = Usage.of(roots).since(before), load["accepted"]
    return Capacity(
        connections=connections,
        accepted=accepted,
        intake=load["rate"],
        end_to_end=round(accepted / (ended - load["first_sent"]), 1),
        drain_s=round(ended - load["last_answered"], 2),
        rest_s=round(rested - ended, 2),
        latency_ms=load["latency_ms"],
        cpu_us={name: round(cpu / accepted * 1e6, 1) for name, cpu in used.trees.items()},
        generator_us=load["cpu_us_per_request"],
        foreign_s=round(used.foreign(load["cpu_seconds"]), 2),
        stolen_s=round(used.stolen, 2),
        rss_mib={name: resident_mib(pid) for name, pid in system.processes().items()},
    )


async def paced(system: SystemUnderTest, environment: Environment, *, rate: float, seconds: float, drain: float) -> Paced:
    """One open-loop run at `rate` leads a second."""
    before, started = await system.counts(), time.time()
    load = await _load(system, environment, connections=64, rate=rate, seconds=seconds, limit=seconds + drain)
    await _drained(system, before.accepted + load["accepted"], drain)
    await _rested(system, drain)
    waits = await system.intake_to_assigned(started)
    received = (await system.counts()).leads["received"] - before.leads["received"]
    if waits is not None and len(waits) != received:
        raise BenchmarkFailed(f"{system.name}: {received} leads received, {len(waits)} with both stamps")
    return Paced(
        rate=round(rate, 1),
        accepted=load["accepted"],
        assigned_ms=in_milliseconds(waits or []),
        latency_ms=load["latency_ms"],
        late_ms=load["late_ms"],
    )


async def _load(system: SystemUnderTest, environment: Environment, *, limit: float, **options: float | None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {system.token}"} if system.token else {}
    options |= {"known": system.known, "first_sequence": (await system.counts()).accepted}
    load = await environment.generate(system.intake_url, headers=headers, limit=limit, **options)
    if load["failures"] or load["accepted"] != load["sent"] or not load["accepted"]:
        raise BenchmarkFailed(f"{system.name}: of {load['sent']} sent: {load['statuses']}, {load['failures']}")
    return load


async def _drained(system: SystemUnderTest, accepted: int, patience: float) -> float:
    """Waits until all are through that were accepted since the start; returns when that was seen, in Unix seconds.

    The leads are numbered from 0 on and none was refused, so how many of them are touches is known beforehand.
    """
    touches = Mix(system.known).touches(accepted)
    last: Counts | None = None

    async def complete() -> bool:
        nonlocal last
        last = await system.counts()
        return last.complete(accepted - touches, touches)

    try:
        await until(complete, "drain", timeout=patience, poll=_DRAIN_POLL)
    except TimeoutError:
        meant = f"{accepted - touches} leads and {touches} touches accepted"
        raise BenchmarkFailed(f"{system.name}: {meant}, after {patience:.0f} s {last}") from None
    return time.time()


async def _rested(system: SystemUnderTest, patience: float) -> float:
    """Waits until nothing is left to do in the background, so that it is charged to its own leads; returns when, in Unix seconds."""

    async def idle() -> bool:
        return await system.backlog() == 0

    try:
        await until(idle, "rest", timeout=patience, poll=_DRAIN_POLL)
    except TimeoutError:
        raise BenchmarkFailed(f"{system.name}: after {patience:.0f} s {await system.backlog()} are left to be weighed") from None
    return time.time()
