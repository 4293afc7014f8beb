"""An erasure waits behind no dead letter: it gets through, and deletes what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.consumer import Handler, On, Subscriptions, redrive
from shared.contracts.envelope import Message
from shared.contracts.events import LeadErased, LeadReceived
from shared.contracts.topics import LEADS_RECEIVED
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from tests.support.events import event_ids, ids, lead_erased, lead_received, leads, outgoing, spoilt, story
from tests.support.probe import Probe, divide
from tests.support.waiting import eventually, waits_for_a_lock


class Erasures:
    """A service that forgets, as all do. `fault` is what it stumbles over."""

    def __init__(self) -> None:
        self.removed: dict[UUID, int] = {}
        self.fault: Exception | None = None

    async def handle(self, messages: Sequence[Message[Any]], uow: UnitOfWork) -> None:
        if self.fault:
            raise self.fault
        wanted = [message.lead_id for message in messages]
        letters = await deadletters.forget(uow, wanted)
        uow.after_commit(lambda: self.removed.update({id: self.removed.get(id, 0) + letters.get(id, 0) for id in wanted}))


@pytest.fixture
def erasures(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> Erasures:
    made = Erasures()

    def subscriptions(handler: Handler | None = None) -> Subscriptions:
        received = On(LEADS_RECEIVED, LeadReceived, handler or probe.handle)
        return Subscriptions((received, On(LEADS_RECEIVED, LeadErased, made.handle)))

    monkeypatch.setattr(probe, "subscriptions", subscriptions)
    probe.fault = divide
    return made


async def test_it_gets_through_and_deletes_what_waits(probe: Probe, erasures: Erasures) -> None:
    lead_id, other = ids.uuid7(), ids.uuid7()
    waiting = [*story(lead_id, 1, divisor=0), *story(lead_id, 2, since=2)]
    others = [*story(other, 1, divisor=0), *story(other, 1, since=2)]
    await probe.consume([*waiting, *others])
    assert len(await probe.letters()) == 5
    await probe.consume([outgoing(lead_erased(lead_id), sequence=4)])
    assert [letter["lead_id"] for letter in await probe.letters()] == [other, other]
    assert erasures.removed == {lead_id: 3}
    await probe.consume(story(lead_id, 1, since=5))
    assert await probe.sequences(lead_id) == [5], "there is nothing to wait for any more"


@pytest.mark.parametrize("batch", [1, 500])
async def test_all_in_one_batch(probe: Probe, erasures: Erasures, batch: int) -> None:
    """What comes before it waits and is deleted, what comes after it is handled, and others are not touched."""
    lead_id, good = ids.uuid7(), leads(5)
    before = [*story(lead_id, 1, divisor=0), *story(lead_id, 3, since=2)]
    erased, after = outgoing(lead_erased(lead_id), sequence=5), story(lead_id, 2, since=6)
    await probe.consume([*good[:2], *before, *good[2:4], erased, *after, good[4]], batch=batch)
    assert await probe.letters() == []
    assert await probe.sequences(lead_id) == [6, 7]
    assert erasures.removed == {lead_id: 4}
    assert await probe.claims() == set(event_ids([*before, erased, *after, *good]))
    assert set(event_ids(good)) < set(await probe.events())


async def test_the_erasure_of_a_parked_lead_counts_once(probe: Probe, erasures: Erasures) -> None:
    lead_id = ids.uuid7()
    records = [*story(lead_id, 1, divisor=0), outgoing(lead_erased(lead_id), sequence=2)]
    await probe.consume(records)
    await probe.consume(records)
    assert erasures.removed == {lead_id: 1}
    assert await probe.letters() == []


async def test_one_that_fails_waits_itself_and_is_not_deleted_by_another(probe: Probe, erasures: Erasures) -> None:
    """What it confirms is still to be told. Redriven, it deletes what waited behind it."""
    lead_id = ids.uuid7()
    erasures.fault = ValueError("not yet")
    await probe.consume([*story(lead_id, 1, divisor=0), outgoing(lead_erased(lead_id), sequence=2), *story(lead_id, 1, since=3)])
    assert [letter["kind"] for letter in await probe.letters()] == ["poison", "poison", "parked"]
    erasures.fault = None
    await probe.consume([outgoing(lead_erased(lead_id), sequence=4)])
    [letter] = await probe.letters()
    assert letter["type"] == "handoff.LeadErased.v1"
    await probe.consume(story(lead_id, 1, since=5))
    assert [letter["kind"] for letter in await probe.letters()] == ["poison", "parked"]
    async with probe.database.begin() as uow:
        [first, _] = await deadletters.of_lead(uow, lead_id)
    assert (await redrive(probe.database, probe.subscriptions(), first)).repaired == 1
    assert await probe.letters() == []
    assert erasures.removed == {lead_id: 3}, "the poison and the parked one at first, then the last"


async def test_it_waits_for_a_redrive_that_is_open(probe: Probe, erasures: Erasures) -> None:
    """Were the lead not locked, a letter could be handled again while it is deleted, and its effect outlive the erasure."""
    lead_id = ids.uuid7()
    await probe.consume([*story(lead_id, 1, divisor=0), *story(lead_id, 1, since=2)])
    entered, released = asyncio.Event(), asyncio.Event()

    async def hold(_: Sequence[Message[Any]], __: UnitOfWork) -> None:
        entered.set()
        await released.wait()

    probe.fault = hold
    async with probe.database.begin() as uow:
        [first, _] = await deadletters.of_lead(uow, lead_id)
    async with probe.admin() as admin, asyncio.TaskGroup() as group:
        group.create_task(redrive(probe.database, probe.subscriptions(), first))
        await entered.wait()
        group.create_task(probe.consume([outgoing(lead_erased(lead_id), sequence=3)]))
        await eventually(lambda: waits_for_a_lock(admin))
        assert erasures.removed == {}
        released.set()
    assert await probe.letters() == []
    assert lead_id in erasures.removed


async def test_an_unreadable_record_of_an_erased_lead_goes_with_the_next_copy(probe: Probe, erasures: Erasures) -> None:
    lead_id = ids.uuid7()
    await probe.consume([outgoing(lead_erased(lead_id)), spoilt(outgoing(lead_received(lead_id), sequence=2), value=b"<lead/>")])
    assert len(await probe.letters()) == 1
    await probe.consume([outgoing(lead_erased(lead_id), sequence=3)])
    assert await probe.letters() == []
