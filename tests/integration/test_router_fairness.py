"""The fairness ledger on a real PostgreSQL: credits, statements, weights and leave through the handlers and over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.router.domain import PARTS, Member
from services.router.handlers import attendance, fairness, policies
from services.router.handlers.fairness import Corrected
from shared.auth import Role
from shared.contracts.envelope import Cause
from shared.errors import Refused
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import NOON, Office, SetClock, leads, members, offices, scored

NOWHERE = UUID(int=7)
HOUR = timedelta(hours=1)


@pytest.fixture
async def replicas(installation: Installation, clock: SetClock) -> AsyncIterator[list[Office]]:
    async with offices(installation, 2, clock) as made:
        yield made


@pytest.fixture
async def office(replicas: list[Office]) -> Office:
    return replicas[0]


async def three(office: Office) -> list[UUID]:
    agents = sorted([await office.agent(name) for name in ("ann", "ben", "cid")])
    await office.pool("default", *agents)
    return agents


async def give(office: Office, count: int) -> Counter[UUID]:
    before = len(await office.owners())
    for lead in leads(count):
        await office.take(scored(lead))
    return Counter(agent for _, agent in (await office.owners())[before:])


async def credit(office: Office, agent: UUID, turns: int, pool: str = "default") -> Corrected:
    return await office.do(lambda uow: fairness.correct(agent, pool, turns, "made up for a fault", uow, by="ops"))


async def differences(office: Office, pool: str = "default") -> dict[UUID, float]:
    found = await office.do(lambda uow: fairness.statements_of_pool(pool, uow, after=None, limit=100))
    return {statement.agent_id: round(statement.difference / PARTS, 6) for statement, _ in found}


async def leave(office: Office, agent: UUID, hours: int, *, catch_up: bool) -> None:
    cause = Cause("test", new_traceparent())
    said = {"catch_up": catch_up, "note": "", "by": "test", "cause": cause}
    await office.do(lambda uow: attendance.add_leave(agent, NOON, NOON + hours * HOUR, uow, **said))


async def test_a_credit_is_an_entry_of_the_ledger_and_is_paid_by_the_next_leads(
    replicas: list[Office], installation: Installation
) -> None:
    office, other = replicas
    ann, ben, cid = await three(office)
    assert await give(other, 3) == {ann: 1, ben: 1, cid: 1}
    made = await credit(office, cid, 4)
    [entry] = await office.rows("SELECT number, agent_id, pool, data FROM router.ledger WHERE kind = 'credited'")
    assert entry == {
        "number": made.number,
        "agent_id": cid,
        "pool": "default",
        "data": {"turns": 4, "reason": "made up for a fault", "by": "ops"},
    }
    assert await differences(other) == {ann: -2, ben: -2, cid: 4}, "a replica that did not write it knows it too"
    assert await give(other, 12) == {ann: 2, ben: 2, cid: 8}
    await credit(other, cid, -4)
    assert await give(office, 12) == {ann: 6, ben: 6}
    assert await router_violations(installation.admin_dsn) == []


async def test_a_credit_names_an_agent_and_a_pool_of_it(office: Office) -> None:
    [ann, *_] = await three(office)
    stranger = await office.agent("dee")
    for agent, pool, status in [(NOWHERE, "default", 404), (ann, "nowhere", 422), (stranger, "default", 422)]:
        with pytest.raises(Refused) as refused:
            await credit(office, agent, 1, pool)
        assert refused.value.status == status
    assert await office.rows("SELECT FROM router.ledger") == []


async def test_weights_change_without_a_reset(office: Office) -> None:
    ann, ben, cid = await three(office)
    await credit(office, ann, 3)
    before = await differences(office)
    weighted = [Member(ann, 2), Member(ben), Member(cid)]
    cause = Cause("test", new_traceparent())
    await office.do(lambda uow: policies.put_pool("default", weighted, uow, by="test", cause=cause))
    assert len(await office.rows("SELECT FROM router.groups")) > 1, "the policy opened a new group"
    assert await differences(office) == before
    [statement] = await office.do(lambda uow: fairness.statements_of_agent(ann, None, uow))
    assert (statement.weight, [note.turns for note in statement.notes]) == (2, [3])
    assert (await give(office, 40))[ann] == 23, "two of four, and what she was owed"


async def test_an_agents_own_weight_holds_from_the_next_turn_on(office: Office) -> None:
    ann, ben, cid = await three(office)
    pools = {"default": {**members(ann, ben), "member_rule": "agent.name == 'cid'"}}
    pools["default"]["members"][1]["weight"] = 1
    await office.policy({"pools": pools, "rules": [], "default": "default"})
    await credit(office, ben, 2)
    before = await differences(office)
    for agent in (ann, ben, cid):
        await office.change(agent, weight=3)
    kinds = await office.rows("SELECT agent_id, data FROM router.ledger WHERE kind = 'reweighted' ORDER BY number")
    assert kinds == [{"agent_id": ann, "data": {"weight": 3}}, {"agent_id": cid, "data": {"weight": 3}}], "Ben's is the pool's"
    assert await differences(office) == before == {ann: -1, ben: 2, cid: -1}
    assert await give(office, 70) == {ann: 29, ben: 12, cid: 29}


async def test_who_comes_back_catches_up_as_the_pool_allows_and_no_more(office: Office, clock: SetClock) -> None:
    ann, ben, cid = sorted([await office.agent(name) for name in ("ann", "ben", "cid")])
    await office.policy({"pools": {"default": {**members(ann, ben, cid), "catch_up": 3}}, "rules": [], "default": "default"})
    await leave(office, ann, 2, catch_up=True)
    await leave(office, ben, 2, catch_up=False)
    assert await give(office, 20) == {cid: 20}
    assert set((await differences(office)).values()) == {0}
    clock.shown = NOON + 3 * HOUR
    assert await differences(office) == {ann: 3, ben: -1.5, cid: -1.5}
    assert (await give(office, 18))[ann] == 9, "a third, and three more"
    [statement] = await office.do(lambda uow: fairness.statements_of_agent(ann, "default", uow))
    assert [line.text for line in statement.lines][2:] == [
        "What it missed on leave with catch-up: 10.00 turns.",
        "Above what may be caught up, and so left to the pool: -7.00 turns.",
    ]


async def test_what_a_leaver_is_owed_goes_to_those_who_stay(office: Office) -> None:
    ann, ben, cid = await three(office)
    await credit(office, cid, 4)
    await office.pool("default", ann, ben)
    assert await differences(office) == {ann: 0, ben: 0}


# -- Over HTTP -------------------------------------------------------------------------------------------------------------------


async def pooled(client: httpx.AsyncClient, *names: str) -> list[str]:
    agents = sorted([(await client.post("/v1/agents", json={"name": name})).json()["id"] for name in names])
    made = await client.put("/v1/pools/default", json={"members": [{"agent_id": one} for one in agents]})
    assert made.status_code == 200, made.text
    return agents


async def test_a_credit_over_http_is_made_once_and_shown_with_who_and_why(client: httpx.AsyncClient) -> None:
    ann, ben = await pooled(client, "ann", "ben")
    body = {"pool": "default", "turns": 2, "reason": "two wrong numbers"}
    headers = {"Idempotency-Key": "two-wrong-numbers"}
    made = await client.post(f"/v1/agents/{ann}/credits", json=body, headers=headers)
    assert made.status_code == 201, made.text
    again = await client.post(f"/v1/agents/{ann}/credits", json=body, headers=headers)
    assert again.json() == made.json()
    shown = made.json()
    assert {name: shown[name] for name in ("agent_id", "pool", "turns", "reason", "ledger_number")} == body | {
        "agent_id": ann,
        "ledger_number": 1,
    }
    [mine] = (await client.get(f"/v1/agents/{ann}/statement?pool=default")).json()["items"]
    assert mine == shown["statement"]
    assert mine["text"] == "Was entitled to 2.00 turns and received 0: is owed 2.00 turns."
    assert [(line["reason"], line["entitled"], line["times"]) for line in mine["lines"]][-1] == ("credited", 2, 1)
    [note] = mine["notes"]
    assert note["text"] == f"Credited 2 turns by {shown['by']}: two wrong numbers"
    first = (await client.get("/v1/pools/default/statement?limit=1")).json()
    second = (await client.get("/v1/pools/default/statement", params={"limit": 1, "cursor": first["next"]})).json()
    found = {one["agent_id"]: (one["name"], one["difference"]) for one in (*first["items"], *second["items"])}
    assert found.keys() == {ann, ben}
    assert sorted(one[1] for one in found.values()) == [-2, 2]
    assert second["next"] is None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"turns": 0}, "/turns"),
        ({"turns": 1.5}, "/turns"),
        ({"turns": 1_001}, "/turns"),
        ({"reason": ""}, "/reason"),
        ({"pool": "nowhere"}, "/pool"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_credit_that_cannot_be_names_the_field(door: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    [ann] = await pooled(door, "ann")
    body = {"pool": "default", "turns": 2, "reason": "two wrong numbers", **change}
    refused = await door.post(f"/v1/agents/{ann}/credits", json=body)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, [field])


async def test_agents_see_their_own_statement_only(client: httpx.AsyncClient, installation: Installation) -> None:
    ann, ben = await pooled(client, "ann", "ben")
    own = installation.headers(Role.AGENT, agent_id=UUID(ann))
    [shown] = (await client.get(f"/v1/agents/{ann}/statement", headers=own)).json()["items"]
    assert (shown["pool"], shown["difference"]) == ("default", 0)
    assert (await client.get(f"/v1/agents/{ben}/statement", headers=own)).status_code == 404
    assert (await client.get("/v1/pools/default/statement", headers=own)).status_code == 403
    assert (await client.get(f"/v1/agents/{ann}/statement?pool=nowhere")).status_code == 404
    assert (await client.get(f"/v1/agents/{NOWHERE}/statement")).status_code == 404
    assert (await client.get("/v1/pools/nowhere/statement")).status_code == 404
    alone = (await client.post("/v1/agents", json={"name": "dee"})).json()["id"]
    assert (await client.get(f"/v1/agents/{alone}/statement")).json()["items"] == []
