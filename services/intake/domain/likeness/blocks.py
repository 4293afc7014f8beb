"""Blocking: the few index entries under which contacts that may be one person meet, so that not everybody is compared with everybody.

A pair that shares no block is never weighed. Each block therefore needs other fields than the next, so that one field that was
mistyped, left out or changed leaves another way for the two to meet.
"""

from __future__ import annotations

import re

from jellyfish import metaphone

from services.intake.domain.likeness.names import PARTICLES
from services.intake.domain.likeness.profile import Profile

MAX_BLOCK = 200  # contacts; a fuller block (every John Smith) finds too many to weigh, and the caller leaves it out

_LETTERS = re.compile(r"[^\W\d_]+")


def blocks(profile: Profile) -> tuple[str, ...]:
    """At most six blocking keys, none twice. Equal fields give equal keys whatever the order of the names."""
    first, last = _sound(profile.name.first.partition(" ")[0]), _sound(_core(profile.name.last))
    company = profile.company_domain or profile.company
    local = "".join(_LETTERS.findall(profile.email_local))
    sounds = sorted((first, last))
    keys = (
        last and profile.postcode and f"place:{last}:{profile.postcode}",
        last and company and f"work:{last}:{company}",
        len(local) > 3 and f"mail:{local}",
        len(profile.phone) > 6 and f"phone:{profile.phone[-7:]}",
        last and profile.city and f"city:{profile.name.first[:1]}:{last}:{profile.city}",
        first and last and f"name:{sounds[0]}:{sounds[1]}",
    )
    return tuple(key for key in keys if key)


def _core(last: str) -> str:
    """The longest word of a last name: all of it, for most, and the part that double names have in common, for many."""
    return max((word for word in last.split() if word not in PARTICLES), key=len, default=last)


def _sound(name: str) -> str:
    """How a name sounds in English; as it is written where that says nothing (other scripts)."""
    return metaphone(name) or name
