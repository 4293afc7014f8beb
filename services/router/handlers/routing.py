"""Routing: a scored lead gets an owner, waits, or is refused."""

from __future__ import annotations

from collections.abc import Sequence

from services.router import store
from services.router.domain import Match
from services.router.handlers.desk import Desk
from services.router.handlers.queue import drain
from services.router.store import Lead
from shared.contracts.envelope import Message
from shared.contracts.events import LeadScored
from shared.db.uow import UnitOfWork


async def route_leads(messages: Sequence[Message[LeadScored]], uow: UnitOfWork) -> None:
    """Decides a batch of scored leads, in the batch's order.

    A lead not yet decided, or refused before, is decided. One that waits is ranked anew; one that is owned, over or merged into another
    is recorded; of an erased one nothing is.
    While others wait for a pool, new leads join its queue and one drain decides, best and oldest first.
    """
    desk = await Desk.open(uow)
    ids = [message.lead_id for message in messages]
    matches = {message.lead_id: desk.match(_scored(Lead(message.lead_id), message)) for message in messages}
    _, waiting = await store.where_leads_are(uow, ids)
    pools = {match.pool for match in matches.values()} | set(waiting.values())
    await desk.lock({desk.active.group_of_pool[pool] for pool in pools})
    leads = await desk.leads(ids)
    await _rerank(desk, [message for message in messages if leads[message.lead_id].status == "queued"])
    busy = await store.pools_with_queue(uow, pools)
    for message in messages:
        lead = leads[message.lead_id]
        if lead.status != "erased":
            _route(desk, _scored(lead, message), message, matches[message.lead_id], busy)
    await desk.write()
    if busy:
        await drain(desk, busy, messages[0].as_cause)


def _route(desk: Desk, lead: Lead, message: Message[LeadScored], match: Match, busy: set[str]) -> None:
    if lead.status not in ("unrouted", "rejected"):
        desk.change(lead)
        if lead.status == "closed" and lead.sequence == 0:
            why = f"The lead was {lead.stage} before it could be routed."
            desk.refuse(lead, "closed", why, message.as_cause, status="closed")
        return
    if not desk.reject(lead, message.as_cause):
        desk.decide(lead, match, message.as_cause, join=match.pool in busy)


def _scored(lead: Lead, message: Message[LeadScored]) -> Lead:
    """The lead as this score leaves it. An older one than what was taken of it last changes nothing, unless it has none."""
    if message.sequence > lead.scored_sequence or lead.facts is None:
        scored = message.data
        lead.scored_sequence = max(lead.scored_sequence, message.sequence)
        lead.received_at, lead.facts = scored.received_at, scored.facts
        lead.points, lead.grade, lead.qualification = scored.points, scored.grade, scored.qualification
    return lead


async def _rerank(desk: Desk, messages: Sequence[Message[LeadScored]]) -> None:
    if messages:
        await store.rank_queue(desk.uow, [(message.lead_id, message.data.points) for message in messages])
