"""Deliveries of senders that do not sign, and what every one of their parsers must withstand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from services.intake.domain import fields
from services.intake.domain.mapping import Mapping as FieldMapping
from services.intake.domain.mapping import map_payload
from services.intake.domain.senders.shape import Connection, Delivery, Forged, Malformed, Notice, Sender, SentLead

AT = datetime(2026, 6, 1, 9, 5, tzinfo=UTC)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LARGEST = 128 * 1024


def post(body: bytes | str, kind: str = JSON, **headers: str) -> Delivery:
    """A delivery; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return Delivery("POST", "https://leads.example.com/hooks/tok", {"content-type": kind, **named}, {}, raw, AT)


def form(**answers: str | list[str]) -> Delivery:
    return post(urlencode(answers, doseq=True), FORM)


def multipart(*parts: tuple[str, str | bytes, str | None], **headers: str) -> Delivery:
    """Parts of a name, a content and, for a file, a filename."""
    chunks = []
    for name, content, filename in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        raw = content if isinstance(content, bytes) else content.encode()
        chunks.append(b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), file.encode(), raw))
    return post(b"".join(chunks) + b"--x--\r\n", "multipart/form-data; boundary=x", **headers)


def read(sender: Sender, delivery: Delivery, *secrets: str, **settings: Any) -> list[Notice]:
    connection = Connection(secrets, settings)
    sender.verify(delivery, connection)
    return sender.parse(delivery, connection)


def lead(sender: Sender, delivery: Delivery, *secrets: str, **settings: Any) -> SentLead:
    [notice] = read(sender, delivery, *secrets, **settings)
    assert isinstance(notice, SentLead)
    return notice


def normal(sender: Sender, sent: SentLead) -> Mapping[str, Any]:
    """The lead's normal fields by the sender's own mapping."""
    return map_payload(sent.answers, FieldMapping(), FieldMapping(sender.mapping, frozenset(sender.facts))).fields


def refusal(sender: Sender, delivery: Delivery, *secrets: str, **settings: Any) -> int:
    """The status with which verify or parse refuses this, and 0 where neither does."""
    try:
        read(sender, delivery, *secrets, **settings)
    except (Forged, Malformed) as error:
        return error.status
    return 0


BOUNDED = 3.0  # seconds: some times what the slowest takes where a processor is shared; what is quadratic takes minutes


def cpu_seconds(sender: Sender, delivery: Delivery) -> float:
    """What reading takes of the processor: not the clock, since other tests run on it too."""
    before = time.process_time()
    refusal(sender, delivery)
    return time.process_time() - before


def unknown_targets(sender: Sender) -> set[str]:
    return {field for field in sender.mapping.values() if field not in fields.NORMAL_FIELDS}
