"""The consuming loop on a real PostgreSQL: each event's effect happens once, in order, whoever is at fault."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared import consumer as loop
from shared.bus.postgres import PostgresBus
from shared.clock import uuid7_floor
from shared.consumer import Consumer, Redriven, redrive
from shared.contracts.envelope import Message, Outgoing, unpack_headers
from shared.contracts.events import LeadReceived, LeadScored
from shared.db import deadletters, inbox
from shared.db.uow import Database, UnitOfWork
from shared.telemetry import loop_faults
from tests.support.events import AT, ids, lead_received, outgoing, spoilt, stage_changed
from tests.support.installation import Installation
from tests.support.probe import Probe, probing
from tests.support.proxy import proxied
from tests.support.tape import Tape
from tests.support.waiting import eventually, waits_for_a_lock


@pytest.fixture
async def probe(installation: Installation) -> AsyncIterator[Probe]:
    async with probing(installation) as made:
        yield made


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF", (0.001, 0.01))


def leads(count: int) -> list[Outgoing]:
    """One event of each of so many leads."""
    return [outgoing(lead_received(n=n)) for n in range(count)]


def story(lead_id: UUID, count: int, *, since: int = 1, **facts: Any) -> list[Outgoing]:
    """So many events of one lead, numbered."""
    return [outgoing(lead_received(lead_id, **facts), sequence=n) for n in range(since, since + count)]


def event_ids(records: Sequence[Outgoing]) -> list[UUID]:
    return [UUID(unpack_headers(record.headers)["ce_id"]) for record in records]


def faults(kind: str) -> float:
    return float(loop_faults.labels("scoring", "consumer", kind)._value.get())


# -- Batches and rounds --------------------------------------------------------------------------------------------------------


async def test_a_batch_is_one_transaction_in_rounds(probe: Probe) -> None:
    once, twice, thrice = (ids.uuid7() for _ in range(3))
    a, b = story(twice, 2), story(thrice, 3)
    await probe.consume([b[0], a[0], b[1], *story(once, 1), a[1], b[2]])
    assert [{m.lead_id for m in call} for call in probe.calls] == [{once, twice, thrice}, {twice, thrice}, {thrice}]
    assert await probe.sequences(twice) == [1, 2]
    assert await probe.sequences(thrice) == [1, 2, 3]
    async with probe.database.begin() as uow:
        assert await uow.fetchval("SELECT count(DISTINCT xmin::text) FROM scoring.probe") == 1


async def test_an_id_twice_in_a_batch_and_again_later_takes_effect_once(probe: Probe) -> None:
    records = leads(5)
    await probe.consume([*records, records[2], records[2], *records[:2]])
    await probe.consume(records)
    assert sorted(await probe.events()) == sorted(event_ids(records))


async def test_what_nobody_subscribes_to_is_skipped_unclaimed(probe: Probe) -> None:
    wanted, elsewhere = leads(2)
    strange = [
        spoilt(elsewhere, headers={"ce_type": "handoff.LeadForgotten.v7"}),
        spoilt(elsewhere, headers={"ce_type": "plain words"}),
        outgoing(stage_changed()),
        elsewhere._replace(topic="leads.tracked"),
    ]
    await probe.consume([strange[0], wanted, *strange[1:]])
    assert await probe.events() == event_ids([wanted])
    assert await probe.claims() == set(event_ids([wanted]))
    assert await probe.letters() == []


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


# -- The inbox across its partitions -------------------------------------------------------------------------------------------


class Someday:
    """A clock that stands at a chosen day."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return ids.monotonic()

    def uuid7(self) -> UUID:
        return ids.uuid7()


async def maintain(probe: Probe, at: datetime) -> set[str]:
    """The day partitions after housekeeping on that day."""
    probe.database.clock = Someday(at)
    async with probe.database.begin() as uow:
        await inbox.maintain(uow)
        rows = await uow.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'scoring.inbox'::regclass"
        )
    return {row["name"].removeprefix("scoring.inbox_") for row in rows} - {"default"}


