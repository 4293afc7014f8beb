"""What a desk did since it was last written: rows to come, and what is to be told, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.decision import Decision, Outcome
from services.router.domain.desk.happenings import Ended
from services.router.domain.lead import Case, Held, Queued
from services.router.domain.ledger import Entry


class Made(NamedTuple):
    """A decision as it was made: `number` is the ledger's before it, `ordinal` its place among those of one unit of work.

    `outcome` and `why` are its own, or say why the lead queues although somebody may receive. `by` is who said who gets the lead, where
    somebody did, and `said` is their reason.
    """

    id: UUID
    decision: Decision
    group: int | None
    number: int | None
    ordinal: int
    outcome: Outcome
    why: str
    by: str | None = None
    said: str | None = None


@dataclass
class Record:
    """What is ended, and who waits no more, comes before what is assigned and who waits now.

    `told` are happenings, or whatever else is to be passed on of a lead, each with its sequence and cause.
    """

    entries: list[tuple[int, Entry]] = field(default_factory=list)
    assigned: list[tuple[Case, Held]] = field(default_factory=list)
    ended: list[tuple[Case, Ended]] = field(default_factory=list)
    accepted: list[tuple[Case, Held]] = field(default_factory=list)
    unqueued: list[UUID] = field(default_factory=list)
    queued: dict[UUID, Queued] = field(default_factory=dict)
    ranked: list[Queued] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    new: dict[UUID, Case] = field(default_factory=dict)
    changed: dict[UUID, Case] = field(default_factory=dict)
    told: list[tuple[Case, Any, int, Any]] = field(default_factory=list)
