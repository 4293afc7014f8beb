"""What the consuming loop does with records that fail: dead letters, redrive, and the limit on how many may die."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from shared.consumer import Redriven, breaker, loop, redrive
from shared.contracts.envelope import Message, Outgoing
from shared.contracts.events import LeadScored
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from tests.support.events import AT, event_ids, ids, lead_received, leads, outgoing, spoilt, story
from tests.support.probe import Probe, divide, faults, said
from tests.support.tape import Tape
from tests.support.waiting import eventually, waits_for_a_lock

# -- The record's fault --------------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(breaker, "DEAD_WINDOW", 20)
    monkeypatch.setattr(breaker, "DEAD_LIMIT", 5)
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