async def test_a_claim_is_found_again_in_whatever_partition_it_lies(probe: Probe) -> None:
    today = datetime(2026, 5, 10, 12, tzinfo=UTC)
    days = [today + timedelta(days=n) for n in (-1, 0, 1, 9)]
    records = [outgoing(lead_received(), id=UUID(int=uuid7_floor(day).int + 7)) for day in days]
    await probe.consume(records[:2])  # before the first housekeeping: both into the default partition
    assert await maintain(probe, today) == {"20260511", "20260512", "20260513"}
    await probe.consume(records)  # tomorrow into its day, the ninth day into the default
    assert await maintain(probe, today + timedelta(days=8)) == {
        *("20260511", "20260512", "20260513"),
        *("20260518", "20260520", "20260521"),
    }
    await probe.consume(records)
    assert await probe.events() == event_ids(records)
    assert await maintain(probe, today + timedelta(days=32)) >= {"20260513", "20260518"}
    assert await probe.claims() == set(event_ids(records[3:]))  # the others are over thirty days old


async def test_housekeeping_waits_for_an_open_claim_of_the_day_that_it_makes(probe: Probe) -> None:
    """The claim falls into the default partition while the day's partition is being made: it must stay findable."""
    today = datetime(2026, 5, 10, 12, tzinfo=UTC)
    event_id = UUID(int=uuid7_floor(today).int + 7)
    async with probe.admin() as admin, asyncio.TaskGroup() as group:
        claim = admin.transaction()
        await claim.start()
        await admin.execute("INSERT INTO scoring.inbox VALUES ($1)", event_id)
        keeping = group.create_task(maintain(probe, today))
        await eventually(lambda: waits_for_a_lock(admin))
        await claim.commit()
    assert keeping.result() == {"20260511", "20260512", "20260513"}
    assert await probe.claims() == {event_id}


# -- Several replicas ----------------------------------------------------------------------------------------------------------


async def test_replicas_with_overlapping_batches_in_opposite_order(probe: Probe, installation: Installation) -> None:
    records, before = leads(600), faults("world")
    other = Probe(Database(installation.dsns["scoring"], service="scoring", topic="leads.scored", clock=ids), installation)
    try:
        await asyncio.gather(probe.consume(records, batch=300), other.consume(records[::-1], batch=300))
    finally:
        await other.database.close()
    assert sorted(await probe.events()) == sorted(event_ids(records))
    assert faults("world") == before


async def test_claims_are_made_in_the_order_of_ids(probe: Probe) -> None:
    """So that batches that share events queue up behind each other: who waits for one holds none that comes after it."""
    records = leads(3)
    _, middle, last = event_ids(records)
    async with probe.admin() as admin, probe.admin() as another:
        claim = admin.transaction()
        await claim.start()
        await admin.execute("INSERT INTO scoring.inbox VALUES ($1)", middle)
        consuming = asyncio.create_task(probe.consume(records[::-1]))
        await eventually(lambda: waits_for_a_lock(admin))
        await another.execute("SET lock_timeout = '1s'")
        free = another.transaction()
        await free.start()
        await another.execute("INSERT INTO scoring.inbox VALUES ($1)", last)
        await free.rollback()
        await claim.rollback()
        await consuming
    assert len(await probe.events()) == 3


