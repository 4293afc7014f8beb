"""The life of a policy over HTTP and on a real PostgreSQL: drafted, linted, activated, rolled back, compared, audited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import yaml

from services.router.handlers import policies
from services.router.handlers.explaining import policy_of
from services.router.handlers.memory import active_policy
from services.router.store import active_version
from shared.auth import Role
from shared.contracts.envelope import Cause
from shared.db.uow import to_json
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, leads, offices, scored

Json = dict[str, Any]


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("router") as made:
        for name in ("Ann", "Ben", "Cyd"):
            assert (await made.post("/v1/agents", json={"name": name})).status_code == 201
        yield made


def a_policy(*rules: Json, **changes: Any) -> Json:
    pools = {"north": {"members": [{"agent": "Ann", "weight": 2}]}, "south": {"members": [{"agent": "Ben"}]}}
    found = rules or ({"name": "german", "when": "country == 'DE'", "pool": "north"}, {"name": "rest", "pool": "south"})
    return {"pools": pools, "rules": list(found), "default": "south", **changes}


async def ok(answer: httpx.Response | Any, status: int = 200) -> Any:
    found = await answer
    assert found.status_code == status, f"{found.status_code}: {found.text}"
    return found.json()


async def actions(client: httpx.AsyncClient, version: int) -> list[tuple[str, str]]:
    page = await ok(client.get(f"/v1/policies/{version}/audit"))
    return [(item["action"], item["by"]) for item in reversed(page["items"])]


# -- Drafts ----------------------------------------------------------------------------------------------------------------------


async def test_a_draft_takes_effect_when_it_is_activated(client: httpx.AsyncClient) -> None:
    before = (await ok(client.get("/v1/policies/active")))["version"]
    made = await ok(client.post("/v1/policies", json=a_policy(name="Spring")), 201)
    assert made == {"version": before + 1, "can_be_activated": True, "problems": []}
    draft = await ok(client.get(f"/v1/policies/{made['version']}"))
    assert (draft["state"], draft["document"]["name"], draft["members"]) == ("draft", "Spring", None)
    assert (await ok(client.get("/v1/policies/active")))["version"] == before

    assert await ok(client.post(f"/v1/policies/{made['version']}/activate"), 201) == {"version": made["version"], "warnings": []}
    active = await ok(client.get("/v1/policies/active"))
    assert (active["version"], active["state"], active["activated_by"]) == (made["version"], "active", "tester")
    assert [one["weight"] for one in active["members"]["north"]] == [2]
    states = {item["version"]: item["state"] for item in (await ok(client.get("/v1/policies")))["items"]}
    assert states == {before: "retired", made["version"]: "active"}
    assert await actions(client, made["version"]) == [("created", "tester"), ("activated", "tester")]


async def test_a_draft_keeps_its_errors_and_cannot_be_activated_with_them(client: httpx.AsyncClient) -> None:
    wrong = a_policy({"name": "german", "when": "country == 'DE' &&\n contry == 'AT'", "pool": "nroth"})
    made = await ok(client.post("/v1/policies", json=wrong), 201)
    assert made["can_be_activated"] is False
    problems = {(one["field"], one["severity"]): one for one in made["problems"]}
    assert (problems["/rules/0/when", "error"]["line"], problems["/rules/0/when", "error"]["column"]) == (2, 2)
    assert problems["/rules/0/pool", "error"]["message"] == "there is no pool nroth; did you mean `north`?"

    refused = await ok(client.post(f"/v1/policies/{made['version']}/activate"), 422)
    said = {error["field"]: error["message"] for error in refused["errors"]}
    assert said["/rules/0/when"] == "there is no fact `contry`; did you mean `country`? (line 2, column 2)"
    assert (await ok(client.get(f"/v1/policies/{made['version']}")))["state"] == "draft"

    mended = await ok(client.put(f"/v1/policies/{made['version']}", json=a_policy()))
    assert mended["can_be_activated"] is True
    await ok(client.post(f"/v1/policies/{made['version']}/activate"), 201)
    assert [action for action, _ in await actions(client, made["version"])] == ["created", "edited", "activated"]
    assert (await client.put(f"/v1/policies/{made['version']}", json=a_policy())).status_code == 409


async def test_lint_sees_the_agents_as_they_are_now(client: httpx.AsyncClient) -> None:
    agents = {item["name"]: item["id"] for item in (await ok(client.get("/v1/agents")))["items"]}
    draft = (await ok(client.post("/v1/policies", json=a_policy()), 201))["version"]
    assert (await ok(client.post(f"/v1/policies/{draft}/lint")))["problems"] == []
    await ok(client.patch(f"/v1/agents/{agents['Ann']}", json={"active": False}))
    [problem] = (await ok(client.post(f"/v1/policies/{draft}/lint")))["problems"]
    assert problem == {
        "field": "/pools/north/members",
        "message": "Ann is not active: its leads will wait in the queue",
        "severity": "warning",
    }
    page = await ok(client.get(f"/v1/policies/{draft}/audit"))
    assert [(item["action"], item["detail"]) for item in page["items"]] == [
        ("linted", {"error": 0, "warning": 1}),
        ("linted", {"error": 0, "warning": 0}),
        ("created", {}),
    ]


async def test_a_policy_is_written_in_yaml_and_read_back(client: httpx.AsyncClient) -> None:
    text = """
        # Norway is a country and no truth
        pools: {nordic: {members: [{agent: Ann}]}, rest: {members: [{agent: Ben}]}}
        define: {nordic: "country in ['NO', 'SE']"}
        rules:
          - {name: nordic, when: nordic, pool: nordic}
          - {name: rest, pool: rest}
        routed: [no, sales_qualified]
        default: rest
    """
    headers = {"Content-Type": "application/yaml; charset=utf-8"}
    made = await ok(client.post("/v1/policies?activate=true", content=text, headers=headers), 201)
    found = await ok(client.get("/v1/policies/active"))
    assert found["document"]["routed"] == ["no", "sales_qualified"]
    shown = await client.get(f"/v1/policies/{made['version']}?format=yaml")
    assert shown.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(shown.text) == found["document"]
    again = await ok(client.post("/v1/policies", content=shown.content, headers=headers), 201)
    assert (await ok(client.get(f"/v1/policies/{again['version']}/diff")))["differences"] == []


async def test_the_schema_is_published(client: httpx.AsyncClient) -> None:
    schema = await ok(client.get("/v1/policies/schema"))
    assert schema["required"] == ["pools", "default"]
    assert set(schema["$defs"]) == {"strategy", "pool", "rule"}


# -- Back and forth --------------------------------------------------------------------------------------------------------------


async def test_going_back_makes_a_new_version(client: httpx.AsyncClient) -> None:
    first = (await ok(client.post("/v1/policies?activate=true", json=a_policy(name="first")), 201))["version"]
    second = (await ok(client.post("/v1/policies?activate=true", json=a_policy(name="second")), 201))["version"]
    third = (await ok(client.post(f"/v1/policies/{first}/rollback"), 201))["version"]
    assert third > second
    active = await ok(client.get("/v1/policies/active"))
    assert (active["version"], active["document"]["name"]) == (third, "first")
    page = await ok(client.get(f"/v1/policies/{third}/audit"))
    assert [(item["action"], item["detail"]) for item in reversed(page["items"])] == [
        ("rolled_back", {"to": first}),
        ("activated", {"previous": second}),
    ]
    fourth = (await ok(client.post(f"/v1/policies/{second}/activate"), 201))["version"]
    assert (await ok(client.get("/v1/policies/active")))["version"] == fourth
    draft = (await ok(client.post("/v1/policies", json=a_policy()), 201))["version"]
    assert (await client.post(f"/v1/policies/{draft}/rollback")).status_code == 409


async def test_a_draft_older_than_the_active_version_can_still_be_activated(client: httpx.AsyncClient) -> None:
    draft = (await ok(client.post("/v1/policies", json=a_policy()), 201))["version"]
    later = (await ok(client.post("/v1/policies?activate=true", json=a_policy(name="later")), 201))["version"]
    assert later > draft
    assert (await ok(client.post(f"/v1/policies/{draft}/activate"), 201))["version"] == draft
    states = {item["version"]: item["state"] for item in (await ok(client.get("/v1/policies")))["items"]}
    assert (states[draft], states[later]) == ("active", "retired")


async def test_the_same_request_again_makes_one_draft(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    made = [await ok(client.post("/v1/policies", json=a_policy(), headers=headers), 201) for _ in range(2)]
    assert made[0] == made[1]


async def test_a_diff_names_what_an_activation_would_change(client: httpx.AsyncClient) -> None:
    active = (await ok(client.post("/v1/policies?activate=true", json=a_policy()), 201))["version"]
    changed = a_policy({"name": "first", "when": "budget > 5", "pool": "south"}, *a_policy()["rules"])
    changed["pools"]["north"]["members"][0]["weight"] = 5
    draft = (await ok(client.post("/v1/policies", json=changed), 201))["version"]
    found = await ok(client.get(f"/v1/policies/{draft}/diff"))
    assert (found["version"], found["against"]) == (draft, active)
    assert [(one["path"], one["change"], one["before"], one["after"]) for one in found["differences"]] == [
        ("/pools/north/members/Ann/weight", "changed", 2, 5),
        ("/rules/first", "added", None, {"name": "first", "when": "budget > 5", "pool": "south"}),
    ]
    back = await ok(client.get(f"/v1/policies/{active}/diff", params={"against": draft}))
    assert [one["change"] for one in back["differences"]] == ["changed", "removed"]


async def test_the_first_policy_is_shown_in_the_second_form(client: httpx.AsyncClient) -> None:
    first = await ok(client.get("/v1/policies/1"))
    assert (first["document"]["default"], first["members"]) == ("default", {"default": []})
    assert [action for action, _ in await actions(client, 1)] == ["created", "activated"]


async def test_who_may_only_read_changes_nothing(installation: Installation, client: httpx.AsyncClient) -> None:
    viewer = installation.headers(Role.VIEWER)
    for path in ("/v1/policies", "/v1/policies/1/lint", "/v1/policies/1/activate", "/v1/policies/1/rollback"):
        assert (await client.post(path, json=a_policy(), headers=viewer)).status_code == 403
    assert (await client.get("/v1/policies/1/diff", headers=viewer)).status_code == 200


# -- Pools -----------------------------------------------------------------------------------------------------------------------


async def test_a_pool_is_edited_within_the_active_policy(client: httpx.AsyncClient) -> None:
    document = a_policy(name="Spring", define={"big": "company_size > 500"}, facts={"team_size": "number"})
    await ok(client.post("/v1/policies?activate=true", json=document), 201)
    agents = {item["name"]: item["id"] for item in (await ok(client.get("/v1/agents")))["items"]}
    edited = await ok(client.put("/v1/pools/north", json={"members": [{"agent_id": agents["Cyd"], "weight": 4}]}))
    assert edited["warnings"] == []
    active = await ok(client.get("/v1/policies/active"))
    assert active["document"] == {
        **document,
        "pools": {**document["pools"], "north": {"members": [{"agent_id": agents["Cyd"], "weight": 4}]}},
    }
    assert (await ok(client.get("/v1/pools/north")))["members"] == [{"agent_id": agents["Cyd"], "weight": 4}]
    refused = await ok(client.delete("/v1/pools/north"), 409)
    assert "rule german" in refused["detail"]
    twice = {"members": [{"agent_id": agents["Cyd"]}] * 2}
    assert (await ok(client.put("/v1/pools/north", json=twice), 422))["errors"][0]["field"] == "/members/1/agent_id"


async def test_an_error_that_the_active_policy_has_already_does_not_keep_its_pools_from_being_edited(
    installation: Installation,
) -> None:
    async with offices(installation, 1) as [office]:
        ann = await office.agent("ann")
        await office.rows(
            "UPDATE router.policies SET document = document || $1 WHERE active RETURNING version",
            '{"rules": [{"name": "odd", "when": [{"field": "Team Size", "op": "==", "value": 5}], "pool": "default"}]}',
        )
        await office.pool("default", ann)
        [row] = await office.rows("SELECT document FROM router.policies WHERE active")
        assert row["document"]["rules"] == [{"name": "odd", "when": "false", "pool": "default"}]


# -- What takes effect -----------------------------------------------------------------------------------------------------------


def yes(office: Office, document: Json) -> Any:
    return office.do(lambda uow: policies.post_policy(document, uow, by="test", cause=Cause("test", new_traceparent())))


async def test_leads_go_by_the_conditions_and_by_the_names(installation: Installation) -> None:
    async with offices(installation, 2) as [one, other]:
        ann, ben = await one.agent("Ann"), await one.agent("Ben")
        define = {"enterprise": "company_size >= 500 || 'vip' in tags"}
        rules = [{"name": "big", "when": "enterprise && budget > 1000", "pool": "north"}, {"name": "rest", "pool": "south"}]
        await yes(one, a_policy(*rules, define=define))
        first, second, third, fourth = leads(4)
        await other.take(scored(first, company_size=500, budget=2000), scored(second, company_size=500))
        await one.take(scored(third, tags=["vip"], budget=1001), scored(fourth, company_size="500", budget=2000))
        owned = dict(await one.owners())
        assert owned == {first: ann, second: ben, third: ann, fourth: ben}
        assert await router_violations(installation.admin_dsn) == []


async def test_a_rule_for_members_is_read_at_activation_and_when_agents_change(installation: Installation) -> None:
    async with offices(installation, 1) as [office]:
        ann, ben = await office.agent("Ann", skills=["saas"]), await office.agent("Ben")
        pools = {"south": {"members": [], "member_rule": "'saas' in agent.skills"}}
        await yes(office, a_policy(pools=pools, rules=[]))
        cause = Cause("test", new_traceparent())
        assert await office.do(lambda uow: policies.refresh_members(uow, by="test", cause=cause)) is None
        [first, second] = leads(2)
        await office.take(scored(first))
        await office.change(ann, skills=[])
        await office.change(ben, skills=["saas"])
        assert await office.do(lambda uow: policies.refresh_members(uow, by="test", cause=cause)) is None, "it is done already"
        await office.take(scored(second))
        assert await office.owners() == [(first, ann), (second, ben)]
        found = await office.do(lambda uow: _active(uow))
        assert [member.agent_id for member in found.policy.pools["south"].members] == [ben]


async def test_the_holidays_of_calendars_are_those_of_the_activation(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the library says later: what is read again is what was copied, in every process."""
    support = {"zone": "Europe/Berlin", "holidays": ["DE-BY", "2026-12-24"]}
    document = a_policy(calendars={"support": support}, slas={"s": {"clock": "accept", "minutes": 5, "time": "support"}})
    async with offices(installation, 2) as [one, fresh]:
        await one.agent("Ann")
        await one.agent("Ben")
        await yes(one, document)
        [row] = await one.rows("SELECT version, calendars FROM router.policies WHERE active")
        assert set(row["calendars"]) == {"DE-BY"}
        christmas = f"{datetime.now(UTC).year}-12-25"
        assert christmas in row["calendars"]["DE-BY"]

        copied = {"DE-BY": {"2026-02-03": "a day of then"}}
        await one.rows("UPDATE router.policies SET calendars = $1 WHERE active RETURNING version", to_json(copied))
        found = await fresh.do(lambda uow: _active(uow))
        assert set(found.policy.calendars["support"].days_off) == {"2026-02-03", "2026-12-24"}
        assert (await fresh.do(lambda uow: policy_of(uow, row["version"]))).holidays == copied

        cause = Cause("test", new_traceparent())
        await one.do(lambda uow: policies.roll_back(row["version"], uow, by="test", cause=cause))
        again = await one.do(lambda uow: _active(uow))
        assert christmas in again.policy.calendars["support"].days_off


