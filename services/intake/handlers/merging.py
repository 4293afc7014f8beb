"""Merging two contacts who are one person, and undoing it exactly.

The loser's identifiers, leads and blocks go to the winner. A lead of the loser that came within its source's look-back of the winner's
last lead is the same interest: it is merged into that lead and LeadMerged says so. Any other stays a lead, of the winner from now on.
What both were before is kept with the merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.likeness.memory import remember
from services.intake.domain.repeat import parse_policy
from services.intake.store import contacts, matches, persons, sources
from services.intake.store.contacts import Contact
from services.intake.store.persons import LeadMove, LeadOf
from shared.contracts.envelope import Cause
from shared.contracts.events import Evidence, LeadMerged, LeadTouched, LeadUnmerged
from shared.db.uow import UnitOfWork
from shared.errors import Transient, conflict, not_found


@dataclass(frozen=True)
class Grounds:
    """Who merges and on what evidence. `by` is "recognition" or a caller."""

    by: str
    cause: Cause
    score: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Merged:
    """Which leads were merged into which, and which only belong to the winner now."""

    id: UUID
    loser_id: UUID
    winner_id: UUID
    into: UUID | None
    merged_leads: list[UUID]
    moved_leads: list[UUID]


async def merge_contacts(loser_id: UUID, winner_id: UUID, uow: UnitOfWork, grounds: Grounds) -> Merged:
    """Merges the loser into the winner. Raises Refused: 404, or 409 for one that is merged or erased, or both the same."""
    if loser_id == winner_id:
        raise conflict("same-contact", "A contact cannot be merged into itself.")
    loser, winner = await _locked_pair(uow, loser_id, winner_id)
    leads = await persons.leads_of(uow, sorted((loser_id, winner_id)), lock=True)
    theirs = [lead for lead in leads if lead.contact_id == loser_id]
    into = next((lead for lead in leads if lead.id == winner.last_lead_id and lead.lives), None)
    fused = await _same_interest(uow, theirs, into)
    before = {"loser": _snapshot(loser), "winner": _snapshot(winner), "leads": [str(lead.id) for lead in theirs]}
    merge_id = uow.clock.uuid7()
    await persons.insert_merge(uow, merge_id, loser_id=loser_id, winner_id=winner_id, by=grounds.by, before=before)
    moves = [_move(uow, lead, winner_id, into if lead.id in fused else None, grounds) for lead in theirs]
    if moves:
        await persons.move_leads(uow, moves)
    await _join(uow, loser, winner, theirs, fused)
    moved = [lead.id for lead in theirs if lead.lives and lead.id not in fused]
    return Merged(merge_id, loser_id, winner_id, into.id if into else None, sorted(fused), moved)


async def _locked_pair(uow: UnitOfWork, loser_id: UUID, winner_id: UUID) -> tuple[Contact, Contact]:
    """Both contacts with what they are recognised by, locked in order. Raises Refused, and Transient where one was just changing."""
    seen = {id: await contacts.get_contact(uow, id) for id in (loser_id, winner_id)}
    for id, contact in seen.items():
        if contact is None:
            raise not_found("contact", id)
    keys = {key for contact in seen.values() if contact for key in contact.keys}
    await contacts.lock_identifiers(uow, sorted(keys))
    locked = await contacts.lock_contacts(uow, sorted((loser_id, winner_id)))
    if not {key for contact in locked.values() for key in contact.keys} <= keys:
        raise Transient("the contact was being changed at that moment")
    for contact in locked.values():
        if contact.erased_at:
            raise conflict("erased", f"The contact {contact.id} is erased.")
        if contact.merged_into:
            raise conflict("merged", f"The contact {contact.id} is merged into {contact.merged_into} already.")
    return locked[loser_id], locked[winner_id]


async def _same_interest(uow: UnitOfWork, theirs: Sequence[LeadOf], into: LeadOf | None) -> set[UUID]:
    """Those of the loser's living leads that came within the look-back of the winner's lead."""
    living = [lead for lead in theirs if lead.lives]
    if into is None or not living:
        return set()
    found = await sources.sources_by_id(uow, sorted({lead.source_id for lead in living}))
    look_back = {id: parse_policy(source.recognition).look_back for id, source in found.items()}
    return {lead.id for lead in living if abs(lead.received_at - into.received_at) <= look_back[lead.source_id]}


def _move(uow: UnitOfWork, lead: LeadOf, contact_id: UUID, into: LeadOf | None, grounds: Grounds) -> LeadMove:
    """Where the lead goes, said on leads.received where it is a living one."""
    if not lead.lives:
        return LeadMove(lead.id, contact_id, lead.merged_into, lead.sequence)
    sequence = lead.sequence + 1
    if into is None:
        uow.emit(_recognised(uow, lead, contact_id), sequence=sequence, cause=grounds.cause)
        return LeadMove(lead.id, contact_id, None, sequence)
    event = LeadMerged(
        lead_id=lead.id,
        into=into.id,
        contact_id=contact_id,
        merged_at=uow.now,
        by=grounds.by,
        score=grounds.score,
        evidence=list(grounds.evidence),
    )
    uow.emit(event, sequence=sequence, cause=grounds.cause)
    return LeadMove(lead.id, contact_id, into.id, sequence)


def _recognised(uow: UnitOfWork, lead: LeadOf, contact_id: UUID) -> LeadTouched:
    """Says whose the lead is from now on."""
    facts = {"contact_id": str(contact_id)}
    return LeadTouched(
        lead_id=lead.id, touched_at=uow.now, kind="recognised", source=str(lead.facts.get("source", "")), facts=facts
    )


async def _join(uow: UnitOfWork, loser: Contact, winner: Contact, theirs: Sequence[LeadOf], fused: set[UUID]) -> None:
    """Makes one contact of two: identifiers, profile, last lead, blocks."""
    pointing = await contacts.lock_identifiers(uow, loser.keys)
    contacts.point_identifiers(uow, {key: _replaced(ids, loser.id, winner.id) for key, ids in pointing.items()})
    winner.keys += [key for key in loser.keys if key not in winner.keys]
    winner.profile = {**loser.profile, **winner.profile}
    for lead in theirs:
        if lead.lives and lead.id not in fused and (winner.last_lead_at is None or lead.received_at > winner.last_lead_at):
            winner.last_lead_id, winner.last_lead_at = lead.id, lead.received_at
    await contacts.save_contact(uow, winner)
    loser.keys, loser.merged_into = [], winner.id
    await contacts.save_contact(uow, loser)
    await matches.move_blocks(uow, loser.id, winner.id)


def _replaced(ids: Sequence[UUID], old: UUID, new: UUID) -> list[UUID]:
    return list(dict.fromkeys(new if id == old else id for id in ids))


# -- Undoing -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unmerged:
    """The contact that is one of its own again, the one it was in, and the leads that went back."""

    contact_id: UUID
    from_id: UUID
    restored_leads: list[UUID]
    moved_leads: list[UUID]


async def unmerge_contact(loser_id: UUID, uow: UnitOfWork, *, by: str, cause: Cause) -> Unmerged:
    """Undoes the merge of this contact: both are as before, but for what came since, which stays with the winner.

    Raises Refused: 404, or 409 for one that is not merged, or whose winner was itself merged into another since.
    """
    merge = await persons.open_merge(uow, loser_id)
    if merge is None:
        if await contacts.get_contact(uow, loser_id) is None:
            raise not_found("contact", loser_id)
        raise conflict("not-merged", f"The contact {loser_id} is not merged into another.")
    winner_id, before = merge["winner_id"], merge["before"]
    keys_before = _keys(before["loser"])
    winner = await _lock_winner(uow, loser_id, winner_id, keys_before)
    if not await persons.undo_merge(uow, merge["id"], by=by):
        raise conflict("not-merged", f"The contact {loser_id} is not merged into another any more.")
    leads = await persons.leads_of(uow, [winner_id], lock=True)
    back = [lead for lead in leads if str(lead.id) in set(before["leads"])]
    moves = [_move_back(uow, lead, loser_id, by=by, cause=cause) for lead in back]
    if moves:
        await persons.move_leads(uow, moves)
    stay = [lead for lead in leads if lead not in back]
    await _part(uow, before, winner, loser_id, stay=stay, since=merge["merged_at"])
    await matches.undo(uow, loser_id, winner_id, by=by)
    restored = [lead.id for lead in back if lead.merged_into and lead.erased_at is None]
    return Unmerged(loser_id, winner_id, restored, [lead.id for lead in back if lead.lives])


async def _lock_winner(uow: UnitOfWork, loser_id: UUID, winner_id: UUID, loser_keys: Sequence[bytes]) -> Contact:
    seen = await contacts.get_contact(uow, winner_id)
    keys = {*loser_keys, *(seen.keys if seen else ())}
    await contacts.lock_identifiers(uow, sorted(keys))
    winner = (await contacts.lock_contacts(uow, sorted((loser_id, winner_id))))[winner_id]
    if not set(winner.keys) <= keys:
        raise Transient("the contact was being changed at that moment")
    if winner.merged_into:
        detail = (
            f"The contact {winner_id}, which it was merged into, is itself merged into {winner.merged_into}. Undo that first."
        )
        raise conflict("merged", detail)
    return winner


def _move_back(uow: UnitOfWork, lead: LeadOf, contact_id: UUID, *, by: str, cause: Cause) -> LeadMove:
    if lead.erased_at or lead.test:
        return LeadMove(lead.id, contact_id, None, lead.sequence)
    sequence = lead.sequence + 1
    if lead.merged_into is None:
        uow.emit(_recognised(uow, lead, contact_id), sequence=sequence, cause=cause)
    else:
        event = LeadUnmerged(lead_id=lead.id, into=lead.merged_into, contact_id=contact_id, unmerged_at=uow.now, by=by)
        uow.emit(event, sequence=sequence, cause=cause)
    return LeadMove(lead.id, contact_id, None, sequence)


async def _part(
    uow: UnitOfWork, before: dict[str, Any], winner: Contact, loser_id: UUID, *, stay: Sequence[LeadOf], since: datetime
) -> None:
    """Makes two contacts of one again: each has what it had, and the winner also what came since the merge."""
    loser = _restored(before["loser"], loser_id)
    had = set(_keys(before["winner"]))
    lost = [key for key in winner.keys if key in loser.keys and key not in had]
    pointing = await contacts.lock_identifiers(uow, sorted({*loser.keys, *lost}))
    parted = {}
    for key in loser.keys:
        ids = [id for id in pointing.get(key, []) if not (id == winner.id and key in lost)]
        parted[key] = list(dict.fromkeys([*ids, loser.id]))
    contacts.point_identifiers(uow, parted)
    winner.keys = [key for key in winner.keys if key not in lost]
    winner.profile = before["winner"]["profile"]
    for touch in await persons.touches_since(uow, [lead.id for lead in stay], since):
        winner.profile = remember(winner.profile, touch["contact"], touch["facts"])
    for lead in stay:
        if lead.lives and lead.received_at > since:
            winner.profile = remember(winner.profile, lead.contact, lead.facts)
    last = max((lead for lead in stay if lead.lives), key=lambda lead: (lead.received_at, lead.id), default=None)
    winner.last_lead_id, winner.last_lead_at = (last.id, last.received_at) if last else (None, None)
    await contacts.save_contact(uow, winner)
    await contacts.save_contact(uow, loser)
    await matches.drop_blocks(uow, [winner.id])
    contacts.queue_for_weighing(uow, [(c.id, c.last_lead_id) for c in (winner, loser) if c.last_lead_id])


def _snapshot(contact: Contact) -> dict[str, Any]:
    return {
        "created_at": contact.created_at,
        "profile": contact.profile,
        "keys": [key.hex() for key in contact.keys],
        "last_lead_id": contact.last_lead_id,
        "last_lead_at": contact.last_lead_at,
    }


def _keys(snapshot: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(key) for key in snapshot["keys"]]


def _restored(snapshot: dict[str, Any], id: UUID) -> Contact:
    last_id, last_at = snapshot["last_lead_id"], snapshot["last_lead_at"]
    return Contact(
        id,
        datetime.fromisoformat(snapshot["created_at"]),
        snapshot["profile"],
        _keys(snapshot),
        UUID(last_id) if last_id else None,
        datetime.fromisoformat(last_at) if last_at else None,
    )
