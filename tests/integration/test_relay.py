"""The relay on a real PostgreSQL: all that is committed is published, in order, by one of many, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from shared import relay as module
from shared.bus.postgres import PostgresBus
from shared.contracts.envelope import Outgoing, unpack
from shared.contracts.events import LeadScored
from shared.contracts.topics import LEADS_SCORED
from shared.db.uow import Database
from shared.errors import Transient
from shared.relay import Relay
from tests.support.events import AT, CAUSE, as_read, ids
from tests.support.installation import Installation
from tests.support.waiting import eventually, waits_for_a_lock

NAME = "handoff.scoring.relay"


def scored(lead_id: UUID) -> LeadScored:
    return LeadScored(
        lead_id=lead_id,
        received_at=AT,
        points=1,
        grade="A",
        qualification="sales_qualified",
        reasons=[],
        scorecard_version=1,
        facts={},
    )


async def emit(database: Database, lead_id: UUID, *sequences: int) -> None:
    async with database.begin() as uow:
        for sequence in sequences:
            uow.emit(scored(lead_id), sequence=sequence, cause=CAUSE)


@dataclass
class Wire:
    """A bus that takes all, until told to fail: `failures` says for each coming publish whether it breaks off in the middle."""

    records: list[Outgoing] = field(default_factory=list)
    failures: list[bool] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    held: asyncio.Event | None = None

    async def open(self) -> Wire:
        self.opened += 1
        return self

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.held:
            await self.held.wait()
        if self.failures and self.failures.pop(0):
            self.records += records[: len(records) // 2]
            raise Transient("the wire broke")
        self.records += records

    async def close(self) -> None:
        self.closed += 1

    def story(self, lead_id: UUID) -> list[int]:
        """The numbers of this lead's events, each where it first came."""
        messages = [unpack(as_read(record)) for record in self.records if record.key == str(lead_id).encode()]
        return list(dict.fromkeys(message.sequence for message in messages))


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF", (0.001, 0.02))
    monkeypatch.setattr(module, "STANDBY", 0.02)


@pytest.fixture
async def database(installation: Installation) -> AsyncIterator[Database]:
    opened = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=ids, pool_size=12)
    yield opened
    await opened.close()


@pytest.fixture
async def admin(installation: Installation) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(installation.admin_dsn)
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def relaying(database: Database, wire: Wire, *, bound: int = 1000) -> AsyncIterator[Relay]:
    relay = Relay(database, wire.open, bound=bound)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait_for(task, 10)


