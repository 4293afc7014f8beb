"""The router's hold queue, scores and stages in any order, policies and decisions, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from shared.contracts.events import AssignmentEnded, LeadAssigned, LeadQueued, LeadRejected
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, full_pool, ids, leads, members, rule, scored, stage

ZONE = "America/New_York"


# -- The hold queue --------------------------------------------------------------------------------------------------------------


async def win(office: Office, agent: UUID, held: UUID) -> None:
    await office.take(stage(held, "won"))


async def lose(office: Office, agent: UUID, held: UUID) -> None:
    await office.take(stage(held, "lost"))


async def raise_cap(office: Office, agent: UUID, held: UUID) -> None:
    await office.change(agent, open_cap=2)


async def lift_cap(office: Office, agent: UUID, held: UUID) -> None:
    await office.change(agent, open_cap=None)


async def add_member(office: Office, agent: UUID, held: UUID) -> None:
    await office.pool("default", agent, await office.agent("bob"))


async def another_activated(office: Office, agent: UUID, held: UUID) -> None:
    bob = await office.agent("bob", active=False)
    await office.pool("default", agent, bob)
    assert len(await office.queue()) == 1
    await office.change(bob, active=True)


@pytest.mark.parametrize("change", [win, lose, raise_cap, lift_cap, add_member, another_activated])
async def test_a_change_of_capacity_drains_the_queue(
    office: Office, installation: Installation, change: Callable[[Office, UUID, UUID], Awaitable[None]]
) -> None:
    agent, held, waiting = await full_pool(office)
    await change(office, agent, held)
    assert await office.queue() == []
    assert [lead for lead, _ in await office.owners()] == [held, waiting]
    assert [type(event) for event in await office.said(waiting)] == [LeadQueued, LeadAssigned]
    assert await router_violations(installation.admin_dsn) == []


async def test_a_new_day_in_the_agents_zone_drains_the_queue(office: Office, clock: SetClock) -> None:
    agent, held, waiting = await full_pool(office, open_cap=None, daily_cap=1, zone=ZONE)
    clock.shown += timedelta(hours=15, minutes=55)  # 03:55 UTC of the next day, and 23:55 of the same day in New York
    await office.sweep()
    assert await office.queue() == [waiting]
    clock.shown += timedelta(minutes=10)
    await office.sweep()
    assert await office.owners() == [(held, agent), (waiting, agent)]
    assert [row["period"] for row in await office.rows("SELECT period FROM router.assignments ORDER BY period")] == [
        "2026-03-10",
        "2026-03-11",
    ]


async def test_the_best_goes_first_and_of_equals_the_oldest(office: Office) -> None:
    agent = await office.agent("ann", active=False, open_cap=2)
    await office.pool("default", agent)
    low, old, young, middle = leads(4)
    for lead, points in ((low, 30), (old, 90), (young, 90), (middle, 50)):
        await office.take(scored(lead, points))
    await office.change(agent, active=True)
    assert [lead for lead, _ in await office.owners()] == [old, young]
    await office.change(agent, open_cap=4)
    assert [lead for lead, _ in await office.owners()] == [old, young, middle, low]


async def test_a_lead_that_comes_while_others_wait_joins_them(office: Office, clock: SetClock) -> None:
    _, _, waiting = await full_pool(office, open_cap=None, daily_cap=1)
    clock.shown += timedelta(days=1)
    await office.rows("UPDATE router.queue SET rank = rank - 240 * 3600000::bigint")  # a day of waiting is worth nothing here
    worse, better = leads(2)
    await office.take(scored(worse, 10), scored(better, 99))
    assert [lead for lead, _ in await office.owners()][1:] == [better]
    assert await office.queue() == [waiting, worse]
    assert [type(event) for event in await office.said(better)] == [LeadQueued, LeadAssigned]


async def test_a_lead_closed_while_it_waits_leaves_the_queue(office: Office, installation: Installation) -> None:
    agent, held, waiting = await full_pool(office)
    await office.take(stage(waiting, "lost"))
    assert await office.queue() == []
    await office.take(stage(held, "won"))
    assert await office.owners() == [(held, agent)]
    assert [type(event) for event in await office.said(waiting)] == [LeadQueued, LeadRejected]
    assert await router_violations(installation.admin_dsn) == []


# -- Scores and stages in any order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True])
async def test_a_lead_closed_before_it_is_scored_is_not_routed(office: Office, together: bool) -> None:
    agent = await office.agent("ann")
    await office.pool("default", agent)
    [lead] = leads(1)
    messages = [stage(lead, "lost"), scored(lead)]
    for batch in [messages] if together else [[message] for message in messages]:
        await office.take(*batch)
    assert await office.owners() == []
    assert (await office.lead(lead))["status"] == "closed"
    [rejected] = await office.said(lead)
    assert isinstance(rejected, LeadRejected)
    assert rejected.code == "closed"


async def test_contacted_before_it_is_scored_is_routed_all_the_same(office: Office) -> None:
    agent = await office.agent("ann")
    await office.pool("default", agent)
    [lead] = leads(1)
    await office.take(stage(lead, "contacted"), scored(lead))
    assert await office.owners() == [(lead, agent)]
    assert (await office.lead(lead))["stage"] == "contacted"


async def test_scored_again_a_waiting_lead_is_ranked_anew(office: Office) -> None:
    agent = await office.agent("ann", active=False, open_cap=1)
    await office.pool("default", agent)
    first, second = leads(2)
    await office.take(scored(first, 60), scored(second, 50))
    await office.take(scored(second, 70, sequence=2))
    assert await office.queue() == [second, first]
    await office.change(agent, active=True)
    assert await office.owners() == [(second, agent)]
    assert (await office.lead(second))["points"] == 70


async def test_scored_again_an_owned_lead_stays_where_it_is(office: Office) -> None:
    agent, other = await office.agent("ann"), await office.agent("bob")
    await office.pool("default", agent)
    [lead] = leads(1)
    await office.take(scored(lead, 60))
    await office.pool("default", other)
    await office.take(scored(lead, 95, sequence=2, product="pro"))
    assert await office.owners() == [(lead, agent)]
    row = await office.lead(lead)
    assert (row["points"], row["facts"], row["scored_sequence"], row["sequence"]) == (95, {"product": "pro"}, 2, 1)


async def test_a_rejected_lead_is_decided_when_it_is_scored_again(office: Office) -> None:
    agent = await office.agent("ann")
    await office.pool("default", agent)
    [lead] = leads(1)
    await office.take(scored(lead, 5, qualification="unqualified"))
    assert (await office.lead(lead))["status"] == "rejected"
    await office.take(scored(lead, 80, sequence=2))
    assert [type(event) for event in await office.said(lead)] == [LeadRejected, LeadAssigned]
    assert await office.owners() == [(lead, agent)]


async def test_the_same_end_twice_frees_once(office: Office, installation: Installation) -> None:
    agent, held, waiting = await full_pool(office)
    await office.take(stage(held, "won"), stage(held, "won", sequence=2))
    await office.take(stage(held, "lost", sequence=3))
    assert await office.owners() == [(held, agent), (waiting, agent)]
    assert [type(event) for event in await office.said(held)] == [LeadAssigned, AssignmentEnded]
    assert await router_violations(installation.admin_dsn) == []


# -- Policies --------------------------------------------------------------------------------------------------------------------


async def test_leads_that_wait_for_a_deleted_pool_go_where_the_rules_send_them(
    office: Office, installation: Installation
) -> None:
    ann, bob = await office.agent("ann", active=False), await office.agent("bob")
    pools = {"vip": members(ann), "rest": members(bob)}
    await office.policy({"pools": pools, "rules": [rule("pro", "vip")], "default_pool": "rest"})
    wanted = leads(3)
    await office.take(*(scored(lead, product="pro") for lead in wanted))
    assert len(await office.queue()) == 3
    await office.policy({"pools": pools, "rules": [], "default_pool": "rest"})
    assert len(await office.queue()) == 3, "they wait where they were sent while that pool is there"
    await office.delete_pool("vip")
    assert await office.queue() == []
    assert await office.owners() == [(lead, bob) for lead in wanted]
    assert await router_violations(installation.admin_dsn) == []


async def test_an_agent_moved_to_another_pool_keeps_what_was_counted(office: Office, installation: Installation) -> None:
    ann, bob = await office.agent("ann", open_cap=2), await office.agent("bob")
    rules = [rule("pro", "a")]
    await office.policy({"pools": {"a": members(ann), "b": members(bob)}, "rules": rules, "default_pool": "b"})
    first, second, *more = leads(8)
    await office.take(scored(first, product="pro"), scored(second, product="pro"))
    await office.policy({"pools": {"a": members(), "b": members(ann, bob)}, "rules": rules, "default_pool": "b"})
    await office.take(*(scored(lead) for lead in more[:3]))
    assert await office.owners() == [(first, ann), (second, ann), *((lead, bob) for lead in more[:3])]
    await office.take(stage(first, "won"))
    await office.take(*(scored(lead) for lead in more[3:]))
    assert [agent for _, agent in await office.owners()].count(ann) == 3
    assert await router_violations(installation.admin_dsn) == []


async def test_what_ends_while_an_agent_is_in_no_pool_counts_when_it_returns(office: Office, installation: Installation) -> None:
    agent, held, waiting = await full_pool(office)
    await office.pool("default")
    await office.take(stage(held, "won"))
    assert await office.queue() == [waiting]
    await office.pool("default", agent)
    assert await office.owners() == [(held, agent), (waiting, agent)]
    assert await router_violations(installation.admin_dsn) == []


async def test_a_policy_with_an_unknown_agent_changes_nothing(office: Office) -> None:
    agent, _, waiting = await full_pool(office)
    before = await office.rows("SELECT * FROM router.policies ORDER BY version")
    with pytest.raises(Exception, match="no agent"):
        await office.pool("default", agent, ids.uuid7())
    assert await office.rows("SELECT * FROM router.policies ORDER BY version") == before
    assert await office.queue() == [waiting]


# -- Decisions -------------------------------------------------------------------------------------------------------------------


async def test_a_decision_says_all_that_explains_it(office: Office) -> None:
    ann, bob = await office.agent("ann", open_cap=3), await office.agent("bob", active=False)
    await office.policy({"pools": {"p": members(ann, bob)}, "rules": [rule("pro", "p")], "default_pool": "p"})
    [lead] = leads(1)
    await office.take(scored(lead, 77, product="pro", country="US"))
    [row] = await office.rows("SELECT * FROM router.decisions")
    [version] = await office.rows("SELECT version FROM router.policies WHERE active")
    facts = {"product": "pro", "country": "US", "points": 77, "grade": "B", "qualification": "sales_qualified"}
    found = {"fit": 0, "engagement": 0, "letter": "", "number": 0, "thresholds": []}
    assert row["facts"] == facts | found
    assert (row["outcome"], row["rule"], row["pool"], row["agent_id"]) == ("assigned", "pro", "p", ann)
    assert (row["policy_version"], row["number"], row["ordinal"]) == (version["version"], 0, 1)
    assert (row["eligible"], row["gates"]) == (1, {"inactive": 1})
    assert row["counters"]["open"] == [1, 3]
    assert row["counters"]["period"] == "2026-03-10"
    assert "rule pro chose pool p, 1 of 2 members can receive" in row["why"]
