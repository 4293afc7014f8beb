"""The report: one JSON file with everything, one table with each value beside its floor, their ratio and the target."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.bench.body import ON_KNOWN_PHONE, ROUND, TOUCHES
from tests.bench.children import ROOT
from tests.bench.environment import Past
from tests.bench.measurement import Measurement, SystemResult

_LIBRARIES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "asyncpg", "aiokafka")
_DRIFT = 0.15
_HELLO = "FastAPI hello"
_INSERT = "insert, 100 rows a statement"


@dataclass(frozen=True)
class Row:
    """One line: `ratio` is value over floor; the target holds for the ratio where there is one, else for the value."""

    measure: str
    value: float
    unit: str
    floor: float | None = None
    target: str = ""
    passed: bool | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    def cells(self) -> list[str]:
        verdict = "" if self.passed is None else "yes" if self.passed else "**no**"
        return [
            self.measure,
            f"{_short(self.value)} {self.unit}",
            _short(self.floor) if self.floor else "",
            f"{self.ratio:.3g}" if self.ratio is not None else "",
            self.target,
            verdict,
        ]


@dataclass(frozen=True)
class Aim:
    """A bound of a system's figures, in ratios to what was measured in the same run."""

    at_least: float | None = None
    at_most: float | None = None

    def row(self, measure: str, value: float, unit: str, floor: float | None = None) -> Row:
        judged = value / floor if floor else value
        if self.at_least is not None:
            return Row(measure, value, unit, floor, f"≥ {self.at_least:g}", judged >= self.at_least)
        if self.at_most is not None:
            return Row(measure, value, unit, floor, f"≤ {self.at_most:g}", judged <= self.at_most)
        return Row(measure, value, unit, floor)


REPORTED = Aim()


@dataclass(frozen=True)
class Aims:
    """What a system is held to: `intake` and `end_to_end` of the hello rate, `cpu` of its CPU a request."""

    intake: Aim = REPORTED
    end_to_end: Aim = REPORTED
    cpu: Aim = REPORTED
    p50_ms: Aim = REPORTED
    p99_over_p50: Aim = REPORTED
    rival: str = ""
    over_rival: Aim = REPORTED


# Aims are for the PostgreSQL bus. What real Kafka leaves of it is reported: the ratios were found without a JVM beside.
AIMS = {
    "handoff-postgres": Aims(
        intake=Aim(at_least=0.40),
        end_to_end=Aim(at_least=0.22),
        cpu=Aim(at_most=6.0),
        p50_ms=Aim(at_most=50.0),
        p99_over_p50=Aim(at_most=2.5),
        rival="naive-postgres",
        over_rival=Aim(at_least=20.0),
    ),
    "handoff-kafka": Aims(rival="naive-kafka"),
    # With contacts against the same system with an empty database.
    "intake-contacts": Aims(rival="intake-postgres", over_rival=Aim(at_least=0.9)),
    "handoff-contacts": Aims(rival="handoff-postgres", over_rival=Aim(at_least=0.9)),
}
PAIRED = ("intake-postgres", "intake-contacts", "handoff-postgres", "handoff-contacts")
PAIR = ["", "leads/s", "of hello", "of empty", "p50 ms", "p99 ms", "CPU µs a lead"]


