"""Events on the wire: CloudEvents 1.0 in Kafka's binary mode, so that a consumer in any language can read them.

The key is the lead's id, the value is the event's data as JSON, and what the CloudEvents specification calls attributes are
headers with the prefix `ce_`. Extensions: `sequence` numbers one service's events of one lead 1, 2, 3 … without gaps; an outside
reader drops what is not above the last it saw. `causationid` is the event or request that made the service speak.
`traceparent` is the W3C trace context, a header of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from shared.contracts.events import REGISTRY, Event, type_name
from shared.errors import Permanent

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


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an event is emitted: the id of the event or request before it, and the trace it belongs to."""

    id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Message(Generic[E]):
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


def pack(event: Event, *, topic: str, source: str, id: UUID, time: datetime, sequence: int, cause: Cause) -> Outgoing:
    """An event as bytes. Raises Permanent when it is over 256 KiB: whoever sent the cause sent too much."""
    value = _encode(event)
    if len(value) > MAX_EVENT_BYTES:
        raise Permanent(f"{type(event).__name__} of lead {event.lead_id} has {len(value)} bytes; {MAX_EVENT_BYTES} is the limit")
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(id),
        "ce_source": source,
        "ce_type": type_name(type(event)),
        "ce_time": time.isoformat(),
        "ce_sequence": str(sequence),
        "ce_causationid": cause.id,
        "content-type": "application/json",
        "traceparent": cause.traceparent,
    }
    return Outgoing(topic, str(event.lead_id).encode(), _encode(headers), value)


def unpack_headers(packed: bytes) -> dict[str, str]:
    return _decode_headers(packed)


def pack_headers(headers: Mapping[str, str]) -> bytes:
    return _encode(dict(headers))


def family(type_: str) -> str:
    """The type without its major version: `handoff.LeadScored.v1` → `handoff.LeadScored`."""
    return type_.rpartition(".v")[0]


def unpack(record: Received) -> Message[Event]:
    """The message in a record. Raises Unreadable for a missing attribute, an unknown major version or wrong data."""
    headers = record.headers
    try:
        type_ = headers["ce_type"]
        decoder = _DECODERS.get(type_)
        if decoder is None:
            raise Unreadable(
                f"unknown version of a known type: {type_}" if family(type_) in _FAMILIES else f"unknown type: {type_}"
            )
        data = decoder.decode(record.value)
        message: Message[Event] = Message(
            id=UUID(headers["ce_id"]),
            topic=record.topic,
            source=headers["ce_source"],
            time=datetime.fromisoformat(headers["ce_time"]),
            sequence=int(headers["ce_sequence"]),
            causation=headers.get("ce_causationid", ""),
            traceparent=headers.get("traceparent", ""),
            data=data,
        )
    except KeyError as error:
        raise Unreadable(f"the header {error.args[0]} is missing") from error
    except msgspec.MsgspecError as error:
        raise Unreadable(f"{headers.get('ce_type')}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    if record.key != str(data.lead_id).encode():
        raise Unreadable("the key is not the lead's id")
    if message.sequence < 1 or message.time.tzinfo is None:
        raise Unreadable("ce_sequence must be 1 or more and ce_time must carry an offset")
    return message
