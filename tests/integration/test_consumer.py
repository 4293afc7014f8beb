"""The consuming loop on a real PostgreSQL: batches, rounds, replicas, stopping. Each event's effect happens once, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.bus.postgres import PostgresBus
from shared.consumer import Consumer
from shared.contracts.envelope import Message
from shared.db.uow import Database, UnitOfWork
from tests.support.events import event_ids, ids, lead_received, leads, outgoing, spoilt, stage_changed, story
from tests.support.installation import Installation
from tests.support.probe import Probe, faults, probing, said
from tests.support.proxy import proxied
from tests.support.tape import Tape
from tests.support.waiting import eventually, waits_for_a_lock

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


async def test_where_others_queue_a_batch_is_twice_as_long_and_as_before_where_nobody_does(probe: Probe) -> None:
    async def crowded(_: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        uow.crowded = len(probe.calls) in (2, 3)

    probe.fault = crowded
    records = leads(17)
    await probe.consume(records, batch=3)
    assert [len(call) for call in probe.calls] == [3, 3, 6, 5]
    assert sorted(await probe.events()) == sorted(event_ids(records))


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


@pytest.mark.usefixtures("brisk")
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