@dataclass
class Results:
    """What one run collects; stages append to it as they end, so that a failed run can still be read."""

    before: list[Measurement] = field(default_factory=list)
    systems: list[SystemResult] = field(default_factory=list)
    after: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    past: Past | None = None
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)  # scorings a second by number of rules, tests/bench/scoring.py
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the router by agents × rules, tests/bench/routing.py
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)  # leads a second by replicas, tests/bench/committing.py

    def text(self) -> str:
        """The whole report in Markdown: first the systems of which each was measured with and without a past, side by side."""
        pairs = [self._pair(system) for system in self.systems if system.name in PAIRED]
        parts = [_aligned([PAIR, *pairs])] if pairs else []
        if self.past:
            parts.append(_about(self.past))
        return "\n\n".join([*parts, table(self.rows())])

    def _pair(self, system: SystemResult) -> list[str]:
        best, hello = system.best, self._floor(_HELLO, lambda floor: floor.value)
        empty = self._rate_of(AIMS[system.name].rival) if system.name.endswith("-contacts") else None
        waits = system.paced.assigned_ms or system.paced.latency_ms
        return [
            system.name,
            f"{best.end_to_end:,.0f}",
            f"{best.end_to_end / hello:.3f}" if hello else "",
            f"{best.end_to_end / empty:.2f}" if empty else "",
            f"{waits['p50']:.3g}",
            f"{waits['p99']:.3g}",
            f"{best.services_us():,.0f}",
        ]

    def rows(self) -> list[Row]:
        return [
            *self._floors(),
            *self._cards(),
            *self._decisions(),
            *self._commits(),
            *(row for system in self.systems for row in self._of(system)),
        ]

    def _floors(self) -> Iterator[Row]:
        later = {floor.name: floor for floor in self.after}
        for floor in self.before:
            yield Row(f"floor: {floor.name}, before", floor.value, floor.unit)
            if again := later.get(floor.name):
                drift = abs(again.value / floor.value - 1)
                target = f"drift ≤ {_DRIFT:.0%}"
                yield Row(f"floor: {floor.name}, after", again.value, floor.unit, floor.value, target, drift <= _DRIFT)

    def _cards(self) -> Iterator[Row]:
        """The pure function alone, in CPU time of one core, beside Python written by hand."""
        for rules, found in self.cards.items():
            aim = Aim(at_least=20_000) if rules == "40" else REPORTED
            yield aim.row(f"scoring: a card of {rules} rules", found["scorings_per_second"], "scorings/s")
            yield Row(
                f"scoring: {rules} rules by hand, of the card", found["floor_per_second"], "/s", found["scorings_per_second"]
            )

    def _decisions(self) -> Iterator[Row]:
        """The router's pure core, in CPU time of one core, beside a choice in turn written by hand."""
        for size, found in self.decisions.items():
            aim = Aim(at_least=20_000) if size == "1,000 × 100" else REPORTED
            yield aim.row(f"routing: {size} (agents × rules)", found["decisions_per_second"], "decisions/s")
            yield Row(f"routing: {size}, p50", found["p50_us"], "µs", found["floor_us"])
            yield Row(f"routing: {size}, p99", found["p99_us"], "µs", found["p50_us"])
            yield Row(f"routing: {size}, to open the state", found["open_s"], "s")

    def _commits(self) -> Iterator[Row]:
        """The router's handlers on PostgreSQL: one replica, and several on the same pools beside one."""
        insert = self._floor(_INSERT, lambda floor: floor.value)
        one = self.commits.get("1", {}).get("leads_per_second")
        for replicas, found in self.commits.items():
            rate = found["leads_per_second"]
            if replicas == "1":
                yield Aim(at_least=3_000).row("routing: committed by one replica", rate, "leads/s")
                yield Row("routing: committed by one replica, of insert", rate, "leads/s", insert)
            else:
                yield Aim(at_least=1.0).row(f"routing: committed by {replicas} replicas, of one", rate, "leads/s", one)

    def _of(self, system: SystemResult) -> Iterator[Row]:
        aims, best, name = AIMS.get(system.name, Aims()), system.best, system.name
        hello, hello_cpu = self._floor(_HELLO, lambda f: f.value), self._floor(_HELLO, lambda f: f.cpu_us["server"])
        insert = self._floor(_INSERT, lambda f: f.value)
        fastest_intake = max(run.intake for run in system.capacities)
        yield aims.intake.row(f"{name}: intake, of hello", fastest_intake, "leads/s", hello)
        through = f"{name}: {'end to end' if system.paced.assigned_ms else 'published'}"
        for run in system.capacities:
            yield Row(f"{through} at {run.connections} connections", run.end_to_end, "leads/s")
        yield aims.end_to_end.row(f"{through}, of hello", best.end_to_end, "leads/s", hello)
        yield Row(f"{through}, of insert", best.end_to_end, "leads/s", insert)
        if rival := self._rate_of(aims.rival):
            yield aims.over_rival.row(f"{through}, of {aims.rival}", best.end_to_end, "leads/s", rival)
        yield aims.cpu.row(f"{name}: CPU a lead, of hello", best.services_us(), "µs", hello_cpu)
        yield from self._costs(system)
        yield from self._latencies(system, aims)

    def _costs(self, system: SystemResult) -> Iterator[Row]:
        best = system.best
        for process, us in best.cpu_us.items():
            yield Row(f"{system.name}: CPU a lead, {process}", us, "µs")
        yield Row(f"{system.name}: CPU a request, generator", best.generator_us, "µs")
        yield Row(f"{system.name}: CPU of strangers in the run", best.foreign_s, "s")
        yield Row(f"{system.name}: drain after the last answer", best.drain_s, "s")
        if best.rest_s:
            yield Row(f"{system.name}: fuzzy evidence weighed, after that", best.rest_s, "s")
        for process, mib in best.rss_mib.items():
            yield Row(f"{system.name}: resident memory, {process}", mib, "MiB")

    def _latencies(self, system: SystemResult, aims: Aims) -> Iterator[Row]:
        paced, where = system.paced, f"{system.name} at {system.paced.rate:g}/s"
        if paced.assigned_ms:
            p50, p99 = paced.assigned_ms["p50"], paced.assigned_ms["p99"]
            yield aims.p50_ms.row(f"{where}: received to assigned, p50", p50, "ms")
            yield aims.p99_over_p50.row(f"{where}: received to assigned, p99 over p50", p99, "ms", p50)
        for share in ("p50", "p99", "max"):
            yield Row(f"{where}: intake seen by the client, {share}", paced.latency_ms[share], "ms")

    def _floor(self, name: str, figure: Callable[[Measurement], float]) -> float | None:
        """The mean of before and after: a drift counts half against each."""
        found = [figure(floor) for floor in [*self.before, *self.after] if floor.name == name]
        return sum(found) / len(found) if found else None

    def _rate_of(self, name: str) -> float | None:
        return next((system.best.end_to_end for system in self.systems if system.name == name), None)


