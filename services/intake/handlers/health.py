"""How a source is doing: what became of its deliveries, and what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.handlers.fetching import fetch_state
from services.intake.store import deliveries, sources
from services.intake.store.sources import Source
from shared.db.uow import UnitOfWork

GOOD = ("accepted", "touched", "duplicate", "test", "done", "queued")


async def health_of(source: Source, uow: UnitOfWork, *, since: datetime) -> dict[str, Any]:
    """`lag` is the longest time from a lead's submission to its receipt, in seconds, where the sender says when that was."""
    tallies = await sources.tallies_since(uow, source.id, since)
    rejects = [
        {"reason": row["reason"], "count": row["count"], "last": row["last"]} for row in tallies if row["outcome"] == "rejected"
    ]
    outcomes: dict[str, int] = {}
    for row in tallies:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["count"]
    return {
        "since": since,
        "state": "off" if not source.active else "paused" if source.paused else "on",
        "outcomes": outcomes,
        "rejects": rejects,
        "last_good": max((row["last"] for row in tallies if row["outcome"] in GOOD), default=None),
        "last_delivery": await sources.last_delivery(uow, source.id),
        "lag": max((row["lag"] for row in tallies if row["lag"] is not None), default=None),
        "held": await deliveries.count(uow, source.id, states=["held"], since=None),
        "fetching": vars(await fetch_state(source.id, uow)),
    }
