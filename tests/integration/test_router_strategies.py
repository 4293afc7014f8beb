"""Requirements, overflow and returns of a policy, as the router decides and writes them on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, leads, offices, scored, stage


@pytest.fixture
async def office(installation: Installation) -> AsyncIterator[Office]:
    async with offices(installation, 1, SetClock()) as [one]:
        yield one


async def test_leads_go_to_who_is_right_overflow_and_give_back(office: Office, installation: Installation) -> None:
    ann = await office.agent("Ann", languages=["de"], daily_cap=1)
    ben = await office.agent("Ben", languages=["en"])
    dan = await office.agent("Dan", languages=["de"])
    pools = {
        "north": {"members": [{"agent": "Ann"}, {"agent": "Ben"}], "overflow": ["spare"], "returns": ["closed"]},
        "spare": {"members": [{"agent": "Dan"}], "strategy": {"kind": "least_open"}},
    }
    rules = [{"name": "spoken", "pool": "north", "requires": "lead.language in agent.languages"}]
    await office.policy({"pools": pools, "rules": rules, "default": "spare"})
    first, second, english, french, again = leads(5)
    await office.take(scored(french, 90, language="fr"))  # nobody, and those behind it do not wait for it
    await office.take(scored(first, language="de"), scored(second, language="de"), scored(english, language="en"))
    assert sorted(await office.owners()) == sorted([(first, ann), (second, dan), (english, ben)])
    assert await office.queue() == [french]
    over = await office.rows("SELECT pool, via, why FROM router.decisions WHERE agent_id = $1", dan)
    assert [(row["pool"], row["via"]) for row in over] == [("spare", "north")]
    waits = await office.rows("SELECT pool, via, gates FROM router.decisions WHERE lead_id = $1", french)
    assert [(row["pool"], row["via"], row["gates"]) for row in waits] == [("north", None, {"requirement": 2})]
    await office.take(stage(first, "lost"))
    await office.take(scored(again, language="de"))
    assert (again, ann) in await office.owners(), "the count of the day was given back"
    rows = await office.rows("SELECT gave_back, turn FROM router.assignments WHERE lead_id = $1", first)
    assert [(row["gave_back"], row["turn"] is not None) for row in rows] == [(True, True)]
    assert await router_violations(installation.admin_dsn) == []
