"""What events are made of: what each of them has, and the block that says who a lead is."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import msgspec

Facts = dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event has: the lead it is about."""

    VERSION: ClassVar[int] = 1

    lead_id: UUID


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who the person is and what they wrote. `extra` keeps every answer that no field is mapped to."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    street: str | None = None
    message: str | None = None
    extra: dict[str, Any] = {}


def type_name(kind: type[Event]) -> str:
    """The CloudEvents type: `handoff.LeadReceived.v1`."""
    return f"handoff.{kind.__name__}.v{kind.VERSION}"
