"""What the consuming loop does when the world fails: nothing lost, nothing doubled, nothing remembered that is not durable."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from shared.contracts.envelope import Message
from shared.contracts.events import LeadReceived
from shared.db.uow import Database, UnitOfWork
from tests.support.events import event_ids, ids, lead_received, leads, outgoing, story
from tests.support.installation import Installation
from tests.support.probe import Probe, faults, probing, said
from tests.support.proxy import proxied
from tests.support.tape import Tape
from tests.support.waiting import eventually

# -- What a process remembers --------------------------------------------------------------------------------------------------


@dataclass
class Counted:
    """How many rows there are, as far as this process knows."""

    known: int | None = None


async def number(messages: Sequence[Message[LeadReceived]], uow: UnitOfWork) -> None:
    """Numbers the leads from memory: taken out, put back once durable."""
    memory = uow.memory(Counted)
    known, memory.known = memory.known, None
    if known is None:
        known = int(await uow.fetchval("SELECT count(*) FROM scoring.probe"))
    for n, message in enumerate(messages, known + 1):
        await uow.execute(
            "INSERT INTO scoring.probe (lead_id, event_id, sequence) VALUES ($1, $2, $3)", message.lead_id, message.id, n
        )
    uow.after_commit(lambda: setattr(memory, "known", known + len(messages)))


async def test_memory_is_advanced_only_by_what_is_committed(probe: Probe) -> None:
    await probe.consume(leads(3), handler=number)
    assert probe.database.memory[Counted] == Counted(3)
    await probe.failing_commits("scoring.probe", times=2)
    await probe.consume(leads(4), handler=number)
    assert [row["sequence"] for row in await probe.rows()] == [1, 2, 3, 4, 5, 6, 7]
    assert probe.database.memory[Counted] == Counted(7)


async def test_a_failed_commit_leaves_nothing_in_memory(probe: Probe) -> None:
    await probe.consume(leads(3), handler=number)
    await probe.failing_commits("scoring.probe", times=1)
    seen: list[Counted] = []

    async def watched(messages: Sequence[Message[LeadReceived]], uow: UnitOfWork) -> None:
        seen.append(dataclasses.replace(uow.memory(Counted)))
        await number(messages, uow)

    await probe.consume(leads(2), handler=watched)
    assert seen == [Counted(3), Counted(None)]


# -- The world's fault ---------------------------------------------------------------------------------------------------------


def times(count: int, sql: str) -> Callable[[Sequence[Message[Any]], UnitOfWork], Any]:
    """A handler's fault: so many times that statement, then none."""
    left = iter(range(count))

    async def fail(_: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        if next(left, None) is not None:
            await uow.execute(sql)

    return fail


WORLDLY = {
    "a killed backend": "SELECT pg_terminate_backend(pg_backend_pid())",
    "a serialization failure": "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$",
    "a lack of memory": "DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53200'; END $$",
    "a time limit": "SET LOCAL statement_timeout = 5; SELECT pg_sleep(60)",
}


@pytest.mark.parametrize("fault", WORLDLY)
async def test_a_fault_of_the_world_is_waited_out(probe: Probe, fault: str) -> None:
    probe.fault = times(2, WORLDLY[fault])
    records = [*leads(40), *story(ids.uuid7(), 3)]
    before = faults("world")
    await probe.consume(records)
    assert sorted(await probe.events()) == sorted(event_ids(records))
    assert await probe.letters() == []
    assert faults("world") == before + 2


async def test_a_lock_held_by_another_is_waited_for(probe: Probe) -> None:
    await probe.prepare(
        "DO $$ BEGIN EXECUTE format('ALTER ROLE handoff_scoring IN DATABASE %I SET lock_timeout = ''30ms''', current_database()); END $$"
    )
    records = leads(10)
    tape = Tape(records)
    async with probing_again(probe) as fresh, probe.admin() as admin:
        lock = admin.transaction()
        await lock.start()
        await admin.execute("LOCK TABLE scoring.probe IN EXCLUSIVE MODE")
        consumer = fresh.consumer(tape)
        tape.at_end = consumer.stop
        task = asyncio.create_task(consumer.run())
        await eventually(lambda: said(consumer, "waiting: "))
        await lock.rollback()
        await asyncio.wait_for(task, 10)
    assert sorted(await probe.events()) == sorted(event_ids(records))
    assert await probe.letters() == []


@contextlib.asynccontextmanager
async def probing_again(probe: Probe) -> AsyncIterator[Probe]:
    """The same scratch table through new connections, which have the role's new settings."""
    database = Database(probe.installation.dsns["scoring"], service="scoring", topic="leads.scored", clock=ids)
    try:
        yield Probe(database, probe.installation)
    finally:
        await database.close()


@pytest.mark.usefixtures("brisk")
async def test_while_the_database_is_away_nothing_is_suspect(installation: Installation) -> None:
    async with proxied(installation.dsns["scoring"]) as proxy, probing(installation, dsn=proxy.dsn) as probe:
        records, before = leads(20), faults("world")
        tape = Tape(records)
        consumer = probe.consumer(tape)
        tape.at_end = consumer.stop
        proxy.go_away()
        task = asyncio.create_task(consumer.run())

        async def many_tries() -> bool:
            return faults("world") >= before + 25

        await eventually(many_tries)
        assert str(consumer.health()).startswith("waiting: ")
        proxy.come_back()
        await asyncio.wait_for(task, 10)
        assert sorted(await probe.events()) == sorted(event_ids(records))
        assert await probe.letters() == []


async def test_a_lock_that_is_not_had_for_long_makes_nobody_suspect(probe: Probe) -> None:
    probe.fault = times(30, "DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$")
    records = leads(6)
    await probe.consume(records)
    assert sorted(await probe.events()) == sorted(event_ids(records))
    assert await probe.letters() == []


async def test_a_record_that_alone_stays_transient_becomes_suspect(probe: Probe) -> None:
    bad, good = outgoing(lead_received(again=True)), leads(6)

    async def conflict(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        if any(message.data.facts.get("again") for message in messages):
            await uow.execute(WORLDLY["a serialization failure"])

    probe.fault = conflict
    await probe.consume([*good[:3], bad, *good[3:]])
    (letter,) = await probe.letters()
    assert (letter["kind"], letter["attempts"], letter["event_id"]) == ("suspect", 10, event_ids([bad])[0])
    assert sorted(await probe.events()) == sorted(event_ids(good))


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("moment", ["drop_reply_to", "drop_request"])
async def test_a_commit_of_unknown_outcome_is_neither_lost_nor_doubled(installation: Installation, moment: str) -> None:
    """The connection is cut between COMMIT and its answer: once after, once before the server heard of it."""
    async with proxied(installation.dsns["scoring"]) as proxy, probing(installation, dsn=proxy.dsn) as probe:
        records = leads(30)
        setattr(proxy, moment, b"COMMIT")
        await probe.consume(records, handler=number)
        assert proxy.dropped == 1
        assert [row["sequence"] for row in await probe.rows()] == list(range(1, 31))
        assert sorted(await probe.events()) == sorted(event_ids(records))
