"""The invented people of the benchmarks: the n-th is always the same, and no two of them are ever taken for one person.

Names are about as frequent as likeness/weigh has them: one person in 132,000 has the same full name. So the fuzzy recogniser finds
people to compare, as it does in life. It merges none of them, which a count of leads relies on: no first name is a variant of another,
no phone number is one slip away from another, no company's name is close to another's, and the mailboxes of a company are numbered.
"""

from __future__ import annotations

from typing import NamedTuple


def _listed(names: str) -> list[str]:
    return names.split()


FIRST = _listed(
    "Avery Brenda Colin Dorothy Edgar Fiona Gavin Hannah Irving Jocelyn Kenneth Lydia Marvin Nadine Oscar Philip Quentin Rosalind "
    "Sidney Tabitha Ursula Vernon Wendy Xavier Yolanda Zachary Agnes Bertram Clifford Desmond Elspeth Franklin Gloria Humphrey Isabel "
    "Jerome Kimberly Leonard Miranda Neville Olive Percival Roderick Sheldon Theodora Valerie Winston Yvette Alistair Beatrix "
    "Cornelius Dwight Eunice Gerald Hilda Ignatius Jasper Lancelot Mildred Norman Octavia"
)
_STEMS = _listed(
    "Ash Bar Black Bram Brook Cal Corn Crest Dal Dray East Elm Fair Farn Gold Grim Hart Haw Hazel Kirk Lang Lark Lind Mar Mill Nor Oak "
    "Pen Rad Raven Rock Sand Shel Stan Swan Thorn Tolk Ul Van West Whit Win Yar Birch Glen Hol"
)
_ENDS = _listed(
    "bank beck berg borne brand bridge bury by castle cliff combe cote croft dale den field ford grove hall ham hurst land law man mere "
    "mond mouth pool port ridge sett shaw stead stoke stone thorpe tree vale ward water way well wick wold wood worth yard"
)
LAST = [stem + end for stem in _STEMS for end in _ENDS]

_TRADES = _listed("Analytics Boatworks Cinemas Dairies Estates Freight Gardens Harbours Insurance Jewellers Kitchens")
COMPANIES = 499
_NAMES = [f"{LAST[37 * n % len(LAST)]} {_TRADES[n % len(_TRADES)]}" for n in range(COMPANIES)]
_COMPANIES = [(f"{name} LLC", f"{name.replace(' ', '-')}.example".lower()) for name in _NAMES]

# Two numbers whose difference is a multiple of 11 are never one digit, nor one swap of neighbours, apart. All these area codes leave
# the same rest when divided by 11, as do all the lines behind them. The exchange code of a North American number starts at 2.
_AREAS = (415, 602, 646, 701, 305, 404, 503, 712, 734, 360, 316)
_FIRST_LINE, _APART = 2_000_000, 11
_LINES = 8_000_000 // _APART

PEOPLE = len(_AREAS) * _LINES
"""How many there are: no phone number is left for more."""


class Person(NamedTuple):
    first: str
    last: str
    email: str
    phone: str
    company: str
    domain: str


def person(n: int) -> Person:
    """The n-th of `PEOPLE`. What differs from one to the next is their numbers, and nearly always their names."""
    first, last = FIRST[n % len(FIRST)], LAST[n % len(LAST)]
    company, domain = _COMPANIES[n % COMPANIES]
    mailbox = f"{first}.{last}-{n:07d}".lower()
    phone = f"+1{_AREAS[n // _LINES]}{_FIRST_LINE + n % _LINES * _APART}"
    return Person(first, last, f"{mailbox}@{domain}", phone, company, domain)
