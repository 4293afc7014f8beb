"""A pool's load: how fast leads come (λ), how fast its members can take them (μ), and what follows for who waits.

The queueing theory is the plain kind: utilisation is ρ = λ/μ, and a queue grows without end where ρ is 1 or more; Little's law, L = λW
(J. D. C. Little, A Proof for the Queuing Formula, Operations Research 9, 1961), gives the wait from the length. μ is what the members'
caps and hours let them take, averaged over a week so that a night or a weekend is no overload; it is not the throughput that was seen,
which says little of a pool that had little to do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from services.router.domain.agent import Agent, Week
from services.router.domain.availability import Gate, duty
from services.router.domain.availability.hours import read_block

WEEK_HOURS = 168.0
MONTH_HOURS = 365.25 * 24 / 12
_AWAY = frozenset((Gate.INACTIVE, Gate.PAUSED, Gate.ABSENT))
_HOUR = timedelta(hours=1)


class Alert(StrEnum):
    """What is wrong with a pool's queue. A closed list."""

    OVERLOADED = "overloaded"  # over the last day as many leads came as can be taken, or more
    WILL_BREAK = "promise_will_break"  # who joins the queue now is expected to wait longer than was promised
    BROKEN = "promise_broken"  # somebody has waited longer than was promised


@dataclass(frozen=True, slots=True)
class Turnover:
    """An agent's assignments in a time just past: how many ended, and for how long, all added up, they were open in it."""

    ended: int = 0
    held: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Load:
    """Rates are leads an hour: `arrival_rate` over the last day, `recent_arrival_rate` over the last hour, `service_rate` None where no
    cap bounds it. `oldest_wait` is nought without a queue; `promise` is the pool's, None where there is none."""

    arrival_rate: float
    recent_arrival_rate: float
    service_rate: float | None
    waiting: int = 0
    oldest_wait: timedelta = timedelta()
    promise: timedelta | None = None

    @property
    def utilisation(self) -> float:
        """ρ = λ/μ; infinite where leads come and nobody can take any, nought where nothing bounds what can be taken."""
        if self.service_rate is None or self.arrival_rate == 0:
            return 0.0
        return self.arrival_rate / self.service_rate if self.service_rate else math.inf

    @property
    def expected_wait(self) -> timedelta | None:
        """How long who joins the queue's tail now will wait; None where that is not known."""
        return self.wait_at(self.waiting)

    def wait_at(self, position: int) -> timedelta | None:
        """How long until so many leads are served, by Little's law.

        None where nobody can take any, and where no cap bounds it: then leads wait for hours or for what they ask, which no rate tells.
        """
        if position == 0:
            return timedelta()
        if not self.service_rate:
            return None
        hours = position / self.service_rate
        return hours * _HOUR if hours < 24 * 366 * 100 else None

    @property
    def breach(self) -> timedelta:
        """How much longer the oldest has waited than was promised."""
        return max(self.oldest_wait - self.promise, timedelta()) if self.promise else timedelta()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        expected = self.expected_wait
        found = {
            Alert.OVERLOADED: self.utilisation >= 1,
            Alert.WILL_BREAK: bool(self.promise and self.waiting and expected and expected > self.promise),
            Alert.BROKEN: self.breach > timedelta(),
        }
        return tuple(alert for alert, holds in found.items() if holds)


def pool_rate(members: Iterable[float | None]) -> float | None:
    """What a pool's members can take together, in leads an hour; None where one of them is bounded by nothing."""
    total = 0.0
    for rate in members:
        if rate is None:
            return None
        total += rate
    return total


def member_rate(agent: Agent, at: datetime, turnover: Turnover) -> float | None:
    """How many leads an hour an agent can take, averaged over a week, nights included; None where no cap bounds it.

    Each cap is a bound, and the lowest holds. That on open work lets in as many as end: by Little's law, cap divided by the mean time
    that a lead is held, which is `ended / held` of the turnover; and what it has room for now, over the week. Who is inactive, paused or
    on leave at `at` takes nothing.
    """
    hours, days = _working_week(agent.settings.hours)
    if hours == 0 or duty(agent, at).gate in _AWAY:
        return 0.0
    caps = agent.caps
    bounds = [
        (caps.hour, hours / WEEK_HOURS),
        (caps.day, days / WEEK_HOURS),
        (caps.week, 1 / WEEK_HOURS),
        (caps.month, 1 / MONTH_HOURS),
    ]
    rates = [cap * part for cap, part in bounds if cap is not None]
    if caps.open is not None:
        rates.append(_rate_of_endings(caps.open, turnover) + max(caps.open - agent.open, 0) / WEEK_HOURS)
    return min(rates, default=None)


def _rate_of_endings(cap: int, turnover: Turnover) -> float:
    return cap * turnover.ended / (turnover.held / _HOUR) if turnover.held else 0.0


@lru_cache(maxsize=4_096)
def _working_week(hours: Week | None) -> tuple[float, int]:
    """How many hours, on how many days of a week, somebody of these working hours works."""
    if hours is None:
        return WEEK_HOURS, 7
    minutes = [sum(ends - begins for begins, ends in map(read_block, blocks)) for blocks in hours]
    return min(sum(minutes) / 60, WEEK_HOURS), sum(map(bool, minutes))
