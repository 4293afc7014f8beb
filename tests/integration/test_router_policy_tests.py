"""Policy tests on a real PostgreSQL and over HTTP: played for a version, with the agents that there are, and before it takes effect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.installation import Installation
from tests.support.office import Office, offices

YAML = {"content-type": "application/yaml"}
TABLES = ("policies", "groups", "ledger", "leads", "assignments", "queue", "decisions", "snapshots", "outbox")


@pytest.fixture
async def office(installation: Installation) -> AsyncIterator[Office]:
    async with offices(installation, 1) as [one]:
        yield one


async def drafted(client: httpx.AsyncClient, **parts: Any) -> int:
    """A draft in which German leads go to ann and ben, and the others to cid."""
    pools = {"emea": {"members": [{"agent": "ann"}, {"agent": "ben"}]}, "world": {"members": [{"agent": "cid"}]}}
    rules = [{"name": "german", "when": "country == 'DE'", "pool": "emea"}]
    answer = await client.post("/v1/policies", json={"pools": pools, "rules": rules, "default": "world", **parts})
    assert answer.status_code == 201, answer.text
    version: int = answer.json()["version"]
    return version


async def agents(office: Office) -> None:
    await office.agent("ann", caps={"day": 1})
    await office.agent("ben")
    await office.agent("cid")


def a_test(name: str = "a German lead", owner: Any = ("ann", "ben")) -> dict[str, Any]:
    return {"name": name, "when": [{"lead": {"name": "A", "country": "DE"}}], "then": {"owners": {"A": list(owner)}}}


async def everything(office: Office) -> dict[str, list[dict[str, Any]]]:
    return {table: await office.rows(f"SELECT * FROM router.{table} ORDER BY 1, 2") for table in TABLES}


async def test_scenarios_are_played_with_the_agents_that_there_are_and_nothing_is_routed(
    office: Office, client: httpx.AsyncClient
) -> None:
    await agents(office)
    version = await drafted(client)
    before = await everything(office)
    body = """
name: ann has her cap, ben takes the rest
when:
  - leads: {count: 4, country: DE}
then:
  counts: {ann: 1, ben: 3}
---
name: the others are cid's
when: [{lead: {name: A, country: FR}}]
then: {owners: {A: ann}}
"""
    answer = await client.post(f"/v1/policies/{version}/test", content=body, headers=YAML)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["passed"], told["counts"]) == (False, {"passed": 1, "failed": 1})
    [good, bad] = told["scenarios"]
    assert good["passed"]
    assert bad["field"] == "/1"
    [failure] = bad["failures"]
    assert failure["field"] == "/1/then/owners/A"
    assert (failure["expected"], failure["found"]) == ("ann", "cid (in world)")
    assert any("A assigned to cid in world" in line for line in bad["account"])
    assert await everything(office) == before
    audit = (await client.get(f"/v1/policies/{version}/audit")).json()["items"]
    assert [(one["action"], one["detail"]) for one in audit[:1]] == [("tested", {"passed": 1, "failed": 1})]


async def test_a_scenario_may_set_agents_up_otherwise(office: Office, client: httpx.AsyncClient) -> None:
    await agents(office)
    version = await drafted(client)
    scenario = {**a_test(owner=["ann"]), "given": {"agents": {"ben": {"active": False}}}}
    answer = await client.post(f"/v1/policies/{version}/test", json=[scenario])
    assert answer.json()["passed"], answer.text


async def test_a_version_has_tests_of_its_own_and_cannot_be_active_while_it_breaks_them(
    office: Office, client: httpx.AsyncClient
) -> None:
    await agents(office)
    version = await drafted(client, tests=[a_test(), a_test("cid takes all", owner=["cid"])])
    told = (await client.post(f"/v1/policies/{version}/test")).json()
    assert told["counts"] == {"passed": 1, "failed": 1}
    refused = await client.post(f"/v1/policies/{version}/activate")
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == "/tests/1/then/owners/A"
    assert error["message"].startswith("cid takes all: owner of A: expected cid, found ")
    assert (await client.get(f"/v1/policies/{version}")).json()["state"] == "draft"
    mended = {**(await client.get(f"/v1/policies/{version}")).json()["document"], "tests": [a_test()]}
    await client.put(f"/v1/policies/{version}", json=mended)
    assert (await client.post(f"/v1/policies/{version}/activate")).status_code == 201
    audit = (await client.get(f"/v1/policies/{version}/audit")).json()["items"]
    assert [one["action"] for one in audit[:2]] == ["activated", "tested"]


async def test_a_change_of_a_pool_is_held_against_the_tests_of_the_active_policy(
    office: Office, client: httpx.AsyncClient
) -> None:
    await agents(office)
    version = await drafted(client, tests=[a_test()])
    assert (await client.post(f"/v1/policies/{version}/activate")).status_code == 201
    cid = (await client.get("/v1/agents")).json()["items"]
    other = next(one["id"] for one in cid if one["name"] == "cid")
    refused = await client.put("/v1/pools/emea", json={"members": [{"agent_id": other}]})
    assert refused.status_code == 422
    assert "expected ann or ben" in refused.json()["detail"]


async def test_what_is_wrong_with_a_test_is_said_with_its_place(office: Office, client: httpx.AsyncClient) -> None:
    await agents(office)
    wrong = {"name": "x", "when": [{"lead": {"countri": "DE"}}, {"claims": "A"}]}
    answer = await client.post("/v1/policies", json={"pools": {}, "default": "x", "tests": [wrong]})
    assert answer.status_code == 201
    problems = {one["field"]: one["message"] for one in answer.json()["problems"]}
    assert problems["/tests/0/when/1/claims"] == "is no field here; did you mean `claim`?"
    version = await drafted(client)
    refused = await client.post(f"/v1/policies/{version}/test", json={"name": "x", "when": [{"lead": {"countri": "DE"}}]})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert (error["field"], error["message"]) == (
        "/when/0/lead/countri",
        "is no fact that a rule may ask; did you mean `country`?",
    )


async def test_limits_are_said(office: Office, client: httpx.AsyncClient) -> None:
    await agents(office)
    version = await drafted(client)
    many = {"name": "x", "when": [{"leads": {"count": 3000}}]}
    refused = await client.post(f"/v1/policies/{version}/test", json=many)
    assert refused.status_code == 422
    assert "3000 steps" in refused.json()["detail"]
    refused = await client.post(f"/v1/policies/{version}/test", json=[a_test()] * 501)
    assert refused.status_code == 422
    assert "at most 500" in refused.json()["detail"]
    assert (
        await client.post(f"/v1/policies/{version}/test", content="a: b", headers={"content-type": "text/css"})
    ).status_code == 415
    assert (await client.post("/v1/policies/999/test", json=a_test())).status_code == 404


async def test_the_schema_is_published_and_describes_what_is_read(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/v1/policies/tests/schema")).json()
    assert schema["properties"]["scenarios"]["maxItems"] == 500
    assert json.loads(json.dumps(schema)) == schema
