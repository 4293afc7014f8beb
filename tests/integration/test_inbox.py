"""Claims in the inbox's day partitions and its default partition, and the housekeeping that makes and drops them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.clock import uuid7_floor
from shared.db import inbox
from tests.support.events import event_ids, ids, lead_received, outgoing
from tests.support.probe import Probe
from tests.support.waiting import eventually, waits_for_a_lock


class Someday:
    """A clock that stands at a chosen day."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return ids.monotonic()

    def uuid7(self) -> UUID:
        return ids.uuid7()


async def maintain(probe: Probe, at: datetime) -> set[str]:
    """The day partitions after housekeeping on that day."""
    probe.database.clock = Someday(at)
    async with probe.database.begin() as uow:
        await inbox.maintain(uow)
        rows = await uow.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'scoring.inbox'::regclass"
        )
    return {row["name"].removeprefix("scoring.inbox_") for row in rows} - {"default"}


async def test_a_claim_is_found_again_in_whatever_partition_it_lies(probe: Probe) -> None:
    today = datetime(2026, 5, 10, 12, tzinfo=UTC)
    days = [today + timedelta(days=n) for n in (-1, 0, 1, 9)]
    records = [outgoing(lead_received(), id=UUID(int=uuid7_floor(day).int + 7)) for day in days]
    await probe.consume(records[:2])  # before the first housekeeping: both into the default partition
    assert await maintain(probe, today) == {"20260511", "20260512", "20260513"}
    await probe.consume(records)  # tomorrow into its day, the ninth day into the default
    assert await maintain(probe, today + timedelta(days=8)) == {
        *("20260511", "20260512", "20260513"),
        *("20260518", "20260520", "20260521"),
    }
    await probe.consume(records)
    assert await probe.events() == event_ids(records)
    assert await maintain(probe, today + timedelta(days=32)) >= {"20260513", "20260518"}
    assert await probe.claims() == set(event_ids(records[3:]))  # the others are over thirty days old


async def test_housekeeping_waits_for_an_open_claim_of_the_day_that_it_makes(probe: Probe) -> None:
    """The claim falls into the default partition while the day's partition is being made: it must stay findable."""
    today = datetime(2026, 5, 10, 12, tzinfo=UTC)
    event_id = UUID(int=uuid7_floor(today).int + 7)
    async with probe.admin() as admin, asyncio.TaskGroup() as group:
        claim = admin.transaction()
        await claim.start()
        await admin.execute("INSERT INTO scoring.inbox VALUES ($1)", event_id)
        keeping = group.create_task(maintain(probe, today))
        await eventually(lambda: waits_for_a_lock(admin))
        await claim.commit()
    assert keeping.result() == {"20260511", "20260512", "20260513"}
    assert await probe.claims() == {event_id}