def machine(postgres: str) -> dict[str, Any]:
    """What the figures were measured on and with."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgres": postgres,
        "commit": _commit(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def write(path: Path, results: Results, machine: dict[str, Any]) -> None:
    """Everything measured, and the rows as they were judged."""
    rows = [{**asdict(row), "ratio": row.ratio} for row in results.rows()]
    told = {"machine": machine, "rows": rows, **asdict(results)}
    if results.past:
        del told["past"]["dsn"]  # a path of this machine, and gone by now
    path.write_text(json.dumps(told, indent=1))


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    return _aligned([["measure", "value", "floor", "ratio", "target", "pass"], *(row.cells() for row in rows)])


def _aligned(lines: list[list[str]]) -> str:
    """A Markdown table whose first line is its head, padded so that it reads well in a terminal too."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _about(past: Past) -> str:
    """What the systems with contacts were asked, in words."""
    touches, on_known_phone = len(TOUCHES) / ROUND, len(ON_KNOWN_PHONE) / ROUND
    return (
        f"`*-contacts`: the database held {past.contacts:,} contacts with a lead each and all that they are recognised by "
        f"({past.mib:,.0f} MiB, made in {past.seconds:.0f} s). Of the leads posted to it, {touches:.0%} come from a person with a recent "
        "lead and touch that one, which scoring and router have nothing to do with; "
        f"{on_known_phone:.0%} come from a new person on the phone number of a known one. All others, and all that are posted to an "
        "empty database, come from new people. `intake-*` is intake without the other services, done when its events are published. Its "
        "latencies are what the client sees, those of `handoff-*` are from receipt to assignment, both at a tenth of the rate. CPU "
        "includes PostgreSQL, and the weighing of fuzzy evidence that goes on after the last answer."
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _commit() -> str:
    """The short hash of the checkout, marked where it has changes; "unknown" outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
