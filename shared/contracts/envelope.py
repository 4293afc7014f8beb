"""Events on the wire: CloudEvents 1.0 in Kafka's binary mode, so that a consumer in any language can read them.

The key is the lead's id, the value is the event's data as JSON, and what the CloudEvents specification calls attributes are
headers with the prefix `ce_`. Extensions: `sequence` numbers one service's events of one lead 1, 2, 3 … without gaps; an outside
reader drops what is not above the last it saw. `causationid` is the event or request that made the service speak.
`traceparent` is the W3C trace context, a header of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from shared.contracts.events import REGISTRY, Event, type_name
from shared.errors import Permanent
from shared.ids import id_from

E = TypeVar("E", bound=Event, covariant=True)
MAX_EVENT_BYTES = 256 * 1024

_encode = msgspec.json.Encoder().encode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in REGISTRY.items()}
_FAMILIES = {name.rpartition(".v")[0] for name in REGISTRY}


class Outgoing(NamedTuple):
    """One record as the outbox keeps it and the relay publishes it: bytes, never parsed on the way."""

    topic: str
    key: bytes
    headers: bytes
    value: bytes


class Received(NamedTuple):
    """One record as it was read. `headers` is what `unpack_headers` makes of it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: Mapping[str, str]
    value: bytes


class Cause(NamedTuple):
    """Why an event is emitted: the id of the event or request before it, and the trace it belongs to."""

    id: str
    traceparent: str


class Message(msgspec.Struct, Generic[E], frozen=True, kw_only=True):
    """An event with its envelope, as handlers see it."""

    id: UUID
    topic: str
    source: str
    time: datetime
    sequence: int
    causation: str
    traceparent: str
    data: E

    @property
    def lead_id(self) -> UUID:
        return self.data.lead_id

    @property
    def as_cause(self) -> Cause:
        return Cause(str(self.id), self.traceparent)


class Unreadable(Permanent):
    """A record that cannot be understood; the message says why. It becomes a dead letter."""


class _Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of an event, as they go out and as they are checked when they come in."""

    specversion: str = msgspec.field(name="ce_specversion", default="1.0")
    id: UUID = msgspec.field(name="ce_id")
    source: str = msgspec.field(name="ce_source")
    type: str = msgspec.field(name="ce_type")
    time: Annotated[datetime, msgspec.Meta(tz=True)] = msgspec.field(name="ce_time")
    sequence: str = msgspec.field(name="ce_sequence")
    causation: str = msgspec.field(name="ce_causationid", default="")
    content_type: str = msgspec.field(name="content-type", default="application/json")
    traceparent: str = ""


def pack(event: Event, *, topic: str, source: str, id: UUID, time: datetime, sequence: int, cause: Cause) -> Outgoing:
    """An event as bytes. Raises Permanent when it is over 256 KiB: whoever sent the cause sent too much."""
    value = _encode(event)
    if len(value) > MAX_EVENT_BYTES:
        raise Permanent(f"{type(event).__name__} of lead {event.lead_id} has {len(value)} bytes; {MAX_EVENT_BYTES} is the limit")
    attributes = _Attributes(
        id=id,
        source=source,
        type=type_name(type(event)),
        time=time,
        sequence=str(sequence),
        causation=cause.id,
        traceparent=cause.traceparent,
    )
    return Outgoing(topic, _key(event.lead_id), _encode(attributes), value)


def _key(lead_id: UUID) -> bytes:
    return _encode(lead_id)[1:-1]  # the id as text without its quotes, four times as fast as str


def unpack_headers(packed: bytes) -> dict[str, str]:
    return _decode_headers(packed)


def pack_headers(headers: Mapping[str, str]) -> bytes:
    return _encode(dict(headers))


def family(type_: str) -> str:
    """The type without its major version: `handoff.LeadScored.v1` → `handoff.LeadScored`."""
    return type_.rpartition(".v")[0]


def unpack(record: Received) -> Message[Event]:
    """The message in a record. Raises Unreadable for a missing attribute, an unknown major version or wrong data."""
    try:
        type_ = record.headers["ce_type"]
        decoder = _DECODERS.get(type_)
        if decoder is None:
            known = family(type_) in _FAMILIES
            raise Unreadable(f"unknown version of a known type: {type_}" if known else f"unknown type: {type_}")
        attributes = msgspec.convert(record.headers, _Attributes)
        sequence = int(attributes.sequence)
        data = decoder.decode(record.value)
    except KeyError as error:
        raise Unreadable(f"the header {error.args[0]} is missing") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(f"{record.headers.get('ce_type')}: {error}") from error
    if record.key != _key(data.lead_id):
        raise Unreadable("the key is not the lead's id")
    # Whoever handles it looks up, compares and stores the id many times.
    msgspec.structs.force_setattr(data, "lead_id", id_from(data.lead_id.bytes))
    if sequence < 1:
        raise Unreadable("ce_sequence must be 1 or more")
    return Message(
        id=id_from(attributes.id.bytes),
        topic=record.topic,
        source=attributes.source,
        time=attributes.time,
        sequence=sequence,
        causation=attributes.causation,
        traceparent=attributes.traceparent,
        data=data,
    )
