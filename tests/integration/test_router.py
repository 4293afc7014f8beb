"""Replicas of the router that decide at once on a real PostgreSQL, and what they decided made again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from services.router import store
from services.router.domain import Entry, GroupState, decide_in_pool
from services.router.domain.lead import Case, View
from services.router.handlers.memory import Memory
from services.router.handlers.work import Work
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, leads, members, offices, rule, scored, stage
from tests.support.waiting import eventually, waits_for_a_lock
from tests.support.world import connected


def batches(wanted: Sequence[UUID], size: int) -> list[Sequence[UUID]]:
    return [wanted[n : n + size] for n in range(0, len(wanted), size)]


async def in_turn(office: Office, wanted: Sequence[UUID], size: int = 8) -> None:
    """Half of each batch for one pool and half for the other, and one in three for the default."""
    for batch in batches(wanted, size):
        await office.take(*(scored(lead, n, product=("pro", "basic", "team")[n % 3]) for n, lead in enumerate(batch)))


async def wins(office: Office, wanted: int) -> None:
    """Closes assignments as they appear, oldest first, until so many are closed."""
    closed = 0
    while closed < wanted:
        rows = await office.rows("SELECT id, lead_id FROM router.assignments WHERE closed_at IS NULL ORDER BY id LIMIT 5")
        await office.take(*(stage(row["lead_id"], "won", assignment=row["id"]) for row in rows))
        closed += len(rows)


# -- Replicas that decide at once ------------------------------------------------------------------------------------------------


async def shared_pools(office: Office) -> tuple[UUID, UUID, UUID]:
    """Two pools that share an agent; everybody may hold ten leads, the shared one may receive forty a day."""
    dee, fay, gus = [
        await office.agent("dee", open_cap=10),
        await office.agent("fay", open_cap=10),
        await office.agent("gus", open_cap=10),
    ]
    await office.change(fay, daily_cap=40)
    pools = {"east": members(dee, fay), "west": members(fay, gus), "all": members()}
    await office.policy({"pools": pools, "rules": [rule("pro", "east"), rule("basic", "west")], "default_pool": "east"})
    return dee, fay, gus


async def test_replicas_with_a_shared_agent_never_exceed_a_cap(installation: Installation) -> None:
    async with offices(installation, 3) as [one, other, third]:
        _, fay, _ = await shared_pools(one)
        wanted = leads(240)
        await asyncio.gather(in_turn(one, wanted[::2]), in_turn(other, wanted[1::2]), wins(third, 100))
        assert await router_violations(installation.admin_dsn) == []
        owned, waiting = await one.owners(), await one.queue()
        assert {lead for lead, _ in owned} | set(waiting) == set(wanted)
        assert len(owned) + len(waiting) == len(wanted)
        assert len(waiting) > 0, "the caps did not bite, so this proves nothing"
        assert Counter(agent for _, agent in owned)[fay] == 40
        await every_decision_can_be_made_again(one)


async def test_one_waits_beside_a_groups_lock_and_others_learn_that_it_is_crowded(installation: Installation) -> None:
    async with offices(installation, 3) as [one, other, third], connected(installation.admin_dsn) as watching:
        async with contextlib.AsyncExitStack() as held:
            for office in (one, other):
                uow = await held.enter_async_context(office.database.begin())
                assert not await store.queue_for_groups(uow, [7])
            async with third.database.begin() as uow:
                assert not await store.queue_for_groups(uow, [8])
            queueing = asyncio.create_task(queued(third, [6, 7]))
            await eventually(lambda: waits_for_a_lock(watching))
        assert await queueing


async def queued(office: Office, groups: list[int]) -> bool:
    async with office.database.begin() as uow:
        return await store.queue_for_groups(uow, groups)


async def every_decision_can_be_made_again(office: Office) -> None:
    """Folds each group's ledger up to each decision's number and decides anew: the same winner, eligible and gates."""
    groups = {row["id"]: row for row in await office.rows("SELECT * FROM router.groups")}
    for id, group in groups.items():
        assert group["snapshot_number"] == 0
        state = GroupState.restore(group["snapshot"])
        entries = await office.rows("SELECT * FROM router.ledger WHERE group_id = $1 ORDER BY number", id)
        decisions = await office.rows("SELECT * FROM router.decisions WHERE group_id = $1 ORDER BY number, decided_at, id", id)
        for row in decisions:
            for entry in entries[state.number : row["number"]]:
                state.apply(Entry(**{name: entry[name] for name in Entry._fields}))
            decision = decide_in_pool(again(row), row["pool"], state, row["decided_at"], rule=row["rule"])
            assert decision.eligible == row["eligible"]
            assert {gate.value: count for gate, count in decision.stopped.items()} == row["gates"]
            assert decision.now == row["decided_at"]
            if row["outcome"] == "assigned":
                assert decision.winner is not None
                assert decision.agent_id == row["agent_id"]
                assert row["counters"]["after"]["received"] == decision.winner.after.received
                assert row["counters"]["open"] == [decision.winner.open, decision.winner.open_cap]


def again(row: dict[str, Any]) -> View:
    """The lead as it was decided. Of an erased one the facts are gone: its pool was chosen, and the rest is the ledger's."""
    facts = dict(row["facts"])
    known = {name: facts.pop(name) for name in ("points", "grade", "qualification") if name in facts}
    return View(row["lead_id"], facts, known.get("points", 0), known.get("grade", ""), known.get("qualification", ""))


