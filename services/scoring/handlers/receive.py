"""New leads: the first score of each, said once. The hot path: a statement for the versions, two for the leads, one for timers."""

from __future__ import annotations

from collections.abc import Sequence

from services.scoring.handlers import versions
from services.scoring.handlers.desk import FADING, Look, Occasion, Why, known_of, lock, look_at, rescore, survivor
from services.scoring.handlers.standing import next_look
from services.scoring.handlers.versions import Versions
from services.scoring.handlers.words import lead_scored, said
from services.scoring.store import leads as store
from services.scoring.store.leads import Lead, NewLead
from shared.contracts.envelope import Message
from shared.contracts.events import LeadReceived, LeadScored
from shared.db.uow import UnitOfWork, to_json
from shared.timers import Timer, set_timers


async def score_leads(messages: Sequence[Message[LeadReceived]], uow: UnitOfWork) -> None:
    """Scores each lead by the active versions. A lead that has a score keeps it, and nothing is said of it again.

    One that is erased is not scored. One that was merged away before its receipt could be handled is: the router keeps the score, and
    routes it should the merge be undone.
    """
    active = await versions.active(uow)
    known = await store.known_among(uow, [message.lead_id for message in messages])
    if fresh := [message for message in messages if message.lead_id not in known]:
        await _score_new(fresh, active, uow)
    if known:
        await _score_known([message for message in messages if message.lead_id in known], active, uow)


async def _score_new(messages: Sequence[Message[LeadReceived]], active: Versions, uow: UnitOfWork) -> None:
    looks = [_first_look(message, active, uow) for message in messages]
    events = [lead_scored(look.lead, look.known, look.word, active, ()) for look in looks]
    rows = [_row(look, event, uow) for look, event in zip(looks, events, strict=True)]
    await store.insert_leads(uow, rows)
    if timers := [Timer(FADING, row.lead_id, row.next_change) for row in rows if row.next_change]:
        await set_timers(uow, timers)
    for message, event in zip(messages, events, strict=True):
        uow.emit(event, sequence=1, cause=message.as_cause)


def _first_look(message: Message[LeadReceived], active: Versions, uow: UnitOfWork) -> Look:
    lead = _received(Lead(message.lead_id), message.data)
    return look_at(lead, known_of(lead), active, uow.now)


def _received(lead: Lead, event: LeadReceived) -> Lead:
    lead.received_at, lead.source, lead.facts = event.received_at, event.source, event.facts
    return lead


def _row(look: Look, event: LeadScored, uow: UnitOfWork) -> NewLead:
    lead = look.lead
    assert lead.received_at is not None
    return NewLead(
        lead_id=lead.lead_id,
        received_at=lead.received_at,
        source=lead.source or "",
        facts=to_json(lead.facts),
        next_change=next_look(look.versions, look.known, look.word, uow.now, exact=False),
        said=said(look.word, event, uow.now, 1, Why.RECEIVED),
    )


async def _score_known(messages: Sequence[Message[LeadReceived]], active: Versions, uow: UnitOfWork) -> None:
    """Leads of which something was known before: a stage, a merge, what was done on them; or a score, which they keep."""
    leads = await lock(uow, [message.lead_id for message in messages])
    news = [m for m in messages if not leads[m.lead_id].is_received and leads[m.lead_id].erased_at is None]
    if not news:
        return
    late = [_received(leads[message.lead_id], message.data) for message in news]
    occasions = {message.lead_id: Occasion(Why.RECEIVED, message.as_cause) for message in news}
    for message in news:
        if (goes_on := survivor(leads[message.lead_id], leads)) and goes_on.lead_id not in occasions:
            occasions[goes_on.lead_id] = Occasion(Why.MERGED, message.as_cause)
    await store.save_inputs(uow, late)
    await rescore(uow, leads, occasions, active)
