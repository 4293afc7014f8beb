"""Taking a status: what somebody says of a lead, and what that tells the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.tracker import domain, store
from services.tracker.domain import Entry, Lead, Routing, Stage
from services.tracker.handlers.clocks import count_negative
from services.tracker.store import StageRow
from shared.contracts.envelope import Cause
from shared.contracts.events import Event, FirstResponded, StageChanged
from shared.db.uow import UnitOfWork, to_json
from shared.errors import conflict, invalid
from shared.telemetry import trace_id


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

    The same status again changes nothing. Raises Refused: 409 for a lead that is closed or was merged into another, 422 for a time that
    is ahead of ours.
    """
    if lead.merged_into:
        raise conflict("lead-merged", f"The lead was merged into {lead.merged_into}: say it of that one.")
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
        count_negative("response", lead.received_at, at)
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
