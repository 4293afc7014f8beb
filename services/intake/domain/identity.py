"""Identifiers: what tells that two submissions come from one person.

An identifier is a kind and a normal value. It is kept as a key of 16 bytes, its kind and a digest of its value: short in the index, and
readable nowhere. A digest can be tried out by whoever holds it, so a key is treated as contact data all the same.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple


class Kind(StrEnum):
    """What an identifier is. A closed list, strongest first."""

    __hash__ = str.__hash__  # an enum's own is a call in Python, and every lead looks up its kinds

    EMAIL = "email"  # normalised: case, and for some providers dots and plus tags, are folded
    PHONE = "phone"  # E.164
    CLICK = "click"  # an ad click: gclid, fbclid, …
    VISITOR = "visitor"  # a browser, as the site's own script knows it


CODES = {Kind.EMAIL: 1, Kind.PHONE: 2, Kind.CLICK: 3, Kind.VISITOR: 4}
_PREFIXES = {kind: bytes((code,)) for kind, code in CODES.items()}
KEY = 16  # bytes of an identifier's key
_SIGNED = Struct(">q")
KINDS = {code: kind for kind, code in CODES.items()}


class Identifier(NamedTuple):
    kind: Kind
    value: str

    @property
    def key(self) -> bytes:
        """Its kind in the first byte, so that a key says what it is, and 15 bytes of digest."""
        return _PREFIXES[self.kind] + blake2b(self.value.encode("utf-8", "surrogatepass"), digest_size=KEY - 1).digest()


def kind_of(key: bytes) -> Kind:
    """What an identifier's key is a key of."""
    return KINDS[key[0]]


def digest(*parts: str, size: int = 16) -> bytes:
    """So many bytes that stand for these texts. Unambiguous: ("a", "bc") and ("ab", "c") differ."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=size).digest()


def block_key(block: str) -> int:
    """A blocking key as a number of 64 bits, which an index holds and compares for less than text."""
    number: int = _SIGNED.unpack(blake2b(block.encode("utf-8", "surrogatepass"), digest_size=8).digest())[0]
    return number


def external_key(source_id: str, external_id: str) -> bytes:
    """The digest of a sender's own id of a lead, within one source."""
    return digest("external", source_id, external_id)
