"""Phone numbers: E.164 by libphonenumber's rules, or marked with what is wrong with them."""

from __future__ import annotations

import re
from typing import NamedTuple

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    is_valid_number_for_region,
    number_type,
    parse,
    region_code_for_number,
)

from services.intake.domain.quality.plans import read_plain

FILLER = "looks as if typed to fill the field; nobody is recognised by it"
MAX_TEXT = 100  # longer is no number, nor two of them
NORTH_AMERICA = 1  # whose 25 countries share one plan in which numbers do not tell their type, and cost most to look up
TYPES: dict[int | None, str] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.VOIP: "voip",
}
# A spreadsheet keeps six digits of a number it takes for a quantity; the others are lost.
_RUINED = re.compile(r"\d[.,]\d+[Ee]\+?\d{1,2}")
_SCHEME = re.compile(r"(?:tel|callto|sms|whatsapp):(?://)?", re.IGNORECASE)
_BETWEEN = re.compile(r" (?:or|oder|ou|o|and|und|et|y) |[/|;,&]")
_DIALLED = re.compile(r"[\d ().+/-]+")
_DIGITS = re.compile(r"\d", re.ASCII)
_IN_ORDER = "0123456789" * 2


class Phone(NamedTuple):
    """A number. `text` is its normal form, or what was sent; `e164` is its key, None where it cannot be known.

    `kind` is valid, possible (right in length, or of a country that is not known) or invalid. An extension is written `;ext=` behind the
    number, as RFC 3966 has it, and belongs to the key: people behind one switchboard are not one person. `type` is mobile, landline, voip
    or unknown (in North America numbers do not tell).
    """

    text: str
    kind: str
    e164: str | None = None
    country: str | None = None
    type: str = "unknown"
    warning: str | None = None


def read_phone(text: str, region: str | None) -> Phone:
    """Reads a number; one without its country's code is taken for one of `region` (ISO 3166 alpha-2). `text` is one line."""
    if len(text) > MAX_TEXT:
        return Phone(text, "invalid", warning="is too long for a number")
    if plain := read_plain(text, region):
        e164, country, type = plain
        return Phone(e164, "valid", e164, country, type)
    return read_phone_slowly(text, region)


def read_phone_slowly(text: str, region: str | None) -> Phone:
    """The same in the library's own words, for numbers with anything unusual in them."""
    if _RUINED.fullmatch(text):
        return Phone(text, "invalid", warning="was ruined by a spreadsheet: its last digits are lost")
    bare = _SCHEME.sub("", text, count=1).strip()
    whole = _read(bare, region)
    if whole and whole.kind == "valid":
        return whole
    return _international(bare) or _first_of_several(bare, region) or whole or _unplaced(text, bare)


def _read(text: str, region: str | None) -> Phone | None:
    """The number as libphonenumber reads it; None for one that is too short, too long, or no number."""
    try:
        number = parse(text, region)
    except NumberParseException:
        return None
    country = region_code_for_number(number)
    if number.country_code == NORTH_AMERICA:
        # A number is found to be of the United States by being valid there; only the others' leading digits may mislead.
        kind, valid = None, country == "US" or (country is not None and is_valid_number_for_region(number, country))
    else:
        kind = number_type(number)
        valid = kind != PhoneNumberType.UNKNOWN
    if valid:
        e164 = _normal_form(number)
        # Numbers of no country, such as satellites', have a "region" of digits.
        return Phone(e164, "valid", e164, country if country and country.isalpha() else None, TYPES.get(kind, "unknown"))
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    if _is_filler(str(number.national_number)):
        return Phone(text, "possible", warning=FILLER)
    e164 = _normal_form(number)
    return Phone(e164, "possible", e164, warning="has the length of a number, but no such number is given out")


def _is_filler(digits: str) -> bool:
    """One digit again and again, or digits in order: typed so that a form lets one pass. Strangers share it, so it is no key."""
    return len(set(digits)) == 1 or digits in _IN_ORDER or digits in _IN_ORDER[::-1]


def _normal_form(number: PhoneNumber) -> str:
    e164 = str(format_number(number, PhoneNumberFormat.E164))
    return f"{e164};ext={number.extension}" if number.extension else e164


def _international(text: str) -> Phone | None:
    """A number with its country's code but without the plus: `00` was dialled, or it was sent as digits only."""
    digits = len(_DIGITS.findall(text))
    if text.startswith("00"):
        number = _read("+" + text[2:], None)
    elif digits >= 11 and not text.startswith(("+", "0")):
        number = _read("+" + text, None)
        number = number._replace(warning="has no +; read as one with its country's code") if number else None
    else:
        return None
    return number if number and number.kind == "valid" else None


def _first_of_several(text: str, region: str | None) -> Phone | None:
    pieces = _BETWEEN.split(text)
    numbers = [piece for piece in pieces if len(_DIGITS.findall(piece)) >= 6]
    first = _read(numbers[0].strip(), region) if numbers and len(pieces) > 1 else None
    return first._replace(warning="more than one number; the first is used") if first and first.kind == "valid" else None


def _unplaced(text: str, bare: str) -> Phone:
    """What somebody who knows the place might dial, or nothing that can be dialled at all."""
    digits = "".join(_DIGITS.findall(bare))
    unplaced = "cannot be read without its country or area; kept as it was sent"
    if _DIALLED.fullmatch(bare) and 7 <= len(digits) <= 15 and not bare.startswith("+"):
        return Phone(text, "possible", warning=FILLER if _is_filler(digits) else unplaced)
    return Phone(text, "invalid", warning="does not look like a phone number")
