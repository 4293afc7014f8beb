"""Comparing the names of persons: how people write their own name differently, and how different people's names look alike.

Works on folded text: lower case, without accents, in Latin letters. Cheap enough for the hot path, so it splits a full name by position
and does not parse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from unicodedata import combining, normalize

from rapidfuzz.distance import OSA, JaroWinkler

from services.intake.domain.likeness.short_forms import formal_names, short_forms

MAX_NAME = 120  # characters that are looked at; nobody's name is longer, and comparing is quadratic
ALIKE = 0.92  # Jaro-Winkler; below it two spellings are two names

# Letters that Unicode does not take apart, and the Cyrillic and Greek alphabets as they are usually written in Latin letters.
_LETTERS = str.maketrans(
    dict(zip("æœøłđðþıħŋ", ("ae", "oe", "o", "l", "d", "d", "th", "i", "h", "n"), strict=True))
    | dict(zip("абвгдезийклмнопрстуфыэ", "abvgdeziiklmnoprstufye", strict=True))
    | dict(
        zip(
            "жхцчшщюяєіїґъьѕј",
            ("zh", "kh", "ts", "ch", "sh", "shch", "yu", "ya", "e", "i", "i", "g", "", "", "s", "j"),
            strict=True,
        )
    )
    | dict(zip("αβγδεζηικλμνξοπρστυφω", "avgdeziiklmnxoprstyfo", strict=True))
    | dict(zip("θχψ", ("th", "ch", "ps"), strict=True))
)
_LETTER_OF_TWO = frozenset(
    ["ya", "ye", "yi", "yu", "zh", "kh", "ts", "ch", "sh"]
)  # one, before it was brought into Latin letters
_MARKS = str.maketrans(
    dict.fromkeys("'’`´ʼʹ\u200b\u200c\u200d\ufeff", "") | dict.fromkeys('-_.,;:/\\|()[]{}<>"“”„«»*+&#!?@~^=%$', " ")
)

_SOUNDS = str.maketrans({"c": "k", "q": "k", "v": "f", "w": "f", "y": "i", "j": "i", "z": "s", "x": "ks"})


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


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name's parts, folded; "" where unknown. `suffix` is jr, sr, ii, iii or iv."""

    first: str = ""
    last: str = ""
    suffix: str = ""

    def __bool__(self) -> bool:
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


def fold(text: str) -> str:
    """Lower case, without accents, in Latin letters where there is a usual way, words parted by one blank."""
    text = text[:MAX_NAME].casefold()
    if text.isascii():
        if text.isalpha():
            return text
        if text.replace(" ", "").isalpha():
            return " ".join(text.split())
    else:
        text = "".join(c for c in normalize("NFKD", text) if not combining(c)).translate(_LETTERS)
    return " ".join(text.translate(_MARKS).split())


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
    if a.first != b.last and a.last != b.first and not (_same_sound(a.first, b.last) and _same_sound(a.last, b.first)):
        return None
    crossed = compare_first(a.first, b.last), compare_first(a.last, b.first)
    if not set(crossed).issubset(MAY_AGREE) or set(crossed).isdisjoint(AGREE):
        return None
    weaker, stronger = sorted(crossed, key=MAY_AGREE.index, reverse=True)
    return weaker, stronger


def _same_sound(a: str, b: str) -> bool:
    return bool(a and b) and _sound(a) == _sound(b)


def slipped(a: PersonName, b: PersonName) -> bool:
    """Are the first names a slip apart, though it made another name (Mara, Maria)? For two who share what is hardly ever shared.

    Also where it is a slip in a short form, and where one swapped their names before or after they married.
    """
    if min(len(a.first), len(b.first)) < 3 or _gendered(a.first, b.first):
        return False
    if a.first == b.last or a.last == b.first or _one_slip(_spelling(a.first), _spelling(b.first)):
        return True
    known = short_forms()
    pairs = [(form, b.first) for form in known.get(a.first, ())] + [(form, a.first) for form in known.get(b.first, ())]
    return any(min(len(form), len(other)) > 3 and _one_slip(form, other) for form, other in pairs)