async def test_policies_change_while_leads_come(installation: Installation) -> None:
    async with offices(installation, 3) as [one, other, third]:
        dee, fay, gus = await shared_pools(one)
        wanted = leads(160)

        async def activations() -> None:
            for turn in range(8):
                await third.pool("east", *((dee,), (dee, fay), (dee, fay, gus), (gus,))[turn % 4])
                await third.pool("west", *((fay,), (gus,))[turn % 2])

        await asyncio.gather(in_turn(one, wanted[::2]), in_turn(other, wanted[1::2]), activations())
        assert await router_violations(installation.admin_dsn) == []
        assert len(await one.owners()) + len(await one.queue()) == len(wanted)
        strangers = await one.rows(
            "SELECT a.lead_id FROM router.assignments a JOIN router.policies p ON p.version = a.policy_version "
            "WHERE NOT p.document -> 'pools' -> a.pool -> 'members' @> jsonb_build_array(jsonb_build_object('agent_id', a.agent_id))"
        )
        assert strangers == []
        versions = await one.rows("SELECT DISTINCT policy_version FROM router.decisions")
        assert len(versions) > 2, "no policy changed between two decisions, so this proves nothing"
        await every_decision_can_be_made_again(one)


async def test_agents_change_while_leads_come(installation: Installation) -> None:
    async with offices(installation, 3) as [one, other, third]:
        dee, fay, gus = await shared_pools(one)
        wanted = leads(160)

        async def changes() -> None:
            for turn in range(10):
                await third.change(fay, active=turn % 2 == 1)
                await third.change(dee, open_cap=(10, 2, 6)[turn % 3])
                await third.change(gus, daily_cap=(5, None)[turn % 2])

        await asyncio.gather(in_turn(one, wanted[::2]), in_turn(other, wanted[1::2]), changes(), wins(third, 40))
        assert await router_violations(installation.admin_dsn) == []
        assert len(await one.owners()) + len(await one.queue()) == len(wanted)
        await every_decision_can_be_made_again(one)


async def test_a_fresh_replica_folds_to_what_another_remembers(installation: Installation) -> None:
    async with offices(installation, 2) as [one, fresh]:
        await shared_pools(one)
        await in_turn(one, leads(60))
        await wins(one, 7)
        remembered = {id: state.snapshot() for id, state in one.database.memory[Memory].states.items() if state.number}

        async def folded(uow: Any) -> dict[int, Any]:
            work = await Work.open(uow)
            await work.lock(work.active.groups)
            return {id: state.snapshot() for id, state in work.states.items() if state.number}

        found = await fresh.do(folded)
        for snapshot in (*remembered.values(), *found.values()):
            del snapshot["last_now"]  # to look is to let time pass
        assert found == remembered
        assert remembered


async def test_what_others_committed_is_read_while_the_lock_is_waited_for(installation: Installation) -> None:
    async with offices(installation, 3) as [one, other, third]:
        await shared_pools(one)
        await in_turn(other, leads(8))
        await in_turn(third, leads(8))
        await in_turn(one, leads(8))
        async with one.database.begin() as uow, asyncio.TaskGroup() as tasks:
            work = await Work.open(uow)
            await work.lock(work.active.groups)
            numbers = {id: state.number for id, state in work.states.items() if state.number}
            assert numbers
            assert behind(other, numbers)
            tasks.create_task(in_turn(other, leads(8)))
            await eventually(partial(waits_by, installation, "transactionid"))
            assert not behind(other, numbers), "it waits with what it knew before"
            tasks.create_task(in_turn(third, leads(8)))
            await eventually(partial(waits_by, installation, "advisory"))
            assert behind(third, numbers), "more than one waits at the lock itself"
            await work.write()
            await uow.execute("COMMIT")
            await uow.execute("BEGIN")
        assert await router_violations(installation.admin_dsn) == []
        await every_decision_can_be_made_again(one)


def behind(office: Office, numbers: dict[int, int]) -> bool:
    """Whether a replica has still to read on to these ledger numbers."""
    states = office.database.memory[Memory].states
    return any(states[id].number < number for id, number in numbers.items())


async def waits_by(installation: Installation, locktype: str) -> bool:
    async with connected(installation.admin_dsn) as connection:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = $1 "
            "AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())",
            locktype,
        )
    return bool(found)


async def test_what_a_failed_transaction_decided_is_forgotten(installation: Installation) -> None:
    async with offices(installation, 1) as [one]:
        await shared_pools(one)
        await in_turn(one, leads(12))
        [lost] = leads(1)
        with pytest.raises(RuntimeError, match="after all was decided"):  # noqa: PT012 - the block is what fails
            async with one.database.begin() as uow:
                work = await Work.open(uow)
                await work.lock(work.active.groups)
                desk = work.desk
                message = scored(lost, product="pro")
                lead = Case(lost, facts=message.data.facts, points=50, grade="B", qualification="sales_qualified")
                desk.add(lead)
                desk.decide(lead, desk.match(lead), message.as_cause)
                await work.write()
                raise RuntimeError("after all was decided")
        await in_turn(one, leads(12))
        assert await router_violations(installation.admin_dsn) == []
        assert lost not in {lead for lead, _ in await one.owners()}
