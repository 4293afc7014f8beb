"""Plays submissions through the real rules, in order: normal form, exact recognition, and for what stays open the weighing.

What intake keeps in tables is kept in dictionaries here; nothing of what is judged is done anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.intake.domain import NormalLead, Unreachable, normalise
from services.intake.domain.identity import Kind, kind_of
from services.intake.domain.likeness import (
    MAX_SHARING,
    THRESHOLD,
    Decision,
    Profile,
    blocks,
    decide,
    limit_of,
    profile_of,
    remember,
    weigh,
)
from services.intake.domain.recognition import Known, Newcomer, exact_match
from tests.eval.dedup.submissions import Submission


@dataclass
class Contact:
    id: UUID
    remembered: dict[str, Any] = field(default_factory=dict)
    keys: frozenset[bytes] = frozenset()
    profile: Profile = field(default_factory=Profile)
    blocks: tuple[str, ...] = ()  # of its profile now
    lies_in: set[str] = field(default_factory=set)  # with those of its profiles before


@dataclass
class Played:
    """`contacts[n]` is the contact of submission n at the end, None where it was refused as unreachable.

    `exact` and `fuzzy` count what each recognised, `weighed` the pairs of contacts that were weighed, and `suggested` are pairs of contacts
    that a person would be asked about.
    """

    contacts: list[int | None] = field(default_factory=list)
    exact: int = 0
    fuzzy: int = 0
    suggested: list[tuple[int, int]] = field(default_factory=list)
    weighed: int = 0


def play(submissions: Iterable[Submission], *, threshold: float = THRESHOLD, fuzzy: bool = True) -> Played:
    """Recognises each submission in turn, as intake would."""
    book = _Book(threshold)
    made: list[Contact | None] = []
    for submission in submissions:
        lead = normal(submission)
        contact = book.receive(lead) if lead else None
        if contact and fuzzy:
            book.weigh(contact)
        made.append(contact)
    book.played.contacts = [None if contact is None else book.current(contact.id).id.int for contact in made]
    book.played.suggested = [(book.current(a).id.int, book.current(b).id.int) for a, b in book.suggested]
    return book.played


def normal(submission: Submission) -> NormalLead | None:
    """The one place that knows how intake brings a lead into normal form. None for one that is refused as unreachable."""
    region = submission.fields.get("country")
    try:
        return normalise(submission.fields, {}, source=submission.channel, region=region, defaults={}, fact_keys=())
    except Unreachable:
        return None


class _Book:
    """Contacts, what they are recognised by and what they are looked up by."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.played = Played()
        self.suggested: list[tuple[UUID, UUID]] = []
        self._contacts: dict[UUID, Contact] = {}
        self._merged: dict[UUID, UUID] = {}
        self._by_key: dict[bytes, set[UUID]] = {}
        self._by_block: dict[str, set[UUID]] = {}

    def current(self, id: UUID) -> Contact:
        while id in self._merged:
            id = self._merged[id]
        return self._contacts[id]

    def receive(self, lead: NormalLead) -> Contact:
        keys = frozenset(identifier.key for identifier in lead.identifiers)
        near = {self.current(id).id for key in keys for id in self._by_key.get(key, ())}
        match, _ = exact_match(_newcomer(lead, keys), [_known(self._contacts[id]) for id in near])
        if match is None:
            contact = Contact(UUID(int=len(self._contacts) + 1))
            self._contacts[contact.id] = contact
        else:
            contact = self._contacts[match.contact_id]
            self.played.exact += 1
        self._learn(contact, remember(contact.remembered, lead.contact, lead.facts), contact.keys | keys)
        return contact

    def _learn(self, contact: Contact, remembered: dict[str, Any], keys: frozenset[bytes]) -> None:
        for key in keys - contact.keys:
            self._by_key.setdefault(key, set()).add(contact.id)
        contact.remembered, contact.keys = remembered, keys
        contact.profile = profile_of(remembered, remembered, keys=keys)
        contact.blocks = blocks(contact.profile)
        self._lay(contact, contact.blocks)

    def _lay(self, contact: Contact, found_by: Iterable[str]) -> None:
        contact.lies_in.update(found_by)
        for block in found_by:
            self._by_block.setdefault(block, set()).add(contact.id)

    def weigh(self, contact: Contact) -> None:
        """Against all that share a block or an identifier; after a merge again, with what is now known."""
        while True:
            telling = [self._by_block[block] for block in contact.blocks if len(self._by_block[block]) <= limit_of(block)]
            sharing = [self._by_key[key] for key in contact.keys if len(self._by_key[key]) <= MAX_SHARING]
            near = {self.current(id).id for id in set().union(*telling, *sharing)} - {contact.id}
            verdicts = [(weigh(contact.profile, self._contacts[id].profile), id) for id in sorted(near)]
            self.played.weighed += len(verdicts)
            if not verdicts:
                return
            verdict, other = max(verdicts, key=lambda one: (one[0].score, -one[1].int))
            decision = decide(verdict, self.threshold)
            if decision is Decision.SUGGEST:
                self.suggested.append((contact.id, other))
            if decision is not Decision.MERGE:
                return
            contact = self._merge(contact, self._contacts[other])

    def _merge(self, a: Contact, b: Contact) -> Contact:
        """The older one stays, and learns what the younger one knew."""
        winner, loser = (a, b) if a.id < b.id else (b, a)
        self._merged[loser.id] = winner.id
        for block in loser.lies_in:
            self._by_block[block].discard(loser.id)
        self._lay(winner, loser.lies_in)
        self._learn(winner, remember(winner.remembered, loser.remembered, loser.remembered), winner.keys | loser.keys)
        self.played.fuzzy += 1
        return winner


def _of_kind(keys: frozenset[bytes], *kinds: Kind) -> frozenset[bytes]:
    return frozenset(key for key in keys if kind_of(key) in kinds)


def _newcomer(lead: NormalLead, keys: frozenset[bytes]) -> Newcomer:
    emails = _of_kind(keys, Kind.EMAIL)
    return Newcomer(
        lead.contact.get("first_name"),
        lead.contact.get("last_name"),
        lead.contact.get("name"),
        emails,
        _of_kind(keys, Kind.PHONE),
        _of_kind(keys, Kind.CLICK, Kind.VISITOR),
        role_keys=emails if lead.facts.get("email_role") else frozenset(),
    )


def _known(contact: Contact) -> Known:
    name = contact.remembered
    return Known(
        contact.id,
        name.get("first_name"),
        name.get("last_name"),
        name.get("name"),
        _of_kind(contact.keys, Kind.EMAIL),
        _of_kind(contact.keys, Kind.PHONE),
        _of_kind(contact.keys, Kind.CLICK, Kind.VISITOR),
    )
