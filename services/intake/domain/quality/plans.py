"""Numbering plans: libphonenumber's metadata of a country, made ready to answer for the usual number in one or two expressions.

The library reads anything, with some forty expressions a number. What is digits and punctuation only, as nearly all numbers are, needs its
last few: which country, which trunk prefix, which kind of number. A plan says what the library would say or nothing at all, and then the
library is asked. A test holds both to the same answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

MAX_CODE = 3  # digits of a country's calling code
_PUNCTUATION = str.maketrans("", "", " ().-/")
# In the order in which the library asks, for a number may look like several; what people do not call a mobile, a landline or voip has no name.
_SPECIAL = (
    ("premium_rate", "unknown"),
    ("toll_free", "unknown"),
    ("shared_cost", "unknown"),
    ("voip", "voip"),
    ("personal_number", "unknown"),
    ("pager", "unknown"),
    ("uan", "unknown"),
    ("voicemail", "unknown"),
)
Shape = tuple[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers are made in a country: the main one of its calling code, whose numbers the library finds first.

    `shapes` holds, by the length of a number without its prefixes, what the library asks in turn: a type and the expression that tells it.
    `trunk` are the digits that are dialled before a number within the country, None where finding them is no matter of comparing.
    """

    country: str
    code: str
    general: re.Pattern[str]
    shapes: dict[int, tuple[Shape, ...]]
    abroad: re.Pattern[str]
    prefix: re.Pattern[str] | None
    trunk: str | None

    def type_of(self, number: str) -> str | None:
        """mobile, landline, voip or unknown; None for what is no valid number. `number` is without any prefix."""
        shapes = self.shapes.get(len(number))
        if shapes and self.general.fullmatch(number):
            for type, shape in shapes:
                if shape.fullmatch(number):
                    return type
        return None

    def without_trunk(self, number: str) -> str | None:
        """The number that is left; None where only the library knows what is."""
        if self.prefix is None or not self.prefix.match(number):
            return number
        return number[len(self.trunk) :] if self.trunk else None


def read_plain(text: str, region: str | None) -> tuple[str, Plan, str] | None:
    """The valid number that this is, as E.164, its country's plan and its type; None where the library must say."""
    digits = text.translate(_PUNCTUATION)
    if digits[:1] == "+":
        digits = digits[1:]
        if not (digits.isascii() and digits.isdigit()) or (plan := _plan_of_number(digits)) is None:
            return None
        number = plan.without_trunk(digits[len(plan.code) :])
    elif region and digits.isascii() and digits.isdigit() and (plan := plan_of(region)):
        number = _within(plan, digits)
    else:
        return None
    type = number and plan.type_of(number)
    return (f"+{plan.code}{number}", plan, type) if type else None


def _within(plan: Plan, digits: str) -> str | None:
    """The number that somebody in the country means by these digits; None where they may be meant for abroad."""
    if plan.abroad.match(digits):
        return None
    if not digits.startswith(plan.code):
        return plan.without_trunk(digits)
    # The country's own code without a plus, unless it is how the number begins; with a trunk prefix behind it, it may be either.
    number = digits[len(plan.code) :]
    return number if not plan.general.fullmatch(digits) and plan.without_trunk(number) == number else None


def _plan_of_number(digits: str) -> Plan | None:
    return next((plan for length in range(1, MAX_CODE + 1) if (plan := _plan_of_code(digits[:length]))), None)


@cache
def _plans() -> dict[str, str]:
    """The main regions by calling code. No code is the beginning of another."""
    return {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}


def _plan_of_code(code: str) -> Plan | None:
    region = _plans().get(code)
    return plan_of(region) if region else None
