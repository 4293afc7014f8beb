"""The hold queue: served at the very moment somebody is free again, however long it is, and nobody starves; on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.router import store
from services.router.domain import Pause
from services.router.domain.lead import Queued, rank_of
from services.router.handlers import attendance
from services.router.handlers.queue import found_by_net
from shared.contracts.envelope import Cause
from shared.contracts.events import LeadAssigned
from shared.db.uow import UnitOfWork
from shared.telemetry import METRICS, new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import NOON, Office, SetClock, leads, members, offices, scored, stage
from tests.support.waiting import eventually

MINUTE = timedelta(minutes=1)
WEEKDAYS = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def told() -> dict[str, Any]:
    return {"by": "test", "cause": Cause("test", new_traceparent())}


async def off_hours(office: Office, agent: UUID) -> datetime:
    await office.change(agent, hours=WEEKDAYS, zone="America/New_York")  # noon in London is seven in New York
    return datetime(2026, 3, 10, 13, tzinfo=UTC)


async def on_leave(office: Office, agent: UUID) -> datetime:
    ends = NOON + timedelta(hours=30)
    await office.do(lambda uow: attendance.add_leave(agent, uow.now, ends, uow, catch_up=False, note="", **told()))
    return ends


async def on_pause(office: Office, agent: UUID) -> datetime:
    ends = NOON + timedelta(minutes=25)
    await office.do(lambda uow: attendance.set_pause(agent, Pause(ends, ""), uow, **told()))
    return ends


async def hour_is_full(office: Office, agent: UUID) -> datetime:
    await office.change(agent, caps={"hour": 1})
    await office.take(scored(*leads(1), 90))
    return datetime(2026, 3, 10, 13, tzinfo=UTC)


async def week_is_full(office: Office, agent: UUID) -> datetime:
    await office.change(agent, caps={"week": 1}, zone="Asia/Tokyo")
    await office.take(scored(*leads(1), 90))
    return datetime(2026, 3, 15, 15, tzinfo=UTC)  # Monday in Tokyo


Away = Callable[[Office, UUID], Awaitable[datetime]]
REASONS = [off_hours, on_leave, on_pause, hour_is_full, week_is_full]


@pytest.mark.parametrize("away", REASONS)
@pytest.mark.parametrize("before", [True, False], ids=["away-before", "away-after"])
async def test_a_queue_is_served_at_the_very_moment_time_frees_somebody(
    installation: Installation, clock: SetClock, away: Away, before: bool
) -> None:
    """In two replicas that started after the leads queued, whether the lead or what keeps its agent came first. No sweep runs."""
    [waiting] = leads(1)
    async with offices(installation, 1, clock) as [first]:
        agent = await first.agent("ann", active=before)
        await first.pool("default", agent)
        if not before:
            await first.take(scored(waiting))
        moment = await away(first, agent)
        if before:
            await first.take(scored(waiting))
        else:
            await first.change(agent, active=True)
        assert await first.queue() == [waiting]
    async with offices(installation, 2, clock) as replicas:
        await _pass_until(clock, replicas, moment - MINUTE)
        assert await replicas[0].queue() == [waiting]
        clock.shown = moment
        await asyncio.gather(*(one.ring() for one in replicas))
        assert await replicas[0].queue() == []
        [row] = await replicas[0].rows("SELECT agent_id, assigned_at FROM router.assignments WHERE lead_id = $1", waiting)
        assert row["agent_id"] == agent
        assert moment <= row["assigned_at"] < moment + timedelta(seconds=1)
        assert sum(isinstance(event, LeadAssigned) for event in await replicas[0].said(waiting)) == 1
    assert await router_violations(installation.admin_dsn) == []


async def test_a_running_router_serves_the_queue_when_a_pause_ends(installation: Installation) -> None:
    counted = _found("lead")
    async with installation.running("router"), offices(installation, 1) as [office]:
        agent = await office.agent("ann")
        await office.pool("default", agent)
        [waiting] = leads(1)
        ends = office.database.clock.now() + timedelta(seconds=1.5)
        await office.do(lambda uow: attendance.set_pause(agent, Pause(ends, ""), uow, **told()))
        await office.take(scored(waiting))
        assert await office.queue() == [waiting]
        await eventually(office.owners)
        [row] = await office.rows("SELECT assigned_at FROM router.assignments")
        assert row["assigned_at"] >= ends
    assert _found("lead") == counted, "the net found it, not the timer"


async def _pass_until(clock: SetClock, replicas: list[Office], until: datetime) -> None:
    """Lets time pass from timer to timer."""
    while due := await replicas[0].do(
        lambda uow: uow.fetchval("SELECT min(due_at) FROM router.timers WHERE due_at <= $1", until)
    ):
        clock.shown = max(clock.shown, due)
        await asyncio.gather(*(one.ring() for one in replicas))
    clock.shown = max(clock.shown, until)


async def test_batches_into_a_queue_do_not_write_its_timer_again(office: Office) -> None:
    agent = await office.agent("ann", hours=WEEKDAYS, zone="America/New_York")
    await office.pool("default", agent)
    await office.take(scored(*leads(1)))
    [before] = await office.rows("SELECT set_at, due_at FROM router.timers WHERE kind = 'queue'")
    for lead in leads(5):
        await office.take(scored(lead))
    assert await office.rows("SELECT set_at, due_at FROM router.timers WHERE kind = 'queue'") == [before]
    await office.change(agent, hours={"tue": ["08:30-17:00"]})
    [after] = await office.rows("SELECT due_at FROM router.timers WHERE kind = 'queue'")
    assert after["due_at"] == before["due_at"] - timedelta(minutes=30)


async def test_without_a_queue_there_is_no_timer(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", daily_cap=1)
    await office.pool("default", agent)
    held, waiting = leads(2)
    await office.take(scored(held))
    assert await office.rows("SELECT * FROM router.timers") == []
    await office.take(scored(waiting))
    clock.shown = datetime(2026, 3, 11, tzinfo=UTC)
    await office.ring()
    assert await office.queue() == []
    clock.shown += timedelta(days=2)
    await office.ring()
    assert await office.rows("SELECT * FROM router.timers") == []


async def test_leads_that_wait_for_their_own_owner_are_left_to_wait(
    office: Office, clock: SetClock, installation: Installation
) -> None:
    """One of those who wait for the same owner is looked at; the time of each ends by its own timer. No fault is counted."""
    ann = await office.agent("ann", zone="UTC")
    bob = await office.agent("bob")
    sticky = {"by": ["account"], "days": 30, "absent": "wait", "hold_minutes": 90}
    await office.policy({"pools": {"p": {**members(ann, bob), "sticky": sticky}}, "rules": [], "default": "p"})
    first, *others, stranger = leads(40)
    await office.take(scored(first, account_id="acme"))
    [(_, owner)] = await office.owners()
    await office.do(lambda uow: attendance.set_pause(owner, Pause(NOON + timedelta(hours=1), ""), uow, **told()))
    await office.take(*(scored(lead, account_id="acme") for lead in others))
    assert len(await office.queue()) == 38
    assert len(await office.rows("SELECT DISTINCT asks FROM router.queue")) == 1
    await office.take(scored(stranger, 1))
    assert {lead for lead, _ in await office.owners()} == {first, stranger}
    assert await office.sweep() == 0
    assert await router_violations(installation.admin_dsn) == []
    clock.shown = NOON + timedelta(hours=1)
    await office.ring()
    assert [agent for lead, agent in await office.owners() if lead in others] == [owner] * 38
    assert await router_violations(installation.admin_dsn) == []


async def test_how_late_a_queue_is_served_is_exported(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", daily_cap=1)
    await office.pool("default", agent)
    await office.take(*(scored(lead) for lead in leads(2)))
    before = _rings()
    clock.shown = datetime(2026, 3, 11, 0, 0, 20, tzinfo=UTC)
    await office.ring()
    after = _rings()
    assert after[0] == before[0] + 1
    assert 20 <= after[1] - before[1] < 21


def _rings() -> tuple[float, float]:
    """How often timers of queues rang so far, and how late all together, in seconds."""
    labels = {"service": "router", "kind": "queue"}
    found = [METRICS.get_sample_value(f"handoff_timer_lateness_seconds_{what}", labels) for what in ("count", "sum")]
    return found[0] or 0.0, found[1] or 0.0


async def test_what_the_net_finds_is_given_out_and_counted(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", daily_cap=1)
    await office.pool("default", agent)
    held, waiting = leads(2)
    await office.take(scored(held), scored(waiting))
    counted = _found("lead"), _found("timer")
    clock.shown = datetime(2026, 3, 11, tzinfo=UTC)
    assert await office.sweep() == 0, "the timer is about to ring"
    await office.rows("DELETE FROM router.timers")
    await office.rows("UPDATE router.groups SET queue_due_at = NULL")
    assert await office.sweep() == 1
    assert (_found("lead"), _found("timer")) == (counted[0] + 1, counted[1] + 1)
    assert await office.queue() == []
    await office.take(scored(*leads(1)))
    assert await office.sweep() == 0, "who waits and cannot be given is no fault"
    assert _found("lead") == counted[0] + 1


def _found(what: str) -> float:
    return float(found_by_net.labels(what)._value.get())


# -- Long queues -----------------------------------------------------------------------------------------------------------------


async def fill(office: Office, count: int, **facts: Any) -> list[UUID]:
    wanted = leads(count)
    for start in range(0, count, 500):
        await office.take(*(scored(lead, **facts) for lead in wanted[start : start + 500]))
    return wanted


async def test_a_drain_of_more_than_a_thousand_goes_on_without_the_sweep(office: Office) -> None:
    agent = await office.agent("ann", active=False)
    await office.pool("default", agent)
    wanted = await fill(office, 2_300)
    await office.change(agent, active=True)
    assert len(await office.owners()) == 1_000, "one transaction is bounded"
    await office.ring()
    assert [lead for lead, _ in await office.owners()] == wanted
    assert await office.queue() == []


async def test_groups_that_open_at_the_same_moment_are_all_served(office: Office, clock: SetClock) -> None:
    names = ["ann", "bob", "cid"]
    agents = [await office.agent(name, hours=WEEKDAYS, zone="America/New_York") for name in names]
    rules = [{"name": name, "when": f"product == '{name}'", "pool": name} for name in names]
    pools = {name: members(agent) for name, agent in zip(names, agents, strict=True)}
    await office.policy({"pools": pools, "rules": rules, "default": "ann"})
    for name in names:
        await fill(office, 700, product=name)
    clock.shown = datetime(2026, 3, 10, 13, tzinfo=UTC)
    await office.ring()
    assert await office.queue() == []
    by_agent = await office.rows("SELECT agent_id, count(*) AS n FROM router.assignments GROUP BY agent_id ORDER BY agent_id")
    assert [(row["agent_id"], row["n"]) for row in by_agent] == [(agent, 700) for agent in sorted(agents)]


async def test_one_behind_thousands_that_nobody_meets_is_reached_at_once(office: Office) -> None:
    spoken = [{"name": "spoken", "pool": "p", "requires": "lead.language in agent.languages"}]
    ann = await office.agent("Ann", languages=["de"], active=False)
    await office.policy({"pools": {"p": {"members": [{"agent": "Ann"}]}}, "rules": spoken, "default": "p"})
    await fill(office, 1_500, language="fr")
    await fill(office, 1_500, language="it")
    [last] = await fill(office, 1, language="de")
    await office.change(ann, active=True)
    assert await office.owners() == [(last, ann)]
    [row] = await office.rows("SELECT count(*) AS n FROM router.queue")
    assert row["n"] == 3_000
    assert await office.sweep() == 0


async def test_the_last_of_many_who_all_ask_something_else_is_reached(office: Office) -> None:
    """Each is a kind of its own, so the queue is gone through. Who is freed meanwhile does not send it back to the front; afterwards it
    begins anew, for what was passed before that one came."""
    near = [{"name": "near", "pool": "p", "requires": "lead.product in agent.tags"}]
    ann = await office.agent("Ann", tags=["last"], active=False)
    bob = await office.agent("Bob", tags=["middle"], active=False)
    await office.policy({"pools": {"p": {"members": [{"agent": "Ann"}, {"agent": "Bob"}]}}, "rules": near, "default": "p"})
    wanted = leads(2_902)
    products = [f"p{n}" for n in range(2_902)]
    products[1_500], products[-1] = "middle", "last"
    for start in range(0, 2_902, 550):
        batch = slice(start, start + 550)
        await office.take(*(scored(lead, product=name) for lead, name in zip(wanted[batch], products[batch], strict=True)))
    await office.change(ann, active=True)
    await office.timers.turn()
    assert await office.owners() == [], "some two thousand were looked at"
    for active in (True, False, True):
        await office.change(bob, active=active)
    await office.timers.turn()
    assert await office.owners() == [(wanted[-1], ann)]
    await office.ring()
    assert await office.owners() == [(wanted[-1], ann), (wanted[1_500], bob)]
    assert await office.sweep() == 0


async def test_what_was_asked_is_found_anew_after_a_policy_changed(office: Office) -> None:
    def policy(requires: str) -> dict[str, Any]:
        rules = [{"name": "spoken", "pool": "p", "requires": requires}]
        return {"pools": {"p": {"members": [{"agent": "Ann"}]}}, "rules": rules, "default": "p"}

    ann = await office.agent("Ann", languages=["de"], tags=["pro"], active=False)
    await office.policy(policy("'none' in agent.tags"))
    wrong, right = leads(2)
    await office.take(scored(wrong, product="free"), scored(right, product="pro"))
    await office.change(ann, active=True)
    assert await office.owners() == []
    await office.policy(policy("lead.product in agent.tags"))
    assert await office.owners() == [(right, ann)]


async def test_scored_again_a_waiting_lead_asks_what_it_asks_now(office: Office) -> None:
    rules = [{"name": "spoken", "pool": "p", "requires": "lead.language in agent.languages"}]
    ann = await office.agent("Ann", languages=["de"], open_cap=1)
    await office.policy({"pools": {"p": {"members": [{"agent": "Ann"}]}}, "rules": rules, "default": "p"})
    held, *others = leads(4)
    await office.take(scored(held, language="de"), *(scored(lead, language="fr") for lead in others))
    await office.take(scored(others[2], sequence=2, language="de"))
    await office.take(stage(held, "won"))
    assert await office.owners() == [(held, ann), (others[2], ann)]


# -- Nobody starves --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_no_lead_is_behind_one_that_came_later_than_its_bound(office: Office, seed: int) -> None:
    """A lead of p points is behind none that came (P - p) / ageing hours after it: by the order in which the queue is really read,
    also once another ageing was activated."""
    random = Random(seed)
    agent = await office.agent("ann", active=False)
    ageing = random.choice([1, 3, 10, 250])
    await _activate(office, agent, ageing)
    since = NOON - timedelta(days=30)
    rows = []
    for lead in leads(150):
        points, at = random.randint(-50, 300), since + timedelta(seconds=random.uniform(0, 30 * 86_400))
        rows.append(Queued(lead, "p", None, points, at, rank_of(points, at, ageing)))

    async def wait(uow: UnitOfWork) -> None:
        store.send_queue(uow, rows)

    await office.do(wait)
    await _is_bounded(office, rows, ageing)
    for ageing in random.sample([1, 2, 10, 60, 500], 2):
        await _activate(office, agent, ageing)
        await _is_bounded(office, rows, ageing)


async def _activate(office: Office, agent: UUID, ageing: int) -> None:
    pools = {"p": {**members(agent), "hold": {"ageing_points_per_hour": ageing}}}
    await office.policy({"pools": pools, "default": "p", "rules": []})


async def _is_bounded(office: Office, rows: list[Queued], ageing: int) -> None:
    head = await office.do(lambda uow: store.queue_head(uow, ["p"], 500))
    assert {one.lead_id for one in head} == {one.lead_id for one in rows}
    assert [one.rank for one in head] == [rank_of(one.points, one.queued_at, ageing) for one in head]
    for place, behind in enumerate(head):
        for before in head[:place]:
            bound = timedelta(hours=max(before.points - behind.points, 0) / ageing)
            assert before.queued_at <= behind.queued_at + bound + timedelta(milliseconds=1)


async def test_a_lead_of_few_points_is_served_though_better_ones_keep_coming(office: Office, clock: SetClock) -> None:
    """Ten points an hour: fifty points better, and none that comes more than five hours later is before it."""
    agent = await office.agent("ann", caps={"hour": 1})
    await _activate(office, agent, 10)
    poor, first = leads(2)
    await office.take(scored(first, 90))
    await office.take(scored(poor, 40))
    came = clock.shown
    while poor in await office.queue():
        assert clock.shown < came + timedelta(hours=8)
        await office.take(*(scored(lead, 90) for lead in leads(1)))
        clock.shown = clock.shown.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        await office.ring()
    assert clock.shown > came + timedelta(hours=3), "it was no worse than the others, so this proves nothing"
