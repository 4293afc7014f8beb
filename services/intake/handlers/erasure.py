"""Forgetting people: on request, because their sender says so, or because their source keeps leads only so long.

Intake forgets first and says LeadErased behind all that it ever said of the lead; each service down the chain forgets and passes it on.
What stays are ids: the lead's, so that what still comes of it is known for what it is, and the sender's own of it, so that it is not made
anew when it is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

from services.intake import domain
from services.intake.domain.identity import external_key
from services.intake.domain.likeness.memory import remember
from services.intake.store import contacts, fetches, imports, leads, persons, suppressions
from services.intake.store.contacts import Contact
from services.intake.store.persons import LeadOf, Tombstone
from services.intake.store.sources import Source
from shared.contracts.envelope import Cause
from shared.contracts.events import LeadErased
from shared.db.uow import UnitOfWork
from shared.errors import Transient, not_found


@dataclass(frozen=True)
class Why:
    """Who wants it, and why: request, sender or retention."""

    by: str
    reason: str
    cause: Cause


@dataclass(frozen=True)
class Erased:
    """What was forgotten. `removed` counts rows by table."""

    contact_id: UUID
    lead_ids: list[UUID]
    removed: dict[str, int] = field(default_factory=dict)


async def erase_contact(id: UUID, uow: UnitOfWork, why: Why, *, suppress: bool = False) -> Erased:
    """Forgets a person: the contact, those merged into it, and all their leads. Again, it changes nothing. Raises Refused (404).

    `suppress` keeps what they are recognised by on the suppression list, so that they are not taken again.
    """
    root = await persons.root_of(uow, id)
    if root is None:
        raise not_found("contact", id)
    family = await _locked(uow, await persons.family_of(uow, root))
    whose = [lead for lead in await persons.leads_of(uow, list(family), lock=True) if lead.erased_at is None]
    keys = sorted({key for contact in family.values() for key in contact.keys})
    if suppress:
        await suppressions.add(uow, keys, reason="erased", by=why.by)
    removed = await _forget_leads(uow, whose, why, contact_id=root)
    removed.update(await persons.forget_contacts(uow, list(family), keys))
    if words := _words([*(lead.contact for lead in whose), *(contact.profile for contact in family.values())]):
        removed["deliveries"] += await persons.forget_unread(uow, words)
    await _unpoint(uow, keys, set(family))
    for contact in family.values():
        if contact.erased_at is None:
            await contacts.save_contact(uow, _forgotten(contact, uow))
    return Erased(root, [lead.id for lead in whose], dict(removed))


def _words(said: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the person is found by in deliveries that nobody could read: addresses and numbers, also as forms write them."""
    values = {str(block[name]).lower() for block in said for name in ("email", "phone") if block.get(name)}
    return sorted(values | {quote_plus(value).lower() for value in values})


async def erase_leads(ids: Sequence[UUID], uow: UnitOfWork, why: Why) -> list[Erased]:
    """Forgets leads; of a contact who has others only what came with these, else the whole person."""
    found = [lead for id in ids if (lead := await persons.lead_of(uow, id)) and lead.erased_at is None]
    done = []
    for contact_id in sorted({lead.contact_id for lead in found}):
        done.append(await _erase_some(contact_id, {lead.id for lead in found}, uow, why))
    return done


async def erase_sent_lead(source: Source, external_id: str, uow: UnitOfWork, why: Why) -> UUID | None:
    """Forgets the lead that the sender calls so; None where there is none such, which then is not made later either."""
    key = external_key(str(source.id), external_id)
    seen = (await leads.claim_external_ids(uow, [key])).get(key)
    await fetches.forget(uow, source.id, [external_id])
    if seen and seen.lead_id:
        await erase_leads([seen.lead_id], uow, why)
        return seen.lead_id
    # Its notification may still be on the way, or be fetched at this moment: the id is that of an erased lead from now on.
    never = uow.clock.uuid7()
    leads.settle_external_ids(uow, {key: never}, free=[])
    await persons.insert_tombstones(uow, [Tombstone(never, never, uow.now, why.by, why.reason)])
    return None


