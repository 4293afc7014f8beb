"""Members by rule: an agent who is made or changed joins and leaves pools at once, and nobody else's turn is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from services.router.handlers import rosters
from services.router.handlers.work import Work
from shared.contracts.envelope import Cause
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, leads, offices, scored

SAAS = {"member_rule": "'saas' in agent.skills"}


@pytest.fixture
async def office(installation: Installation) -> AsyncIterator[Office]:
    async with offices(installation, 1, SetClock()) as [one]:
        yield one


async def by_rule(office: Office, **more: Any) -> None:
    await office.policy({"pools": {"saas": {**SAAS, **more}}, "default": "saas"})


async def version(office: Office) -> int:
    [row] = await office.rows("SELECT version FROM router.policies WHERE active")
    return int(row["version"])


async def counters(office: Office) -> dict[UUID, tuple[int, int]]:
    """What each member of the pool has received and is ahead or behind by."""

    async def read(uow: Any) -> dict[UUID, tuple[int, int]]:
        work = await Work.open(uow)
        await work.lock(work.active.groups)
        turns = work.desk.state_of_pool("saas")[1].pool("saas").turns
        ids = [member.agent_id for member in work.active.policy.pools["saas"].members]
        return {id: (turns.counters(id).received, turns.counters(id).difference) for id in ids}

    return await office.do(read)


async def test_who_has_the_skill_joins_at_once_and_takes_what_waits(office: Office, installation: Installation) -> None:
    await by_rule(office)
    [lead] = leads(1)
    await office.take(scored(lead))
    assert await office.queue() == [lead]
    before = await version(office)
    await office.agent("Ben", skills=["print"])
    assert await version(office) == before, "who meets no rule makes no version"
    ann = await office.agent("Ann", skills=["saas"])
    assert await office.owners() == [(lead, ann)]
    assert await version(office) == before + 1
    [audit] = await office.rows(
        "SELECT by, detail FROM router.policy_audit WHERE version = $1 AND action = 'created'", before + 1
    )
    assert (audit["by"], audit["detail"]["why"]) == ("test", "members")
    assert await router_violations(installation.admin_dsn) == []


async def test_who_loses_the_skill_leaves_and_the_others_keep_their_counters(office: Office, installation: Installation) -> None:
    await by_rule(office)
    ann, ben, cara = [await office.agent(name, skills=["saas"]) for name in ("Ann", "Ben", "Cara")]
    await office.take(*(scored(lead) for lead in leads(4)))
    before = await counters(office)
    await office.change(cara, skills=["print"], hours={"mon": ["09:00-10:00"]})
    after = await counters(office)
    assert {id: one[0] for id, one in after.items()} == {id: before[id][0] for id in (ann, ben)}
    assert sum(one[1] for one in after.values()) == 0, "what Cara was ahead by is shared among those who stay"
    dan = await office.agent("Dan", skills=["saas"])
    assert {id: one for id, one in (await counters(office)).items() if id != dan} == after
    await office.change(dan, active=False)
    await office.take(*(scored(lead) for lead in leads(3)))
    assert [agent for _, agent in await office.owners()].count(cara) == [one[0] for one in before.values()][2]
    held = before[ann]
    await office.change(ann, zone="Europe/Paris", daily_cap=50)
    assert (await counters(office))[ann][0] >= held[0]
    assert await router_violations(installation.admin_dsn) == []


async def test_a_change_that_no_rule_may_ask_makes_no_version(office: Office) -> None:
    await by_rule(office)
    ann = await office.agent("Ann", skills=["saas"])
    before = await version(office)
    await office.change(ann, daily_cap=3, zone="Europe/Berlin")
    await office.change(ann, skills=["saas", "print"])
    assert await version(office) == before


async def test_whom_a_document_names_stays_when_a_rule_chooses_again(office: Office) -> None:
    ann = await office.agent("Ann")
    named = {"members": [{"agent": "Ann"}]}
    await office.policy({"pools": {"saas": SAAS, "named": named}, "default": "named"})
    await office.change(ann, name="Ann Elm", skills=["saas"])
    [lead] = leads(1)
    await office.take(scored(lead))
    assert await office.owners() == [(lead, ann)]
    assert list(await counters(office)) == [ann]


async def test_a_list_of_agents_is_enrolled_once(office: Office, installation: Installation) -> None:
    await by_rule(office)
    ann = await office.agent("Ann", skills=["saas"])
    before = await version(office)
    rows = [{"name": "Ann", "skills": []}, {"name": "Ben", "skills": ["saas"]}, {"name": "Cara", "skills": ["saas"]}]
    told: dict[str, Any] = {"by": "test", "cause": Cause("test", new_traceparent())}
    await office.do(lambda uow: rosters.import_agents(rows, uow, dry_run=True, **told))
    assert await version(office) == before
    taken = await office.do(lambda uow: rosters.import_agents(rows, uow, dry_run=False, **told))
    assert [one.result for one in taken] == ["changed", "created", "created"]
    assert await version(office) == before + 1
    assert sorted(await counters(office)) == sorted(one.id for one in taken[1:] if one.id)
    assert ann not in await counters(office)
    assert await router_violations(installation.admin_dsn) == []


async def test_two_replicas_that_make_agents_at_once_lose_none(installation: Installation) -> None:
    async with offices(installation, 2) as [one, other]:
        await by_rule(one)
        made = await asyncio.gather(*((one, other)[n % 2].agent(f"Agent {n}", skills=["saas"]) for n in range(6)))
        assert sorted(await counters(one)) == sorted(made)
        extra = leads(1)
        await other.take(scored(extra[0]))
        assert len(await one.owners()) == 1
        assert await router_violations(installation.admin_dsn) == []
