"""How one name is written: folded to one alphabet, spelled as it sounds, and mistyped.

Folded text is lower case, without accents, in Latin letters; all but `fold` work on it.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, normalize

from rapidfuzz.distance import OSA, JaroWinkler

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


def written(name: str) -> str:
    """Mueller and Müller, of which folding leaves Muller, are one name; and Jean Pierre is Jeanpierre."""
    return name.replace(" ", "").replace("ae", "a").replace("oe", "o").replace("ue", "u")


def slip(a: str, b: str) -> bool:
    """One slip, or in a long word two that leave it looking the same (Jaro-Winkler, which forgives the end of a word most)."""
    shorter = min(len(a), len(b))
    if shorter < 4 or abs(len(a) - len(b)) > 2:
        return False
    edits = OSA.distance(a, b, score_cutoff=2)
    return edits == 1 or (edits == 2 and shorter > 7 and JaroWinkler.similarity(min(a, b), max(a, b)) >= ALIKE)


def sound(name: str) -> str:
    return name[0].translate(_SOUNDS)


@lru_cache(maxsize=4096)
def spelling(name: str) -> str:
    """One spelling for names that sound the same: Catherine and Katherine, Steven and Stephen."""
    sounds = name.replace("ph", "f").translate(_SOUNDS)
    return "".join(c for n, c in enumerate(sounds) if n == 0 or c not in ("h", sounds[n - 1]))


def same_spelling(a: str, b: str) -> bool:
    """Also where one of them has g for h. Most names begin otherwise, which is seen at once."""
    return _opening(a) == _opening(b) and spelling(a).replace("h", "g") == spelling(b).replace("h", "g")


def _opening(name: str) -> str:
    return "f" if name.startswith("ph") else name[0].translate(_SOUNDS)[0].replace("h", "g")


def gendered(a: str, b: str) -> bool:
    """Paul and Paula, Mario and Maria: they differ in how they end, and are husband and wife more often than a slip."""
    return a[-1] != b[-1] and sorted(a) != sorted(b) and a.rstrip("aeoiy") == b.rstrip("aeoiy")


def same_sound(a: str, b: str) -> bool:
    return bool(a and b) and sound(a) == sound(b)


def one_slip(a: str, b: str) -> bool:
    return OSA.distance(a, b, score_cutoff=2) <= (2 if min(len(a), len(b)) > 5 else 1)


def is_initial(name: str) -> bool:
    return len(name) == 1 or name in _LETTER_OF_TWO