async def outbox(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT count(*) FROM scoring.outbox"))


async def drained(admin: asyncpg.Connection) -> None:
    async def empty() -> bool:
        return await outbox(admin) == 0

    await eventually(empty, timeout=20)


async def holder(admin: asyncpg.Connection) -> int | None:
    """The server process of the relay that is active."""
    pid = await admin.fetchval(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND "
        "((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 0) AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        NAME,
    )
    return int(pid) if pid else None


async def test_one_of_two_is_active_and_the_other_takes_over(database: Database, admin: asyncpg.Connection) -> None:
    one, other = Wire(), Wire()
    lead = ids.uuid7()
    async with relaying(database, one), relaying(database, other):
        for n in range(1, 6):
            await emit(database, lead, n)
            await drained(admin)
        assert [one.opened, other.opened] in ([1, 0], [0, 1])
        first, second = (one, other) if one.opened else (other, one)
        first.held = asyncio.Event()  # hangs in the middle of a round, and comes back when its lock is long gone
        await emit(database, lead, 6)
        active = await eventually(lambda: holder(admin))
        await admin.fetchval("SELECT pg_terminate_backend($1)", active)
        await drained(admin)
        assert second.story(lead) == [6]
        first.held.set()
        await emit(database, lead, 7)
        await drained(admin)
    together = Wire(first.records[:5] + second.records)
    assert together.story(lead) == [1, 2, 3, 4, 5, 6, 7]


async def test_writers_with_slow_commits_lose_nothing(database: Database, admin: asyncpg.Connection) -> None:
    """Ids become visible out of order: a relay that reads on from the last id it saw would pass over some."""
    chance = random.Random(7)
    wire = Wire()
    stories = [ids.uuid7() for _ in range(12)]

    async def write(lead_id: UUID) -> None:
        sequence = 1
        for _ in range(12):
            async with database.begin() as uow:
                for _ in range(chance.randint(1, 4)):
                    uow.emit(scored(lead_id), sequence=sequence, cause=CAUSE)
                    sequence += 1
                # The rows are inserted, then the commit takes its time.
                slow = chance.choice([0, 0.002, 0.02])
                await uow.insert("outbox", Outgoing._fields, uow._outbox)
                uow._outbox.clear()
                await uow.fetchval("SELECT pg_sleep($1)", slow)

    async with relaying(database, wire):
        await asyncio.gather(*[write(lead) for lead in stories])
        await drained(admin)
    for lead in stories:
        assert wire.story(lead) == list(range(1, len(wire.story(lead)) + 1))
    last = await admin.fetchval(
        "SELECT last_value FROM pg_sequences WHERE schemaname = 'scoring' AND sequencename LIKE 'outbox%'"
    )
    assert len(wire.records) == len({record.headers for record in wire.records}) == last


async def test_a_round_is_all_or_nothing_and_a_failed_publisher_is_replaced(
    database: Database, admin: asyncpg.Connection
) -> None:
    wire = Wire(failures=[True, True, False])
    lead = ids.uuid7()
    await emit(database, lead, *range(1, 41))
    async with relaying(database, wire):
        await drained(admin)
        assert (wire.opened, wire.closed) == (3, 2)
    assert len(wire.records) == 20 + 20 + 40
    assert wire.story(lead) == list(range(1, 41))


async def test_a_failed_delete_publishes_again_and_loses_nothing(database: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("""
        CREATE SEQUENCE scoring.tries;
        CREATE FUNCTION scoring.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            IF nextval('scoring.tries') <= 2 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER refuse AFTER DELETE ON scoring.outbox FOR EACH STATEMENT EXECUTE FUNCTION scoring.refuse();
    """)
    wire, lead = Wire(), ids.uuid7()
    await emit(database, lead, 1, 2, 3)
    async with relaying(database, wire):
        await drained(admin)
    assert len(wire.records) == 9
    assert wire.story(lead) == [1, 2, 3]


async def test_more_than_the_bound_is_full_also_while_the_bus_is_away(
    database: Database, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 0.0)
    away = True

    async def open_publisher() -> Wire:
        if away:
            raise Transient("no bus")
        return wire

    wire, relay = Wire(), Relay(database, open_publisher, bound=700)

    async def is_full() -> bool:
        return relay.full

    async def is_well() -> bool:
        return not relay.full and relay.health() is None

    task = asyncio.create_task(relay.run())
    await emit(database, ids.uuid7(), *range(1, 701))
    await eventually(is_well)
    await emit(database, ids.uuid7(), 1)
    await eventually(is_full)
    assert relay.health() == "the outbox holds more than 700 events"
    away = False
    await eventually(is_well)
    relay.stop()
    await task
    assert len(wire.records) == 701


async def test_stopping_publishes_what_is_committed(database: Database, admin: asyncpg.Connection) -> None:
    wire, lead = Wire(), ids.uuid7()
    wire.held = asyncio.Event()
    relay = Relay(database, wire.open, bound=1)
    task = asyncio.create_task(relay.run())
    await emit(database, lead, 1)
    await emit(database, lead, *range(2, 1203))
    relay.stop()
    wire.held.set()
    await asyncio.wait_for(task, 10)
    assert wire.story(lead) == list(range(1, 1203))
    assert await outbox(admin) == 0
    assert wire.closed == 1


async def test_stopping_without_a_bus_ends_and_keeps_the_rows(database: Database, admin: asyncpg.Connection) -> None:
    async def nowhere() -> Wire:
        raise Transient("no bus")

    relay = Relay(database, nowhere, bound=1000)
    task = asyncio.create_task(relay.run())
    await emit(database, ids.uuid7(), 1)
    relay.stop()
    await asyncio.wait_for(task, 5)
    assert await outbox(admin) == 1


async def test_failover_with_an_open_insert_on_the_postgres_bus(
    installation: Installation, database: Database, admin: asyncpg.Connection
) -> None:
    """The active relay is cut off while its insert into the log is open: nothing is skipped, nothing overtakes."""
    bus = PostgresBus(installation.dsns["scoring"])
    cut_off = PostgresBus(installation.dsns["scoring"])
    lead = ids.uuid7()
    await emit(database, lead, *range(1, 51))
    async with PostgresBus(installation.admin_dsn).connection() as blocker:
        hold = blocker.transaction()
        await hold.start()
        await blocker.execute("SELECT FROM bus.heads WHERE topic = 'leads.scored' FOR UPDATE")
        one, other = Relay(database, cut_off.publisher, bound=1000), Relay(database, bus.publisher, bound=1000)
        first = asyncio.create_task(one.run())
        active = await eventually(lambda: holder(admin))
        second = asyncio.create_task(other.run())
        await eventually(lambda: waits_for_a_lock(admin))
        await admin.fetchval("SELECT pg_terminate_backend($1)", active)
        await eventually(lambda: held_by_another(admin, active))
        await emit(database, lead, *range(51, 61))
        await hold.rollback()
    await drained(admin)
    one.stop()
    other.stop()
    await asyncio.gather(first, second)
    rows = await admin.fetch(
        "SELECT headers, value, key FROM bus.log WHERE topic = 'leads.scored' ORDER BY partition, \"offset\""
    )
    wire = Wire([Outgoing("leads.scored", row["key"], row["headers"], row["value"]) for row in rows])
    assert wire.story(lead) == list(range(1, 61))
    await bus.close()
    await cut_off.close()


async def held_by_another(admin: asyncpg.Connection, before: int | None) -> bool:
    return await holder(admin) not in (None, before)
