"""A contact as it is compared with others: every field brought into one spelling, once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from nameparser import HumanName
from nameparser.config import CONSTANTS

from services.intake.domain.likeness.names import NOBODY, SUFFIXES, PersonName, person_name
from services.intake.domain.likeness.spelling import MAX_NAME, fold

_FORMS = (
    "ab ag and aps as asa associates bv bvba co company corp corporation doo e eg et est eurl ev fils gbr gmbh group gruppe holding "
    "holdings inc incorporated international k kft kg kgaa kk limited llc llp ltd lp mbh nv og ohg oy oyj partners plc pte pty pvt sa sarl "
    "sas sasu se sk sl sn snc sociedad societe sons sp spa spol srl srls sro the u ug und y z zoo"
)
LEGAL_FORMS = frozenset(_FORMS.split())
# Words of a street's name, by the shortest of their usual spellings.
_STREETS = {
    "st": "street str strasse saint sankt",
    "rd": "road",
    "ave": "avenue av avenida avda",
    "blvd": "boulevard bd",
    "dr": "drive",
    "ln": "lane",
    "ct": "court",
    "pl": "place platz plaza piazza",
    "sq": "square",
    "hwy": "highway",
    "pkwy": "parkway",
    "ter": "terrace",
    "apt": "apartment suite ste unit",
    "c": "calle",
    "n": "north",
    "s": "south",
    "e": "east",
    "w": "west",
}
STREET_WORDS = {word: short for short, words in _STREETS.items() for word in words.split()}
_STREET_END = re.compile(r"(?<=\w{3})(?:strasse|str)$")
_NUMBER = re.compile(r"\d+")
# The words that the parser of names takes for something else than a name, wherever they stand.
_MEANS_SOMETHING = frozenset().union(
    CONSTANTS.titles,
    CONSTANTS.first_name_titles,
    CONSTANTS.bound_first_names,
    CONSTANTS.prefixes,
    CONSTANTS.conjunctions,
    CONSTANTS.suffix_acronyms,
    CONSTANTS.suffix_not_acronyms,
)
_ROMAN_DIGITS = frozenset("ivxlcdm")
_LAST_LETTER = "\u052f"  # of the Latin, Greek and Cyrillic alphabets, in which the first name is written first


class Profile(NamedTuple):
    """What is known of a contact, ready to be compared; "" where unknown. A tuple: one is made of each lead.

    `email_local` is without plus tag, and a role's mailbox (info@) is nobody's address. `phone` is digits with the country's code.
    `street` is without its numbers, which are in `house`. `work_email`: the address is not at a provider that gives one to everybody.
    `keys` are the digests of all the identifiers that the contact was ever seen with; the other fields hold the one value that is
    remembered.
    """

    name: PersonName = NOBODY
    email_local: str = ""
    email_domain: str = ""
    work_email: bool = False
    phone: str = ""
    company: str = ""
    company_domain: str = ""
    street: str = ""
    house: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    keys: frozenset[bytes] = frozenset()


def profile_of(contact: Mapping[str, Any], facts: Mapping[str, Any], *, keys: frozenset[bytes] = frozenset()) -> Profile:
    """The profile of a contact from the two blocks of a normal lead. What is no text counts as missing; never raises."""
    said = _texts(contact)
    known = said if facts is contact else _texts(facts)
    local, domain = ("", "") if facts.get("email_role") else _mailbox(said.get("email", ""))
    street, house = _street(sent) if (sent := said.get("street", "")) else ("", "")
    company_domain = known.get("company_domain", "").casefold()
    return Profile(
        name=_name(said),
        email_local=local,
        email_domain=domain,
        work_email=bool(domain) and (facts.get("email_kind") == "company" or domain == company_domain),
        phone="".join(_NUMBER.findall(said.get("phone", "").partition(";")[0]))[:20],
        company=_company(said.get("company", "")),
        company_domain=company_domain,
        street=street,
        house=house,
        postcode=_place(known.get("postcode", "")).replace(" ", ""),
        city=_place(known.get("city", "")),
        country=known.get("country", "").upper(),
        keys=keys,
    )


def _texts(block: Mapping[str, Any]) -> dict[str, str]:
    return {field: value[:1000] for field, value in block.items() if isinstance(value, str)}


def _name(said: Mapping[str, str]) -> PersonName:
    """From the name's own fields where there are both; else a full name is parsed, which knows far more than position does."""
    first, last, name = said.get("first_name", ""), said.get("last_name", ""), said.get("name", "")
    if (first and last) or not name:
        return person_name(first, last, None)
    if not (first or last) and (two := _two_plain_words(name)):
        return PersonName(fold(two[0]), fold(two[1]))
    parsed = HumanName(name[:MAX_NAME])
    suffix = next((SUFFIXES[word] for word in fold(parsed.suffix).split() if word in SUFFIXES), "")
    return PersonName(fold(first or f"{parsed.first} {parsed.middle}"), fold(last or parsed.last), suffix)


def _two_plain_words(name: str) -> list[str] | None:
    """First and last name where nothing needs parsing, which takes ten times as long as all the rest of a profile."""
    words = name.split()
    if len(words) != 2 or len(name) > MAX_NAME or max(name) > _LAST_LETTER:
        return None
    return words if all(_is_plain(word.lower()) for word in words) else None


def _is_plain(word: str) -> bool:
    return len(word) > 1 and word.isalpha() and word not in _MEANS_SOMETHING and not _ROMAN_DIGITS.issuperset(word)


def _mailbox(email: str) -> tuple[str, str]:
    local, at, domain = email.strip().casefold().rpartition("@")
    return (local.partition("+")[0], domain) if at else ("", "")


@lru_cache(maxsize=4096)
def _place(text: str) -> str:
    return fold(text)


@lru_cache(maxsize=4096)
def _company(name: str) -> str:
    """Without its legal form, unless that is all there is."""
    words = fold(name.replace(".", "").replace("&", " and ")).split()
    return " ".join([word for word in words if word not in LEGAL_FORMS] or words)


def _street(street: str) -> tuple[str, str]:
    """The street's name in one spelling and without blanks, and its numbers in order of size."""
    words = [_street_word(word) for word in fold(street).split()]
    name = "".join(word for word in words if not word[0].isdigit())
    return name, " ".join(sorted(word for word in words if word[0].isdigit()))


def _street_word(word: str) -> str:
    return STREET_WORDS.get(word) or _STREET_END.sub("st", word)
