"""Numbers as people write them: `25,000`, `€ 25 000`, `25k`, `1.5m`, `51-200 employees`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.intake.domain.quality.codes import SYMBOLS, is_currency

MAX_TEXT = 60
MAX_DIGITS = 15
UNITS = {
    "k": 1e3,
    "tsd": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "millions": 1e6,
    "millionen": 1e6,
    "bn": 1e9,
    "billion": 1e9,
}
NOUNS = r"employees|people|persons|staff|mitarbeiter(?:innen)?|empleados|employés|salariés|dipendenti|medewerkers|funcionários"
_NUMBER = r"\d(?:[\d.,'’ ]*\d)?"
_UNIT = rf"(?:{'|'.join(sorted(UNITS, key=len, reverse=True))})(?![a-z])\.?"
_MONEY = r"(?:[a-z]{0,2}\$|[€£¥₹₽₩₺₪₴₫]|zł|[a-z]{3}(?![a-z]))"
_SHAPE = re.compile(
    rf"(?P<over>[>≥]=?|over|from|more than|ab|über|mehr als|más de|plus de)? ?(?P<money>{_MONEY})? ?"
    rf"(?P<low>{_NUMBER}) ?(?P<low_unit>{_UNIT})? ?(?P<low_money>{_MONEY})?"
    rf"(?P<range> ?(?:-|–|—|to|bis|à|a) ?(?:{_MONEY})? ?(?P<high>{_NUMBER}) ?(?P<high_unit>{_UNIT})?)?"
    rf" ?(?P<more>\+)? ?(?P<high_money>{_MONEY})? ?(?:{NOUNS})?",
    re.ASCII,
)
_WHOLE = re.compile(r"\d+|\d{1,3}([.,'’ ])\d{3}(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}", re.ASCII)  # the last as in India
_DECIMAL = re.compile(r"(.+)([.,])(\d+)", re.ASCII)
_MARKS = re.compile(r"[.,'’ ]")
_BLANKS = re.compile(r"[\s\u00a0\u202f]+")


@dataclass(frozen=True)
class Amount:
    """A number, the currency that stood beside it (None: none, or a `$` that could be several), and what was odd."""

    value: int | float
    currency: str | None = None
    warning: str | None = None


def read_amount(text: str) -> Amount | None:
    """The number in a text; of a range its lower end, with a warning. None where that would be a guess."""
    if len(text) > MAX_TEXT:
        return None
    shape = _SHAPE.fullmatch(_BLANKS.sub(" ", text).strip().lower())
    if shape is None:
        return None
    money = [mark for mark in shape.group("money", "low_money", "high_money") if mark]
    codes = {_currency(mark) for mark in money}
    if None in codes or len(codes) > 1:
        return None
    currency = next(iter(codes), None) or None
    low = _number(shape["low"], shape["low_unit"])
    if low is None:
        return None
    if shape["range"] is None:
        return Amount(low, currency, "open upwards; its lower end is used" if shape["over"] or shape["more"] else None)
    high = _number(shape["high"], shape["high_unit"])
    if high is not None and shape["high_unit"] and not shape["low_unit"]:
        low = _number(shape["low"], shape["high_unit"]) or low
    return Amount(low, currency, "a range; its lower end is used") if high is not None and low <= high else None


def _currency(mark: str) -> str | None:
    """The code; "" for a bare dollar or yen, which several countries have; None where the mark is no currency."""
    if mark in ("$", "¥"):
        return ""
    return SYMBOLS.get(mark) or (mark.upper() if is_currency(mark.upper()) else None)


def _number(text: str, unit: str | None) -> int | float | None:
    """`1.234,5` and `1,234.5` alike. Three digits behind one mark are thousands, unless a unit or a leading nought says otherwise."""
    whole, fraction = text, ""
    if unit or text.startswith(("0.", "0,")) or not _WHOLE.fullmatch(text):
        parts = _DECIMAL.fullmatch(text)
        if parts and parts[2] not in parts[1]:
            whole, fraction = parts[1], parts[3]
    digits = _MARKS.sub("", whole)
    if not _WHOLE.fullmatch(whole) or len(digits + fraction) > MAX_DIGITS:
        return None
    value = float(f"{digits}.{fraction or 0}") * (UNITS[unit.rstrip(".")] if unit else 1)
    return int(value) if not fraction or (unit and value.is_integer()) else round(value, 2)
