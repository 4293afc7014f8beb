"""Many leads moved at once: those of one who leaves, and those that wait or fell to the default, after a change of policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.router.handlers import moving
from services.router.store import Misplaced
from shared import jobs
from shared.contracts.events import AssignmentEnded, LeadAssigned, LeadQueued
from shared.errors import Refused
from shared.jobs import JobState
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, leads, members, scored, stage


async def reassign(office: Office, agent: UUID, **said: Any) -> dict[str, Any]:
    """Begins the job and does it; what its last step said."""
    asked = {"to_agent": None, "to_pool": None, "reason": "has left", "untouched": False, "dry_run": False, "by": "boss", **said}
    job = await office.do(lambda uow: moving.start_reassigning(agent, uow, **asked))
    await office.work_off()
    return await done(office, job.id)


async def reroute(office: Office, *, dry_run: bool = False, **which: Any) -> dict[str, Any]:
    wanted = Misplaced(**which)
    job = await office.do(lambda uow: moving.start_rerouting(uow, wanted, reason="new rules", dry_run=dry_run, by="boss"))
    await office.work_off()
    return await done(office, job.id)


async def done(office: Office, id: UUID) -> dict[str, Any]:
    job = await office.do(lambda uow: jobs.find(uow, id))
    assert (job.state, job.done, job.error) == (JobState.DONE, job.total, None)
    return job.result


def rule(product: str, pool: str) -> dict[str, Any]:
    return {"name": product, "when": f"product == '{product}'", "pool": pool}


async def owner(office: Office, lead: UUID) -> UUID:
    id: UUID = (await office.held(lead))["agent_id"]
    return id


async def owning(office: Office, count: int, *others: UUID) -> tuple[UUID, list[UUID]]:
    """An agent who owns so many leads, in a pool into which others come after."""
    ann = await office.agent("Ann")
    await office.pool("default", ann)
    mine = leads(count)
    await office.take(*(scored(lead) for lead in mine))
    await office.pool("default", ann, *others)
    return ann, mine


# -- One who leaves --------------------------------------------------------------------------------------------------------------


async def test_the_leads_of_one_who_leaves_go_where_the_rules_send_them(office: Office, installation: Installation) -> None:
    ben, cara = await office.agent("Ben", open_cap=2), await office.agent("Cara", open_cap=3)
    ann, mine = await owning(office, 7, ben, cara)
    await office.change(ann, active=False)
    result = await reassign(office, ann)
    assert result["leads"] == {"assigned": 5, "queued": 2}
    assert len(await office.queue()) == 2, "who finds nobody waits"
    assert {await owner(office, lead) for lead in mine if lead not in await office.queue()} == {ben, cara}
    events = await office.said(mine[0])
    assert [type(event) for event in events] == [LeadAssigned, AssignmentEnded, LeadAssigned]
    assert (events[1].reason, events[1].by, events[1].why) == ("reassigned", "boss", "has left")
    assert {row["hops"] for row in await office.rows("SELECT hops FROM router.leads")} == {0}
    await office.change(ann, active=True)
    assert len(await office.queue()) == 2, "they do not come back to Ann by themselves"
    assert await office.unlike() == []
    faults = await router_violations(installation.admin_dsn)
    assert [fault for fault in faults if "wait for pool default" not in fault] == []


async def test_leads_meant_for_one_agent_stay_where_that_one_may_not_have_them(
    office: Office, installation: Installation
) -> None:
    ben = await office.agent("Ben", open_cap=2)
    ann, mine = await owning(office, 5, ben)
    result = await reassign(office, ann, to_agent=ben)
    assert result["leads"] == {"assigned": 2, "stayed": 3}
    [(why, count)] = result["stayed"].items()
    assert count == 3
    assert "2" in why
    assert [await owner(office, lead) for lead in mine] == [ben, ben, ann, ann, ann]
    assert await router_violations(installation.admin_dsn) == []


async def test_leads_go_to_a_pool_or_wait_for_it(office: Office) -> None:
    ben = await office.agent("Ben", open_cap=1)
    ann, mine = await owning(office, 3)
    await office.policy({"pools": {"default": members(ann), "second": members(ben)}, "default": "default"})
    result = await reassign(office, ann, to_pool="second")
    assert result["leads"] == {"assigned": 1, "queued": 2}
    assert await owner(office, mine[0]) == ben
    assert {row["pool"] for row in await office.rows("SELECT pool FROM router.queue")} == {"second"}


async def test_a_dry_run_says_what_would_become_of_them_and_does_nothing(office: Office, installation: Installation) -> None:
    ben = await office.agent("Ben", open_cap=2)
    ann, mine = await owning(office, 4, ben)
    tried = await reassign(office, ann, dry_run=True)
    assert tried["leads"] == {"assigned": 2, "queued": 2}
    assert {await owner(office, lead) for lead in mine} == {ann}
    assert [len(await office.said(lead)) for lead in mine] == [1] * 4
    assert (await reassign(office, ann))["leads"] == tried["leads"], "nothing of the dry run was remembered"
    assert await office.unlike() == []
    faults = await router_violations(installation.admin_dsn)
    assert [fault for fault in faults if "wait for pool default" not in fault] == []


async def test_only_leads_that_nobody_touched_are_taken_away_where_that_is_asked(office: Office) -> None:
    ben = await office.agent("Ben")
    ann, mine = await owning(office, 2, ben)
    await office.rows("UPDATE router.assignments SET accepted_at = assigned_at WHERE lead_id = $1", mine[0])
    assert (await reassign(office, ann, untouched=True))["leads"] == {"assigned": 1}
    assert [await owner(office, lead) for lead in mine] == [ann, ben]


async def test_many_leads_are_moved_in_steps_and_a_job_can_be_given_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "STEP", 3)
    ben = await office.agent("Ben")
    ann, mine = await owning(office, 8, ben)
    asked = {"to_agent": ben, "to_pool": None, "reason": "has left", "untouched": False, "dry_run": False, "by": "boss"}
    job = await office.do(lambda uow: moving.start_reassigning(ann, uow, **asked))
    cancelled = await office.do(lambda uow: jobs.give_up(uow, job.id))
    assert cancelled.state is JobState.CANCELLED
    await office.work_off()
    assert {await owner(office, lead) for lead in mine} == {ann}
    with pytest.raises(Refused, match="it is done"):
        await give_up_when_done(office, ann, ben)
    assert {await owner(office, lead) for lead in mine} == {ben}


async def give_up_when_done(office: Office, ann: UUID, ben: UUID) -> None:
    await reassign(office, ann, to_agent=ben)
    [row] = await office.rows("SELECT id FROM router.jobs WHERE state = 'done'")
    await office.do(lambda uow: jobs.give_up(uow, row["id"]))


@pytest.mark.parametrize("said", [{"to_pool": "nowhere"}, {"to_agent": UUID(int=7)}])
async def test_a_place_that_is_not_there_is_refused(office: Office, said: dict[str, Any]) -> None:
    ann, _ = await owning(office, 1)
    with pytest.raises(Refused, match=r"there is no pool|is no other agent"):
        await reassign(office, ann, **said)


# -- After a change of policy ----------------------------------------------------------------------------------------------------


async def test_leads_that_wait_go_where_the_new_rules_send_them(
    office: Office, clock: SetClock, installation: Installation
) -> None:
    ann, ben = await office.agent("Ann", active=False), await office.agent("Ben", open_cap=1)
    old, young, other = leads(3)
    await office.policy({"pools": {"a": members(ann), "b": members(ben)}, "default": "a"})
    await office.take(scored(old, product="pro"))
    clock.shown += timedelta(hours=2)
    await office.take(scored(young, product="pro"), scored(other, product="mini"))
    rules = [rule("pro", "b")]
    await office.policy({"pools": {"a": members(ann), "b": members(ben)}, "rules": rules, "default": "a"})
    assert len(await office.queue()) == 3, "a change of policy alone moves nobody whose pool is still there"
    assert (await reroute(office, before=clock.shown - timedelta(hours=1), dry_run=True))["leads"] == {"assigned": 1}
    assert (await reroute(office, pool="b"))["leads"] == {}
    assert (await reroute(office, default_only=True))["leads"] == {"assigned": 1, "queued": 1, "same": 1}
    assert await owner(office, old) == ben
    places = {row["lead_id"]: (row["pool"], row["rule"]) for row in await office.rows("SELECT * FROM router.queue")}
    assert places == {young: ("b", "pro"), other: ("a", None)}
    assert [type(event) for event in await office.said(young)] == [LeadQueued, LeadQueued]
    assert (await reroute(office))["leads"] == {"same": 2}
    assert await office.unlike() == []
    assert await router_violations(installation.admin_dsn) == []


async def test_a_lead_whose_qualification_is_not_routed_any_more_waits_no_longer(office: Office) -> None:
    ann = await office.agent("Ann", active=False)
    await office.pool("default", ann)
    [lead] = leads(1)
    await office.take(scored(lead))
    await office.policy({"pools": {"default": members(ann)}, "default": "default", "routed": ["marketing_qualified"]})
    assert (await reroute(office))["leads"] == {"rejected": 1}
    assert await office.status(lead) == "rejected"
    assert await office.queue() == []


async def test_leads_that_fell_to_the_default_move_where_somebody_can_take_them(
    office: Office, installation: Installation
) -> None:
    ann, ben, cara = await office.agent("Ann"), await office.agent("Ben", open_cap=1), await office.agent("Cara")
    first, second, third, kept = leads(4)
    pools = {"a": members(ann), "b": members(ben), "c": members(cara)}
    await office.policy({"pools": pools, "rules": [rule("mini", "a")], "default": "a"})
    for lead in (first, second, third):
        await office.take(scored(lead, product="pro"))
    await office.take(scored(kept, product="mini"))
    await office.policy({"pools": pools, "rules": [rule("pro", "b"), rule("mini", "c")], "default": "a"})
    assert (await reroute(office))["leads"] == {}, "who has an owner is left alone unless that is asked"
    result = await reroute(office, owned=True)
    assert result["leads"] == {"assigned": 1, "stayed": 2}
    assert [await owner(office, lead) for lead in (first, second, third, kept)] == [ben, ann, ann, ann]
    events = await office.said(first)
    assert (events[1].reason, events[2].how) == ("reassigned", "rerouted")
    assert (await office.lead(first))["hops"] == 0
    await office.take(stage(first, "won"))
    assert (await reroute(office, owned=True, waiting=False))["leads"] == {"assigned": 1, "stayed": 1}
    assert await office.unlike() == []
    assert await router_violations(installation.admin_dsn) == []
