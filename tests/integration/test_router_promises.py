"""Promises, owners kept and re-routing, as the router keeps them on a real PostgreSQL: by timers, over restarts, in several replicas."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.router.handlers import answers, explaining
from services.router.handlers.answers import By
from services.router.handlers.writing import rules_failed
from shared.contracts.envelope import Cause
from shared.contracts.events import AssignmentEnded, LeadAssigned, SlaBreached, SlaWarned
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import (
    NOON,
    Office,
    SetClock,
    erased,
    ids,
    leads,
    members,
    merged,
    offices,
    responded,
    scored,
    stage,
    unmerged,
)

WALL = {"time": "wall"}
NEXT = [{"at": 100, "do": "next_agent"}]
ANSWER = {"clock": "first_response", "minutes": 60, "warn": [50], "ladder": NEXT, "max_hops": 1, "grace_minutes": 10, **WALL}
ACCEPT = {"clock": "accept", "minutes": 10, "ladder": NEXT, **WALL}
FOLLOW = {"clock": "follow_up", "minutes": 120, **WALL}


async def promising(office: Office, *names: str, slas: dict[str, Any], count: int = 2) -> list[UUID]:
    """A pool of so many agents that makes these promises."""
    agents = [await office.agent(f"Agent {number}") for number in range(count)]
    pool = {**members(*agents), "sla": list(names)}
    await office.policy({"pools": {"default": pool}, "default": "default", "slas": slas})
    return agents


async def wait(office: Office, clock: SetClock, minutes: float) -> None:
    """Lets time pass while somebody looks after the timers."""
    until = clock.shown + timedelta(minutes=minutes)
    while clock.shown < until:
        clock.shown = min(until, clock.shown + timedelta(seconds=45))
        await office.ring()


def kinds(events: list[Any], *wanted: type) -> list[type]:
    return [type(event) for event in events if not wanted or isinstance(event, wanted)]


async def clocks_of(office: Office, lead: UUID) -> dict[str, dict[str, Any]]:
    return {clock["sla"]["name"]: clock for clock in (await office.lead(lead))["clocks"] or ()}


# -- Promises --------------------------------------------------------------------------------------------------------------------


async def test_what_agents_do_keeps_what_was_promised(office: Office, clock: SetClock, installation: Installation) -> None:
    await promising(office, "answer", "accept", "follow", slas={"answer": ANSWER, "accept": ACCEPT, "follow": FOLLOW})
    [lead] = leads(1)
    await office.take(scored(lead))
    id = (await office.held(lead))["id"]
    await wait(office, clock, 5)
    await office.do(lambda uow: answers.accept_assignment(id, uow, by=By("ann"), cause=Cause("test", new_traceparent())))
    assert (await clocks_of(office, lead))["accept"]["kept"] is True
    await office.take(responded(lead, clock.now(), assignment=id))
    assert (await clocks_of(office, lead))["answer"]["kept"] is True
    await wait(office, clock, 60)
    await office.take(stage(lead, "contacted", sequence=2, assignment=id, at=clock.now()))
    await wait(office, clock, 100)
    assert kinds(await office.said(lead), SlaBreached, SlaWarned) == []
    assert (await office.held(lead))["id"] == id
    await wait(office, clock, 30)
    [breach] = [event for event in await office.said(lead) if isinstance(event, SlaBreached)]
    assert (breach.sla, breach.assignment_id) == ("follow", id)
    await office.take(stage(lead, "won", sequence=3, at=clock.now()))
    assert await office.rows("SELECT * FROM router.timers") == []
    assert await router_violations(installation.admin_dsn) == []


async def test_a_lead_that_nobody_touches_breaches_and_moves_on_once(installation: Installation, clock: SetClock) -> None:
    async with offices(installation, 2, clock) as [before, after]:
        ann, ben = await promising(before, "answer", slas={"answer": ANSWER})
        [lead] = leads(1)
        await before.take(scored(lead, received_at=clock.now()))
        assert (await before.held(lead))["agent_id"] == ann
        await wait(before, clock, 35)
        assert kinds(await before.said(lead)) == [LeadAssigned, SlaWarned]
        await wait(after, clock, 30)  # another process, which never saw the lead
        events = await after.said(lead)
        assert kinds(events) == [LeadAssigned, SlaWarned, SlaBreached, AssignmentEnded, LeadAssigned]
        assert (events[3].reason, events[4].how, events[4].agent_id) == ("expired", "next_agent", ben)
        row = await after.lead(lead)
        assert (row["hops"], row["refused"]) == (1, [ann])
        await wait(after, clock, 120)
        assert (await after.held(lead))["agent_id"] == ben, "it moved as often as it may"
        assert await after.unlike() == []
        assert await router_violations(installation.admin_dsn) == []


async def test_nobody_loses_a_lead_for_what_fell_due_while_nothing_ran(office: Office, clock: SetClock) -> None:
    ann, ben = await promising(office, "answer", slas={"answer": ANSWER})
    [lead] = leads(1)
    await office.take(scored(lead, received_at=clock.now()))
    await wait(office, clock, 2)
    clock.shown += timedelta(hours=3)
    office.restart()
    await office.ring()
    assert kinds(await office.said(lead)) == [LeadAssigned, SlaBreached], "the breach is told at once"
    assert (await office.held(lead))["agent_id"] == ann, "and the owner has some time to act"
    await wait(office, clock, 8)
    assert (await office.held(lead))["agent_id"] == ann
    await wait(office, clock, 4)
    assert (await office.held(lead))["agent_id"] == ben


async def test_an_offer_that_ran_out_while_nothing_ran_stands_again(office: Office, clock: SetClock) -> None:
    ann, ben = await office.agent("Ann"), await office.agent("Ben")
    pool = {**members(ann, ben), "strategy": {"kind": "claim", "seconds": 120, "fallback": "rotation"}}
    await office.policy({"pools": {"default": pool}, "default": "default"})
    [lead] = leads(1)
    await office.take(scored(lead))
    await office.ring()
    clock.shown += timedelta(hours=3)
    office.restart()
    await office.ring()
    assert await office.status(lead) == "offered"
    await wait(office, clock, 3)
    assert await office.status(lead) == "assigned"
    assert await office.unlike() == []


async def test_clocks_end_with_a_merge_and_an_erasure_and_begin_again_when_that_is_undone(
    office: Office, clock: SetClock, installation: Installation
) -> None:
    ann, _ = await promising(office, "answer", "accept", slas={"answer": ANSWER, "accept": ACCEPT})
    lead, into = leads(2)
    await office.take(scored(lead, received_at=clock.now()))
    await office.take(merged(lead, into))
    assert await office.rows("SELECT * FROM router.timers") == []
    await wait(office, clock, 90)
    assert kinds(await office.said(lead), SlaBreached, SlaWarned) == []
    await office.take(unmerged(lead, into))
    assert (await office.held(lead))["agent_id"] == ann
    assert {name: one["ended_at"] for name, one in (await clocks_of(office, lead)).items()} == {"answer": None, "accept": None}
    assert await office.unlike() == []
    await office.take(erased(lead))
    row = await office.lead(lead)
    assert (row["clocks"], row["due_at"]) == (None, None)
    assert await office.rows("SELECT * FROM router.timers") == []
    assert await router_violations(installation.admin_dsn) == []


# -- Owners kept -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "facts"),
    [("contact", {"contact_id": str(ids.uuid7())}), ("company", {"company_domain": "acme.example.com"})],
)
async def test_the_same_person_or_company_keeps_its_owner_in_every_replica(
    installation: Installation, by: str, facts: dict[str, Any]
) -> None:
    async with offices(installation, 2) as [one, other]:
        agents = [await one.agent(name) for name in ("Ann", "Ben", "Cara")]
        pool = {**members(*agents), "sticky": {"by": [by], "days": 30, "absent": "wait"}}
        await one.policy({"pools": {"default": pool}, "default": "default"})
        first, second, third, strange = leads(4)
        await one.take(scored(first, **facts))
        await other.take(scored(second, **facts), scored(third, **facts))
        await one.take(scored(strange, contact_id=str(ids.uuid7()), company_domain="other.example.com"))
        owners = dict(await one.owners())
        assert owners[first] == owners[second] == owners[third] != owners[strange]
        assert (await one.said(second))[-1].how == "sticky"
        await one.change(owners[first], active=False)
        [fourth] = leads(1)
        await other.take(scored(fourth, **facts))
        assert dict(await one.owners())[fourth] != owners[first], "one who has left keeps nobody"
        assert await one.unlike() == []
        assert await router_violations(installation.admin_dsn) == []


async def test_why_others_did_not_get_what_an_owner_kept_or_a_hand_gave(office: Office) -> None:
    ann, ben = await office.agent("Ann"), await office.agent("Ben")
    pool = {**members(ann, ben), "sticky": {"by": ["contact"], "days": 30}}
    await office.policy({"pools": {"default": pool}, "default": "default"})
    facts = {"contact_id": str(ids.uuid7())}
    first, second, third = leads(3)
    await office.take(scored(first, **facts))
    await office.take(scored(second, **facts))
    assert await why_not(office, second, ben) == "kept"
    cause = Cause("test", new_traceparent())
    await office.take(scored(third, qualification="insufficient"))
    said = (None, "she asked for him")
    await office.do(lambda uow: answers.assign_by_hand(third, ben, *said, uow, by=By("boss"), forced=False, cause=cause))
    assert await why_not(office, third, ann) == "placed"
    held = (await office.held(third))["id"]
    await office.do(lambda uow: answers.give_up(held, "returned", None, uow, by=By("ben"), cause=cause))
    assert await office.status(third) == "rejected", "it is decided by the rules, and they do not route it"
    held = (await office.held(first))["id"]
    await office.do(lambda uow: answers.give_up(held, "returned", None, uow, by=By("ann"), cause=cause))
    assert (await office.held(first))["agent_id"] == ben
    assert await why_not(office, first, ann) == "refused"
    assert await office.unlike() == []


async def why_not(office: Office, lead: UUID, agent: UUID) -> str:
    """Of the lead's last decision."""
    [row, *_] = await office.rows("SELECT id FROM router.decisions WHERE lead_id = $1 ORDER BY id DESC", lead)
    found = await office.do(lambda uow: explaining.explain(row["id"], agent, uow))
    return found.why_not.verdict.value


