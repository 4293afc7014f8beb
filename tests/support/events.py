"""Records as the services make them, for tests: events packed for the wire, as they leave and as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.clock import SystemClock
from shared.contracts.envelope import Cause, Outgoing, Received, pack, pack_headers, unpack_headers
from shared.contracts.events import Contact, Event, LeadErased, LeadMerged, LeadReceived, LeadUnmerged, StageChanged
from shared.contracts.topics import TOPICS, Topic

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CAUSE = Cause("request-1", TRACE)
ids = SystemClock()
# Where an event is said first: what is passed on down the chain has more topics.
TOPIC_OF: dict[type[Event], Topic] = {event: topic for topic in reversed(TOPICS) for event in topic.events}


def lead_received(lead_id: UUID | None = None, **facts: Any) -> LeadReceived:
    return LeadReceived(
        lead_id=lead_id or ids.uuid7(), received_at=AT, source="website", contact=Contact(name="Ada Example"), facts=facts
    )


def stage_changed(lead_id: UUID | None = None, stage: str = "contacted") -> StageChanged:
    return StageChanged(lead_id=lead_id or ids.uuid7(), stage=stage, previous="new", changed_at=AT, by="tester")


def lead_merged(lead_id: UUID, into: UUID, contact_id: UUID | None = None) -> LeadMerged:
    return LeadMerged(lead_id=lead_id, into=into, contact_id=contact_id or ids.uuid7(), merged_at=AT, by="tester")


def lead_unmerged(lead_id: UUID, into: UUID, contact_id: UUID | None = None) -> LeadUnmerged:
    return LeadUnmerged(lead_id=lead_id, into=into, contact_id=contact_id or ids.uuid7(), unmerged_at=AT, by="tester")


def lead_erased(lead_id: UUID, contact_id: UUID | None = None, **removed: int) -> LeadErased:
    contact = contact_id or ids.uuid7()
    return LeadErased(lead_id=lead_id, contact_id=contact, erased_at=AT, by="tester", reason="request", removed=removed)


def outgoing(event: Event, *, sequence: int = 1, id: UUID | None = None, topic: Topic | None = None) -> Outgoing:
    """The event as its own service emits it, on that service's topic; or as the service of another topic passes it on."""
    topic = topic or TOPIC_OF[type(event)]
    source = f"/handoff/{topic.owner}"
    return pack(event, topic=topic.name, source=source, id=id or ids.uuid7(), time=AT, sequence=sequence, cause=CAUSE)


def leads(count: int) -> list[Outgoing]:
    """One event of each of so many leads."""
    return [outgoing(lead_received(n=n)) for n in range(count)]


def story(lead_id: UUID, count: int, *, since: int = 1, **facts: Any) -> list[Outgoing]:
    """So many events of one lead, numbered."""
    return [outgoing(lead_received(lead_id, **facts), sequence=n) for n in range(since, since + count)]


def event_ids(records: Sequence[Outgoing]) -> list[UUID]:
    return [UUID(unpack_headers(record.headers)["ce_id"]) for record in records]


def as_read(record: Outgoing, *, partition: int = 0, offset: int = 0) -> Received:
    return Received(record.topic, partition, offset, record.key, unpack_headers(record.headers), record.value)


def spoilt(
    record: Outgoing, *, value: bytes | None = None, key: bytes | None = None, headers: Mapping[str, str | None] | None = None
) -> Outgoing:
    """The record with another value or key, or other headers; a header of None is left out."""
    merged = {**unpack_headers(record.headers), **(headers or {})}
    kept = pack_headers({name: text for name, text in merged.items() if text is not None})
    return Outgoing(record.topic, record.key if key is None else key, kept, record.value if value is None else value)
