"""Routing: a scored lead gets an owner, is offered, waits, or is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from services.router import store
from services.router.domain import Match
from services.router.domain.desk import take_scored
from services.router.domain.lead import Case
from services.router.handlers.queue import drain
from services.router.handlers.work import Work
from shared.contracts.envelope import Message
from shared.contracts.events import LeadScored
from shared.db.uow import UnitOfWork

SENT_AT_ONCE = 125  # leads: their rows are stored while the next ones are decided
TURN = 3  # leads, between which the loop turns: a statement that was sent takes two or three turns, and the server about a millisecond


async def route_leads(messages: Sequence[Message[LeadScored]], uow: UnitOfWork) -> None:
    """Decides a batch of scored leads, in the batch's order.

    A lead not yet decided, or refused before, is decided. One that waits is ranked anew; one that is owned is recorded, and moves only by
    a re-route rule; one that is over or merged into another is recorded; of an erased one nothing is.
    While others wait for a pool, new leads join its queue and one drain decides, best and oldest first.
    """
    work = await Work.open(uow)
    fresh = {message.lead_id: take_score(Case(message.lead_id), message) for message in messages}
    matches = {id: work.desk.match(lead) for id, lead in fresh.items()}
    pools = {match.pool for match in matches.values()}
    leads = await work.lock_around(matches, pools=pools, new=fresh)
    pools |= {lead.queued.pool for lead in leads.values() if lead.queued}
    work.desk.busy = await store.pools_with_queue(uow, pools)
    await work.learn_owners(fresh.values(), pools)
    for n, message in enumerate(messages, 1):
        lead = leads[message.lead_id]
        if lead.status != "erased":
            _route(work, lead, message, matches[message.lead_id])
        if n % SENT_AT_ONCE == 0:
            await work.send()
        if n % TURN == 0:
            await asyncio.sleep(0)
    await work.write()
    if work.desk.busy:
        await drain(work, work.desk.busy, messages[0].as_cause)


def _route(work: Work, lead: Case, message: Message[LeadScored], match: Match) -> None:
    before = lead.grade, lead.qualification
    take_score(lead, message)
    take_scored(work.desk, lead, match, before, message.as_cause)


def take_score(lead: Case, message: Message[LeadScored]) -> Case:
    """The lead as this score leaves it. An older one than what was taken of it last changes nothing, unless it has none."""
    if message.sequence > lead.scored_sequence or lead.facts is None:
        scored = message.data
        lead.scored_sequence = max(lead.scored_sequence, message.sequence)
        lead.received_at, lead.facts = scored.received_at, scored.facts
        lead.points, lead.grade, lead.qualification = scored.points, scored.grade, scored.qualification
        lead.scored = _scored(scored)
    return lead


def _scored(scored: LeadScored) -> dict[str, Any]:
    """What else scoring found, as rules ask for it: in points."""
    return {
        "fit": scored.fit / 100,
        "engagement": scored.engagement / 100,
        "letter": scored.letter,
        "number": scored.number,
        "thresholds": scored.thresholds,
    }
