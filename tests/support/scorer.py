"""A replica of scoring without its process: fed with messages, its time set by hand, asked for what it wrote and said."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.scoring.handlers import SUBSCRIPTIONS, documents
from services.scoring.handlers.fading import TIMERS
from services.scoring.handlers.scores import get_score
from services.scoring.store.documents import Kind
from shared.clock import SystemClock
from shared.consumer import dispatch
from shared.contracts.envelope import Message, Outgoing, Received, unpack, unpack_headers
from shared.contracts.events import (
    ActivityRecorded,
    Contact,
    Event,
    LeadReceived,
    LeadScored,
    LeadTouched,
    StageChanged,
)
from shared.contracts.topics import LEADS_SCORED
from shared.db.uow import Database
from shared.errors import Transient
from shared.timers import Timers
from tests.support.events import as_read, ids, outgoing
from tests.support.installation import Installation

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
FACTS = {"source": "website", "has_email": True, "email_kind": "free", "product": "pro"}
# Few rules, of which each can be told from its points; half-lives of ten days.
CARD: dict[str, Any] = {
    "name": "Test",
    "fit": {
        "rules": [
            {"name": "email", "when": "has_email", "points": 20, "reason": "can be reached by e-mail"},
            {"name": "budget", "when": "budget >= 10000", "points": 30, "reason": "has a budget"},
        ]
    },
    "engagement": {
        "behaviours": [
            {"name": "page", "on": ["page_view"], "points": 10, "half_life_days": 10, "reason": "reads our pages"},
            {"name": "again", "on": ["submission"], "when": "source == 'fair'", "points": 7.5, "reason": "came to the fair"},
        ]
    },
    "letters": [{"letter": "A", "min": 40}, {"letter": "B", "min": 20}, {"letter": "C"}],
    "numbers": [{"number": 1, "min": 30}, {"number": 2, "min": 10}, {"number": 3}],
    "thresholds": [{"name": "warm", "min": 45}],
    "hysteresis": 2,
}
DEFINITION: dict[str, Any] = {
    "name": "Test",
    "dimensions": {
        "budget": {
            "evidence": [{"when": "budget > 0", "value": "has one", "confidence": 80, "fact": "budget"}],
            "half_life_days": 30,
        },
        "need": {},
    },
    "levels": [
        {"name": "sales_qualified", "label": "SQL", "when": "points >= 50", "floors": {"budget": 50, "need": 50}},
        {"name": "marketing_qualified", "label": "MQL", "when": "points >= 20"},
    ],
}


class SetClock(SystemClock):
    """Shows what it is set to."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__()
        self.shown = now

    def now(self) -> datetime:
        return self.shown

    def advance(self, **span: float) -> None:
        self.shown += timedelta(**span)


