"""Down the chain: merges, their undoing and erasures, taken from scoring and passed on behind all that was said of the lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.router import store
from services.router.domain.desk import CLOSING, close, decide_anew
from services.router.domain.lead import Case, Held
from services.router.handlers.queue import drain, drain_freed
from services.router.handlers.work import Work
from services.router.store import HeldBefore
from shared.contracts.envelope import Cause, Message
from shared.contracts.events import Event, LeadErased, LeadMerged, LeadUnmerged
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from shared.timers import drop_timers


async def merge_leads(messages: Sequence[Message[LeadMerged]], uow: UnitOfWork) -> None:
    """These leads are worked on no more: who owned one is free for another, and who waits no longer does.

    Who owned it is kept, so that it can go back there.
    """
    work = await Work.open(uow)
    leads, ended = await _take_away(work, messages, reason="merged")
    merges = []
    for message in messages:
        lead, held = leads[message.lead_id], ended.get(message.lead_id)
        if lead.status == "erased":
            continue
        lead.status = "merged"
        _pass_on(work, lead, message, message.data)
        merges.append((lead.lead_id, message.data.into, held.agent_id if held else None, held.pool if held else None))
    await work.write()
    await store.keep_merges(uow, merges)
    await drain_freed(work, messages[0].as_cause)


async def unmerge_leads(messages: Sequence[Message[LeadUnmerged]], uow: UnitOfWork) -> None:
    """Each lead goes back to the agent who had it, if that one may receive; else it is decided as if it were just scored.

    One that is over stays so, and one that has no score yet is decided once it has.
    """
    work = await Work.open(uow)
    ids = [message.lead_id for message in messages]
    before = await store.held_before(uow, ids)
    leads = await work.lock_around(ids, pools=(one.pool for one in before.values()))
    held = await store.held_before(uow, ids)
    pools = {work.desk.match(lead).pool for lead in leads.values() if lead.facts is not None}
    work.desk.busy = await store.pools_with_queue(uow, pools)
    await work.learn_owners(leads.values(), pools)
    for message in messages:
        lead = leads[message.lead_id]
        if lead.status == "erased":
            continue
        merged = lead.status == "merged"
        _pass_on(work, lead, message, message.data)
        if merged:
            _resume(work, lead, held.get(lead.lead_id), message.as_cause)
    await work.write()
    await store.end_merges(uow, ids)
    if work.desk.busy:
        await drain(work, work.desk.busy, messages[0].as_cause)


def _resume(work: Work, lead: Case, held: HeldBefore | None, cause: Cause) -> None:
    lead.status = "closed" if lead.stage in CLOSING else "unrouted"
    # What ended with the merge was neither kept nor given up: it is promised again.
    lead.clocks = tuple(clock for clock in lead.clocks if clock.ended_by != "merged")
    if lead.status == "closed" or lead.facts is None:
        return
    if held is None or not work.desk.restore(lead, held.agent_id, held.pool, cause, rule=held.rule):
        decide_anew(work.desk, lead, cause)


async def erase_leads(messages: Sequence[Message[LeadErased]], uow: UnitOfWork) -> None:
    """Forgets all of these leads but their ids; what is left in ledger, assignments and decisions says who received, not whom.

    Dead letters and timers go too. What was removed is passed on.
    """
    work = await Work.open(uow)
    ids = [message.lead_id for message in messages]
    leads, _ = await _take_away(work, messages, reason="erased")
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
        _pass_on(work, lead, message, replace(message.data, removed=removed))
    await work.write()
    await drop_timers(uow, None, ids)
    await store.mark_erased(uow, [(message.lead_id, message.data.erased_at) for message in messages])
    await drain_freed(work, messages[0].as_cause)


def _blank(lead: Case) -> None:
    lead.status = "erased"
    lead.received_at = lead.facts = lead.stage = lead.scored = lead.responded_at = None
    lead.points, lead.grade, lead.qualification, lead.tracked_sequence = 0, "", "", 0
    lead.clocks, lead.refused, lead.hops = (), (), 0


async def _take_away(work: Work, messages: Sequence[Message[Any]], *, reason: str) -> tuple[dict[UUID, Case], dict[UUID, Held]]:
    """Ends what is open of these leads, and takes them out of their queues and off offer.

    The leads, locked, and who had them. Their statuses are the caller's to set.
    """
    leads = await work.lock_around(message.lead_id for message in messages)
    ended: dict[UUID, Held] = {}
    for message in messages:
        lead = leads[message.lead_id]
        if held := work.desk.end(lead, reason, message.as_cause):
            ended[lead.lead_id] = held
        elif lead.queued or lead.offered:
            close(work.desk, lead, reason, message.as_cause)
            work.desk.leave_queue(lead)
            lead.offered = None
    return leads, ended


def _pass_on(work: Work, lead: Case, message: Message[Event], event: Event) -> None:
    lead.scored_sequence = max(lead.scored_sequence, message.sequence)
    work.desk.tell(lead, event, message.as_cause)
