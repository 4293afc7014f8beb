"""Merges, their undoing and erasures in the router, for leads in every state, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.events import (
    AssignmentEnded,
    Event,
    LeadAssigned,
    LeadErased,
    LeadMerged,
    LeadQueued,
    LeadRejected,
    LeadUnmerged,
)
from tests.integration.test_router import every_decision_can_be_made_again, in_turn, shared_pools, wins
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import (
    Office,
    SetClock,
    erased,
    full_pool,
    leads,
    members,
    merged,
    offices,
    rule,
    scored,
    stage,
    unmerged,
)

INTO = UUID("01950a00-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
async def _sound(installation: Installation) -> AsyncIterator[None]:
    """Every test here ends with every invariant of the router."""
    yield
    assert await router_violations(installation.admin_dsn) == []


async def kinds(office: Office, lead: UUID) -> list[type[Event]]:
    return [type(event) for event in await office.said(lead)]


# -- A lead in each state --------------------------------------------------------------------------------------------------------


async def assigned_lead(office: Office) -> UUID:
    await office.pool("default", await office.agent("ann"))
    [lead] = leads(1)
    await office.take(scored(lead, product="pro"))
    return lead


async def queued_lead(office: Office) -> UUID:
    _, _, waiting = await full_pool(office)
    return waiting


async def rejected_lead(office: Office) -> UUID:
    [lead] = leads(1)
    await office.take(scored(lead, 5, qualification="unqualified", product="pro"))
    return lead


async def closed_lead(office: Office) -> UUID:
    lead = await assigned_lead(office)
    await office.take(stage(lead, "won"))
    return lead


async def stub(office: Office) -> UUID:
    [lead] = leads(1)
    await office.take(stage(lead, "contacted"))
    return lead


async def unknown(_: Office) -> UUID:
    return leads(1)[0]


Making = Callable[[Office], Awaitable[UUID]]
STATES: list[tuple[Making, list[type[Event]]]] = [
    (assigned_lead, [LeadAssigned, AssignmentEnded]),
    (queued_lead, [LeadQueued]),
    (rejected_lead, [LeadRejected]),
    (closed_lead, [LeadAssigned, AssignmentEnded]),
    (stub, []),
    (unknown, []),
]


@pytest.mark.parametrize(("make", "said"), STATES, ids=[make.__name__ for make, _ in STATES])
async def test_a_merged_lead_is_worked_on_no_more(office: Office, make: Making, said: list[type[Event]]) -> None:
    lead = await make(office)
    message = merged(lead, INTO)
    await office.take(message)
    row = await office.lead(lead)
    assert (row["status"], row["merged_into"], row["scored_sequence"]) == ("merged", INTO, 2)
    assert await kinds(office, lead) == [*said, LeadMerged]
    assert (await office.said(lead))[-1] == message.data
    assert lead not in await office.queue()
    await office.take(scored(lead, 99, sequence=3))
    assert (await office.lead(lead))["status"] == "merged"
    assert await kinds(office, lead) == [*said, LeadMerged], "nothing more is said of it"


@pytest.mark.parametrize(("make", "said"), STATES, ids=[make.__name__ for make, _ in STATES])
async def test_an_erased_lead_leaves_its_id(office: Office, make: Making, said: list[type[Event]]) -> None:
    lead = await make(office)
    await office.take(message := erased(lead))
    row = await office.lead(lead)
    kept = {name: value for name, value in row.items() if value not in (None, 0, "", [])}
    assert kept == {
        "lead_id": lead,
        "sequence": len(said) + 1,
        "status": "erased",
        "scored_sequence": 4,
        "erased_at": message.data.erased_at,
    }
    assert await kinds(office, lead) == [*said, LeadErased]
    assert lead not in await office.queue()
    assert await office.rows("SELECT id FROM router.decisions WHERE lead_id = $1 AND facts::text <> '{}'", lead) == []
    for later in (scored(lead, 99, sequence=5), stage(lead, "won", sequence=9), merged(lead, INTO, sequence=6)):
        await office.take(later)
    await office.take(unmerged(lead, INTO, sequence=7))
    assert await office.lead(lead) == row, "nothing is learned of it, and nothing said"


async def test_what_was_removed_is_told(office: Office) -> None:
    waiting = await queued_lead(office)
    await office.take(erased(waiting))
    last = (await office.said(waiting))[-1]
    assert isinstance(last, LeadErased)
    assert last.removed == {"leads": 1, "queue": 1, "decisions": 1}, "its own count, not scoring's"
    await office.take(erased(waiting, sequence=5))
    again = (await office.said(waiting))[-1]
    assert isinstance(again, LeadErased)
    assert again.removed == {}


@pytest.mark.parametrize(("take_away", "reason"), [(lambda lead: merged(lead, INTO), "merged"), (erased, "erased")])
async def test_the_agent_is_free_for_one_who_waits(office: Office, take_away: Callable[[UUID], Any], reason: str) -> None:
    agent, held, waiting = await full_pool(office)
    await office.take(take_away(held))
    assert await office.owners() == [(held, agent), (waiting, agent)]
    _, ended, _ = await office.said(held)
    assert isinstance(ended, AssignmentEnded)
    assert (ended.reason, ended.agent_id, ended.outcome) == (reason, agent, None)


# -- Undone ----------------------------------------------------------------------------------------------------------------------


async def test_an_unmerged_lead_goes_back_to_its_agent_and_it_is_nobodys_turn(office: Office) -> None:
    ann, bob = await office.agent("ann"), await office.agent("bob")
    await office.pool("default", ann, bob)
    first, second, third, fourth = leads(4)
    await office.take(scored(first, product="pro"), scored(second))
    owners = dict(await office.owners())
    await office.take(merged(first, INTO))
    await office.take(unmerged(first, INTO))
    row = await office.lead(first)
    assert (row["status"], row["merged_into"], row["held_by"], row["held_pool"]) == ("assigned", None, None, None)
    assert await kinds(office, first) == [LeadAssigned, AssignmentEnded, LeadMerged, LeadUnmerged, LeadAssigned]
    before, *_, after = await office.said(first)
    assert isinstance(before, LeadAssigned)
    assert isinstance(after, LeadAssigned)
    assert after.assignment_id != before.assignment_id
    assert (after.agent_id, after.facts, after.pool) == (before.agent_id, before.facts, before.pool)
    assert after.why == "Back with the agent who had it in pool default: its merge into another lead was undone."
    decisions = await office.rows("SELECT outcome, agent_id FROM router.decisions WHERE lead_id = $1 ORDER BY id", first)
    assert decisions == [{"outcome": "assigned", "agent_id": owners[first]}, {"outcome": "restored", "agent_id": owners[first]}]
    await office.take(scored(third), scored(fourth))
    assert sorted(agent for lead, agent in await office.owners() if lead in (third, fourth)) == sorted([ann, bob])
    await every_decision_can_be_made_again(office)


async def test_a_cap_holds_for_a_lead_that_comes_back(office: Office) -> None:
    """Its place was given to another: it waits, and comes when there is room."""
    agent, held, waiting = await full_pool(office)
    await office.take(merged(held, INTO))
    await office.take(unmerged(held, INTO))
    assert await office.owners() == [(held, agent), (waiting, agent)]
    assert await office.queue() == [held]
    assert await kinds(office, held) == [LeadAssigned, AssignmentEnded, LeadMerged, LeadUnmerged, LeadQueued]
    await office.take(stage(waiting, "won"))
    assert (await office.owners())[-1] == (held, agent)


async def test_a_daily_cap_holds_for_it_too(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", daily_cap=1)
    await office.pool("default", agent)
    [lead] = leads(1)
    await office.take(scored(lead))
    await office.take(merged(lead, INTO))
    await office.take(unmerged(lead, INTO))
    assert await office.queue() == [lead], "it was today's one already"
    clock.shown += timedelta(days=1)
    await office.sweep()
    assert await office.owners() == [(lead, agent), (lead, agent)]


async def deactivated(office: Office, ann: UUID, bob: UUID) -> None:
    await office.change(ann, active=False)


async def left_the_pool(office: Office, ann: UUID, bob: UUID) -> None:
    await office.policy(
        {"pools": {"vip": members(bob), "rest": members(ann)}, "rules": [rule("pro", "vip")], "default_pool": "rest"}
    )


async def pool_deleted(office: Office, ann: UUID, bob: UUID) -> None:
    await office.policy({"pools": {"rest": members(bob)}, "rules": [], "default_pool": "rest"})


@pytest.mark.parametrize("change", [deactivated, left_the_pool, pool_deleted])
async def test_where_its_agent_is_gone_it_is_decided_again(
    office: Office, change: Callable[[Office, UUID, UUID], Awaitable[None]]
) -> None:
    ann, bob = await office.agent("ann"), await office.agent("bob", active=False)
    pools = {"vip": members(ann, bob), "rest": members()}
    await office.policy({"pools": pools, "rules": [rule("pro", "vip")], "default_pool": "rest"})
    [lead] = leads(1)
    await office.take(scored(lead, product="pro"))
    await office.take(merged(lead, INTO))
    await office.change(bob, active=True)
    await change(office, ann, bob)
    await office.take(unmerged(lead, INTO))
    assert await office.owners() == [(lead, ann), (lead, bob)]
    assert "Next in turn" in (await office.said(lead))[-1].why  # type: ignore[attr-defined]


async def test_one_that_waited_is_decided_again(office: Office) -> None:
    agent, held, waiting = await full_pool(office)
    await office.take(merged(waiting, INTO))
    await office.take(stage(held, "won"))
    assert await office.owners() == [(held, agent)]
    await office.take(unmerged(waiting, INTO))
    assert await office.owners() == [(held, agent), (waiting, agent)]
    assert await kinds(office, waiting) == [LeadQueued, LeadMerged, LeadUnmerged, LeadAssigned]


async def test_it_queues_behind_nobody_s_back(office: Office, clock: SetClock) -> None:
    """A new day has freed the agent, and another waits: the best goes first, not the one that comes back."""
    agent, held, waiting = await full_pool(office, open_cap=None, daily_cap=1)
    await office.take(better := scored(leads(1)[0], 90))
    await office.take(merged(waiting, INTO))
    clock.shown += timedelta(days=1)
    await office.take(unmerged(waiting, INTO))
    assert await office.owners() == [(held, agent), (better.lead_id, agent)]
    assert await office.queue() == [waiting]


async def test_one_that_was_refused_is_decided_by_what_is_routed_now(office: Office) -> None:
    lead, other = await rejected_lead(office), await rejected_lead(office)
    await office.take(merged(lead, INTO), merged(other, INTO))
    await office.take(unmerged(lead, INTO))
    assert await kinds(office, lead) == [LeadRejected, LeadMerged, LeadUnmerged, LeadRejected]
    ann = await office.agent("ann")
    await office.policy({"pools": {"all": members(ann)}, "rules": [], "default_pool": "all", "routed": ["unqualified"]})
    await office.take(unmerged(other, INTO))
    assert await office.owners() == [(other, ann)]


async def test_one_that_is_over_stays_so(office: Office) -> None:
    lead = await closed_lead(office)
    await office.take(merged(lead, INTO))
    await office.take(unmerged(lead, INTO))
    assert (await office.lead(lead))["status"] == "closed"
    assert await kinds(office, lead) == [LeadAssigned, AssignmentEnded, LeadMerged, LeadUnmerged]


async def test_what_is_said_of_it_meanwhile_is_heard(office: Office) -> None:
    lead = await assigned_lead(office)
    await office.take(merged(lead, INTO))
    await office.take(stage(lead, "won"))
    assert (await office.lead(lead))["status"] == "merged"
    await office.take(unmerged(lead, INTO))
    assert (await office.lead(lead))["status"] == "closed"
    assert len(await office.owners()) == 1


@pytest.mark.parametrize("scored_first", [True, False])
async def test_one_merged_before_its_score_came(office: Office, scored_first: bool) -> None:
    """Its score was a dead letter that came back late: it is routed once it is itself again."""
    ann = await office.agent("ann")
    await office.pool("default", ann)
    [lead] = leads(1)
    await office.take(merged(lead, INTO))
    later = [scored(lead, product="pro"), unmerged(lead, INTO)]
    for message in later if scored_first else reversed(later):
        await office.take(message)
    assert await office.owners() == [(lead, ann)]
    assert await kinds(office, lead) == [LeadMerged, LeadUnmerged, LeadAssigned]


async def test_merged_on_and_on_and_back_to_the_agent_of_the_beginning(office: Office) -> None:
    lead = await assigned_lead(office)
    [other] = leads(1)
    await office.take(merged(lead, INTO), merged(lead, other, sequence=3))
    assert (await office.lead(lead))["merged_into"] == other
    await office.take(unmerged(lead, other, sequence=4))
    assert (await office.lead(lead))["status"] == "assigned"
    assert len({agent for _, agent in await office.owners()}) == 1


async def test_an_undoing_without_a_merge_is_only_passed_on(office: Office) -> None:
    lead = await assigned_lead(office)
    await office.take(unmerged(lead, INTO))
    assert (await office.lead(lead))["status"] == "assigned"
    assert await kinds(office, lead) == [LeadAssigned, LeadUnmerged]


async def test_all_of_a_lead_in_one_batch(office: Office) -> None:
    agent, held, waiting = await full_pool(office)
    [lead] = leads(1)
    story = [scored(lead, 90), merged(lead, INTO), unmerged(lead, INTO), stage(lead, "contacted"), erased(lead)]
    await office.take(*story, merged(held, INTO), unmerged(held, INTO), erased(held))
    for one in (lead, held):
        told = await kinds(office, one)
        assert [kind for kind in told if kind in (LeadMerged, LeadUnmerged, LeadErased)] == [LeadMerged, LeadUnmerged, LeadErased]
        assert told[-1] is LeadErased
    assert (await office.owners())[-1] == (waiting, agent)
    assert await office.queue() == []


# -- Many at once ----------------------------------------------------------------------------------------------------------------


async def upset(office: Office, wanted: Sequence[UUID], random: Random) -> None:
    """Merges, restores and erases these leads, each in its own order."""
    sequence = dict.fromkeys(wanted, 1)
    for _ in range(70):
        batch = []
        for lead in random.sample(wanted, 4):
            sequence[lead] += 1
            kind = random.choice(["merged", "unmerged"] * 5 + ["erased"])
            if kind == "erased":
                batch.append(erased(lead, sequence=sequence[lead]))
            else:
                batch.append((merged if kind == "merged" else unmerged)(lead, INTO, sequence=sequence[lead]))
        await office.take(*batch)


async def test_replicas_that_route_merge_restore_and_erase_keep_every_cap(installation: Installation) -> None:
    async with offices(installation, 4) as [one, other, third, fourth]:
        _, _, gus = await shared_pools(one)
        await one.change(gus, open_cap=None)  # so that some can come back, while the others' caps bite
        wanted = leads(150)
        await asyncio.gather(
            in_turn(one, wanted[::2]),
            in_turn(other, wanted[1::2]),
            upset(third, wanted[:50], Random(7)),
            wins(fourth, 20),
        )
        states = await one.rows("SELECT status, count(*) AS n FROM router.leads GROUP BY status")
        assert {row["status"] for row in states} >= {"assigned", "queued", "merged", "erased", "closed"}
        restored = await one.rows("SELECT count(*) AS n FROM router.decisions WHERE outcome = 'restored'")
        assert restored[0]["n"] > 0, "nobody came back, so this proves nothing"
        await every_decision_can_be_made_again(one)
        for lead in wanted:
            await one.said(lead)
