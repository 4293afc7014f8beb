"""Public holidays by country and region, copied from the `holidays` library so that a replay does not depend on its version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import holidays

YEARS_BEFORE, YEARS_AHEAD = 1, 4  # around the year in which calendars are copied
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Dates = Mapping[str, str]
"""Dates (2026-12-25) with the name of the day."""


def is_calendar(name: str) -> bool:
    """Whether the library has this calendar: a country (DE) or a part of it (DE-BY), as ISO 3166 writes them."""
    country, _, part = name.partition("-")
    known = _countries()
    return country in known and (not part or part in known[country])


def copy_calendars(names: Iterable[str], year: int) -> dict[str, Dates]:
    """These calendars, from the year before to four years ahead. Names that are dates of their own are left out."""
    return {name: _calendar(name, year) for name in sorted(set(names)) if not _DATE.fullmatch(name)}


def days_off(names: Iterable[str], calendars: Mapping[str, Dates]) -> Dates:
    """The dates that an agent with these holidays is off: those of its calendars, and dates of their own."""
    found: dict[str, str] = {}
    for name in names:
        if _DATE.fullmatch(name):
            found.setdefault(name, "a day off")
        else:
            found.update({day: f"{called}, {name}" for day, called in calendars.get(name, {}).items() if day not in found})
    return dict(sorted(found.items()))


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=512)
def _calendar(name: str, year: int) -> Dates:
    country, _, part = name.partition("-")
    years = range(year - YEARS_BEFORE, year + YEARS_AHEAD + 1)
    found = holidays.country_holidays(country, subdiv=part or None, years=years, language=None)
    return {day.isoformat(): called for day, called in sorted(found.items())}
