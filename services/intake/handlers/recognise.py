"""Recognising the persons behind leads by their exact identifiers, under the identifiers' locks.

The identifiers of a whole group are locked in one sorted statement before anything is decided, so whoever comes at the same moment with
one of them waits, in this process or another, and then finds the contact that was made. Within the group leads are taken in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.identity import Kind, kind_of
from services.intake.domain.likeness.memory import remember
from services.intake.domain.recognition import Known, Newcomer, exact_match
from services.intake.domain.repeat import RecognitionPolicy
from services.intake.store import contacts as store
from services.intake.store.contacts import Contact
from shared.db.uow import UnitOfWork

MAX_SHARED = 50  # contacts behind one identifier; a switchboard's number says nothing of a person any more


class Person(NamedTuple):
    """Who a lead says its person is, in both its blocks. `contact_id` is the contact that is made if nobody is recognised."""

    contact_id: UUID
    keys: tuple[bytes, ...]
    contact: Mapping[str, Any]
    facts: Mapping[str, Any]
    policy: RecognitionPolicy

    @property
    def role(self) -> bool:
        """Does the e-mail address belong to a role, such as info@, and so to whoever has it that day?"""
        return bool(self.facts.get("email_role"))


class People:
    """The contacts that the leads of one transaction may belong to, all locked."""

    def __init__(
        self,
        wanted: Mapping[bytes, UUID],
        known: Mapping[bytes, list[UUID]],
        suppressed: set[bytes],
        contacts: dict[UUID, Contact],
    ) -> None:
        self._claimed = {key: [id] for key, id in wanted.items()} | dict(known)  # what the database says
        self.suppressed = suppressed
        self._pointing: dict[bytes, list[UUID]] = {key: [] for key in wanted}
        self._pointing |= {key: [id for id in ids if id in contacts] for key, ids in known.items()}
        self.contacts = contacts
        self._changed: dict[UUID, Contact] = {}
        self.unweighed: dict[UUID, UUID] = {}

    @classmethod
    async def gather(cls, uow: UnitOfWork, persons: Sequence[Person], *, known: Iterable[UUID] = ()) -> People:
        """Locks the identifiers of these persons, the contacts they speak for, and those that are `known` otherwise."""
        wanted: dict[bytes, UUID] = {}
        for person in persons:
            for key in person.keys:
                wanted.setdefault(key, person.contact_id)
        claimed, suppressed = await store.claim_identifiers(uow, wanted) if wanted else ({}, set())
        pointed = {id for ids in claimed.values() for id in ids} | set(known)
        return cls(wanted, claimed, suppressed, await store.lock_contacts(uow, sorted(pointed)) if pointed else {})

    def recognise(self, uow: UnitOfWork, person: Person) -> Contact:
        """The person's contact: a known one whose identifiers match and nothing contradicts, else a new one."""
        candidates = self._candidates(person)
        match = exact_match(_newcomer(person), candidates)[0] if candidates else None
        if match is None:
            contact = self.contacts[person.contact_id] = Contact(person.contact_id, uow.now, {}, [], known=False)
        else:
            contact = self.contacts[match.contact_id]
        self.learn(contact, person)
        return contact

    def learn(self, contact: Contact, person: Person) -> None:
        """Adds what is said now of a person whose contact is known without being recognised."""
        said = remember(contact.profile, person.contact, person.facts)
        contact.news = contact.news or said != contact.profile
        contact.profile = said
        self._changed[contact.id] = contact
        for key in person.keys:
            self._point(key, contact)

    def _candidates(self, person: Person) -> list[Known]:
        # Most keys speak for nobody yet.
        keys = [key for key in person.keys if self._pointing[key] and kind_of(key) in person.policy.match]
        ids = dict.fromkeys(id for key in keys for id in self._pointing[key]) if keys else {}
        return [_known(self.contacts[id]) for id in ids]

    def _point(self, key: bytes, contact: Contact) -> None:
        pointing = self._pointing[key]
        if contact.id not in pointing and len(pointing) < MAX_SHARED:
            pointing.append(contact.id)
        if key not in contact.keys:
            contact.keys.append(key)
            contact.fresh_keys.append(key)

    def leads(self) -> Iterable[UUID]:
        """The last leads of the contacts that were known: those that may be touched."""
        return (contact.last_lead_id for contact in self.contacts.values() if contact.last_lead_id)

    def write(self, uow: UnitOfWork) -> None:
        made = [contact for contact in self._changed.values() if not contact.known]
        if made:
            store.add_contacts(uow, made)
        if changed := [contact for contact in self._changed.values() if contact.known]:
            store.touch_contacts(uow, changed)
        # Also those that point at a contact which was not made, because its lead was refused after all.
        if moved := {key: ids for key, ids in self._pointing.items() if ids != self._claimed[key]}:
            store.point_identifiers(uow, moved)
        if self.unweighed:
            store.queue_for_weighing(uow, list(self.unweighed.items()))


def _known(contact: Contact) -> Known:
    emails, phones, others = _sorted_keys(contact.keys)
    profile = contact.profile
    return Known(
        contact_id=contact.id,
        first=profile.get("first_name"),
        last=profile.get("last_name"),
        name=profile.get("name"),
        email_keys=emails,
        phone_keys=phones,
        other_keys=others,
    )


def _newcomer(person: Person) -> Newcomer:
    emails, phones, others = _sorted_keys(person.keys)
    said = person.contact
    return Newcomer(
        first=said.get("first_name"),
        last=said.get("last_name"),
        name=said.get("name"),
        email_keys=emails,
        phone_keys=phones,
        other_keys=others,
        role_keys=emails if person.role else frozenset(),
    )


def _sorted_keys(keys: Sequence[bytes]) -> tuple[frozenset[bytes], frozenset[bytes], frozenset[bytes]]:
    kinds = [(kind_of(key), key) for key in keys]
    return (
        frozenset(key for kind, key in kinds if kind == Kind.EMAIL),
        frozenset(key for kind, key in kinds if kind == Kind.PHONE),
        frozenset(key for kind, key in kinds if kind not in (Kind.EMAIL, Kind.PHONE)),
    )
