"""Hours, days, weeks and months in an agent's zone: what caps count by, and when the next one begins.

A wall time that a clock change repeats is read as its first occurrence, one that the change skips as the instant of the change; so wall
times never run backwards, and whatever is cut by them is a partition of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
# A change of zone moves the local date by two days at most; a count of a period that ended before can never be asked for again.
KEPT_DAYS = 3


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that a cap counts by. `key` names it (a day by its date, 2026-03-29), `ends` is the instant (UTC) of the next."""

    key: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of a zone that one instant lies in. Weeks begin on Monday; hours are counted from the day's own midnight.

    `number` is the hour's place in the day, from 0.
    """

    number: int
    hour: Period
    day: Period
    week: Period
    month: Period


def is_zone(name: str) -> bool:
    """Whether the time zone data knows this IANA name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, the name of a folder
        return False
    return True


def period_at(zone: str, now: datetime) -> Period:
    """The day that `now` (aware) falls on in the IANA zone: from its own midnight to the next one's."""
    day = day_at(zone, now)
    return Period(day.isoformat(), midnight(zone, day + _DAY))


def periods_at(zone: str, now: datetime) -> Periods:
    """Hour, day, week and month that `now` (aware) falls in, in the IANA zone."""
    day = day_at(zone, now)
    begins, ends = midnight(zone, day), midnight(zone, day + _DAY)
    number = (now - begins) // _HOUR
    hour_key, day_key, week_key, month_key = keys_of(day.isoformat(), number)
    return Periods(
        number=number,
        hour=Period(hour_key, min(begins + (number + 1) * _HOUR, ends)),
        day=Period(day_key, ends),
        week=Period(week_key, midnight(zone, day + (7 - day.weekday()) * _DAY)),
        month=Period(month_key, midnight(zone, (day.replace(day=1) + 31 * _DAY).replace(day=1))),
    )


@lru_cache(maxsize=4_096)
def keys_of(day: str, number: int) -> tuple[str, str, str, str]:
    """Keys of the hour of that number, of its day, week and month. Keys of one kind are in order as text."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{day}T{number:02d}", day, f"{year}-W{week:02d}", day[:7]


def without_past(counts: Mapping[str, int], day: str) -> dict[str, int]:
    """Counts by key without those of periods that were over some days before `day`, in whatever zone."""
    oldest = keys_of((date.fromisoformat(day) - KEPT_DAYS * _DAY).isoformat(), 0)
    by_length = {len(key): key for key in oldest}  # each kind's keys have a length of their own
    return {key: count for key, count in counts.items() if key >= by_length[len(key)]}


def later_keys(counts: Iterable[str], period: Period) -> Iterable[str]:
    """Those of the keys that name a later period of the same kind: a change of zone may have left some."""
    return (key for key in counts if len(key) == len(period.key) and key > period.key)


def day_at(zone: str, now: datetime) -> date:
    """The local date whose midnight was the last one before or at `now`; not what the clock shows where it was set back past midnight."""
    day = now.astimezone(clock_of(zone)).date()
    if now < midnight(zone, day):
        return day - _DAY
    return day + _DAY if now >= midnight(zone, day + _DAY) else day


def midnight(zone: str, day: date) -> datetime:
    """The instant (UTC) at which a local date begins."""
    return instant(zone, day, 0)


@lru_cache(maxsize=65_536)
def instant(zone: str, day: date, minute: int) -> datetime:
    """The instant (UTC) at which clocks in the zone first show that many minutes after 00:00 of the date, or pass over it."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minute)
    at = shown.replace(tzinfo=clock_of(zone)).astimezone(UTC)
    return at if _shown(zone, at) == shown else _change_before(zone, shown, at)


def clock_of(zone: str) -> ZoneInfo:
    """Raises KeyError or ValueError for a zone that does not exist."""
    return ZoneInfo(zone)


def _shown(zone: str, at: datetime) -> datetime:
    return at.astimezone(clock_of(zone)).replace(tzinfo=None)


def _change_before(zone: str, shown: datetime, after: datetime) -> datetime:
    """The first instant at which clocks show more than a time that they skip; changes happen at whole seconds."""
    before = after - 2 * _DAY
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _shown(zone, middle) < shown:
            before = middle
        else:
            after = middle
    return after


class Calendar:
    """The present periods of each zone in use, each looked up once while its hour lasts."""

    def __init__(self) -> None:
        self._periods: dict[str, tuple[datetime, Periods]] = {}

    def at(self, zone: str, now: datetime) -> Periods:
        """The zone's periods at `now`. Raises KeyError or ValueError for a zone that does not exist."""
        known = self._periods.get(zone)
        if known is None or not known[0] <= now < known[1].hour.ends:
            known = self._periods[zone] = now, periods_at(zone, now)
        return known[1]
