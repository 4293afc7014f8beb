"""Down the chain: merges, their undoing and erasures, taken from scoring and passed on behind all that was said of the lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.router import store
from services.router.handlers.desk import Desk
from services.router.handlers.endings import Ending, drain_freed, end_assignments, leave_queue, lock_places
from services.router.handlers.outcomes import CLOSING
from services.router.handlers.queue import drain
from services.router.store import Held, Lead
from shared.contracts.envelope import Cause, Message
from shared.contracts.events import Event, LeadErased, LeadMerged, LeadUnmerged
from shared.db import deadletters
from shared.db.uow import Row, UnitOfWork


async def merge_leads(messages: Sequence[Message[LeadMerged]], uow: UnitOfWork) -> None:
    """These leads are worked on no more: who owned one is free for another, and who waits no longer does.

    Who owned it is kept, so that it can go back there.
    """
    desk = await Desk.open(uow)
    leads, ended = await _take_away(desk, messages, reason="merged")
    merges = []
    for message in messages:
        lead, row = leads[message.lead_id], ended.get(message.lead_id)
        if lead.status == "erased":
            continue
        lead.status = "merged"
        _pass_on(desk, lead, message, message.data)
        merges.append((lead.lead_id, message.data.into, row["agent_id"] if row else None, row["pool"] if row else None))
    await desk.write()
    await store.keep_merges(uow, merges)
    await drain_freed(desk, messages[0].as_cause)


async def unmerge_leads(messages: Sequence[Message[LeadUnmerged]], uow: UnitOfWork) -> None:
    """Each lead goes back to the agent who had it, if that one may receive; else it is decided as if it were just scored.

    One that is over stays so, and one that has no score yet is decided once it has.
    """
    desk = await Desk.open(uow)
    ids = [message.lead_id for message in messages]
    pools = await _pools_for(desk, ids)
    await desk.lock({desk.active.group_of_pool[pool] for pool in pools})
    leads = await desk.leads(ids)
    held = await store.held_before(uow, ids)
    busy = await store.pools_with_queue(uow, pools)
    for message in messages:
        lead = leads[message.lead_id]
        if lead.status == "erased":
            continue
        merged = lead.status == "merged"
        _pass_on(desk, lead, message, message.data)
        if merged:
            _resume(desk, lead, held.get(lead.lead_id), message.as_cause, busy)
    await desk.write()
    await store.end_merges(uow, ids)
    if busy:
        await drain(desk, busy, messages[0].as_cause)


async def _pools_for(desk: Desk, ids: Sequence[UUID]) -> set[str]:
    """Where these leads may go: pools that had them and pools that the rules choose. Read without a lock: decided under it."""
    leads = await store.get_leads(desk.uow, ids)
    held = await store.held_before(desk.uow, ids)
    pools = {desk.match(lead).pool for lead in leads.values() if lead.facts is not None}
    return pools | {one.pool for one in held.values() if one.pool in desk.active.group_of_pool}


def _resume(desk: Desk, lead: Lead, held: Held | None, cause: Cause, busy: set[str]) -> None:
    lead.status = "closed" if lead.stage in CLOSING else "unrouted"
    if lead.status == "closed" or lead.facts is None:
        return
    back = held is not None and desk.restore(lead, held.agent_id, held.pool, cause)
    if not back and not desk.reject(lead, cause):
        match = desk.match(lead)
        desk.decide(lead, match, cause, join=match.pool in busy)


async def erase_leads(messages: Sequence[Message[LeadErased]], uow: UnitOfWork) -> None:
    """Forgets all of these leads but their ids; what is left in ledger, assignments and decisions says who received, not whom.

    Dead letters go too. What was removed is passed on.
    """
    desk = await Desk.open(uow)
    ids = [message.lead_id for message in messages]
    leads, _ = await _take_away(desk, messages, reason="erased")
    decisions = await store.forget_decisions(uow, ids)
    letters = await deadletters.forget(uow, ids)
    for message in messages:
        lead = leads[message.lead_id]
        counts = {
            "leads": int(lead.facts is not None or lead.stage is not None),
            "queue": int(lead.status == "queued"),
            "decisions": decisions.get(lead.lead_id, 0),
            "dead_letters": letters.get(lead.lead_id, 0),
        }
        _blank(lead)
        removed = {table: count for table, count in counts.items() if count}
        _pass_on(desk, lead, message, replace(message.data, removed=removed))
    await desk.write()
    await store.mark_erased(uow, [(message.lead_id, message.data.erased_at) for message in messages])
    await drain_freed(desk, messages[0].as_cause)


def _blank(lead: Lead) -> None:
    lead.status = "erased"
    lead.received_at = lead.facts = lead.stage = None
    lead.points, lead.grade, lead.qualification, lead.tracked_sequence = 0, "", "", 0


async def _take_away(desk: Desk, messages: Sequence[Message[Any]], *, reason: str) -> tuple[dict[UUID, Lead], dict[UUID, Row]]:
    """Ends what is open of these leads and takes them out of their queues. The leads, locked, and the assignments that were ended."""
    ids = [message.lead_id for message in messages]
    await lock_places(desk, ids)
    leads = await desk.leads(ids)
    ended = await end_assignments(desk, [Ending(leads[m.lead_id], m.as_cause) for m in messages], reason=reason)
    for lead in leads.values():
        if lead.status == "queued":
            await leave_queue(desk, lead)
    return leads, ended


def _pass_on(desk: Desk, lead: Lead, message: Message[Event], event: Event) -> None:
    lead.scored_sequence = max(lead.scored_sequence, message.sequence)
    desk.emit(lead, event, message.as_cause)
