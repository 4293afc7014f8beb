"""A lead as it is stored, and read back: what a restart must not change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.lead import Case, Held, Offered, Queued
from services.router.domain.sla import Clock

_SCORES = ("facts", "points", "grade", "qualification", "scored", "scored_sequence")
_PLAIN = ("sequence", "status", *_SCORES, "stage", "tracked_sequence", "hops")
_MOMENTS = ("received_at", "responded_at", "due_at")


def restored(lead: Case) -> Case:
    """The lead as a process finds it that has not seen it before."""
    return _read(json.loads(json.dumps(_written(lead))))


def _written(lead: Case) -> dict[str, Any]:
    return {
        "lead_id": str(lead.lead_id),
        **{name: getattr(lead, name) for name in _PLAIN},
        **{name: _text(getattr(lead, name)) for name in _MOMENTS},
        "refused": [str(one) for one in lead.refused],
        "offered": lead.offered and lead.offered.to_document(),
        "clocks": [clock.to_document() for clock in lead.clocks],
        "held": lead.held and {name: _text(value) for name, value in lead.held._asdict().items()},
        "queued": lead.queued and {name: _text(value) for name, value in lead.queued._asdict().items()},
    }


def _read(document: Mapping[str, Any]) -> Case:
    held, queued, offered = document["held"], document["queued"], document["offered"]
    plain: dict[str, Any] = {name: document[name] for name in _PLAIN} | {name: _moment(document[name]) for name in _MOMENTS}
    return Case(
        UUID(document["lead_id"]),
        **plain,
        refused=tuple(UUID(one) for one in document["refused"]),
        offered=Offered.from_document(offered) if offered else None,
        clocks=tuple(Clock.from_document(one) for one in document["clocks"]),
        held=_held(held) if held else None,
        queued=_queued(queued) if queued else None,
    )


def _held(document: Mapping[str, Any]) -> Held:
    return Held(**document)._replace(
        id=UUID(document["id"]),
        agent_id=UUID(document["agent_id"]),
        assigned_at=datetime.fromisoformat(document["assigned_at"]),
        accepted_at=_moment(document["accepted_at"]),
    )


def _queued(document: Mapping[str, Any]) -> Queued:
    queued = Queued(**document)
    return queued._replace(
        lead_id=UUID(document["lead_id"]),
        queued_at=datetime.fromisoformat(document["queued_at"]),
        until=_moment(document["until"]),
    )


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