# -- Re-routing ------------------------------------------------------------------------------------------------------------------


async def test_a_lead_that_is_scored_again_moves_where_the_policy_says_so(office: Office, installation: Installation) -> None:
    ann, ben = await office.agent("Ann"), await office.agent("Ben")
    pools = {"sdr": members(ann), "closers": members(ben)}
    reroute = [{"when": "changed_grade == 'up' && grade == 'A'", "from": ["sdr"], "to": "closers", "max_hops": 1}]
    await office.policy({"pools": pools, "default": "sdr", "reroute": reroute})
    lead, other = leads(2)
    await office.take(scored(lead), scored(other))
    await office.take(scored(lead, 90, grade="A", sequence=2), scored(other, 20, grade="C", sequence=2))
    events = await office.said(lead)
    assert kinds(events) == [LeadAssigned, AssignmentEnded, LeadAssigned]
    assert (events[1].reason, events[2].how, events[2].agent_id) == ("reassigned", "rerouted", ben)
    assert (await office.lead(lead))["hops"] == 1
    assert (await office.held(other))["agent_id"] == ann
    assert await office.unlike() == []
    assert await router_violations(installation.admin_dsn) == []


# -- Rules that fail -------------------------------------------------------------------------------------------------------------


async def test_a_rule_that_cannot_be_evaluated_is_counted_and_shown(office: Office) -> None:
    ann = await office.agent("Ann")
    rules = [{"name": "big", "when": "team_size > 10", "pool": "big"}]
    await office.policy(
        {
            "facts": {"team_size": "number"},
            "pools": {"big": members(ann), "rest": members(ann)},
            "rules": rules,
            "default": "rest",
        }
    )
    [row] = await office.rows("SELECT version FROM router.policies WHERE active")
    counter = rules_failed.labels(str(row["version"]), "big")
    before = counter._value.get()
    wrong, right = leads(2)
    await office.take(scored(wrong, team_size="many"), scored(right, team_size=20))
    assert counter._value.get() - before == 1
    assert (await office.held(wrong))["pool"] == "rest"
    [decision] = await office.rows("SELECT more FROM router.decisions WHERE lead_id = $1", wrong)
    assert decision["more"]["failed"] == ["big"]
    assert await office.unlike() == []
    assert (await office.held(right))["assigned_at"] > NOON
