"""Names of people and companies: shouted and whispered ones in the usual case, and what is no name at all."""

from __future__ import annotations

import re
from unicodedata import normalize

from services.intake.domain.quality.text import words

PARTICLES = words(
    "af al av bin da das de degli del della den der di do dos du e el ibn la las le los op te ten ter van von y zu zum zur"
)
NUMERALS = frozenset(["ii", "iii", "iv", "vi", "vii", "viii"])
PLACEHOLDERS = frozenset(
    [
        "asdf",
        "aucun",
        "geen",
        "keine",
        "n.a.",
        "n/a",
        "n\\a",
        "nessuno",
        "ninguno",
        "none",
        "not applicable",
        "not available",
        "not provided",
        "tbd",
        "test",
        "undefined",
        "unknown",
        "xxx",
    ]
)
_PIECES = re.compile(r"([-'’.])")


def is_placeholder(text: str) -> bool:
    """Is this what people and programs write where a value is asked for and there is none? `Null` is a surname, `null` is not."""
    if text == "null" or text.casefold() in PLACEHOLDERS:
        return True
    return not text[:1].isalnum() and not any(map(str.isalnum, text))


def proper_case(name: str, *, surname: bool = False) -> str:
    """A name in the usual case if it is all capitals or all small letters; a name in mixed case is its owner's business.

    Particles (van der, de la) stay small within a name, and at its beginning where it is a surname alone.
    """
    if not (name.isupper() or name.islower()):
        return name
    cased = _cased(name, surname)
    # Some letters change for ever, such as a ligature that falls apart: a name that would not come to rest is left alone.
    return cased if cased == name or _cased(cased, surname) == cased else name


def _cased(name: str, surname: bool) -> str:
    if not (name.isupper() or name.islower()):
        return name
    words = name.lower().split(" ")
    cased = []
    for n, word in enumerate(words):
        first, last = n == 0, n == len(words) - 1
        small = word in PARTICLES and not last and (surname or not first)
        cased.append(word if small else word.upper() if word in NUMERALS and not first else _capitalised(word))
    return normalize("NFC", " ".join(cased)).replace("i\u0307", "i")  # what lower() makes of a Turkish İ


def _capitalised(word: str) -> str:
    """Anne-Marie, J.R., O'Neill, D'Angelo, McDonald. An apostrophe after more than one letter begins no new name."""
    pieces = _PIECES.split(word)
    for n in range(0, len(pieces), 2):
        if n == 0 or pieces[n - 1] in "-." or len(pieces[n - 2]) == 1:
            pieces[n] = _piece(pieces[n])
    return "".join(pieces)


def _piece(piece: str) -> str:
    if piece.startswith("mc") and len(piece) > 3:
        return "Mc" + piece[2:].capitalize()
    return piece.capitalize()
