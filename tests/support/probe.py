"""A scratch table in scoring's schema and a handler that writes into it: what a batch did, row by row, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from shared.consumer import Consumer, Handler, On, Subscriptions
from shared.contracts.envelope import Message, Outgoing
from shared.contracts.events import LeadReceived
from shared.contracts.topics import LEADS_RECEIVED, LEADS_SCORED
from shared.db.uow import Database, UnitOfWork, to_json
from shared.telemetry import loop_faults
from tests.support.events import ids
from tests.support.installation import Installation
from tests.support.tape import Tape

SCRATCH = """
CREATE TABLE scoring.probe (n bigint GENERATED ALWAYS AS IDENTITY, lead_id uuid, event_id uuid, sequence int, note jsonb);
CREATE SEQUENCE scoring.tries;
"""

Fault = Callable[[Sequence[Message[Any]], UnitOfWork], Awaitable[None]]


async def no_fault(_: Sequence[Message[Any]], __: UnitOfWork) -> None:
    """All is well."""


async def divide(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
    """Fails for each event whose facts ask for it, in the database."""
    for message in messages:
        if message.data.facts.get("divisor") == 0:
            await uow.execute("SELECT 1 / 0")


def faults(kind: str) -> float:
    """How many faults of this kind (world, parked) scoring's consumer has waited out in this process."""
    return float(loop_faults.labels("scoring", "consumer", kind)._value.get())


async def said(consumer: Consumer, prefix: str) -> bool:
    """Does the consumer's health begin so?"""
    return str(consumer.health()).startswith(prefix)


@dataclass
class Probe:
    """`fault` runs after the rows are written; what it raises is the handler's."""

    database: Database
    installation: Installation
    fault: Fault = no_fault
    calls: list[list[Message[Any]]] = field(default_factory=list)

    async def handle(self, messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        self.calls.append(list(messages))
        assert len({m.lead_id for m in messages}) == len(messages), "a lead twice in one list"
        await uow.execute(
            "INSERT INTO scoring.probe (lead_id, event_id, sequence, note) "
            "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::jsonb[])",
            [m.lead_id for m in messages],
            [m.id for m in messages],
            [m.sequence for m in messages],
            [to_json(m.data.facts) for m in messages],
        )
        await self.fault(messages, uow)

    def subscriptions(self, handler: Handler | None = None) -> Subscriptions:
        return Subscriptions((On(LEADS_RECEIVED, LeadReceived, handler or self.handle),))

    def consumer(self, tape: Tape, *, batch: int = 500, handler: Handler | None = None) -> Consumer:
        return Consumer(self.database, self.subscriptions(handler), tape.open, batch=batch, stuck_after=60)

    async def consume(self, records: Sequence[Outgoing], *, batch: int = 500, handler: Handler | None = None) -> Tape:
        """Runs the loop over these records until all of them are done."""
        tape = Tape(records)
        consumer = self.consumer(tape, batch=batch, handler=handler)
        tape.at_end = consumer.stop
        async with asyncio.timeout(30):
            await consumer.run()
        assert tape.committed == len(records)
        return tape

    async def rows(self) -> list[dict[str, Any]]:
        async with self.database.begin() as uow:
            return [dict(row) for row in await uow.fetch("SELECT * FROM scoring.probe ORDER BY n")]

    async def events(self) -> list[UUID]:
        return [row["event_id"] for row in await self.rows()]

    async def sequences(self, lead_id: UUID) -> list[int]:
        return [row["sequence"] for row in await self.rows() if row["lead_id"] == lead_id]

    async def letters(self) -> list[dict[str, Any]]:
        async with self.database.begin() as uow:
            return [dict(row) for row in await uow.fetch("SELECT * FROM scoring.dead_letters ORDER BY id")]

    async def claims(self) -> set[UUID]:
        async with self.database.begin() as uow:
            return {row["event_id"] for row in await uow.fetch("SELECT event_id FROM scoring.inbox")}

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.installation.admin_dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def prepare(self, sql: str) -> None:
        """Runs statements as the superuser."""
        async with self.admin() as connection:
            await connection.execute(sql)

    async def failing_commits(self, table: str, times: int, code: str = "40001") -> None:
        """The next commits that wrote into this table fail at COMMIT, that many times."""
        await self.prepare(f"""
            CREATE FUNCTION scoring.fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('scoring.tries') <= {times} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION scoring.fail_commit();
        """)


@contextlib.asynccontextmanager
async def probing(installation: Installation, *, dsn: str | None = None) -> AsyncIterator[Probe]:
    database = Database(dsn or installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=ids)
    try:
        async with database.begin() as uow:
            await uow.execute(SCRATCH)
        yield Probe(database, installation)
    finally:
        await database.close()
