"""The fold: what three topics say, into one row and one timeline a lead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.tracker import domain, store
from services.tracker.domain import Entry, Routing
from services.tracker.handlers.clocks import count_negative, count_negative_seconds
from services.tracker.store import Merged, Routed, Touched
from shared.contracts.envelope import Message
from shared.contracts.events import (
    ActivityRecorded,
    AssignmentAccepted,
    AssignmentEnded,
    Event,
    Facts,
    LeadAssigned,
    LeadMerged,
    LeadOffered,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
    LeadTouched,
    LeadUnmerged,
    SlaBreached,
    SlaWarned,
)
from shared.contracts.topics import LEADS_RECEIVED, TOPICS
from shared.db.uow import UnitOfWork, to_json
from shared.telemetry import trace_id

OWNERS = {topic.name: topic.owner for topic in TOPICS}
ROUTED = frozenset({LeadAssigned, LeadQueued, LeadOffered, LeadRejected, AssignmentEnded})
MERGES = frozenset({LeadMerged, LeadUnmerged})
TOLD = frozenset({ActivityRecorded, AssignmentAccepted, SlaWarned, SlaBreached})


async def fold(messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
    """Folds events of all three topics into their leads and adds them to the timelines.

    One handler for every type but an erasure, so that a round costs one statement a topic and one for all timelines.
    """
    ordered = sorted(messages, key=_place)  # rows are locked in this order
    of = _by_type(ordered)
    if received := of[LeadReceived]:
        await store.fold_received(uow, received)
    if scored := of[LeadScored]:
        await store.fold_scored(uow, scored)
    if routed := [_routed(message) for message in ordered if type(message.data) in ROUTED]:
        await store.fold_routed(uow, routed)
    if merged := [_merged(message) for message in ordered if _is_merge(message)]:
        await store.fold_merged(uow, merged)
    if touched := of[LeadTouched]:
        await _fold_touches(touched, uow)
    for accepted in of[AssignmentAccepted]:
        count_negative_seconds("acceptance", accepted.data.seconds)
    if told := [message.lead_id for message in ordered if _is_only_told(message)]:
        await store.hold_leads(uow, told)
    # Asked now that every row is locked: whoever erases one of these leads has done so, or waits for us.
    erased = await store.erased_among(uow, [message.lead_id for message in ordered])
    if entries := [_entry(message) for message in ordered if message.lead_id not in erased]:
        await store.add_entries(uow, entries)


def _place(message: Message[Event]) -> int:
    """PostgreSQL orders ids as these numbers, which compare much faster."""
    return message.data.lead_id.int


def _by_type(messages: Sequence[Message[Event]]) -> defaultdict[type[Event], list[Message[Any]]]:
    found: defaultdict[type[Event], list[Message[Any]]] = defaultdict(list)
    for message in messages:
        found[type(message.data)].append(message)
    return found


# -- The router's events -------------------------------------------------------------------------------------------------------


def _routed(message: Message[Any]) -> Routed:
    """What one of ROUTED says of the lead's row."""
    event, sequence = message.data, message.sequence
    match event:
        case LeadAssigned():
            return _assigned(event, sequence)
        case LeadQueued():
            return Routed(event.lead_id, sequence, Routing.QUEUED, sequence, pool=event.pool)
        case LeadOffered():
            return Routed(event.lead_id, sequence, Routing.OFFERED, sequence, pool=event.pool)
        case LeadRejected():
            return Routed(event.lead_id, sequence, Routing.REJECTED, sequence)
        case _:
            return Routed(event.lead_id, sequence, Routing.ENDED, ended_reason=event.reason)


def _assigned(event: LeadAssigned, sequence: int) -> Routed:
    count_negative("assignment", event.received_at, event.assigned_at)
    return Routed(
        event.lead_id,
        sequence,
        Routing.ASSIGNED,
        sequence,
        assignment_id=event.assignment_id,
        agent_id=event.agent_id,
        agent_name=event.agent_name,
        pool=event.pool,
        assigned_at=event.assigned_at,
        how=event.how,
    )


# -- What becomes of a lead as a person's --------------------------------------------------------------------------------------


def _is_merge(message: Message[Event]) -> bool:
    """Does intake say what becomes of the lead? The copies that come down the chain say no more: they are only told."""
    return type(message.data) in MERGES and message.topic == LEADS_RECEIVED.name


def _merged(message: Message[Any]) -> Merged:
    event = message.data
    return Merged(event.lead_id, message.sequence, event.into if isinstance(event, LeadMerged) else None, event.contact_id)


def _is_only_told(message: Message[Event]) -> bool:
    """Does the event stand in the timeline and nowhere else?"""
    kind = type(message.data)
    return kind in TOLD or (kind in MERGES and not _is_merge(message))


async def _fold_touches(messages: Sequence[Message[LeadTouched]], uow: UnitOfWork) -> None:
    """What a person said when they came again fills what was missing; a recognised one has another contact from now."""
    known = await store.hold_leads(uow, [message.lead_id for message in messages])
    await store.keep_touches(uow, [_touched(known[message.lead_id], message) for message in messages])


def _touched(known: Touched, message: Message[LeadTouched]) -> Touched:
    event = message.data
    contact: dict[str, Any] = msgspec.to_builtins(event.contact)
    if event.kind == domain.CORRECTED:
        return known._replace(corrected=_corrected(known.corrected, message.sequence, contact, event.facts))
    said = {"extra": contact.pop("extra", {}), "contact": contact, "facts": event.facts}
    filled = domain.fill(known.filled, message.sequence, said)
    found = _contact_id(event) if event.kind == domain.RECOGNISED else None
    if found and message.sequence > known.contact_seq:
        return known._replace(filled=filled, contact_seq=message.sequence, contact_id=found)
    return known._replace(filled=filled)


def _corrected(known: dict[str, Any] | None, sequence: int, contact: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Both blocks as they were read last: of the correction with the highest sequence, in whatever order they come."""
    if known and known["sequence"] > sequence:
        return known
    return {"sequence": sequence, "contact": contact, "facts": facts}


def _contact_id(event: LeadTouched) -> UUID | None:
    try:
        return UUID(str(event.facts.get("contact_id")))
    except ValueError:
        return None


# -- Timelines -----------------------------------------------------------------------------------------------------------------


def _entry(message: Message[Event]) -> Entry:
    event = message.data
    return Entry(
        event.lead_id,
        OWNERS[message.topic],
        message.sequence,
        message.id,
        type(event).__name__,
        _when(message),
        to_json(_told(event)),
        message.causation,
        trace_id(message.traceparent),
    )


def _when(message: Message[Event]) -> datetime:
    """When it happened: what a visitor did may come to us, or to this lead, long after."""
    match message.data:
        case ActivityRecorded(occurred_at=at) | LeadTouched(touched_at=at):
            return at
        case _:
            return message.time


def _told(event: Event) -> dict[str, object]:
    """What the event says. Contact and facts are kept once, on the lead's row."""
    told = msgspec.structs.asdict(event)
    told.pop("contact", None)
    told.pop("facts", None)
    return told
