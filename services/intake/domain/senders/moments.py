"""Times as senders write them: ISO 8601, and what is nearly that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

# `2000-03-30T15:30:20-08:0`, `2008-06-25T8:47:50` and `2025-09-22T18:07` are all in use.
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[T ] ?([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:(Z|UTC|GMT)|([+-])([0-9]{1,2})(?::?([0-9]{1,2}))?)?",
    re.IGNORECASE | re.ASCII,
)


def read_moment(value: Any, zone: tzinfo | None = None) -> datetime | None:
    """The moment in UTC; None for what is none. A time without an offset is in `zone`; without a zone it is no moment."""
    if not isinstance(value, str) or not (match := _MOMENT.fullmatch(value.strip()[:64])):
        return None
    year, month, day, hour, minute = (int(match[n]) for n in range(1, 6))
    micro = int((match[7] or "").ljust(6, "0")[:6])
    try:
        offset = _offset(match) or zone
        if offset is None:
            return None
        return datetime(year, month, day, hour, minute, int(match[6] or 0), micro, tzinfo=offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_zone(name: Any) -> tzinfo | None:
    """The zone of an IANA name such as `America/Chicago`; None for a name that is none."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}", name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _offset(match: re.Match[str]) -> tzinfo | None:
    if match[8]:
        return UTC
    if match[9] is None:
        return None
    distance = timedelta(hours=int(match[10]), minutes=int(match[11] or 0))
    return timezone(-distance if match[9] == "-" else distance)
