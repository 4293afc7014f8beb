"""Comparing the names of persons: how people write their own name differently, and how different people's names look alike.

Works on folded text (spelling.py). Cheap enough for the hot path, so it splits a full name by position and does not parse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from services.intake.domain.likeness.short_forms import formal_names, short_forms
from services.intake.domain.likeness.spelling import (
    MAX_NAME,
    fold,
    gendered,
    is_initial,
    one_slip,
    same_sound,
    same_spelling,
    slip,
    sound,
    spelling,
    written,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words("mr mrs ms miss mx dr prof professor sir dame herr frau hr fr mme mlle sra srta dott ing dipl mag rev med")
SUFFIXES = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
DEGREES = _words("phd md mba esq cpa bsc msc")
PARTICLES = _words("van von der den de del della di da do dos du la le el al bin ibn ten ter vande vander zu zum")


class Agreement(StrEnum):
    """How two names compare, most alike first."""

    SAME = "same"
    VARIANT = "variant"  # a nickname, or one part of a double name
    CLOSE = "close"  # as after a slip of the finger
    INITIAL = "initial"  # one is the other's first letter
    UNKNOWN = "unknown"  # one is missing, or nothing can be said
    DIFFERS = "differs"


AGREE = (Agreement.SAME, Agreement.VARIANT, Agreement.CLOSE)
MAY_AGREE = (*AGREE, Agreement.INITIAL)


class PersonName(NamedTuple):
    """A name's parts, folded; "" where unknown. `suffix` is jr, sr, ii, iii or iv."""

    first: str = ""
    last: str = ""
    suffix: str = ""

    @property
    def is_known(self) -> bool:
        """Either name is. Not `__bool__`, which mypyc does not ask: to it every tuple of so many is true."""
        return bool(self.first or self.last)


NOBODY = PersonName()


@dataclass(frozen=True, slots=True)
class NameAgreement:
    """How two persons' names compare. `swapped`: one has the first name where the other has the last.

    `generation` is about junior and senior: the same where neither says it, unknown where only one does.
    """

    first: Agreement
    last: Agreement
    swapped: bool = False
    generation: Agreement = Agreement.SAME


def person_name(first: str | None, last: str | None, name: str | None) -> PersonName:
    """The parts of a name from its fields, or else from the full name by position: `First Last` or `Last, First`."""
    if not (first and last) and name:
        split = _split(name)
        if not (first or last):
            return split
        return PersonName(fold(first) if first else split.first, fold(last) if last else split.last, split.suffix)
    given, _ = _trimmed(fold(first or ""))
    family, suffix = _trimmed(fold(last or ""))
    return PersonName(given, family, suffix)


def _split(name: str) -> PersonName:
    head, comma, tail = name[:MAX_NAME].partition(",")
    family, suffix = _trim(fold(head).split())
    given, behind = _trim(fold(tail).split())
    if comma and given:
        return PersonName(" ".join(given), " ".join(family), suffix or behind)
    words = family
    start = next((n for n, word in enumerate(words) if n and word in PARTICLES), max(len(words) - 1, 1))
    return PersonName(" ".join(words[:start]), " ".join(words[start:]), suffix or behind)


def _trimmed(folded: str) -> tuple[str, str]:
    """The same for a folded text, which most often is one word."""
    if " " not in folded:
        return ("" if folded in DEGREES else folded), ""
    words, suffix = _trim(folded.split())
    return " ".join(words), suffix


def _trim(words: list[str]) -> tuple[list[str], str]:
    """Without titles in front and degrees behind; what says junior or senior by itself."""
    suffix = ""
    while len(words) > 1 and words[0] in TITLES:
        words = words[1:]
    while words and words[-1] in DEGREES:
        words = words[:-1]
    if len(words) > 1 and words[-1] in SUFFIXES:
        words, suffix = words[:-1], SUFFIXES[words[-1]]
    return words, suffix


def compare_names(a: PersonName, b: PersonName) -> NameAgreement:
    """Compares as written, and parted otherwise or swapped where that makes them agree. Symmetric."""
    generation = _compare_generations(a.suffix, b.suffix)
    first, last = compare_first(a.first, b.first), compare_last(a.last, b.last)
    if Agreement.DIFFERS not in (first, last):
        return NameAgreement(first, last, False, generation)
    if crossed := _crossed(a, b):
        return NameAgreement(*crossed, True, generation)
    if a.first and b.first and sorted(f"{a.first} {a.last}".split()) == sorted(f"{b.first} {b.last}".split()):
        return NameAgreement(Agreement.SAME, Agreement.SAME, True, generation)
    return NameAgreement(first, last, False, generation)


def _crossed(a: PersonName, b: PersonName) -> tuple[Agreement, Agreement] | None:
    """How they agree with one's first name taken for a last name; None where they do not. Who gave one word may have given either."""
    if not (a.last and b.last):
        return (Agreement.UNKNOWN, Agreement.SAME) if a.first == b.last or a.last == b.first else None
    if a.first != b.last and a.last != b.first and not (same_sound(a.first, b.last) and same_sound(a.last, b.first)):
        return None
    crossed = compare_first(a.first, b.last), compare_first(a.last, b.first)
    if not set(crossed).issubset(MAY_AGREE) or set(crossed).isdisjoint(AGREE):
        return None
    weaker, stronger = sorted(crossed, key=MAY_AGREE.index, reverse=True)
    return weaker, stronger


