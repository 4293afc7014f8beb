"""Erasure: the lead is forgotten at the first copy of the word, whichever topic it comes on; each copy is kept as proof."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.tracker import store
from services.tracker.domain import Confirmation, Erasure, joined
from services.tracker.handlers.fold import OWNERS
from shared.contracts.envelope import Message
from shared.contracts.events import LeadErased
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from shared.errors import Refused


async def erase_leads(messages: Sequence[Message[LeadErased]], uow: UnitOfWork) -> None:
    """Forgets all of these leads but their ids, dead letters too. What is still to come of them is not taken any more."""
    ids = sorted(message.lead_id for message in messages)
    await store.hold_leads(uow, ids)
    entries = await store.forget_leads(uow, [(message.lead_id, message.data.erased_at) for message in messages])
    letters = await deadletters.forget(uow, ids)
    known = await store.erasures_of_leads(uow, ids)
    told = [
        _told(message, _counts(entries.get(message.lead_id, 0), letters.get(message.lead_id, 0)), uow) for message in messages
    ]
    await store.keep_erasures(uow, [joined(known.get(one.lead_id), one) for one in told])


def _counts(entries: int, letters: int) -> dict[str, int]:
    counts = {"leads": int(entries > 0), "timeline": entries, "dead_letters": letters}
    return {table: count for table, count in counts.items() if count}


def _told(message: Message[LeadErased], own: dict[str, int], uow: UnitOfWork) -> Erasure:
    event = message.data
    confirmed = Confirmation(message.sequence, message.time, uow.now, event.removed)
    here = Confirmation(0, uow.now, uow.now, own)
    return Erasure(
        event.lead_id,
        event.contact_id,
        event.reason,
        event.by,
        event.erased_at,
        {OWNERS[message.topic]: confirmed, uow.service: here},
    )


async def gone(lead_id: UUID, uow: UnitOfWork) -> Refused:
    """410 for an erased lead, with the address of the report."""
    erasure = (await store.erasures_of_leads(uow, [lead_id]))[lead_id]
    report = f"/v1/reports/erasures/{erasure.contact_id}"
    detail = f"The lead {lead_id} was erased. What was removed where: {report}"
    return Refused(410, "erased", detail=detail, headers={"Link": f'<{report}>; rel="describedby"'})
