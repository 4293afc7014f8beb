r"""Patterns that Python may match by itself: without repetition and with one group at most, so that its time is linear too.

`(?i)\b(head|chief|vp)\b` is what people ask of a job title, and the engine reads a pattern anew each time. Python's `re` agrees
with the engine's RE2 on what is let through here (not on `\B`, which Python does not find in an empty text).
"""

from __future__ import annotations

import re

MAX_SEARCHED = 1_000  # characters; longer texts are the engine's
_ATOM = r"(?:[A-Za-z0-9 _@,:;/=#%&'\"!~<>-]|\\[bdDwW]|\\[!-/:-@\[-`{-~]|[.^$])"
_CHOICE = rf"{_ATOM}*(?:\|{_ATOM}*)*"
_SIMPLE = re.compile(rf"(?P<flag>\(\?i\))?(?P<body>{_CHOICE}(?:\((?:\?:)?{_CHOICE}\){_CHOICE})?)", re.ASCII)


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """The pattern for Python, to be used where `is_for`; None for one that is left to the engine."""
    simple = _SIMPLE.fullmatch(pattern)
    if simple is None:
        return None
    # To Python alone, `$` is also before a line's end at the end of the text.
    body = re.sub(r"(\\.)|\$", lambda found: found[1] or r"\Z", simple["body"])
    return re.compile(body, re.ASCII | (re.IGNORECASE if simple["flag"] else 0))


def is_for(compiled: re.Pattern[str], text: str) -> bool:
    """Whether Python finds what the engine would. Without regard to case, the engine also takes ſ for s and the Kelvin sign for k."""
    return len(text) <= MAX_SEARCHED and (text.isascii() or not compiled.flags & re.IGNORECASE)
