"""Text as people and machines send it, made comparable: one line, NFC, without characters that nobody sees."""

from __future__ import annotations

from typing import Any
from unicodedata import category, combining, normalize

_CONTROLS = [code for code in range(0xA0) if category(chr(code)) == "Cc" and not chr(code).isspace()]
# Soft hyphen, zero-width space, marks of direction (which phones put around a copied number), byte order mark.
_UNSEEN = [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
_INVISIBLE = dict.fromkeys([*_CONTROLS, *_UNSEEN])
# Joiners are letters to scripts that need them, and dirt in those that do not.
_JOINERS = dict.fromkeys([0x200C, 0x200D])
_LATIN_END = "\u0250"


def as_text(value: Any) -> str:
    """Any JSON value as text: numbers without a needless `.0`, lists joined by commas."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else str(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 10_000 else hex(value)  # Python writes no longer one in decimals
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {as_text(item)}" for key, item in value.items())
    return str(value)


def one_line(text: str) -> str:
    """The text on one line: blanks collapsed, invisible characters gone, NFC."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = text.translate(_INVISIBLE)
    if not text.isascii():
        plain = text.translate(_JOINERS)
        text = normalize("NFC", plain if max(plain, default="") < _LATIN_END else text)
    return " ".join(text.split())


def line_of(value: Any) -> str:
    """Any JSON value as text on one line."""
    # Nearly every value is such a text, and two calls a value would cost more than all that is asked of it.
    if type(value) is str and value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    return one_line(as_text(value))


def fold(text: str) -> str:
    """The text for comparing: letters and digits only, without case and accents."""
    text = text.casefold()
    if not text.isascii():
        text = "".join(char for char in normalize("NFKD", text) if not combining(char))
    return "".join(filter(str.isalnum, text))


def words(text: str) -> frozenset[str]:
    """A table of words, written as one text."""
    return frozenset(text.split())
