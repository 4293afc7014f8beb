"""The inbox: an event is claimed in the transaction that holds its effect, so its effect happens once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from shared.clock import uuid7_floor
from shared.db.uow import UnitOfWork

KEPT = timedelta(days=30)  # topics keep records for 7 days: nothing is redelivered after its claim is dropped
AHEAD = 3  # days


async def claim(uow: UnitOfWork, event_ids: Iterable[UUID]) -> set[UUID]:
    """The ids among these that nobody claimed before. Waits for another's open claim on one of them.

    Sorted, so that two batches that share ids queue up instead of deadlocking.
    """
    rows = await uow.fetch(
        f"INSERT INTO {uow.service}.inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id",
        sorted(set(event_ids), key=attrgetter("int")),
    )
    return {row["event_id"] for row in rows}


async def maintain(uow: UnitOfWork) -> None:
    """Makes the day partitions of the next days and drops those older than 30 days.

    A day whose first claims already fell into the default partition stays there, since a claim must be found where it was made. Open
    claims are waited for: one that falls into the default while its day is made would make the statement fail.
    """
    await uow.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"handoff.{uow.service}.inbox")
    today = uow.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    existing = {
        row["relname"]
        for row in await uow.fetch(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass",
            f"{uow.service}.inbox",
        )
    }
    missing = [day for n in range(AHEAD + 1) if _name(day := today + timedelta(days=n)) not in existing]
    if missing:
        await uow.execute(f"LOCK TABLE {uow.service}.inbox IN ACCESS EXCLUSIVE MODE")
    for day in missing:
        await _make(uow, day)
    oldest = _name(today - KEPT)
    for name in sorted(existing - {"inbox_default"}):
        if name < oldest:
            await uow.execute(f"DROP TABLE {uow.service}.{name}")
    await uow.execute(f"DELETE FROM {uow.service}.inbox_default WHERE event_id < $1", uuid7_floor(today - KEPT))


async def _make(uow: UnitOfWork, day: datetime) -> None:
    low, high = uuid7_floor(day), uuid7_floor(day + timedelta(days=1))
    taken = await uow.fetchval(
        f"SELECT EXISTS (SELECT FROM {uow.service}.inbox_default WHERE event_id >= $1 AND event_id < $2)", low, high
    )
    if not taken:
        await uow.execute(
            f"CREATE TABLE {uow.service}.{_name(day)} PARTITION OF {uow.service}.inbox FOR VALUES FROM ('{low}') TO ('{high}')"
        )


def _name(day: datetime) -> str:
    return f"inbox_{day:%Y%m%d}"
