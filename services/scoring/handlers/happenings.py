"""What happens on known leads: the person comes again or does something, what was sent is read anew, a stage is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.scoring.domain.stage import outcome_of
from services.scoring.handlers import versions
from services.scoring.handlers.desk import Look, Occasion, Why, effective_facts, forget_timers, lock, rescore, survivor
from services.scoring.handlers.facts import SUBMISSION, overlay, submitted
from services.scoring.store import leads as store
from services.scoring.store import occurrences
from services.scoring.store.leads import Lead, StageRow
from services.scoring.store.occurrences import KEPT, ActivityRow
from shared.contracts.envelope import Message
from shared.contracts.events import ActivityRecorded, LeadTouched, StageChanged
from shared.db.uow import UnitOfWork, to_json


async def record_activities(messages: Sequence[Message[ActivityRecorded]], uow: UnitOfWork) -> None:
    """Keeps what people did, and says what it changed. What is done again and again and changes no grade is not said."""
    leads = await lock(uow, [message.lead_id for message in messages])
    rows = [
        ActivityRow(m.lead_id, m.data.activity_id, m.data.kind, m.data.occurred_at, m.data.source, to_json(m.data.data))
        for m in messages
        if leads[m.lead_id].erased_at is None
    ]
    if rows:
        await occurrences.keep_activities(uow, rows)
        await _rescore_survivors(messages, leads, Why.ACTIVITY, uow)


async def touch_leads(messages: Sequence[Message[LeadTouched]], uow: UnitOfWork) -> None:
    """What a person says when they come again goes over what was known and counts as a submission; a correction replaces what was read."""
    leads = await lock(uow, [message.lead_id for message in messages])
    living = [message for message in messages if leads[message.lead_id].erased_at is None]
    came = [message for message in living if message.data.kind == SUBMISSION]
    corrected = [message for message in living if message.data.kind == "corrected"]
    known_as = [message for message in living if message.data.kind == "recognised" and leads[message.lead_id].is_received]
    news = {m.lead_id: _correct(leads[m.lead_id], m.data) for m in corrected if leads[m.lead_id].is_received}
    for message in known_as:
        _recognise(leads[message.lead_id], message.data)
    for message in came:
        _add(leads[message.lead_id], message.data)
    if came:
        rows = [
            ActivityRow(m.lead_id, m.id, SUBMISSION, m.data.touched_at, m.data.source, to_json(submitted(m.data.facts)))
            for m in came
        ]
        await occurrences.keep_activities(uow, rows)
    if changed := [leads[message.lead_id] for message in (*came, *corrected, *known_as)]:
        await store.save_inputs(uow, changed)
    if came:
        await _rescore_survivors(came, leads, Why.SUBMITTED, uow)
    if news:
        await _rescore_corrected(corrected, leads, news, uow)


def _add(lead: Lead, event: LeadTouched) -> None:
    lead.told = overlay(lead.told or {}, event.facts)
    lead.facts_at = max(filter(None, (lead.facts_at, event.touched_at)))


def _recognise(lead: Lead, event: LeadTouched) -> None:
    """Only whose the lead is has changed."""
    if "contact_id" in event.facts:
        lead.facts = {**(lead.facts or {}), "contact_id": event.facts["contact_id"]}


def _correct(lead: Lead, event: LeadTouched) -> tuple[str, ...]:
    """What is new of a lead of which the first submission was read anew: its facts, if they differ, go to whoever routes it."""
    before = effective_facts(lead)
    lead.facts = event.facts
    return ("facts",) if effective_facts(lead) != before else ()


async def _rescore_corrected(
    messages: Sequence[Message[LeadTouched]], leads: Mapping[UUID, Lead], news: Mapping[UUID, tuple[str, ...]], uow: UnitOfWork
) -> None:
    occasions = {m.lead_id: Occasion(Why.CORRECTED, m.as_cause, news[m.lead_id]) for m in messages if news.get(m.lead_id)}
    if occasions:
        await rescore(uow, leads, occasions, await versions.active(uow))


async def _rescore_survivors(
    messages: Sequence[Message[ActivityRecorded | LeadTouched]], leads: Mapping[UUID, Lead], why: Why, uow: UnitOfWork
) -> None:
    """Scores the leads on which it happened; in the place of one that was merged away, the lead that goes on for it."""
    occasions = {
        found.lead_id: Occasion(why, message.as_cause)
        for message in messages
        if (found := survivor(leads[message.lead_id], leads))
    }
    looks = await rescore(uow, leads, occasions, await versions.active(uow))
    await _trim(looks, uow)


async def _trim(looks: Sequence[Look], uow: UnitOfWork) -> None:
    """Only the newest activities of a lead are kept. The receipts among what happened are no rows."""
    if full := [look.lead.lead_id for look in looks if len(look.known.occurrences) > KEPT]:
        await occurrences.trim_activities(uow, full)


async def record_stages(messages: Sequence[Message[StageChanged]], uow: UnitOfWork) -> None:
    """Keeps what became of each lead, also of one that has not arrived yet. Ignored: what is older than the last known, the erased.

    That a score fades is not said of a lead that is over; it is again, should the lead be opened again.
    """
    rows = [StageRow(m.lead_id, m.data.stage, outcome_of(m.data.stage), m.sequence) for m in messages]
    staged = await store.keep_stages(uow, rows)
    over = [one.lead_id for one in staged if one.outcome and one.next_change]
    reopened = {one.lead_id for one in staged if one.before and not one.outcome}
    if not over and not reopened:
        return
    leads = await lock(uow, [*over, *reopened])
    await forget_timers(uow, [leads[lead_id] for lead_id in over])
    occasions = {m.lead_id: Occasion(Why.REOPENED, m.as_cause) for m in messages if m.lead_id in reopened}
    await rescore(uow, leads, occasions, None)
