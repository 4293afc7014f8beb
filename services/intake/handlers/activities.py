"""Activities: what the person of a lead does, such as reading a page or opening a mail.

One of a visitor whom nobody knows yet is kept, and goes onto the lead in which the visitor is recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.identity import Identifier
from services.intake.store import activities as store
from services.intake.store import contacts, leads
from services.intake.store.activities import ActivityRow
from shared.contracts.envelope import Cause
from shared.contracts.events import ActivityRecorded
from shared.db.uow import UnitOfWork, to_json

MAX_ATTACHED = 500  # of the latest activities of a visitor; an event each


@dataclass(frozen=True)
class Visit:
    """The lead in which a visitor was recognised, and what to name as the cause of what follows."""

    lead_id: UUID
    cause: Cause


@dataclass(frozen=True)
class Activity:
    """Something a person did. It is theirs whose lead is named, else whom an identifier tells; a visitor may be unknown yet.

    `id` tells the same activity sent again; None makes a new one. `data` holds no contact data.
    """

    kind: str
    occurred_at: datetime
    id: UUID | None = None
    lead_id: UUID | None = None
    identifiers: tuple[Identifier, ...] = ()
    visitor: Identifier | None = None
    source: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """What became of an activity: recorded on a lead, kept for later (`lead_id` None), a duplicate, or unknown: nobody is told by it."""

    status: str
    id: UUID | None = None
    lead_id: UUID | None = None


async def record_activities(activities: Sequence[Activity], uow: UnitOfWork, *, cause: Cause) -> list[Recorded]:
    """Records activities in the order in which they are given; what became of each."""
    people = await _people(uow, activities)
    named = await leads.survivors(uow, [activity.lead_id for activity in activities if activity.lead_id])
    whose = [named.get(a.lead_id) if a.lead_id else _lead_of(a, people) for a in activities]
    sequences = await leads.lock_sequences(uow, sorted({id for id in whose if id}))
    known = await store.known_ids(uow, [activity.id for activity in activities if activity.id])
    results, rows = [], []
    for activity, lead_id in zip(activities, whose, strict=True):
        if activity.id in known:
            results.append(Recorded("duplicate", activity.id, known[activity.id]))
            continue
        alive = lead_id if lead_id in sequences else None
        if alive is None and activity.visitor is None:
            results.append(Recorded("unknown"))
            continue
        row = _row(activity, alive, uow)
        known[row.id] = alive
        rows.append(row)
        if alive:
            _tell(uow, row, sequences, data=activity.data, cause=cause)
        results.append(Recorded("recorded" if alive else "kept", row.id, alive))
    if rows:
        await store.insert_activities(uow, rows)
    if told := {row.lead_id for row in rows if row.lead_id}:
        leads.advance_sequences(uow, {id: sequences[id] for id in told})
    return results


async def attach(uow: UnitOfWork, visits: Mapping[bytes, Visit], sequences: dict[UUID, int]) -> None:
    """Puts what these visitors did before onto the leads in which they are recognised. Advances `sequences`, whose leads are locked."""
    for row in await store.take_unattached(uow, {key: visit.lead_id for key, visit in visits.items()}, limit=MAX_ATTACHED):
        _tell(uow, row, sequences, data=row.data, cause=visits[row.visitor or b""].cause)


async def _people(uow: UnitOfWork, activities: Sequence[Activity]) -> dict[bytes, list[UUID]]:
    """The last leads of whom each identifier speaks for, with the identifiers locked: a lead that is just being made is waited for."""
    untold = [activity for activity in activities if activity.lead_id is None]
    keys = {identifier.key for activity in untold for identifier in activity.identifiers}
    visitors = {activity.visitor.key for activity in untold if activity.visitor}
    owners = await contacts.lock_identifiers(uow, sorted(keys - visitors)) if keys - visitors else {}
    if visitors:
        owners |= await contacts.lock_visitors(uow, sorted(visitors))
    last = await contacts.last_leads(uow, sorted({id for ids in owners.values() for id in ids}))
    return {key: [last[id] for id in ids if id in last] for key, ids in owners.items()}


def _lead_of(activity: Activity, people: Mapping[bytes, Sequence[UUID]]) -> UUID | None:
    """The lead that an identifier tells; none where the first that is known speaks for several people."""
    for identifier in (*activity.identifiers, *((activity.visitor,) if activity.visitor else ())):
        found = people.get(identifier.key, ())
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _row(activity: Activity, lead_id: UUID | None, uow: UnitOfWork) -> ActivityRow:
    return ActivityRow(
        id=activity.id or uow.clock.uuid7(),
        lead_id=lead_id,
        visitor=activity.visitor.key if activity.visitor else None,
        kind=activity.kind,
        occurred_at=activity.occurred_at,
        recorded_at=uow.now,
        source=activity.source,
        data=to_json(activity.data),
    )


def _tell(uow: UnitOfWork, row: ActivityRow, sequences: dict[UUID, int], *, data: Any, cause: Cause) -> None:
    assert row.lead_id is not None
    sequences[row.lead_id] += 1
    event = ActivityRecorded(
        lead_id=row.lead_id,
        activity_id=row.id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        source=row.source,
        data=data,
    )
    uow.emit(event, sequence=sequences[row.lead_id], cause=cause)
