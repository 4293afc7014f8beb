"""Blocking: the few index entries under which contacts that may be one person meet, so that not everybody is compared with everybody.

A pair that shares no block is never weighed. Each block therefore needs other fields than the next, so that one field that was
mistyped, left out or changed leaves another way for the two to meet. And each needs more than a name, because among a million contacts
nearly everybody has namesakes: a name counts together with what the evidence needs besides it, an address or a number one slip away
or the beginning of a company's name. Which blocks these are was chosen on the tuning seeds of tests/eval/dedup.
"""

from __future__ import annotations

from functools import lru_cache
from string import digits

from jellyfish import metaphone

from services.intake.domain.likeness.frequent import FREQUENT_SURNAMES
from services.intake.domain.likeness.names import PARTICLES
from services.intake.domain.likeness.profile import Profile
from services.intake.domain.likeness.short_forms import short_forms

# By kind, the contacts in a block from which on it says nothing and is left out: it would find too many to weigh.
MAX_BLOCK = {
    "place": 50,
    "mail": 20,
    "phone": 50,  # a switchboard
    "city": 50,
    "slip": 20,
    "area": 20,
    "work": 20,
    "name": 20,  # every John Smith
}

_NO_DIGITS = str.maketrans("", "", digits)
_ONLY_DIGITS = {code: None for code in range(128) if chr(code) not in digits}

# From how many contacts on an identifier that they share (a browser in a library, a mailbox they left) says nothing.
MAX_SHARING = 20


def blocks(profile: Profile) -> tuple[str, ...]:
    """At most seven blocking keys, each `kind:…`, none twice. Equal fields give equal keys whatever the order of the names.

    Only a contact without a mailbox of its own or without a phone lies in the block of its bare name.
    """
    given, family = _in_order(profile.name.first.partition(" ")[0], _core(profile.name.last) or _last_in_mailbox(profile))
    first, last = _sound(given), _sound(family)
    mailbox = _joined(profile.email_local)
    letters, number = _parted(mailbox)
    keys = []
    if last and profile.postcode:
        keys.append(f"place:{last}:{profile.postcode}")
    if len(mailbox) > 3:
        # By how it sounds and its digits, which most slips leave; as it is written where it is so short that many sound alike.
        keys.append(f"mail:{_sound(letters)}:{number}" if len(letters) > 6 else f"mail:{mailbox}")
    if len(profile.phone) > 6:
        keys.append(f"phone:{profile.phone[-8:]}")
    if last and given and profile.city:
        keys.append(f"city:{given[:1]}:{last}:{profile.city}")
    if last and (opening := _opening(profile.company or profile.company_domain.partition(".")[0])):
        keys.append(f"work:{last}:{opening}")
    if first and last:
        keys += _of_name(profile, f"{first}:{last}" if first < last else f"{last}:{first}", f"{given[0]}:{last}", number)
    return tuple(keys)


def _of_name(profile: Profile, name: str, short: str, number: str) -> list[str]:
    """A slip in an address leaves its digits (`number`) and its domain, one in a number its beginning or (above) its end.

    `short` has of the first name only how it begins, as most of its short forms do.
    """
    keys = []
    if profile.email_local:
        keys.append(f"slip:{name}:{profile.email_domain}:{number}")
    if profile.phone:
        keys.append(f"area:{short}:{profile.phone[:5]}")
    if not (profile.email_local and profile.phone):
        keys.append(f"name:{name}")
    return keys


def limit_of(block: str) -> int:
    """How many contacts may lie in a block that still says something."""
    return MAX_BLOCK[block.partition(":")[0]]


def _in_order(first: str, last: str) -> tuple[str, str]:
    """First and last name, the other way round where only the last one is known to be a first name."""
    return (last, first) if first and _is_given(last) and first not in short_forms() else (first, last)


def _is_given(word: str) -> bool:
    return word in short_forms() and word not in FREQUENT_SURNAMES


def _last_in_mailbox(profile: Profile) -> str:
    """Of somebody who gave no last name: brook for Anna at annabrook7, for a.brook, and for abrook at a company."""
    letters = "".join([c for c in profile.email_local if c.isalpha()])
    first = profile.name.first
    for part in (first, first[:1]) if first else ():
        if letters.startswith(part) or letters.endswith(part):
            rest = letters.removeprefix(part) if letters.startswith(part) else letters.removesuffix(part)
            return rest if len(rest) > 2 else ""
    parts = profile.email_local.replace("_", ".").replace("-", ".").split(".")
    if len(parts) > 1:
        words = [word for part in parts if len(word := "".join([c for c in part if c.isalpha()])) > 2]
        return next((word for word in reversed(words) if not _is_given(word)), words[-1] if words else "")
    return letters[1:] if profile.work_email and not first else ""


def _parted(mailbox: str) -> tuple[str, str]:
    """What is no digit of a mailbox, and its digits."""
    letters = mailbox.rstrip(digits)
    if letters.isalpha() and letters.isascii():  # they stand at the end, or there are none
        return letters, mailbox[len(letters) :]
    if mailbox.isascii():
        return mailbox.translate(_NO_DIGITS), mailbox.translate(_ONLY_DIGITS)
    return "".join([c for c in mailbox if not c.isdigit()]), "".join([c for c in mailbox if c.isdigit()])


def _joined(text: str) -> str:
    return text if text.isalnum() else "".join(filter(str.isalnum, text))


def _core(last: str) -> str:
    """The longest word of a last name: all of it, for most, and the part that double names have in common, for many."""
    if " " not in last:
        return last
    return max((word for word in last.split() if word not in PARTICLES), key=len, default=last)


@lru_cache(maxsize=4096)
def _opening(company: str) -> str:
    """Alpine Tools, Alpine Tools International and alpine-tools.example begin alike, and with a slip still sound alike."""
    return _sound(_joined(company))[:4]


@lru_cache(maxsize=4096)
def _sound(name: str) -> str:
    """How a name sounds in English; as it is written where that says nothing (other scripts)."""
    return metaphone(name) or name
