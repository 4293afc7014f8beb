"""The day in each agent's zone: what a daily cap counts by, and when the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """One local day. `key` is its date (2026-03-29), `ends` the instant (UTC) at which the next one begins."""

    key: str
    ends: datetime


def is_zone(name: str) -> bool:
    """Whether the time zone data knows this IANA name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, the name of a folder
        return False
    return True


def period_at(zone: str, now: datetime) -> Period:
    """The day that `now` (aware) falls on in the IANA zone.

    A day is the time from its own midnight to the next one's, so that days follow each other without gap or overlap
    even where a clock change repeats the minutes around midnight or leaves midnight out.
    """
    clock = ZoneInfo(zone)
    day = now.astimezone(clock).date()
    if now < _midnight(clock, day):
        day -= _DAY
    elif now >= _midnight(clock, day + _DAY):
        day += _DAY
    return Period(day.isoformat(), _midnight(clock, day + _DAY))


def days_before(key: str, days: int) -> str:
    """The key of the period that many days earlier."""
    return (date.fromisoformat(key) - days * _DAY).isoformat()


class Calendar:
    """The present period of each zone in use; a heap of their ends tells whose day is over."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._periods: dict[str, Period] = {}
        self._ends: list[tuple[datetime, str]] = []

    def today(self, zone: str) -> Period:
        """The period in a zone, kept from now on. Raises KeyError or ValueError for a zone that does not exist."""
        if zone not in self._periods:
            self._enter(zone)
        return self._periods[zone]

    def roll(self, now: datetime) -> set[str]:
        """Moves on to `now`, which must not be earlier than before; returns the zones in which a new period began."""
        self._now = now
        begun = set()
        while self._ends and self._ends[0][0] <= now:
            begun.add(heappop(self._ends)[1])
        for zone in sorted(begun):
            self._enter(zone)
        return begun

    def _enter(self, zone: str) -> None:
        period = period_at(zone, self._now)
        self._periods[zone] = period
        heappush(self._ends, (period.ends, zone))


@lru_cache(maxsize=4_096)
def _midnight(clock: ZoneInfo, day: date) -> datetime:
    """The instant at which a local date begins; where clocks skip midnight, the instant of the change."""
    return datetime.combine(day, time(), clock).astimezone(UTC)
