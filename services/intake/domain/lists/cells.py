"""Cells: what spreadsheets do to them, undone where it can be and marked where it cannot; dates; and cells made safe to send out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

from services.intake.domain.senders.moments import read_moment

SHORTENED = "digits were lost: a spreadsheet turned it into a short number"
NOT_COMPUTED = "a spreadsheet could not compute it, and left an error"
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")

_TEXT_FORMULA = re.compile(r'=\s*"((?:[^"]|"")*)"')
_WHOLE = re.compile(r"([+-]?\d{1,30})[.,]0{1,2}")  # three noughts are thousands
_EXPONENT = re.compile(r"([+-]?)(\d)(?:[.,](\d{1,20}))?[eE]\+?(\d{1,2})")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
_BLANKS = {code: " " for code in (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)}
_BLANKS |= {code: "" for code in (0x200B, 0x2060, 0xFEFF, 0xAD)}
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?: ?([ap])\.?m\.?)?)?",
    re.ASCII | re.IGNORECASE,
)


def mend(cell: str) -> tuple[str, str | None]:
    """The cell as it was meant, and what is wrong with it where that cannot be undone."""
    text = cell.translate(_BLANKS).strip()
    if not text:
        return "", None
    if text[0] == "=" and (quoted := _TEXT_FORMULA.fullmatch(text)):
        return quoted[1].replace('""', '"').strip(), None
    if text[0] == "'" and text[1:2] in DANGEROUS:  # how a cell is kept from being a formula, here and elsewhere
        return text[1:].strip(), None
    if text[0] == "#" and text.upper() in _ERRORS:
        return "", NOT_COMPUTED
    if not text[-1].isdigit() or not (text[0].isdigit() or text[0] in "+-"):
        return text, None
    if whole := _WHOLE.fullmatch(text):
        return whole[1], None
    if short := _EXPONENT.fullmatch(text):
        return _expanded(text, short)
    return text, None


def _expanded(text: str, short: re.Match[str]) -> tuple[str, str | None]:
    """`1.4155552671E+10` has all its digits; `1.41556E+10` has not."""
    sign, first, rest, power = short[1], short[2], short[3] or "", int(short[4])
    if len(rest) < power:
        return text, SHORTENED
    whole, fraction = first + rest[:power], rest[power:].rstrip("0")
    return f"{sign}{whole}" + (f".{fraction}" if fraction else ""), None


def disarm(cell: str) -> str:
    """The cell as text in a file that a spreadsheet opens: what would begin a formula there is quoted."""
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell


# -- Dates -------------------------------------------------------------------------------------------------------------------------


@dataclass
class DateOrder:
    """What a list's dates say of their own order: how many can only be day first, only month first, or either."""

    day: int = 0
    month: int = 0
    either: int = 0

    def note(self, cell: str) -> None:
        found = _DAY.fullmatch(cell.strip())
        if found is None:
            return
        first, second = int(found[1]), int(found[3])
        if found[2] == "." or (12 < first <= 31 and second <= 12):  # with dots it is the day that comes first, everywhere
            self.day += 1
        elif 12 < second <= 31 and first <= 12:
            self.month += 1
        elif first != second:
            self.either += 1

    @property
    def day_first(self) -> bool | None:
        """None where the list does not say, or says both."""
        if bool(self.day) == bool(self.month):
            return None
        return self.day > 0

    @property
    def undecided(self) -> bool:
        """Is there a date that this leaves open?"""
        return self.day_first is None and (self.either > 0 or self.day > 0)


def is_date(cell: str) -> bool:
    return _DAY.fullmatch(cell.strip()) is not None or _is_iso(cell.strip())


def iso_date(cell: str, *, day_first: bool | None) -> str | None:
    """The date in ISO 8601, with its time where it has one; None for what is none, or could be two."""
    text = cell.strip()
    if _is_iso(text):
        return text
    parts = _DAY.fullmatch(text)
    if parts is None:
        return None
    try:
        day = _day(parts, day_first)
        return f"{day}T{_time(parts)}" if parts[5] else day
    except ValueError:
        return None


def read_date(cell: str, *, day_first: bool | None, zone: tzinfo) -> datetime | None:
    """The moment that a cell names, on a clock of that zone unless it says its own; None where there is none, or could be two."""
    text = iso_date(cell, day_first=day_first)
    if text is None:
        return None
    return read_moment(f"{text}T00:00" if _ISO_DAY.fullmatch(text) else text, zone)


def _is_iso(text: str) -> bool:
    return read_moment(f"{text}T00:00" if _ISO_DAY.fullmatch(text) else text, UTC) is not None


def _day(parts: re.Match[str], day_first: bool | None) -> str:
    first, second = int(parts[1]), int(parts[3])
    if parts[2] == "." or first > 12:
        day_first = True
    elif second > 12:
        day_first = False
    elif day_first is None and first != second:
        raise ValueError("day or month?")
    day, month = (first, second) if day_first else (second, first)
    return date(int(parts[4]) + (2000 if len(parts[4]) == 2 else 0), month, day).isoformat()


def _time(parts: re.Match[str]) -> str:
    hour, half = int(parts[5]), (parts[8] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, int(parts[6]), int(parts[7] or 0)).isoformat()
