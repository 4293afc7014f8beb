"""Exact recognition: is this newcomer one of the contacts that share an identifier with them?

An identifier alone does not decide. A handset is shared by a family, a switchboard by a company, a mailbox by whoever reads info@, so
the names and the other identifiers have a say. What stays open here is weighed later, with all that is known (likeness).
Runs inside the group commit: a few microseconds for a candidate, nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.intake.domain.likeness.evidence import Evidence
from services.intake.domain.likeness.names import AGREE, Agreement, NameAgreement, PersonName, compare_names, person_name, slipped


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who a submission comes from: names as sent, and the digests of its identifiers.

    `role_keys` are those e-mail keys that are read by whoever is on duty (info@, sales@).
    """

    first: str | None
    last: str | None
    name: str | None
    email_keys: frozenset[bytes]
    phone_keys: frozenset[bytes]
    other_keys: frozenset[bytes]
    role_keys: frozenset[bytes] = field(default=frozenset(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Known:
    """A contact that shares an identifier with the newcomer, with all the identifiers it was ever seen with."""

    contact_id: UUID
    first: str | None
    last: str | None
    name: str | None
    email_keys: frozenset[bytes]
    phone_keys: frozenset[bytes]
    other_keys: frozenset[bytes]


# Bits, as in likeness.weigh, so that evidence of both kinds can be stored side by side. Here they only rank candidates.
EMAIL = 14.0
PHONE = 10.0
OTHER = 8.0
NAMES = 6.0
REFUSED = -20.0

SHARED_MAILBOX = Evidence("name", "another first name at the same mailbox: a family's", REFUSED)
ROLE_MAILBOX = Evidence("email", "a role's mailbox, and the names do not say that it is the same person", REFUSED)
GENERATIONS = Evidence("name", "junior and senior", REFUSED)
OTHER_NAME = Evidence("name", "another name: what they share belongs to several people", REFUSED)
OTHER_EMAIL = Evidence("email", "another address, and the names do not say that it is the same person", REFUSED)

SAME_EMAIL = Evidence("email", "same", EMAIL)
SAME_PHONE = Evidence("phone", "same", PHONE)
SAME_VISIT = Evidence("visitor", "same click or browser", OTHER)
SAME_NAME = Evidence("name", "agrees", NAMES)


def exact_match(newcomer: Newcomer, candidates: Iterable[Known]) -> tuple[Known | None, tuple[Evidence, ...]]:
    """The candidate that the newcomer is, with what says so; or None, with what speaks against the likeliest one.

    Best evidence first, then the oldest contact (the least id), so the order of the candidates does not matter. A candidate that shares
    no identifier is passed over.
    """
    name = person_name(newcomer.first, newcomer.last, newcomer.name)
    judged = [(known, *verdict) for known in candidates if (verdict := _judge(newcomer, known, name))]
    if not judged:
        return None, ()
    known, evidence, same = min(judged, key=_rank)
    return known if same else None, evidence


def _rank(judged: tuple[Known, tuple[Evidence, ...], bool]) -> tuple[bool, float, int]:
    known, evidence, same = judged
    return not same, -sum(one.weight for one in evidence), known.contact_id.int


def _judge(newcomer: Newcomer, known: Known, name: PersonName) -> tuple[tuple[Evidence, ...], bool] | None:
    """What the two share, and whether it makes them one person; None where they share nothing."""
    shared = _shared(newcomer, known)
    if not shared:
        return None
    theirs = person_name(known.first, known.last, known.name)
    names = compare_names(name, theirs)
    if names.first is Agreement.DIFFERS and SAME_EMAIL in shared and slipped(name, theirs):
        names = replace(names, first=Agreement.CLOSE)
    against = _against(newcomer, known, names)
    if against:
        return (*shared, against), False
    return (*shared, SAME_NAME) if _vouch(names) else shared, True


def _shared(newcomer: Newcomer, known: Known) -> tuple[Evidence, ...]:
    pairs = (
        (SAME_EMAIL, newcomer.email_keys, known.email_keys),
        (SAME_PHONE, newcomer.phone_keys, known.phone_keys),
        (SAME_VISIT, newcomer.other_keys, known.other_keys),
    )
    return tuple(evidence for evidence, ours, theirs in pairs if not ours.isdisjoint(theirs))


def _against(newcomer: Newcomer, known: Known, names: NameAgreement) -> Evidence | None:
    """What speaks against one person, if that is stronger than what the two share."""
    mailboxes = newcomer.email_keys & known.email_keys
    if names.generation is Agreement.DIFFERS:
        return GENERATIONS
    if mailboxes - newcomer.role_keys:
        return SHARED_MAILBOX if names.first is Agreement.DIFFERS else None
    if Agreement.DIFFERS in (names.first, names.last):
        return ROLE_MAILBOX if mailboxes else OTHER_NAME
    if _vouch(names):
        return None
    if mailboxes:
        return ROLE_MAILBOX if _named(newcomer) or _named(known) else None
    ours, theirs = newcomer.email_keys - newcomer.role_keys, known.email_keys - newcomer.role_keys
    return OTHER_EMAIL if ours and theirs else None


def _vouch(names: NameAgreement) -> bool:
    """The names speak for one person, and not only by not speaking against it."""
    if names.generation is not Agreement.SAME:
        return False
    if names.first is Agreement.INITIAL:
        return names.last in AGREE
    return names.first in AGREE and names.last is not Agreement.DIFFERS


def _named(person: Newcomer | Known) -> bool:
    return bool(person.first or person.last or person.name)
