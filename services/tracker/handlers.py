"""Use cases of the tracker: folding what three topics say into one row and one timeline a lead, and taking a status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

import msgspec

from services.tracker import domain, store
from services.tracker.domain import Entry, Lead, Routing, Stage
from services.tracker.store import Routed, StageRow
from shared.consumer import On, Subscriptions
from shared.contracts.envelope import Cause, Message
from shared.contracts.events import (
    AssignmentEnded,
    Event,
    FirstResponded,
    LeadAssigned,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
    StageChanged,
)
from shared.contracts.topics import LEADS_RECEIVED, LEADS_ROUTED, LEADS_SCORED, TOPICS
from shared.db.uow import UnitOfWork, to_json
from shared.errors import conflict, invalid
from shared.telemetry import negative_durations, trace_id

E = TypeVar("E", bound=Event)
OWNERS = {topic.name: topic.owner for topic in TOPICS}


async def fold(messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
    """Folds events of all three topics into their leads and adds them to the timelines.

    One handler for every type, so that a round costs one statement a topic and one for all timelines.
    """
    ordered = sorted(messages, key=_lead_id)  # rows are locked in this order
    if received := _only(ordered, LeadReceived):
        await store.fold_received(uow, received)
    if scored := _only(ordered, LeadScored):
        await store.fold_scored(uow, scored)
    if routed := [row for m in ordered if (row := _routed(m))]:
        await store.fold_routed(uow, routed)
    await store.add_entries(uow, [_entry(message) for message in ordered])


def _lead_id(message: Message[Event]) -> UUID:
    return message.data.lead_id


def _only(messages: Sequence[Message[Event]], kind: type[E]) -> list[Message[E]]:
    return [cast(Message[E], message) for message in messages if isinstance(message.data, kind)]


def _routed(message: Message[Event]) -> Routed | None:
    """What an event of the router says of the lead's row; None for another service's."""
    event, sequence = message.data, message.sequence
    match event:
        case LeadAssigned():
            return _assigned(event, sequence)
        case LeadQueued():
            return Routed(event.lead_id, sequence, Routing.QUEUED, sequence, pool=event.pool)
        case LeadRejected():
            return Routed(event.lead_id, sequence, Routing.REJECTED, sequence)
        case AssignmentEnded():
            return Routed(event.lead_id, sequence, Routing.ENDED, ended_reason=event.reason)
        case _:
            return None


def _assigned(event: LeadAssigned, sequence: int) -> Routed:
    _count_negative("assignment", event.received_at, event.assigned_at)
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
    )


def _entry(message: Message[Event]) -> Entry:
    event = message.data
    return Entry(
        event.lead_id,
        OWNERS[message.topic],
        message.sequence,
        message.id,
        type(event).__name__,
        message.time,
        to_json(_told(event)),
        message.causation,
        trace_id(message.traceparent),
    )


def _told(event: Event) -> dict[str, object]:
    """What the event says. Contact and facts are kept once, on the lead's row."""
    told = msgspec.structs.asdict(event)
    told.pop("contact", None)
    told.pop("facts", None)
    return told


def _count_negative(kind: str, begin: datetime | None, end: datetime) -> None:
    if begin is not None and end < begin:
        negative_durations.labels(kind).inc()


# -- Status --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """What somebody says of a lead. `at` is when it was so; None is now. `value` is what a won lead is worth, in `currency`."""

    stage: Stage
    at: datetime | None = None
    reason: str | None = None
    note: str | None = None
    value: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Said:
    """What became of a status: the stage before, and whether it is another now."""

    lead_id: UUID
    stage: Stage
    previous: str
    changed: bool


async def set_status(lead: Lead, status: Status, uow: UnitOfWork, *, by: str, cause: Cause) -> Said:
    """Moves a lead, whose row the caller has locked, to another stage and says so on leads.tracked.

    The same status again changes nothing. Raises Refused: 409 for a closed lead, 422 for a time that is ahead of ours.
    """
    at = status.at or uow.now
    if at > uow.now + domain.AHEAD:
        raise invalid("/at", "lies in the future")
    try:
        changes = domain.advance(lead.stage, status.stage)
    except domain.LeadClosed as error:
        raise conflict("lead-closed", str(error)) from error
    if changes:
        events = _status_events(lead, status, at=at, by=by)
        await store.update_stage(uow, _stage_row(lead, status, events, at=at, by=by))
        await _tell(uow, events, lead.sequence, at=at, cause=cause)
    return Said(lead.lead_id, status.stage, lead.stage, changes)


def _status_events(lead: Lead, status: Status, *, at: datetime, by: str) -> list[Event]:
    held = lead.routing == Routing.ASSIGNED
    assignment_id, agent_id = (lead.assignment_id, lead.agent_id) if held else (None, None)
    events: list[Event] = [
        StageChanged(
            lead_id=lead.lead_id,
            stage=status.stage,
            previous=lead.stage,
            changed_at=at,
            by=by,
            reason=status.reason,
            note=status.note,
            assignment_id=assignment_id,
            agent_id=agent_id,
            value=status.value,
            currency=status.currency,
        )
    ]
    if lead.first_responded_at is None and status.stage in domain.RESPONSES:
        _count_negative("response", lead.received_at, at)
        seconds = domain.seconds_between(lead.received_at, at)
        events.append(
            FirstResponded(
                lead_id=lead.lead_id,
                responded_at=at,
                by=by,
                seconds=seconds,
                assignment_id=assignment_id,
                agent_id=agent_id,
            )
        )
    return events


def _stage_row(lead: Lead, status: Status, events: Sequence[Event], *, at: datetime, by: str) -> StageRow:
    responded = any(isinstance(event, FirstResponded) for event in events)
    return StageRow(
        lead.lead_id,
        lead.sequence + len(events),
        status.stage,
        at,
        by,
        status.reason,
        status.stage if status.stage in domain.CLOSED else None,
        status.value,
        status.currency,
        at if responded else lead.first_responded_at,
    )


async def _tell(uow: UnitOfWork, events: Sequence[Event], sequence: int, *, at: datetime, cause: Cause) -> None:
    """Emits the lead's next events and writes them into its timeline."""
    entries = []
    for number, event in enumerate(events, sequence + 1):
        id = uow.emit(event, sequence=number, cause=cause)
        kind, trace = type(event).__name__, trace_id(cause.traceparent)
        entries.append(Entry(event.lead_id, uow.service, number, id, kind, at, to_json(event), cause.id, trace))
    await store.add_entries(uow, entries)


SUBSCRIPTIONS = Subscriptions(
    (
        On(LEADS_RECEIVED, LeadReceived, fold),
        On(LEADS_SCORED, LeadScored, fold),
        On(LEADS_ROUTED, LeadAssigned, fold),
        On(LEADS_ROUTED, LeadQueued, fold),
        On(LEADS_ROUTED, LeadRejected, fold),
        On(LEADS_ROUTED, AssignmentEnded, fold),
    )
)
