"""What we hold on a person, for whoever asks about them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.intake.domain.identity import kind_of
from services.intake.store import persons as store
from services.intake.store.contacts import Contact, get_contact
from services.intake.store.persons import LeadOf
from shared.contracts.events import Evidence
from shared.db.uow import UnitOfWork
from shared.errors import not_found

SHOWN = ("id", "source_id", "received_at", "test", "merged_into", "erased_at")


async def leads_of_contact(contact: Contact, uow: UnitOfWork) -> list[dict[str, Any]]:
    """The contact's leads, newest first, without what they said: that is the tracker's."""
    leads = await store.leads_of(uow, [contact.id])
    return [{name: getattr(lead, name) for name in SHOWN} for lead in reversed(leads)]


async def export(id: UUID, uow: UnitOfWork) -> dict[str, Any]:
    """Everything intake holds on the person of this contact, those merged into it among them. Raises Refused (404)."""
    root = await store.root_of(uow, id)
    if root is None:
        raise not_found("contact", id)
    family = await store.family_of(uow, root)
    contacts = [contact for member in family if (contact := await get_contact(uow, member))]
    leads = await store.leads_of(uow, family)
    held = await store.held_on(uow, family, [lead.id for lead in leads])
    return {
        "contact_id": root,
        "exported_at": uow.now,
        "contacts": [_contact(contact) for contact in contacts],
        "leads": [_lead(lead) for lead in leads],
        **{name: [_readable(row) for row in rows] for name, rows in held.items()},
        "elsewhere": [f"/v1/leads/{lead.id}" for lead in leads if not lead.test and lead.erased_at is None],
    }


def evidence_of(stored: Sequence[dict[str, Any]]) -> tuple[Evidence, ...]:
    """Stored evidence as an event tells it."""
    return tuple(Evidence(line["field"], line["says"], line["weight"]) for line in stored)


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "created_at": contact.created_at,
        "profile": contact.profile,
        "known_by": [{"kind": kind_of(key).value, "digest": key.hex()} for key in contact.keys],
        "merged_into": contact.merged_into,
        "erased_at": contact.erased_at,
    }


def _lead(lead: LeadOf) -> dict[str, Any]:
    return {name: value for name, value in vars(lead).items() if name not in ("sequence",)}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """The row with bytes as text: as they are where they are UTF-8, else in Base64."""
    return {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}


def _text(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}
