"""What goes down the chain: merges, their undoing, erasure. Each is passed on behind all that was said of the lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from services.scoring.handlers import versions
from services.scoring.handlers.desk import Occasion, Why, forget_timers, lock, rescore, survivor
from services.scoring.store import leads as store
from services.scoring.store.leads import Lead
from shared.contracts.envelope import Message
from shared.contracts.events import LeadErased, LeadMerged, LeadUnmerged
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from shared.timers import drop_timers


async def merge_leads(messages: Sequence[Message[LeadMerged]], uow: UnitOfWork) -> None:
    """What happened on a merged lead counts, each thing once, for the lead that goes on; of the merged one nothing more is said."""
    leads = await lock(uow, [id for message in messages for id in (message.lead_id, message.data.into)])
    merged = [message for message in messages if leads[message.lead_id].erased_at is None]
    for message in merged:
        leads[message.lead_id].merged_into = message.data.into
    await _pass_on(merged, leads, uow)
    await forget_timers(uow, [leads[message.lead_id] for message in merged])
    await _rescore(merged, leads, {message.data.into: Why.MERGED for message in merged}, uow)


async def unmerge_leads(messages: Sequence[Message[LeadUnmerged]], uow: UnitOfWork) -> None:
    """Lets each lead stand for itself again. Both are scored by what happened on them, and so as if nothing had been."""
    leads = await lock(uow, [id for message in messages for id in (message.lead_id, message.data.into)])
    unmerged = [message for message in messages if leads[message.lead_id].erased_at is None]
    for message in unmerged:
        leads[message.lead_id].merged_into = None
    await _pass_on(unmerged, leads, uow)
    why = {id: Why.UNMERGED for message in unmerged for id in (message.lead_id, message.data.into)}
    await _rescore(unmerged, leads, why, uow)


async def _pass_on(messages: Sequence[Message[LeadMerged | LeadUnmerged]], leads: Mapping[UUID, Lead], uow: UnitOfWork) -> None:
    if messages:
        for message in messages:
            lead = leads[message.lead_id]
            lead.sequence += 1
            uow.emit(message.data, sequence=lead.sequence, cause=message.as_cause)
        await store.save_merges(uow, [leads[message.lead_id] for message in messages])


async def _rescore(
    messages: Sequence[Message[LeadMerged | LeadUnmerged]], leads: Mapping[UUID, Lead], why: Mapping[UUID, Why], uow: UnitOfWork
) -> None:
    occasions = {}
    for message in messages:
        for id in (message.lead_id, message.data.into):
            if id in why and (found := survivor(leads[id], leads)):
                occasions[found.lead_id] = Occasion(why[id], message.as_cause)
    if occasions:
        await rescore(uow, leads, occasions, await versions.active(uow))


async def erase_leads(messages: Sequence[Message[LeadErased]], uow: UnitOfWork) -> None:
    """Forgets all of these leads but their ids, dead letters and timers too, and passes it on with what was removed."""
    erased = await store.erase_leads(uow, [(m.lead_id, m.data.erased_at) for m in messages])
    letters = await deadletters.forget(uow, erased)
    await drop_timers(uow, None, erased)
    for message in messages:
        one = erased[message.lead_id]
        counts = {**one.removed, "dead_letters": letters.get(message.lead_id, 0)}
        event = replace(message.data, removed={table: count for table, count in counts.items() if count})
        uow.emit(event, sequence=one.sequence, cause=message.as_cause)
    await _rescore_survivors(messages, {lead_id: one.merged_into for lead_id, one in erased.items()}, uow)


async def _rescore_survivors(messages: Sequence[Message[LeadErased]], into: Mapping[UUID, UUID | None], uow: UnitOfWork) -> None:
    """What happened on an erased lead counts for no other any more."""
    if not any(into.values()):
        return
    leads = await lock(uow, {found for found in into.values() if found})
    occasions = {}
    for message in messages:
        parent = leads.get(into[message.lead_id] or message.lead_id)
        if parent and (found := survivor(parent, leads)):
            occasions[found.lead_id] = Occasion(Why.MERGED, message.as_cause)
    await rescore(uow, leads, occasions, await versions.active(uow))
