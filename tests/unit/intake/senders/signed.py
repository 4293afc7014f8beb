"""Deliveries as the senders make them, signed here by the senders' published rules and not by the code under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from services.intake.domain.mapping import Mapping as FieldMapping
from services.intake.domain.mapping import map_payload
from services.intake.domain.senders.shape import Connection, Delivery, Forged, Malformed, Notice, Sender, SentLead

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
STAMP = int(NOW.timestamp())
SECRET = "s3cret-of-the-source"
URL = "https://leads.example.com/hooks/tok"
SAMPLES = Path(__file__).parents[5] / "shared" / "samples"

Signer = Callable[[bytes, str], dict[str, str]]


def delivery(body: Any = b"", headers: Mapping[str, str] | None = None, **changes: Any) -> Delivery:
    given: dict[str, Any] = {"method": "POST", "url": URL, "query": {}, "received_at": NOW, **changes}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(headers={"content-type": "application/json", **(headers or {})}, body=raw, **given)


def connection(*secrets: str, **settings: Any) -> Connection:
    return Connection(secrets or (SECRET,), settings)


def notices(sender: Sender, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> list[Notice]:
    return sender.parse(delivery(body, headers), connection(**settings))


def normal_fields(sender: Sender, lead: SentLead) -> dict[str, Any]:
    """What the sender's own mapping, and what its paths sound like, make of the answers."""
    return map_payload(lead.answers, FieldMapping(), FieldMapping(sender.mapping)).fields


def hex_of(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def base64_of(message: bytes, secret: str | bytes) -> str:
    key = secret.encode() if isinstance(secret, str) else secret
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def refused(sender: Sender, sent: Delivery, *secrets: str, **settings: Any) -> int:
    """The status with which the sender's `verify` refuses this delivery."""
    with pytest.raises(Forged) as caught:
        sender.verify(sent, Connection(secrets or (SECRET,), settings))
    return caught.value.status


def samples(folder: str, suffix: str = ".json") -> Iterator[tuple[str, bytes]]:
    """The captures of one sender, where this checkout has them beside it."""
    for path in sorted((SAMPLES / folder).glob(f"*{suffix}")):
        yield path.name, path.read_bytes()


# Any JSON, and among it the names that senders use, so that the parsers are reached and not only their first look.
def any_json(*names: str) -> st.SearchStrategy[Any]:
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
        st.sampled_from(["0", "true", "CREATED", "2026-11-22T09:30:00Z", "\0", "\ud800", *names]), st.just(10**400),
    )  # fmt: skip
    keys = st.one_of(st.sampled_from(names), st.text(max_size=8)) if names else st.text(max_size=8)
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
        max_leaves=25,
    )


def survives(sender: Sender, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> None:
    """Reads the body: what comes back is notices that can be stored, or Malformed, and nothing else."""
    try:
        found = sender.parse(delivery(body, headers), connection(**settings))
    except Malformed:
        return
    for notice in found:
        external_id = getattr(notice, "external_id", None)
        assert external_id is None or (0 < len(external_id) <= 500 and "\0" not in external_id)
        repr(notice).encode("utf-8", "backslashreplace")