async def _active(uow: Any) -> Any:
    return await active_policy(uow, await active_version(uow))


async def test_a_stored_rule_that_compiles_no_more_does_not_stop_the_others(installation: Installation) -> None:
    async with offices(installation, 2) as [one, fresh]:
        ann, ben = await one.agent("Ann"), await one.agent("Ben")
        await yes(one, a_policy())
        rules = [{"name": "broken", "when": "no_more > 1", "pool": "north"}, *a_policy()["rules"]]
        await one.rows(
            "UPDATE router.policies SET document = jsonb_set(document, '{rules}', $1) WHERE active RETURNING version",
            to_json(rules),
        )
        first, second = leads(2)
        await fresh.take(scored(first, country="DE"), scored(second, country="FR"))
        assert dict(await fresh.owners()) == {first: ann, second: ben}


async def test_drafts_and_activations_at_once_leave_exactly_one_active(installation: Installation) -> None:
    async with offices(installation, 3) as replicas:
        await replicas[0].agent("Ann")
        await replicas[0].agent("Ben")
        cause = Cause("test", new_traceparent())

        async def work(office: Office, name: str) -> None:
            for turn in range(4):
                document = a_policy(name=f"{name} {turn}")
                drafted = await office.do(lambda uow, document=document: policies.create_draft(document, uow, by=name))
                await office.do(
                    lambda uow, version=drafted.version: policies.activate_version(version, uow, by=name, cause=cause)
                )
                await office.take(*(scored(lead, country="DE") for lead in leads(3)))

        await asyncio.gather(*(work(office, f"r{n}") for n, office in enumerate(replicas)))
        rows = await replicas[0].rows("SELECT version, active, activated_at FROM router.policies ORDER BY version")
        assert [row["version"] for row in rows] == list(range(1, 14))
        assert sum(row["active"] for row in rows) == 1
        assert all(row["activated_at"] for row in rows)
        assert len(await replicas[0].owners()) == 36
        assert await router_violations(installation.admin_dsn) == []
