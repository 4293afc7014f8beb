"""A fast wrong answer fails: the count check, the refusals, and the verdicts of the table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench import measure
from tests.bench.__main__ import STAGES, chosen
from tests.bench.body import Mix
from tests.bench.environment import Environment, Past
from tests.bench.measurement import BenchmarkFailed, Capacity, Measurement, Paced, SystemResult
from tests.bench.report import Aim, Results, table, write
from tests.bench.system import Counts


class InstantSystem:
    """Has each accepted lead through at once, but for the last `lost` of them. Weighs `unweighed` things, one each time it is asked."""

    name, token, intake_url = "instant", "", "http://127.0.0.1:1/v1/leads"

    def __init__(self, lost: int = 0, *, known: int = 0, unweighed: int = 0) -> None:
        self.posted, self.lost, self.known, self.unweighed = 0, lost, known, unweighed

    async def start(self) -> None:
        self.posted = 0

    async def stop(self) -> None:
        self.posted = 0

    def processes(self) -> Mapping[str, int]:
        return {"all": os.getpid()}

    async def counts(self) -> Counts:
        touches = Mix(self.known).touches(self.posted)
        leads = self.posted - touches
        done = max(0, leads - self.lost)
        return Counts(
            {"received": leads, "scored": done, "assigned": done, "tracked": done}, {"received": touches, "tracked": touches}
        )

    async def backlog(self) -> int:
        self.unweighed = max(0, self.unweighed - 1)
        return self.unweighed

    async def intake_to_assigned(self, since: float) -> list[float]:
        return [0.01] * self.posted


@dataclass(frozen=True, kw_only=True)
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
    environment = PostingEnvironment("", None, Path(), "test", system=system, statuses=statuses)
    return await measure.capacity(system, environment, connections=1, leads=None, seconds=1, drain=0.3)


async def test_all_leads_through_give_a_rate() -> None:
    system = InstantSystem()
    capacity = await run(system, accepted=50)
    assert capacity.accepted == 50
    assert 45 < capacity.end_to_end <= 50


async def test_a_lost_lead_fails_the_run() -> None:
    system = InstantSystem(lost=1)
    with pytest.raises(BenchmarkFailed, match=r"50 leads and 0 touches accepted, .* 'tracked': 49"):
        await run(system, accepted=50)


async def test_touches_are_told_from_leads() -> None:
    capacity = await run(InstantSystem(known=3000), accepted=50)
    assert capacity.accepted == 50
    with pytest.raises(BenchmarkFailed, match=r"45 leads and 5 touches accepted, .* 'tracked': 44"):
        await run(InstantSystem(1, known=3000), accepted=50)


async def test_what_is_left_in_the_background_is_waited_for() -> None:
    system = InstantSystem(unweighed=3)
    assert (await run(system, accepted=50)).rest_s > 0
    assert system.unweighed == 0
    with pytest.raises(BenchmarkFailed, match="left to be weighed"):
        await run(InstantSystem(unweighed=1000), accepted=50)


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


def result(name: str, rate: float) -> SystemResult:
    quantiles = {"p50": 10.0, "p99": 20.0, "max": 30.0}
    capacity = Capacity(64, 1000, rate, rate, 0.1, 0.0, quantiles, {"intake": 300.0, "postgres": 200.0}, 1.0, 0.0, 0.0, {})
    return SystemResult(name, [capacity], Paced(rate / 10, 100, {}, quantiles, quantiles))


def test_a_past_is_shown_beside_the_empty_database_and_judged_by_it() -> None:
    systems = [result("intake-postgres", 2000.0), result("intake-contacts", 1700.0)]
    results = Results(systems=systems, past=Past("", 1_000_000, 80.0, 5000.0))
    [row] = [row for row in results.rows() if row.measure == "intake-contacts: published, of intake-postgres"]
    assert (row.ratio, row.passed) == (0.85, False)
    text = results.text()
    assert "| intake-contacts | 1,700   |          | 0.85     | 10     | 20     | 500           |" in text
    assert "held 1,000,000 contacts" in text
    assert "10% come from a person with a recent lead" in text


def test_the_file_has_everything_but_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, Results(systems=[result("intake-postgres", 2000.0)], past=Past("postgresql://somewhere", 1000, 1.0, 2.0)), {})
    told = json.loads(path.read_text())
    assert told["past"] == {"contacts": 1000, "seconds": 1.0, "mib": 2.0}
    assert told["systems"][0]["capacities"][0]["end_to_end"] == 2000.0


def test_systems_are_chosen_by_how_their_names_begin() -> None:
    assert list(chosen(["intake"], 1000)) == ["intake-postgres", "intake-contacts"]
    assert list(chosen(["intake", "naive-p"], 0)) == ["intake-postgres", "naive-postgres"]
    assert list(chosen([""], 1000)) == list(STAGES)
    assert chosen(["nothing"], 1000) == {}