async def test_a_deadlock_between_replicas_is_tried_again(probe: Probe, installation: Installation) -> None:
    """Two batches that share no event lock the same two leads in opposite order, against the order of their ids."""
    await probe.prepare(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''50ms''', current_database()); END $$"
    )
    one, two = ids.uuid7(), ids.uuid7()
    await probe.prepare(
        f"CREATE TABLE scoring.touched AS SELECT * FROM (VALUES ('{one}'::uuid, 0), ('{two}', 0)) AS l(lead_id, n)"
    )
    await probe.prepare("GRANT ALL ON scoring.touched TO handoff_scoring")
    met = asyncio.Barrier(2)

    async def touch(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        for n, message in enumerate(messages):
            await uow.execute("UPDATE scoring.touched SET n = n + 1 WHERE lead_id = $1", message.lead_id)
            if n == 0 and not met.broken:
                with contextlib.suppress(asyncio.BrokenBarrierError):
                    await met.wait()
        await met.abort()  # once: the second try need not meet

    probe.fault = touch
    other = Probe(Database(installation.dsns["scoring"], service="scoring", topic="leads.scored", clock=ids), installation, touch)
    before = faults("world")
    try:
        first = [outgoing(lead_received(lead)) for lead in (one, two)]
        second = [outgoing(lead_received(lead)) for lead in (two, one)]
        await asyncio.gather(probe.consume(first), other.consume(second))
    finally:
        await other.database.close()
    assert sorted(await probe.events()) == sorted(event_ids(first + second))
    async with probe.admin() as admin:
        assert [r["n"] for r in await admin.fetch("SELECT n FROM scoring.touched")] == [2, 2]
    assert faults("world") == before + 1


async def test_members_come_and_go_and_every_effect_happens_once(probe: Probe, installation: Installation) -> None:
    """On the real bus: three consumers, of which one is cut off without leaving and one leaves in between."""
    bus = PostgresBus(installation.dsns["scoring"], session_timeout=1)
    publisher = await bus.publisher()
    records = [record for n in range(60) for record in story(ids.uuid7(), 10)]

    def member(name: str) -> Consumer:
        return Consumer(
            probe.database,
            probe.subscriptions(),
            lambda: bus.reader("scoring", ["leads.received"], member=name),
            batch=17,
            stuck_after=60,
        )

    members = [member(name) for name in ("crashes", "leaves", "stays")]
    tasks = [asyncio.create_task(each.run()) for each in members]
    for n in range(0, len(records), 100):
        await publisher.publish(records[n : n + 100])
        if n == 100:
            await eventually(lambda: handled(probe, 50))
            tasks[0].cancel()
            members[0]._reader._tending.cancel()  # type: ignore[union-attr]
        if n == 300:
            members[1].stop()
    await eventually(lambda: handled(probe, len(records)), timeout=20)
    members[1].stop()
    members[2].stop()
    await asyncio.gather(*tasks, return_exceptions=True)
    await bus.close()
    assert sorted(await probe.events()) == sorted(event_ids(records))
    assert {tuple(await probe.sequences(UUID(r.key.decode()))) for r in records[::10]} == {tuple(range(1, 11))}


async def handled(probe: Probe, count: int) -> bool:
    async with probe.database.begin() as uow:
        return bool(await uow.fetchval("SELECT count(*) FROM scoring.probe") >= count)


# -- The record's fault --------------------------------------------------------------------------------------------------------


async def divide(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
    """Fails for each event whose facts ask for it, in the database."""
    for message in messages:
        if message.data.facts.get("divisor") == 0:
            await uow.execute("SELECT 1 / 0")


async def store_and_pass_on(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
    """As scoring does: what a lead's facts are travels onward."""
    for message in messages:
        await uow.fetchval("SELECT $1::jsonb", "{}")
        scored = LeadScored(
            lead_id=message.lead_id,
            received_at=AT,
            points=1,
            grade="A",
            qualification="sales_qualified",
            reasons=[],
            scorecard_version=1,
            facts=message.data.facts,
        )
        uow.emit(scored, sequence=message.sequence, cause=message.as_cause)


POISONS: dict[str, tuple[Callable[[Outgoing], Outgoing], str]] = {
    "not JSON": (lambda r: spoilt(r, value=b"<lead/>"), "JSON is malformed"),
    "wrong type": (lambda r: spoilt(r, value=r.value.replace(b'"source":"website"', b'"source":7')), "Expected `str`, got `int`"),
    "missing field": (lambda r: spoilt(r, value=b'{"lead_id":"%s"}' % r.key), "missing required field"),
    "missing header": (lambda r: spoilt(r, headers={"ce_sequence": None}), "missing required field `ce_sequence`"),
    "no type": (lambda r: spoilt(r, headers={"ce_type": None}), "header ce_type is missing"),
    "unknown version": (lambda r: spoilt(r, headers={"ce_type": "handoff.LeadReceived.v9"}), "unknown version of a known type"),
    "bad sequence": (lambda r: spoilt(r, headers={"ce_sequence": "0"}), "ce_sequence must be 1 or more"),
    "sequence out of range": (lambda r: spoilt(r, headers={"ce_sequence": "9" * 25}), "out of"),
    "time without zone": (
        lambda r: spoilt(r, headers={"ce_time": "2026-03-02T09:00:00"}),
        "timezone component - at `[$].ce_time`",
    ),
    "bytes that are no text": (lambda r: spoilt(r, value=b"\xff\xfe"), "JSON is malformed|invalid utf-8|Invalid UTF-8"),
    "deep nesting": (
        lambda r: spoilt(r, value=r.value.replace(b'"n":0', b'"n":' + b"[" * 100_000)),
        "recursion|Expected `object`",
    ),
    "NUL": (lambda r: spoilt(r, value=r.value.replace(b'"n":0', b'"n":"\\u0000"')), "0x00|NUL|\\\\u0000"),
    "over 256 KiB": (
        lambda r: spoilt(r, value=r.value.replace(b'"n":0', b'"n":"%s"' % (b"x" * 300 * 1024))),
        "262144 is the limit",
    ),
    "no event id": (lambda r: spoilt(r, headers={"ce_id": "none"}), "Invalid UUID - at `[$].ce_id`"),
}


@pytest.mark.parametrize("kind", POISONS)
async def test_one_poison_in_a_batch_is_one_dead_letter(probe: Probe, kind: str) -> None:
    spoil, reason = POISONS[kind]
    probe.fault = store_and_pass_on
    lead_id, others = ids.uuid7(), leads(497)
    poison = spoil(outgoing(lead_received(lead_id, n=0), sequence=2))
    before, *after = story(lead_id, 3, n=1)
    records = [before, *others[:250], poison, *others[250:], *after]
    await probe.consume(records)
    dead, *parked = await probe.letters()
    assert (dead["kind"], dead["lead_id"], dead["offset"]) == ("poison", lead_id, 251)
    assert dead["value"] == poison.value
    assert re.search(reason, dead["reason"]), dead["reason"]
    assert [(letter["kind"], letter["event_id"]) for letter in parked] == [("parked", id) for id in event_ids(after)]
    assert sorted(await probe.events()) == sorted(event_ids([before, *others]))
    await probe.consume(records)  # all of it again: nothing is doubled, the dead stays one
    assert len(await probe.letters()) == 3
    assert len(await probe.events()) == 498


async def test_a_record_under_another_leads_key_is_dead_under_that_key(probe: Probe) -> None:
    record, other = leads(2)
    await probe.consume([spoilt(record, key=other.key), other])
    letters = await probe.letters()
    assert [(letter["kind"], str(letter["lead_id"]).encode()) for letter in letters] == [
        ("poison", other.key),
        ("parked", other.key),
    ]
    assert "the key is not the lead's id" in letters[0]["reason"]


async def test_a_record_without_a_key_stops_nobody(probe: Probe) -> None:
    good, bad = leads(2)
    await probe.consume([spoilt(bad, key=b"\xff"), good])
    (letter,) = await probe.letters()
    assert letter["lead_id"] is None
    assert await probe.events() == event_ids([good])


async def test_a_fault_in_the_database_is_the_records(probe: Probe) -> None:
    probe.fault = divide
    bad = [outgoing(lead_received(divisor=0, note="connection closed")) for _ in range(3)]
    good = leads(20)
    await probe.consume([*good[:10], *bad, *good[10:]])
    letters = await probe.letters()
    assert [letter["event_id"] for letter in letters] == event_ids(bad)
    assert all("division by zero" in letter["reason"] for letter in letters)
    assert sorted(await probe.events()) == sorted(event_ids(good))


async def test_words_of_a_record_do_not_make_it_the_worlds_fault(probe: Probe) -> None:
    """The driver quotes the value that it refuses; `connection` in it must not look like a lost one."""

    async def refuse(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        await uow.fetchval("SELECT $1::int", "the connection was closed")

    probe.fault = refuse
    await probe.consume(leads(1))
    (letter,) = await probe.letters()
    assert (letter["kind"], letter["attempts"]) == ("poison", 1)


# -- Redrive -------------------------------------------------------------------------------------------------------------------


async def redriven(probe: Probe) -> list[Redriven]:
    async with probe.database.begin() as uow:
        letters = await deadletters.page(uow, after=0, limit=500)
    leads = {letter.lead_id: letter for letter in reversed(letters)}
    return [await redrive(probe.database, probe.subscriptions(), letter) for letter in leads.values()]


async def test_redrive_repairs_a_lead_in_order_while_new_events_arrive(probe: Probe) -> None:
    probe.fault = divide
    lead_id = ids.uuid7()
    first, waiting, new = story(lead_id, 1, divisor=0), story(lead_id, 14, since=2), story(lead_id, 45, since=16)
    await probe.consume([*first, *waiting])
    assert [letter["kind"] for letter in await probe.letters()] == ["poison"] + ["parked"] * 14
    probe.fault = pause_now_and_then
    consuming = asyncio.create_task(probe.consume(new, batch=1))
    while await redriven(probe) or not consuming.done():
        pass
    await consuming
    assert await probe.sequences(lead_id) == list(range(1, 61))
    assert await probe.letters() == []


async def pause_now_and_then(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
    """Gives others their turn within the transaction."""
    for _ in range(messages[0].sequence % 3):
        await uow.fetchval("SELECT pg_sleep(0.001)")


async def test_an_event_that_comes_while_the_last_letter_is_repaired_waits_for_it(probe: Probe) -> None:
    """Were it parked meanwhile, nobody would come back for it."""
    probe.fault = divide
    lead_id = ids.uuid7()
    await probe.consume(story(lead_id, 1, divisor=0))
    entered, released = asyncio.Event(), asyncio.Event()

    async def hold(_: Sequence[Message[Any]], __: UnitOfWork) -> None:
        entered.set()
        await released.wait()

    probe.fault = hold
    async with probe.admin() as admin, asyncio.TaskGroup() as group:
        group.create_task(redriven(probe))
        await entered.wait()
        group.create_task(probe.consume(story(lead_id, 1, since=2)))
        await eventually(lambda: waits_for_a_lock(admin))
        released.set()
    assert await probe.sequences(lead_id) == [1, 2]
    assert await probe.letters() == []


async def test_redrive_stops_at_what_fails_again_and_keeps_its_reason(probe: Probe) -> None:
    probe.fault = divide
    stuck, well = ids.uuid7(), ids.uuid7()
    await probe.consume([*story(stuck, 2, divisor=0), *story(well, 1, divisor=0), *story(well, 2, since=2)])

    async def repaired(messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        if messages[0].lead_id == stuck:
            raise ValueError("still wrong\0 and with a NUL")

    probe.fault = repaired
    results = {result.lead_id: result for result in await redriven(probe)}
    assert results[well] == Redriven(well, 3, 0)
    assert (results[stuck].repaired, results[stuck].left) == (0, 2)
    assert await probe.sequences(well) == [1, 2, 3]
    first, second = await probe.letters()
    assert (first["attempts"], second["attempts"]) == (2, 0)
    assert first["reason"] == "ValueError: still wrong\ufffd and with a NUL"


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


async def said(consumer: Consumer, prefix: str) -> bool:
    return str(consumer.health()).startswith(prefix)


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


# -- Our own fault -------------------------------------------------------------------------------------------------------------


async def test_too_many_dead_letters_park_the_loop(probe: Probe) -> None:
    tape = Tape([spoilt(record, value=b"no") for record in leads(80)])
    consumer = probe.consumer(tape)
    task = asyncio.create_task(consumer.run())
    await eventually(lambda: said(consumer, "parked: more than 50 of the last 200"))
    assert len(await probe.letters()) == 50
    consumer.stop()  # a parked loop still leaves at once
    await asyncio.wait_for(task, 5)
    assert (tape.finished, tape.committed, tape.closed) == (50, 50, True)


async def test_a_parked_loop_tries_again_after_its_wait(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PARKED_FOR", 0.01)
    good, before = leads(300), faults("parked")
    await probe.consume(
        [*[spoilt(record, value=b"no") for record in leads(53)], *good, *[spoilt(r, value=b"no") for r in leads(40)]]
    )
    assert faults("parked") == before + 3  # one more each time; after 200 good records all is well again
    assert len(await probe.letters()) == 93
    assert len(await probe.events()) == len(good)


async def test_what_is_read_again_does_not_count_as_well_handled(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PARKED_FOR", 0.001)
    monkeypatch.setattr(loop, "DEAD_WINDOW", 20)
    monkeypatch.setattr(loop, "DEAD_LIMIT", 5)
    probe.fault = divide
    before = faults("parked")
    await probe.consume([*leads(30), *[outgoing(lead_received(divisor=0)) for _ in range(10)]])
    assert faults("parked") == before + 5
    assert len(await probe.letters()) == 10


async def test_what_waits_behind_a_dead_letter_does_not_count(probe: Probe) -> None:
    probe.fault = divide
    lead_id, before = ids.uuid7(), faults("parked")
    await probe.consume([*story(lead_id, 1, divisor=0), *story(lead_id, 120, since=2)])
    assert faults("parked") == before
    assert len(await probe.letters()) == 121


async def test_a_burial_that_fails_counts_once(probe: Probe) -> None:
    await probe.failing_commits("scoring.dead_letters", times=70)
    before = faults("parked")
    await probe.consume([spoilt(record, value=b"no") for record in leads(1)])
    assert faults("parked") == before
    assert len(await probe.letters()) == 1


# -- Stopping ------------------------------------------------------------------------------------------------------------------


async def test_stopping_finishes_the_batch_in_hand_and_commits_its_position(probe: Probe) -> None:
    entered, released = asyncio.Event(), asyncio.Event()

    async def hold(_: Sequence[Message[Any]], __: UnitOfWork) -> None:
        entered.set()
        await released.wait()

    probe.fault = hold
    tape = Tape(leads(50))
    consumer = probe.consumer(tape, batch=20)
    task = asyncio.create_task(consumer.run())
    await entered.wait()
    consumer.stop()
    released.set()
    await asyncio.wait_for(task, 10)
    assert (tape.committed, tape.reads, tape.closed) == (20, 1, True)
    assert len(await probe.events()) == 20


async def test_stopping_does_not_wait_for_the_world(installation: Installation) -> None:
    async with proxied(installation.dsns["scoring"]) as proxy, probing(installation, dsn=proxy.dsn) as probe:
        tape = Tape(leads(5))
        consumer = probe.consumer(tape)
        proxy.go_away()
        task = asyncio.create_task(consumer.run())
        await eventually(lambda: said(consumer, "waiting: "))
        consumer.stop()
        await asyncio.wait_for(task, 5)
        assert tape.committed == 0
        proxy.come_back()


async def test_no_progress_with_records_behind_is_not_ready(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10_000, 2))
    monkeypatch.setattr(type(probe.database.clock), "monotonic", lambda _: float(next(moments)))
    tape = Tape([])

    async def behind() -> int:
        return 7

    tape.lag = behind  # type: ignore[method-assign]
    consumer = probe.consumer(tape)
    assert consumer.health() == "not in the group yet"
    task = asyncio.create_task(consumer.run())
    await eventually(lambda: said(consumer, "stuck: 7 records behind"))
    consumer.stop()
    await task
