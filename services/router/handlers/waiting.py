"""Who waits, why, for how long still, and whether what was promised will be kept: for people to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.router import store
from services.router.domain.load import Load
from services.router.handlers.load import Loads
from services.router.handlers.work import Work
from services.router.store import Position, Waiting
from shared.db.uow import Row, UnitOfWork


async def list_waiting(
    uow: UnitOfWork, *, after: Position | None, limit: int, sought: Waiting
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Leads that wait, best and oldest first over all pools, with the reason; and how many are meant in each pool.

    When a lead is expected to be served is told by what this process measured last, where that tells.
    """
    promises = await _promises(uow)
    loads = uow.memory(Loads).of
    rows = await store.page_of_queue(uow, after=after, limit=limit, sought=sought)
    items = [_item(row, uow.now, loads.get(row["pool"]), promises.get(row["pool"])) for row in rows]
    return items, await store.queue_lengths(uow, sought)


async def summarise_queues(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Each pool in which leads wait: how many, by which rules, for how long, and how many longer than was promised."""
    promises = await _promises(uow)
    loads = uow.memory(Loads).of
    by_pool: dict[str, list[Row]] = defaultdict(list)
    limits = {pool: uow.now - promise for pool, promise in promises.items()}
    for row in await store.queue_by_rule(uow, limits):
        by_pool[row["pool"]].append(row)
    return [_summary(pool, rows, uow.now, loads.get(pool), promises.get(pool)) for pool, rows in sorted(by_pool.items())]


async def _promises(uow: UnitOfWork) -> dict[str, timedelta]:
    policy = (await Work.open(uow)).active.policy
    return {name: timedelta(minutes=minutes) for name, pool in policy.pools.items() if (minutes := pool.hold.promise_minutes)}


def _item(row: Row, now: datetime, load: Load | None, promise: timedelta | None) -> dict[str, Any]:
    expected = load.wait_at(row["position"]) if load else None
    breaks_at = row["queued_at"] + promise if promise else None
    served_at = now + expected if expected is not None else None
    return {
        **{name: row[name] for name in ("lead_id", "pool", "rule", "points", "rank", "position", "queued_at", "until")},
        "waits_seconds": _seconds(now - row["queued_at"]),
        "why": row["why"],
        "gates": row["gates"],
        "decision_id": row["decision_id"],
        "expected_at": served_at,
        "promise_minutes": promise // timedelta(minutes=1) if promise else None,
        "breaks_at": breaks_at,
        "broken": breaks_at is not None and breaks_at <= now,
        "will_break": breaks_at is not None and (breaks_at <= now or (served_at is not None and served_at > breaks_at)),
    }


def _summary(pool: str, rows: Sequence[Row], now: datetime, load: Load | None, promise: timedelta | None) -> dict[str, Any]:
    since = min(row["since"] for row in rows)
    expected = load.wait_at(sum(row["n"] for row in rows)) if load else None
    return {
        "pool": pool,
        "waiting": sum(row["n"] for row in rows),
        "for_owner": sum(row["for_owner"] for row in rows),
        "rules": [{"rule": row["rule"], "waiting": row["n"]} for row in rows],
        "oldest_since": since,
        "oldest_wait_seconds": _seconds(now - since),
        "expected_wait_seconds": None if expected is None else _seconds(expected),
        "promise_minutes": promise // timedelta(minutes=1) if promise else None,
        "broken": sum(row["broken"] for row in rows),
        "alerts": [alert.value for alert in load.alerts] if load else [],
    }


def _seconds(span: timedelta) -> float:
    return max(round(span.total_seconds(), 3), 0.0)
