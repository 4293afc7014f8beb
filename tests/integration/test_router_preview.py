"""A policy version tried before it is active, on a real PostgreSQL and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.installation import Installation
from tests.support.office import Office, erased, leads, members, offices, rule, scored

NOWHERE = UUID(int=7)
TABLES = ("policies", "groups", "ledger", "leads", "assignments", "queue", "decisions", "snapshots")


@pytest.fixture
async def office(installation: Installation) -> AsyncIterator[Office]:
    async with offices(installation, 1) as [one]:
        yield one


async def drafted(client: httpx.AsyncClient, document: dict[str, Any]) -> int:
    answer = await client.post("/v1/policies", json={"routed": ["sales_qualified"], **document})
    assert answer.status_code == 201, answer.text
    version: int = answer.json()["version"]
    return version


async def preview(client: httpx.AsyncClient, version: int, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/policies/{version}/preview", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def everything(office: Office) -> dict[str, list[dict[str, Any]]]:
    """All that the router keeps, but for the audit, and for how far time has come in a group, to which looking moves it."""
    kept = {table: await office.rows(f"SELECT * FROM router.{table} ORDER BY 1, 2") for table in TABLES}
    return {table: [{**row, "last_now": None} for row in rows] for table, rows in kept.items()}


def when(name: str, condition: str, pool: str) -> dict[str, Any]:
    return {"name": name, "when": condition, "pool": pool}


async def active_policy(office: Office) -> tuple[UUID, UUID, UUID]:
    """ann and ben in east, which takes pro; cid in west, the default."""
    ann, ben, cid = [await office.agent(name) for name in ("ann", "ben", "cid")]
    pools = {"east": members(ann, ben), "west": members(cid)}
    await office.policy({"pools": pools, "rules": [rule("pro", "east")], "default_pool": "west"})
    return ann, ben, cid


async def test_a_draft_is_tried_on_facts_and_tells_who_would_be_next(office: Office, client: httpx.AsyncClient) -> None:
    ann, ben, cid = await active_policy(office)
    await office.take(scored(leads(1)[0], product="pro"))
    [(_, first)] = await office.owners()
    other = ben if first == ann else ann
    rules = [
        when("large", "company_size >= 500", "west"),
        when("pro", "product == 'pro'", "east"),
        when("best", "grade == 'A'", "north"),
    ]
    pools = {"east": members(ann, ben), "west": members(cid), "north": members()}
    version = await drafted(client, {"pools": pools, "rules": rules, "default": "west"})
    told = await preview(client, version, facts={"product": "pro", "shoe_size": 44})
    assert (told["routed"], told["rule"], told["pool"]) == (True, "pro", "east")
    assert told["next"] == {"agent_id": str(other), "name": "ben" if other == ben else "ann"}
    assert told["facts_not_known"] == ["shoe_size"]
    assert [(one["name"], one["matches"], one["unknown"] is None) for one in told["rules"]] == [
        ("large", False, False),
        ("pro", True, True),
        ("best", False, False),
    ]
    told = await preview(client, version, facts={"company_size": 500, "qualification": "sales_qualified"})
    assert (told["rule"], told["pool"], told["next"]["name"]) == ("large", "west", "cid")
    told = await preview(client, version, facts={"grade": "A", "company_size": 3, "product": "x"})
    assert (told["pool"], told["next"], told["members"]) == ("north", None, {"can_receive": 0, "stopped": {}})
    told = await preview(client, version, facts={"product": "pro", "qualification": "nurture"})
    assert (told["routed"], told["pool"], told["why"]) == (False, None, "Leads qualified as nurture are not routed.")


async def test_rules_on_fractions_and_on_facts_of_another_kind_are_tried(office: Office, client: httpx.AsyncClient) -> None:
    _, _, cid = await active_policy(office)
    rules = [when("rich", "budget > 5", "west"), when("fits", "fit > 12.5 && letter == 'B' && number <= 2", "west")]
    version = await drafted(client, {"pools": {"west": members(cid)}, "rules": rules, "default": "west"})
    told = await preview(client, version, facts={"fit": 12.75, "letter": "B", "number": 2, "engagement": 0.25, "budget": "much"})
    assert (told["rule"], told["facts_not_known"]) == ("fits", [])
    assert [(one["matches"], one["unknown"]) for one in told["rules"]] == [(False, "`budget` is not a number"), (True, None)]


async def test_members_that_only_the_draft_has_are_told_too(office: Office, client: httpx.AsyncClient) -> None:
    ann, ben, cid = await active_policy(office)
    dee = await office.agent("dee")
    await office.change(ann, active=False)
    pools = {"east": members(ann, NOWHERE), "south": members(dee, ben, cid)}
    version = await drafted(client, {"pools": pools, "rules": [when("pro", "product == 'pro'", "south")], "default": "east"})
    told = await preview(client, version, facts={"product": "pro"})
    assert told["members"] == {"can_receive": 3, "stopped": {}}
    told = await preview(client, version, facts={"product": "basic"})
    assert (told["rule"], told["pool"], told["next"], told["members"]["stopped"]) == (None, "east", None, {"inactive": 1})


async def test_a_lead_and_the_last_leads_are_tried_and_nothing_is_written(office: Office, client: httpx.AsyncClient) -> None:
    ann, ben, cid = await active_policy(office)
    pro, basic, cold, gone = leads(3), leads(4), leads(2), leads(1)
    await office.take(*(scored(one, product="pro", country="DE" if one == pro[0] else "FR") for one in pro))
    await office.take(*(scored(one, product="basic", country="DE") for one in basic))
    await office.take(*(scored(one, qualification="nurture", country="DE") for one in cold))
    await office.take(scored(gone[0], product="pro"), erased(gone[0]))
    rules = [
        when("german", "country == 'DE'", "west"),
        when("pro", "product == 'pro'", "east"),
        when("never", "points > 99", "east"),
    ]
    pools = {"east": members(ann, ben), "west": members(cid)}
    routed = ["sales_qualified", "nurture"]
    version = await drafted(client, {"pools": pools, "rules": rules, "default": "west", "routed": routed})
    before = await everything(office)
    told = await preview(client, version, lead_id=str(pro[0]))
    assert (told["rule"], told["pool"], told["facts"]["country"]) == ("german", "west", "DE")
    told = await preview(client, version, last=100)
    assert (told["looked_at"], told["moved"]) == (9, 3)
    found = {(move["from"]["pool"], move["from"]["rule"], move["to"]["pool"], move["to"]["rule"]): move for move in told["moves"]}
    assert {move: one["leads"] for move, one in found.items()} == {
        ("west", None, "west", "german"): 4,
        ("east", "pro", "east", "pro"): 2,
        (None, None, "west", "german"): 2,
        ("east", "pro", "west", "german"): 1,
    }
    assert found["east", "pro", "west", "german"]["examples"] == [str(pro[0])]
    assert [one["same_pool"] for one in found.values()] == [one["from"]["pool"] == one["to"]["pool"] for one in found.values()]
    assert told["rules"] == [
        {"rule": "german", "leads": 7},
        {"rule": "pro", "leads": 2},
        {"rule": "never", "leads": 0},
        {"rule": None, "leads": 0},
    ]
    assert (await preview(client, version, last=2))["moves"] == [
        {
            "from": {"pool": None, "rule": None},
            "to": {"pool": "west", "rule": "german"},
            "leads": 2,
            "same_pool": False,
            "examples": [str(one) for one in reversed(cold)],
        }
    ]
    assert await everything(office) == before
    audit = (await client.get(f"/v1/policies/{version}/audit")).json()["items"]
    assert [one["action"] for one in audit] == ["previewed", "previewed", "previewed", "created"]
    assert audit[1]["detail"] == {"last": 100, "looked_at": 9, "moved": 3}


async def test_what_cannot_be_tried_is_refused(office: Office, client: httpx.AsyncClient) -> None:
    await active_policy(office)
    [gone] = leads(1)
    await office.take(scored(gone, product="pro"), erased(gone))
    bodies: list[tuple[dict[str, Any], int]] = [
        ({}, 422),
        ({"last": 5, "facts": {}}, 422),
        ({"last": 1001}, 422),
        ({"last": 0}, 422),
        ({"lead_id": str(NOWHERE)}, 404),
        ({"lead_id": str(gone)}, 410),
        ({"facts": {"product": "a\0b"}}, 422),
    ]
    for body, status in bodies:
        assert (await client.post("/v1/policies/1/preview", json=body)).status_code == status, body
    assert (await client.post("/v1/policies/99/preview", json={"last": 5})).status_code == 404
    assert await office.rows("SELECT FROM router.policy_audit WHERE action = 'previewed'") == []