def _one_slip(a: str, b: str) -> bool:
    return OSA.distance(a, b, score_cutoff=2) <= (2 if min(len(a), len(b)) > 5 else 1)


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
    if _is_initial(a) or _is_initial(b):
        return _compare_initial(a, b)
    if _written(a) == _written(b):
        return Agreement.SAME
    parts, others = a.split(), b.split()
    if len(parts) > 1 or len(others) > 1:
        return _compare_double(parts, others)
    known = short_forms()
    if b in known.get(a, ()) or _spelling(a) == _spelling(b) or _spelling(b) in _spelled_forms().get(_spelling(a), ()):
        return Agreement.VARIANT
    if a in known and b in known:
        return _compare_known(a, b)
    if _cut_short(a, b) or _cut_short(b, a):
        return Agreement.VARIANT
    slip = min(len(a), len(b)) > 4 and _slip(a, b) and not _gendered(a, b)
    return Agreement.CLOSE if slip or _changed_about(a, b) or _changed_about(b, a) else Agreement.DIFFERS


def _compare_initial(a: str, b: str) -> Agreement:
    """B. may be William, who is Bill, but may be his wife as well."""
    if _sound(a) == _sound(b):
        return Agreement.INITIAL
    initial, name = sorted((a, b), key=len)
    forms = [form for form in short_forms().get(name, ()) if name in formal_names().get(form, ())]
    return Agreement.UNKNOWN if any(form[0] == initial for form in forms) else Agreement.DIFFERS


def _changed_about(name: str, slip: str) -> bool:
    """Two letters of a short name, or of a short form, changed about: Jsoh for Josh, who is Joshua. No other name is made so."""
    if slip in short_forms() or len(slip) < 4:
        return False
    return any(
        len(form) == len(slip) and OSA.distance(form, slip, score_cutoff=1) == 1 and sorted(form) == sorted(slip)
        for form in (name, *short_forms().get(name, ()))
    )


def _is_initial(name: str) -> bool:
    return len(name) == 1 or name in _LETTER_OF_TWO


@cache
def _spelled_forms() -> dict[str, frozenset[str]]:
    """Short forms, by one spelling for all that sound the same: Nataliya, as Natalia, is Natasha."""
    spelled: dict[str, set[str]] = {}
    for name, others in short_forms().items():
        spelled.setdefault(_spelling(name), set()).update(map(_spelling, others))
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
    if a == b or _written(a) == _written(b):
        return Agreement.SAME
    if len(a) == 1 or len(b) == 1:
        return Agreement.INITIAL if a[0] == b[0] else Agreement.DIFFERS
    parts, others = set(a.split()) - PARTICLES, set(b.split()) - PARTICLES
    if parts and parts == others:
        return Agreement.SAME
    if (len(parts) > 1 or len(others) > 1) and parts & others:
        return Agreement.VARIANT
    return Agreement.CLOSE if _slip(a, b) or _same_spelling(a, b) else Agreement.DIFFERS


def _written(name: str) -> str:
    """Mueller and Müller, of which folding leaves Muller, are one name; and Jean Pierre is Jeanpierre."""
    return name.replace(" ", "").replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _slip(a: str, b: str) -> bool:
    """One slip, or in a long word two that leave it looking the same (Jaro-Winkler, which forgives the end of a word most)."""
    shorter = min(len(a), len(b))
    if shorter < 4 or abs(len(a) - len(b)) > 2:
        return False
    edits = OSA.distance(a, b, score_cutoff=2)
    return edits == 1 or (edits == 2 and shorter > 7 and JaroWinkler.similarity(min(a, b), max(a, b)) >= ALIKE)


def _sound(name: str) -> str:
    return name[0].translate(_SOUNDS)


@lru_cache(maxsize=4096)
def _spelling(name: str) -> str:
    """One spelling for names that sound the same: Catherine and Katherine, Steven and Stephen."""
    sounds = name.replace("ph", "f").translate(_SOUNDS)
    return "".join(c for n, c in enumerate(sounds) if n == 0 or c not in ("h", sounds[n - 1]))


def _same_spelling(a: str, b: str) -> bool:
    """Also where one of them has g for h. Most names begin otherwise, which is seen at once."""
    return _opening(a) == _opening(b) and _spelling(a).replace("h", "g") == _spelling(b).replace("h", "g")


def _opening(name: str) -> str:
    return "f" if name.startswith("ph") else name[0].translate(_SOUNDS)[0].replace("h", "g")


def _gendered(a: str, b: str) -> bool:
    """Paul and Paula, Mario and Maria: they differ in how they end, and are husband and wife more often than a slip."""
    return a[-1] != b[-1] and sorted(a) != sorted(b) and a.rstrip("aeoiy") == b.rstrip("aeoiy")


def _siblings(a: str, b: str) -> bool:
    """Liz and Beth are both Elizabeth, but two short forms of one name are seldom one person's: this says nothing either way."""
    return not formal_names().get(a, frozenset()).isdisjoint(formal_names().get(b, frozenset()))