class Scorer:
    """One replica."""

    def __init__(self, database: Database, clock: SetClock) -> None:
        self.database = database
        self.clock = clock
        self.timers = Timers(database, TIMERS)

    async def take(self, *messages: Message[Any]) -> None:
        """Handles a batch in one transaction; again where another was in its way, as the consumer does."""
        try:
            await self._take(messages)
        except Transient:
            await self._take(messages)

    async def _take(self, messages: Sequence[Message[Any]]) -> None:
        async with self.database.begin() as uow:
            await dispatch(SUBSCRIPTIONS, messages, uow)

    async def fade(self) -> None:
        """Handles the timers that are due by now."""
        while not await self.timers.turn():
            pass

    async def fade_until(self, until: datetime) -> None:
        """Lets time pass from timer to timer."""
        while (due := await self.value("SELECT min(due_at) FROM scoring.timers")) and due <= until:
            self.clock.shown = max(due, self.clock.shown)
            await self.fade()
        self.clock.shown = until

    async def use(self, document: dict[str, Any], kind: Kind = Kind.SCORECARD) -> int:
        """Saves a document and makes it active."""
        async with self.database.begin() as uow:
            made, _ = await documents.create_draft(kind, document, uow, by="tester")
            if kind is Kind.DEFINITION:
                both = (
                    '{"marketing": {"by": "m", "at": "2026-03-01T00:00:00Z"}, "sales": {"by": "s", "at": "2026-03-01T00:00:00Z"}}'
                )
                await uow.execute("UPDATE scoring.definitions SET approvals = $1 WHERE version = $2", both, made.version)
            await documents.activate(kind, made.version, uow, by="tester")
        return made.version

    # -- What it wrote and said

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.begin() as uow:
            return [dict(row) for row in await uow.fetch(query, *args)]

    async def value(self, query: str, *args: object) -> Any:
        async with self.database.begin() as uow:
            return await uow.fetchval(query, *args)

    async def lead(self, lead_id: UUID) -> dict[str, Any]:
        found = await self.rows("SELECT * FROM scoring.leads WHERE lead_id = $1", lead_id)
        return found[0] if found else {}

    async def emitted(self, lead_id: UUID | None = None) -> list[Message[Any]]:
        """All it said, or all of one lead, in order; of each lead the sequence has no gaps."""
        rows = await self.rows("SELECT topic, key, headers, value FROM scoring.outbox ORDER BY id")
        messages = [read(Outgoing(**row)) for row in rows]
        of_lead: dict[UUID, int] = {}
        for message in messages:
            assert message.sequence == of_lead.get(message.lead_id, 0) + 1
            of_lead[message.lead_id] = message.sequence
        return [message for message in messages if lead_id in (None, message.lead_id)]

    async def scores(self, lead_id: UUID) -> list[LeadScored]:
        return [one.data for one in await self.emitted(lead_id) if isinstance(one.data, LeadScored)]

    async def engagement(self, lead_id: UUID) -> int:
        """As it is now, whatever was announced."""
        async with self.database.begin() as uow:
            return (await get_score(lead_id, uow)).look.word.standing.score.engagement

    async def grades(self, lead_id: UUID) -> list[str]:
        return [score.grade for score in await self.scores(lead_id)]


@contextlib.asynccontextmanager
async def scorer_of(installation: Installation, clock: SetClock | None = None) -> AsyncIterator[Scorer]:
    clock = clock or SetClock()
    database = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=clock)
    try:
        yield Scorer(database, clock)
    finally:
        await database.close()


def read(record: Outgoing) -> Message[Any]:
    return unpack(Received(record.topic, 0, 0, record.key, unpack_headers(record.headers), record.value))


def message(event: Event, sequence: int = 1) -> Message[Any]:
    return unpack(as_read(outgoing(event, sequence=sequence)))


def received(lead_id: UUID, facts: dict[str, Any] | None = None, *, at: datetime = NOON) -> LeadReceived:
    contact = Contact(email="ada@example.com")
    return LeadReceived(
        lead_id=lead_id, received_at=at, source="website", contact=contact, facts=FACTS if facts is None else facts
    )


def touched(lead_id: UUID, kind: str = "submission", *, source: str = "fair", at: datetime = NOON, **facts: Any) -> LeadTouched:
    return LeadTouched(lead_id=lead_id, touched_at=at, kind=kind, source=source, facts=facts)


def corrected(lead_id: UUID, facts: dict[str, Any]) -> LeadTouched:
    return LeadTouched(lead_id=lead_id, touched_at=NOON, kind="corrected", source="website", facts=facts)


def did(lead_id: UUID, kind: str = "page_view", *, at: datetime = NOON, **data: Any) -> ActivityRecorded:
    return ActivityRecorded(lead_id=lead_id, activity_id=ids.uuid7(), kind=kind, occurred_at=at, recorded_at=at, data=data)


def stage(lead_id: UUID, name: str, *, at: datetime = NOON) -> StageChanged:
    return StageChanged(lead_id=lead_id, stage=name, previous="new", changed_at=at, by="tester")
