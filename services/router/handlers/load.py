"""The load of pools: measured, exported, and told once when something begins or ceases to be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from prometheus_client import Gauge

from services.router import store
from services.router.domain.load import Alert, Load, Turnover, member_rate, pool_rate
from services.router.handlers.work import Work
from shared.db.uow import UnitOfWork
from shared.telemetry import METRICS, logger

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

log = logger(__name__)


def _gauge(name: str, words: str) -> Gauge:
    return Gauge(f"handoff_pool_{name}", words, ["pool"], registry=METRICS)


GAUGES: Mapping[Gauge, Callable[[Load], float]] = {
    _gauge("arrival_rate", "Leads an hour that came to a pool, over the last day."): lambda load: load.arrival_rate,
    _gauge(
        "service_rate", "Leads an hour that a pool's members can take, over a week; +Inf where no cap bounds it."
    ): lambda load: float("inf") if load.service_rate is None else load.service_rate,
    _gauge("utilisation", "Arrival rate by service rate; a queue grows without end where it is 1."): lambda load: (
        load.utilisation
    ),
    _gauge("queue_length", "Leads that wait."): lambda load: load.waiting,
    _gauge("oldest_wait_seconds", "For how long the oldest lead has waited."): lambda load: load.oldest_wait.total_seconds(),
    _gauge("promise_breach_seconds", "By how much that is longer than was promised."): lambda load: load.breach.total_seconds(),
}


class Loads:
    """What this process measured last, and which alerts hold."""

    def __init__(self) -> None:
        self.of: dict[str, Load] = {}
        self.alerts: set[tuple[str, Alert]] = set()


async def count_loads(uow: UnitOfWork) -> tuple[dict[str, Load], list[int]]:
    """What came to each pool and who waits there, and the groups. Service rates are still to be added, a group at a time."""
    work = await Work.open(uow)
    return await _count(uow, work), sorted(work.active.groups)


async def add_rates(uow: UnitOfWork, loads: Mapping[str, Load], group: int) -> dict[str, Load]:
    """The loads of the group's pools with what their members can take; none where the group was closed meanwhile. Locks the group."""
    work = await Work.open(uow)
    if group not in work.active.groups:
        return {}
    await work.lock([group])
    return await with_rates(work, {name: loads[name] for name in work.active.groups[group] if name in loads})


async def measure(work: Work, pools: Iterable[str]) -> dict[str, Load]:
    """The loads of pools whose groups are locked."""
    counted = await _count(work.uow, work)
    return await with_rates(work, {name: counted[name] for name in pools})


async def with_rates(work: Work, loads: Mapping[str, Load]) -> dict[str, Load]:
    """These loads, of pools whose groups are locked, with what their members can take.

    Who is in several pools takes an equal part of what it can in each. Leads that overflow elsewhere are taken there.
    """
    places = Counter(member.agent_id for pool in work.active.policy.pools.values() for member in pool.members)
    members = {name: [one.agent_id for one in work.active.policy.pools[name].members] for name in loads}
    found = await store.turnovers(work.uow, sorted({one for ids in members.values() for one in ids}), work.uow.now - WEEK)
    rates: dict[str, float | None] = {}
    for name, ids in members.items():
        _, state = work.desk.state_of_pool(name)
        each = ((one, member_rate(state.agent(one), state.last_now, Turnover(*found.get(one, ())))) for one in ids)
        rates[name] = pool_rate(None if rate is None else rate / places[one] for one, rate in each)
    return {name: replace(load, service_rate=rates[name]) for name, load in loads.items()}


async def _count(uow: UnitOfWork, work: Work) -> dict[str, Load]:
    came = await store.arrivals(uow, recent=uow.now - HOUR, since=uow.now - DAY)
    standings = await store.queue_standings(uow)
    loads = {}
    for name, pool in work.active.policy.pools.items():
        arrived, standing, minutes = came.get(name), standings.get(name), pool.hold.promise_minutes
        loads[name] = Load(
            arrival_rate=arrived.all / 24 if arrived else 0.0,
            recent_arrival_rate=float(arrived.recent) if arrived else 0.0,
            service_rate=None,
            waiting=standing.waiting if standing else 0,
            oldest_wait=max(uow.now - standing.since, timedelta()) if standing else timedelta(),
            promise=timedelta(minutes=minutes) if minutes else None,
        )
    return loads


def show_loads(known: Loads, loads: Mapping[str, Load]) -> None:
    """Exports the loads of all pools, and logs each alert once when it begins and once when it is over."""
    for gauge, value in GAUGES.items():
        for gone in known.of.keys() - loads.keys():
            gauge.remove(gone)
        for name, load in loads.items():
            gauge.labels(name).set(value(load))
    alerts = {(name, alert) for name, load in loads.items() for alert in load.alerts}
    for name, alert in sorted(alerts - known.alerts):
        load = loads[name]
        log.warning(
            "pool.alert",
            pool=name,
            alert=alert.value,
            arrival_rate=round(load.arrival_rate, 3),
            service_rate=load.service_rate and round(load.service_rate, 3),
            waiting=load.waiting,
            oldest_wait=round(load.oldest_wait.total_seconds()),
        )
    for name, alert in sorted(known.alerts - alerts):
        log.info("pool.alert_over", pool=name, alert=alert.value)
    known.of, known.alerts = dict(loads), alerts
