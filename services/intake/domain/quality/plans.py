"""Numbering plans: libphonenumber's metadata of a country, made ready to answer for a plain number with few expressions.

The library reads anything, with some thirty expressions a number. What is only digits and punctuation, as nearly all numbers are, needs
its last few: whose it is, whether a trunk prefix stands before it, and what kind it is. A plan says what the library would say, or
nothing at all. Tests hold both to the same answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_PUNCTUATION = str.maketrans("", "", " ().-/")
# In the library's order, since a number may look like several. What is no mobile, landline or voip has no type here.
_SPECIAL = {
    "premium_rate": "unknown",
    "toll_free": "unknown",
    "shared_cost": "unknown",
    "voip": "voip",
    "personal_number": "unknown",
    "pager": "unknown",
    "uan": "unknown",
    "voicemail": "unknown",
}
# The region that the library asks first for numbers of a calling code. No code is the beginning of another.
_MAIN = {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
Shape = tuple[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers are made in a country.

    `shapes` holds, for each length of a number without prefixes, what the library asks in turn: a type, and the expression that tells it.
    `trunk` is what is dialled before a number within the country, and `abroad` what is dialled before another country's code.
    """

    country: str
    code: str
    general: re.Pattern[str]
    shapes: dict[int, list[Shape]]
    abroad: re.Pattern[str]
    trunk: re.Pattern[str] | None
    rewrites: bool

    def type_of(self, number: str) -> str | None:
        """mobile, landline, voip or unknown, which is a valid number too; None for no valid one. `number` is without prefixes."""
        shapes = self.shapes.get(len(number))
        if shapes is None or not self.general.fullmatch(number):
            return None
        return next((type for type, shape in shapes if shape.fullmatch(number)), None)

    def without_trunk(self, number: str) -> str | None:
        """The number that is left, which counts where it is valid; None where the country rewrites the number."""
        if self.trunk is None or not (found := self.trunk.match(number)):
            return number
        return None if self.rewrites and found[found.re.groups] is not None else number[found.end() :]

    def within(self, digits: str) -> str | None:
        """The number that these digits mean inside the country; None where they may be meant for abroad."""
        if self.abroad.match(digits):
            return None
        if not digits.startswith(self.code):
            return self.without_trunk(digits)
        # The country's own code without a plus, unless numbers may begin so; with a trunk prefix behind it, the library must say.
        number = digits[len(self.code) :]
        return number if not self.general.fullmatch(digits) and self.without_trunk(number) == number else None


def read_plain(text: str, region: str | None) -> tuple[str, str, str] | None:
    """E.164, country and type of a plain and valid number; None for any other, and wherever only the library can tell."""
    digits = text if text.removeprefix("+").isdigit() else text.translate(_PUNCTUATION)
    abroad = digits.startswith("+")
    if abroad:
        digits = digits[1:]
    if not (digits.isdigit() and digits.isascii()):
        return None
    plan = _plan_of_digits(digits) if abroad else plan_of(region)
    if plan is None:
        return None
    number = plan.without_trunk(digits[len(plan.code) :]) if abroad else plan.within(digits)
    type = plan.type_of(number) if number else None
    return (f"+{plan.code}{number}", plan.country, type) if type else None


def _plan_of_digits(digits: str) -> Plan | None:
    region = _MAIN.get(digits[:1]) or _MAIN.get(digits[:2]) or _MAIN.get(digits[:3])
    return plan_of(region)


@lru_cache(maxsize=512)
def plan_of(region: str | None) -> Plan | None:
    """The plan of a country (ISO 3166 alpha-2); None of one whose numbers may be another's by their first digits only.

    Where countries share a calling code, the main one's numbers are those that are valid there. The others' are left to the library.
    """
    metadata: Any = PhoneMetadata.metadata_for_region(region, None) if region else None
    if region is None or metadata is None or region != _MAIN[str(metadata.country_code)]:
        return None
    if metadata.leading_digits and len(COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]) > 1:
        return None
    general, trunk = metadata.general_desc, metadata.national_prefix_for_parsing
    lengths = set(general.possible_length) - set(general.possible_length_local_only)
    return Plan(
        country=region,
        code=str(metadata.country_code),
        general=re.compile(general.national_number_pattern),
        shapes={length: _shapes(metadata, length) for length in lengths},
        abroad=re.compile(metadata.international_prefix),
        trunk=re.compile(trunk) if trunk else None,
        rewrites=bool(metadata.national_prefix_transform_rule),
    )


def _shapes(metadata: Any, length: int) -> list[Shape]:
    """What to ask of a number of this length, as the library's number_type asks it. Neighbours of one type are one expression."""
    asked = [(type, _pattern(metadata, name, length)) for name, type in _SPECIAL.items()]
    fixed, mobile = _pattern(metadata, "fixed_line", length), _pattern(metadata, "mobile", length)
    if metadata.same_mobile_and_fixed_line_pattern or fixed == mobile:
        asked.append(("unknown", fixed))
    else:
        both = f"(?=(?:{mobile})\\Z)(?:{fixed})" if fixed and mobile else None
        asked += [("unknown", both), ("landline", fixed), ("mobile", mobile)]
    some = groupby(((type, f"(?:{pattern})") for type, pattern in asked if pattern), key=itemgetter(0))
    return [(type, re.compile("|".join(pattern for _, pattern in group))) for type, group in some]


def _pattern(metadata: Any, kind: str, length: int) -> str | None:
    """The expression for numbers of a kind, where there are any of this length."""
    described = getattr(metadata, kind)
    if described is None or (described.possible_length and length not in described.possible_length):
        return None
    return described.national_number_pattern or None