def slipped(a: PersonName, b: PersonName) -> bool:
    """Are the first names a slip apart, though it made another name (Mara, Maria)? For two who share what is hardly ever shared.

    Also where it is a slip in a short form, and where one swapped their names before or after they married.
    """
    if min(len(a.first), len(b.first)) < 3 or gendered(a.first, b.first):
        return False
    if a.first == b.last or a.last == b.first or one_slip(spelling(a.first), spelling(b.first)):
        return True
    known = short_forms()
    pairs = [(form, b.first) for form in known.get(a.first, ())] + [(form, a.first) for form in known.get(b.first, ())]
    return any(min(len(form), len(other)) > 3 and one_slip(form, other) for form, other in pairs)


def _compare_generations(a: str, b: str) -> Agreement:
    if a == b:
        return Agreement.SAME
    return Agreement.DIFFERS if a and b else Agreement.UNKNOWN


def compare_first(a: str, b: str) -> Agreement:
    """Compares two folded first names. Two names that people really have are never a slip of the finger: Eric is not Erica."""
    if not a or not b:
        return Agreement.UNKNOWN
    if a == b:
        return Agreement.SAME
    if is_initial(a) or is_initial(b):
        return _compare_initial(a, b)
    if written(a) == written(b):
        return Agreement.SAME
    parts, others = a.split(), b.split()
    if len(parts) > 1 or len(others) > 1:
        return _compare_double(parts, others)
    known = short_forms()
    if b in known.get(a, ()) or spelling(a) == spelling(b) or spelling(b) in _spelled_forms().get(spelling(a), ()):
        return Agreement.VARIANT
    if a in known and b in known:
        return _compare_known(a, b)
    if _cut_short(a, b) or _cut_short(b, a):
        return Agreement.VARIANT
    slipped_once = min(len(a), len(b)) > 4 and slip(a, b) and not gendered(a, b)
    return Agreement.CLOSE if slipped_once or _changed_about(a, b) or _changed_about(b, a) else Agreement.DIFFERS


def _compare_initial(a: str, b: str) -> Agreement:
    """B. may be William, who is Bill, but may be his wife as well."""
    if sound(a) == sound(b):
        return Agreement.INITIAL
    initial, name = sorted((a, b), key=len)
    forms = [form for form in short_forms().get(name, ()) if name in formal_names().get(form, ())]
    return Agreement.UNKNOWN if any(form[0] == initial for form in forms) else Agreement.DIFFERS


def _changed_about(name: str, other: str) -> bool:
    """Two letters of a short name, or of a short form, changed about: Jsoh for Josh, who is Joshua. No other name is made so."""
    if other in short_forms() or len(other) < 4:
        return False
    return any(
        len(form) == len(other) and OSA.distance(form, other, score_cutoff=1) == 1 and sorted(form) == sorted(other)
        for form in (name, *short_forms().get(name, ()))
    )


@cache
def _spelled_forms() -> dict[str, frozenset[str]]:
    """Short forms, by one spelling for all that sound the same: Nataliya, as Natalia, is Natasha."""
    spelled: dict[str, set[str]] = {}
    for name, others in short_forms().items():
        spelled.setdefault(spelling(name), set()).update(map(spelling, others))
    return {name: frozenset(others) for name, others in spelled.items()}


def _cut_short(long: str, short: str) -> bool:
    """Seb for Sebastien, Renzo for Lorenzo: in every language. A letter or two less is another name's ending (Jan, Jana)."""
    if len(long) - 2 > len(short) > 2 and long.startswith(short):
        return True
    return len(long) - 1 > len(short) > 4 and long.endswith(short)


def _compare_known(a: str, b: str) -> Agreement:
    """Two names that are both in use. Letters changed about are a slip all the same: Micheal, Michael."""
    if len(a) > 3 and sorted(a) == sorted(b) and OSA.distance(a, b, score_cutoff=1) == 1:
        return Agreement.CLOSE
    return Agreement.UNKNOWN if _siblings(a, b) else Agreement.DIFFERS


def _compare_double(a: list[str], b: list[str]) -> Agreement:
    """Anna Maria is Anna and is A. Maria, but Anna Maria is not Anna Luise."""
    first = compare_first(a[0], b[0])
    if first in (Agreement.DIFFERS, Agreement.UNKNOWN):
        return Agreement.VARIANT if len(a) != len(b) and set(a) & set(b) else first
    seconds = compare_first(a[1], b[1]) if len(a) > 1 and len(b) > 1 else Agreement.UNKNOWN
    if seconds is Agreement.DIFFERS:
        return Agreement.DIFFERS
    return Agreement.VARIANT if first is Agreement.SAME else first


def compare_last(a: str, b: str) -> Agreement:
    """Compares two folded last names. One part of a double name is a variant; particles are left out."""
    if not a or not b:
        return Agreement.UNKNOWN
    if a == b or written(a) == written(b):
        return Agreement.SAME
    if len(a) == 1 or len(b) == 1:
        return Agreement.INITIAL if a[0] == b[0] else Agreement.DIFFERS
    parts, others = set(a.split()) - PARTICLES, set(b.split()) - PARTICLES
    if parts and parts == others:
        return Agreement.SAME
    if (len(parts) > 1 or len(others) > 1) and parts & others:
        return Agreement.VARIANT
    return Agreement.CLOSE if slip(a, b) or same_spelling(a, b) else Agreement.DIFFERS


def _siblings(a: str, b: str) -> bool:
    """Liz and Beth are both Elizabeth, but two short forms of one name are seldom one person's: this says nothing either way."""
    return not formal_names().get(a, frozenset()).isdisjoint(formal_names().get(b, frozenset()))
