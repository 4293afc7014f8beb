"""The values that stages hand to the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class BenchmarkFailed(Exception):
    """A stage lost, doubled or refused leads: its speed means nothing."""


@dataclass(frozen=True)
class Measurement:
    """One floor: a value with its unit, and the CPU in microseconds an operation took by whom."""

    name: str
    value: float
    unit: str
    cpu_us: dict[str, float] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Capacity:
    """Closed loop: `connections` posted as fast as they were answered, then everything was waited for.

    Rates are leads a second; `end_to_end` counts from the first send until all accepted leads were seen at the last stage, and `rest_s`
    is how long the work in the background took from there on. `cpu_us` is per lead and process tree, that work included;
    `generator_us` is the load generator's, `foreign_s` and `stolen_s` are CPU seconds of strangers and of the host.
    """

    connections: int
    accepted: int
    intake: float
    end_to_end: float
    drain_s: float
    rest_s: float
    latency_ms: dict[str, float]
    cpu_us: dict[str, float]
    generator_us: float
    foreign_s: float
    stolen_s: float
    rss_mib: dict[str, float]

    def services_us(self) -> float:
        """CPU of the services and PostgreSQL a lead, in microseconds; the broker and the generator stand apart."""
        return sum(us for name, us in self.cpu_us.items() if name not in ("broker", "benchmark"))


@dataclass(frozen=True)
class Paced:
    """Open loop at `rate` leads a second: times from the system's own stored stamps, if any, and as the client saw intake."""

    rate: float
    accepted: int
    assigned_ms: dict[str, float]
    latency_ms: dict[str, float]
    late_ms: dict[str, float]


@dataclass(frozen=True)
class SystemResult:
    """All that was measured of one system; `best` is the capacity run with the highest end-to-end rate."""

    name: str
    capacities: list[Capacity]
    paced: Paced

    @property
    def best(self) -> Capacity:
        return max(self.capacities, key=lambda run: run.end_to_end)