async def _erase_some(contact_id: UUID, chosen: set[UUID], uow: UnitOfWork, why: Why) -> Erased:
    family = await _locked(uow, [contact_id])
    every = await persons.leads_of(uow, [contact_id], lock=True)
    gone = [lead for lead in every if lead.id in chosen and lead.erased_at is None]
    left = [lead for lead in every if lead.id not in chosen and lead.erased_at is None]
    if contact := family.get(contact_id):
        if not left:
            return await erase_contact(contact_id, uow, why)
        await _shrink(uow, contact, left)
    # A test has no contact of its own, only an id in its place.
    return Erased(contact_id, [lead.id for lead in gone], dict(await _forget_leads(uow, gone, why, contact_id=contact_id)))


async def _locked(uow: UnitOfWork, contact_ids: Sequence[UUID]) -> dict[UUID, Contact]:
    """These contacts with what they are recognised by, locked in order. Raises Transient where that was just changing."""
    found = [contact for id in contact_ids if (contact := await contacts.get_contact(uow, id))]
    keys = {key for contact in found for key in contact.keys}
    await contacts.lock_identifiers(uow, sorted(keys))
    locked = await contacts.lock_contacts(uow, sorted(contact_ids))
    if not {key for contact in locked.values() for key in contact.keys} <= keys:
        raise Transient("the contact was being changed at that moment")
    return locked


async def _forget_leads(uow: UnitOfWork, gone: Sequence[LeadOf], why: Why, *, contact_id: UUID) -> Counter[str]:
    removed: Counter[str] = Counter()
    for lead in gone:
        counts = await persons.forget_leads(uow, [lead])
        counts["list_rows"] = await imports.erase_leads(uow, [lead.id])
        removed.update(counts)
        # Of a test nothing was ever said, so there is nothing to take back.
        if not lead.test:
            event = LeadErased(
                lead_id=lead.id,
                contact_id=contact_id,
                erased_at=uow.now,
                by=why.by,
                reason=why.reason,
                removed={table: n for table, n in counts.items() if n},
            )
            uow.emit(event, sequence=lead.sequence + 1, cause=why.cause)
    if told := {lead.id: lead.sequence + 1 for lead in gone if not lead.test}:
        leads.advance_sequences(uow, told)
    if gone:
        stones = [Tombstone(lead.id, contact_id, uow.now, why.by, why.reason) for lead in gone]
        await persons.insert_tombstones(uow, stones)
    return removed


def _forgotten(contact: Contact, uow: UnitOfWork) -> Contact:
    return Contact(contact.id, contact.created_at, {}, [], merged_into=contact.merged_into, erased_at=uow.now)


async def _unpoint(uow: UnitOfWork, keys: Sequence[bytes], contact_ids: set[UUID]) -> None:
    """Lets identifiers, which are locked, speak for these contacts no more."""
    pointing = await contacts.lock_identifiers(uow, keys)
    contacts.point_identifiers(
        uow, {key: [id for id in ids if id not in contact_ids] for key, ids in pointing.items() if contact_ids.intersection(ids)}
    )


async def _shrink(uow: UnitOfWork, contact: Contact, left: Sequence[LeadOf]) -> None:
    """Brings a contact back to what the leads that are left say of them."""
    profile: dict[str, object] = {}
    keys: list[bytes] = []
    for lead in left:
        profile = remember(profile, lead.contact, lead.facts)
        keys += [identifier.key for identifier in domain.identify({**lead.contact, **lead.facts})]
    living = [lead for lead in left if lead.lives]
    last = living[-1] if living else None
    await _unpoint(uow, [key for key in contact.keys if key not in keys], {contact.id})
    contact.profile, contact.keys = profile, [key for key in contact.keys if key in keys]
    contact.last_lead_id, contact.last_lead_at = (last.id, last.received_at) if last else (None, None)
    await contacts.save_contact(uow, contact)
