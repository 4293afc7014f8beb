"""A fast wrong answer fails: the count check, the refusals, and the verdicts of the table."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench import measure
from tests.bench.environment import Environment
from tests.bench.measurement import BenchmarkFailed, Capacity, Measurement
from tests.bench.report import Aim, Results, table
from tests.bench.system import Counts


class InstantSystem:
    """Has each accepted lead through at once, but for the last `lost` of them."""

    name, token, intake_url = "instant", "", "http://127.0.0.1:1/v1/leads"

    def __init__(self, lost: int = 0) -> None:
        self.posted, self.lost = 0, lost

    async def start(self) -> None:
        self.posted = 0

    async def stop(self) -> None:
        self.posted = 0

    def processes(self) -> Mapping[str, int]:
        return {"all": os.getpid()}

    async def counts(self) -> Counts:
        done = max(0, self.posted - self.lost)
        return Counts(self.posted, done, done, done)

    async def intake_to_assigned(self, since: float) -> list[float]:
        return [0.01] * self.posted


@dataclass(frozen=True)
class PostingEnvironment(Environment):
    """Posts to an InstantSystem by adding to its count; `statuses` says what came of it."""

    system: InstantSystem
    statuses: dict[str, int]

    async def backing_processes(self) -> dict[str, int]:
        return {}

    async def generate(self, url: str, **options: Any) -> dict[str, Any]:
        accepted, sent, now = self.statuses["accepted"], sum(self.statuses.values()), time.time()
        self.system.posted += accepted
        return {
            "accepted": accepted,
            "sent": sent,
            "statuses": self.statuses,
            "failures": {},
            "rate": 1.0,
            "latency_ms": {},
            "late_ms": {},
            "first_sent": now - 1,
            "last_answered": now,
            "cpu_seconds": 0.0,
            "cpu_us_per_request": 0.0,
        }


async def run(system: InstantSystem, **statuses: int) -> Capacity:
    environment = PostingEnvironment("", None, Path(), "test", system, statuses)
    return await measure.capacity(system, environment, connections=1, leads=None, seconds=1, drain=0.3)


async def test_all_leads_through_give_a_rate() -> None:
    system = InstantSystem()
    capacity = await run(system, accepted=50)
    assert capacity.accepted == 50
    assert 45 < capacity.end_to_end <= 50


async def test_a_lost_lead_fails_the_run() -> None:
    system = InstantSystem(lost=1)
    with pytest.raises(BenchmarkFailed, match=r"50 leads accepted, .* tracked=49"):
        await run(system, accepted=50)


async def test_a_refused_lead_fails_the_run() -> None:
    system = InstantSystem()
    with pytest.raises(BenchmarkFailed, match="of 51 sent"):
        await run(system, accepted=50, refused=1)


def test_a_floor_that_moved_is_flagged() -> None:
    results = Results(before=[Measurement("disk", 100, "syncs/s")], after=[Measurement("disk", 84, "syncs/s")])
    assert [row.passed for row in results.rows()] == [None, False]
    assert "**no**" in table(results.rows())


def test_an_aim_judges_the_ratio_where_there_is_a_floor() -> None:
    assert Aim(at_least=0.4).row("intake", 41, "leads/s", 100).passed
    assert not Aim(at_least=0.4).row("intake", 39, "leads/s", 100).passed
    assert Aim(at_most=50).row("p50", 50, "ms").passed
