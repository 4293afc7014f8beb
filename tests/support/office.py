"""A replica of the router without its process: a pool and a memory of its own, fed with messages, asked for what it wrote."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from services.router import store
from services.router.domain import Member
from services.router.handlers import SUBSCRIPTIONS, agents, explaining, passing, policies, queue
from services.router.handlers.moving import JOB_STEPS
from services.router.handlers.queue import sweep
from shared.clock import SystemClock
from shared.consumer import dispatch
from shared.contracts.envelope import Cause, Message, Received, unpack, unpack_headers
from shared.contracts.events import Event, FirstResponded, LeadErased, LeadMerged, LeadScored, LeadUnmerged, StageChanged
from shared.contracts.topics import LEADS_ROUTED, LEADS_SCORED, LEADS_TRACKED
from shared.db.uow import Database, UnitOfWork
from shared.errors import Transient
from shared.jobs import Jobs
from shared.telemetry import new_traceparent
from shared.timers import Timers
from shared.timers import rows as timers
from tests.support.installation import Installation

T = TypeVar("T")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ids = SystemClock()


class SetClock(SystemClock):
    """Shows what it is set to; goes on by a millisecond each time it is asked, so that moments differ."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__()
        self.shown = now

    def now(self) -> datetime:
        self.shown += timedelta(milliseconds=1)
        return self.shown


class Office:
    """One replica. What is lost to another replica or to the world is done again, as the consumer does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.timers = Timers(database, passing.TIMERS | queue.TIMERS)
        self.jobs = Jobs(database, JOB_STEPS)

    async def do(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        while True:
            with contextlib.suppress(Transient):
                async with self.database.begin() as uow:
                    return await work(uow)

    async def take(self, *messages: Message[Any]) -> None:
        """Handles a batch in one transaction."""
        await self.do(lambda uow: dispatch(SUBSCRIPTIONS, messages, uow))

    async def sweep(self) -> int:
        """Lets the net look; how many leads it found."""
        found = 0
        while given := await self.do(lambda uow: sweep(uow, _cause())):
            found += given
        return found

    async def ring(self) -> None:
        """Lets the timers ring that are due, and those that are set for at once meanwhile. A failed one stays due, and is raised."""
        await self.timers.turn()  # also where nothing is due: that somebody looked is known
        while (await self.do(timers.counts)).due:
            await self.timers.turn()
            [failed] = await self.rows("SELECT max(fault) AS fault FROM router.timers")
            assert failed["fault"] is None, failed

    def restart(self) -> None:
        """Forgets what a process forgets when it ends: its loops begin anew, and see how long nobody looked."""
        self.database.memory.clear()
        self.timers = Timers(self.database, passing.TIMERS | queue.TIMERS)
        self.jobs = Jobs(self.database, JOB_STEPS)

    async def work_off(self) -> None:
        """Does all jobs that are due, to their ends."""
        while await self.jobs.turn():
            pass

    async def agent(self, name: str, **settings: Any) -> UUID:
        values = {"kind": "agent", "active": True, "daily_cap": None, "open_cap": None, "zone": "UTC", "name": name, **settings}
        row = await self.do(lambda uow: agents.create_agent(values, uow, by="test", cause=_cause()))
        id: UUID = row["id"]
        return id

    async def change(self, agent: UUID, **settings: Any) -> None:
        await self.do(lambda uow: agents.change_agent(agent, settings, uow, by="test", cause=_cause()))

    async def pool(self, name: str, *agents: UUID) -> None:
        members = [Member(agent) for agent in agents]
        await self.do(lambda uow: policies.put_pool(name, members, uow, by="test", cause=_cause()))

    async def policy(self, document: dict[str, Any]) -> None:
        document = {"routed": ["sales_qualified"], **document}
        await self.do(lambda uow: policies.post_policy(document, uow, by="test", cause=_cause()))

    async def delete_pool(self, name: str) -> None:
        await self.do(lambda uow: policies.delete_pool(name, uow, by="test", cause=_cause()))

    # -- What it wrote

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.do(lambda uow: uow.fetch(query, *args))]

    async def owners(self) -> list[tuple[UUID, UUID]]:
        """(lead, agent) of every assignment, in the order in which they were made."""
        rows = await self.rows("SELECT lead_id, agent_id FROM router.assignments ORDER BY assigned_at, id")
        return [(row["lead_id"], row["agent_id"]) for row in rows]

    async def queue(self) -> list[UUID]:
        rows = await self.do(lambda uow: store.page_of_queue(uow, after=None, limit=10_000))
        return [row["lead_id"] for row in rows]

    async def lead(self, lead: UUID) -> dict[str, Any]:
        [row] = await self.rows("SELECT * FROM router.leads WHERE lead_id = $1", lead)
        return row

    async def status(self, lead: UUID) -> str:
        return str((await self.lead(lead))["status"])

    async def held(self, lead: UUID) -> dict[str, Any]:
        """The lead's open assignment."""
        [row] = await self.rows("SELECT * FROM router.assignments WHERE lead_id = $1 AND closed_at IS NULL", lead)
        return row

    async def owned(self, lead: UUID) -> dict[str, Any]:
        """The lead's last assignment, open or not."""
        rows = await self.rows("SELECT * FROM router.assignments WHERE lead_id = $1 ORDER BY assigned_at, id", lead)
        return rows[-1]

    async def unlike(self) -> list[Any]:
        """Decisions that come out otherwise when they are made again from what was recorded."""
        rows = await self.rows("SELECT id, outcome FROM router.decisions ORDER BY id")
        made = [(row, await self.do(lambda uow, id=row["id"]: explaining.replay(id, uow))) for row in rows]  # type: ignore[misc]
        return [(row["outcome"], again.differences) for row, again in made if again.differences]

    async def said(self, lead: UUID) -> list[Event]:
        """The events emitted for a lead, in order."""
        rows = await self.rows("SELECT * FROM router.outbox WHERE key = $1 ORDER BY id", str(lead).encode())
        records = [Received(row["topic"], 0, 0, row["key"], unpack_headers(row["headers"]), row["value"]) for row in rows]
        messages = [unpack(record) for record in records]
        assert [message.sequence for message in messages] == list(range(1, len(messages) + 1))
        return [message.data for message in messages]


