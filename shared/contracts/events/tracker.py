"""What the tracker says, on leads.tracked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.contracts.events.shape import Event


class StageChanged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """tracker: somebody said how the lead is doing. `assignment_id` is the one that was open as far as the tracker knew."""

    stage: str
    previous: str
    changed_at: datetime
    by: str
    reason: str | None = None
    note: str | None = None
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
    value: float | None = None
    currency: str | None = None


class FirstResponded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """tracker: the lead was contacted for the first time. `seconds` is from receipt to contact, None if receipt is not known yet."""

    responded_at: datetime
    by: str
    seconds: float | None = None
    assignment_id: UUID | None = None
    agent_id: UUID | None = None
