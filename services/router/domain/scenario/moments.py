"""Moments and durations as a scenario writes them: relative to its start, as a time of day, or as ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from services.router.domain.agent import DAYS
from services.router.domain.period import clock_of, instant

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d{1,6}(?:\.\d{1,3})?\s*[wdhms]\s*)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhms])")
_OF_DAY = re.compile(rf"(?:({'|'.join(DAYS)})\w*\s+)?([01]\d|2[0-3]):([0-5]\d)", re.IGNORECASE)
_WALL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?")
_DAY = timedelta(days=1)
FORM = "+5m, +2d 3h, 09:00, mon 09:00, 2026-03-29T09:00 or 2026-03-29T09:00+02:00"


class NoMoment(ValueError):
    """A text that names no moment, or no duration; the message says what would."""


def read_duration(text: str) -> timedelta:
    """`5m`, `2d 3h`, `1h30m`, `90s`; a day is 24 hours. Raises NoMoment."""
    if not _DURATION.fullmatch(text.strip()):
        raise NoMoment("must be a duration such as 5m, 1h 30m or 2d")
    return sum((timedelta(**{_UNITS[unit]: float(many)}) for many, unit in _PART.findall(text)), timedelta())


def read_moment(text: str, *, zone: str, start: datetime, before: datetime) -> datetime:
    """The moment meant. `+5m` counts from `start`; a time of day is the next one at or after `before`, in the zone; so is ISO 8601
    without an offset, which names the first of two where clocks are set back. Raises NoMoment.
    """
    text = text.strip()
    if text[:1] in ("+", "-"):
        duration = read_duration(text[1:])
        return start + duration if text[0] == "+" else start - duration
    if found := _OF_DAY.fullmatch(text):
        return _next_of_day(found[1], int(found[2]) * 60 + int(found[3]), zone, before)
    return read_iso(text, zone)


def read_iso(text: str, zone: str) -> datetime:
    """ISO 8601; without an offset it is wall time of the zone, and a date alone is its midnight. Raises NoMoment."""
    try:
        if found := _WALL.fullmatch(text):
            minute = int(found[2] or 0) * 60 + int(found[3] or 0)
            return instant(zone, date.fromisoformat(found[1]), minute) + timedelta(seconds=int(found[4] or 0))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise NoMoment(f"must be a moment such as {FORM}") from error
    if moment.tzinfo is None:
        raise NoMoment(f"must be a moment such as {FORM}")
    return moment.astimezone(UTC)


def shown(moment: datetime, zone: str) -> str:
    """For a person: `Sun 2026-03-29 09:00`, with seconds where there are some."""
    local = moment.astimezone(clock_of(zone))
    return f"{local:%a %Y-%m-%d %H:%M:%S}" if local.second else f"{local:%a %Y-%m-%d %H:%M}"


def _next_of_day(day: str | None, minute: int, zone: str, before: datetime) -> datetime:
    today = before.astimezone(clock_of(zone)).date()
    for number in range(9):
        other = today + number * _DAY
        moment = instant(zone, other, minute)
        if moment >= before and (day is None or DAYS[other.weekday()] == day.lower()):
            return moment
    raise NoMoment("lies beyond the calendar")