@contextlib.asynccontextmanager
async def offices(installation: Installation, count: int, clock: SystemClock | None = None) -> AsyncIterator[list[Office]]:
    made = [
        Database(installation.dsns["router"], service="router", topic=LEADS_ROUTED.name, clock=clock or SystemClock())
        for _ in range(count)
    ]
    try:
        yield [Office(database) for database in made]
    finally:
        for database in made:
            await database.close()


def scored(
    lead: UUID,
    points: int = 50,
    *,
    sequence: int = 1,
    qualification: str = "sales_qualified",
    grade: str = "B",
    received_at: datetime = NOON,
    **facts: Any,
) -> Message[Any]:
    event = LeadScored(
        lead_id=lead,
        received_at=received_at,
        points=points,
        grade=grade,
        qualification=qualification,
        reasons=[],
        scorecard_version=1,
        facts=facts,
    )
    return _message(event, LEADS_SCORED.name, sequence)


def stage(lead: UUID, name: str, *, sequence: int = 1, assignment: UUID | None = None, at: datetime = NOON) -> Message[Any]:
    event = StageChanged(lead_id=lead, stage=name, previous="new", changed_at=at, by="rep", assignment_id=assignment)
    return _message(event, LEADS_TRACKED.name, sequence)


def responded(lead: UUID, at: datetime, *, sequence: int = 1, assignment: UUID | None = None) -> Message[Any]:
    event = FirstResponded(lead_id=lead, responded_at=at, by="rep", assignment_id=assignment)
    return _message(event, LEADS_TRACKED.name, sequence)


def merged(lead: UUID, into: UUID, *, sequence: int = 2) -> Message[Any]:
    event = LeadMerged(lead_id=lead, into=into, contact_id=ids.uuid7(), merged_at=NOON, by="test")
    return _message(event, LEADS_SCORED.name, sequence)


def unmerged(lead: UUID, into: UUID, *, sequence: int = 3) -> Message[Any]:
    event = LeadUnmerged(lead_id=lead, into=into, contact_id=ids.uuid7(), unmerged_at=NOON, by="test")
    return _message(event, LEADS_SCORED.name, sequence)


def erased(lead: UUID, *, sequence: int = 4) -> Message[Any]:
    event = LeadErased(lead_id=lead, contact_id=ids.uuid7(), erased_at=NOON, by="test", reason="request", removed={"leads": 1})
    return _message(event, LEADS_SCORED.name, sequence)


def _message(event: Event, topic: str, sequence: int) -> Message[Any]:
    id = ids.uuid7()
    return Message(
        id=id,
        topic=topic,
        source="/test",
        time=NOON,
        sequence=sequence,
        causation=str(id),
        traceparent=new_traceparent(),
        data=event,
    )


def _cause() -> Cause:
    return Cause("test", new_traceparent())


def leads(count: int) -> list[UUID]:
    return [ids.uuid7() for _ in range(count)]


def rule(product: str, pool: str) -> dict[str, Any]:
    return {"name": product, "when": [{"field": "product", "op": "==", "value": product}], "pool": pool}


def members(*agents: UUID) -> dict[str, Any]:
    return {"members": [{"agent_id": str(agent)} for agent in agents]}


async def full_pool(office: Office, **settings: Any) -> tuple[UUID, UUID, UUID]:
    """An agent who may hold one lead (or what is given), holds it, and another lead that waits: (agent, held, waiting)."""
    agent = await office.agent("ann", **({"open_cap": 1} | settings))
    await office.pool("default", agent)
    held, waiting = leads(2)
    await office.take(scored(held, product="pro"))
    await office.take(scored(waiting, product="pro"))
    assert await office.owners() == [(held, agent)]
    assert await office.queue() == [waiting]
    return agent, held, waiting
