"""Scoring from the outside, all services running: a person is asked to decide, writes documents, and sees what becomes of leads."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.auth import Role
from tests.support.installation import Installation
from tests.support.waiting import eventually

CARD: dict[str, Any] = {
    "name": "Ours",
    "facts": {"team_size": "number"},
    "fit": {
        "groups": {"reach": {"max": 25}},
        "rules": [
            {"name": "email", "when": "has_email", "points": 20, "group": "reach", "reason": "can be reached by e-mail"},
            {"name": "phone", "when": "has_phone", "points": 20, "group": "reach", "reason": "can be called"},
            {"name": "team", "when": "team_size >= 20", "points": 15.5, "reason": "has a team of 20 or more"},
        ],
    },
    "engagement": {
        "behaviours": [
            {
                **{"name": "pricing", "on": ["page_view"], "when": "page.contains('pricing')", "points": 12.25},
                **{"half_life_days": 14, "reason": "reads the pricing page"},
            }
        ]
    },
    "letters": [{"letter": "A", "min": 40}, {"letter": "B", "min": 20}, {"letter": "C"}],
    "numbers": [{"number": 1, "min": 20}, {"number": 2, "min": 10}, {"number": 3}],
    "thresholds": [{"name": "hot", "min": 60}],
}
DEFINITION: dict[str, Any] = {
    "name": "What sales takes",
    "dimensions": {
        "budget": {"evidence": [{"when": "budget >= 10000", "value": "10,000 or more", "confidence": 90}], "half_life_days": 90},
        "authority": {},
    },
    "disqualify": [{"when": "'student' in tags", "reason": "is studying"}],
    "levels": [
        {"name": "sales_qualified", "label": "SQL", "when": "points >= 40", "floors": {"budget": 50, "authority": 50}},
        {"name": "marketing_qualified", "label": "MQL", "when": "points >= 60"},
    ],
}


@pytest.fixture
async def client(installation: Installation) -> Any:
    async with installation.running() as opened:
        await ok(await opened.post("/v1/sources", json={"name": "website", "mapping": {"facts": ["team_size"]}}))
        yield opened


async def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def adopt(client: httpx.AsyncClient, installation: Installation) -> None:
    """Both documents become active, the definition with the word of both sides."""
    card = (await ok(await client.post("/v1/scorecards", json=CARD)))["version"]
    await ok(await client.post(f"/v1/scorecards/{card}/activate"))
    version = (await ok(await client.post("/v1/qualifications", json=DEFINITION)))["version"]
    for role in (Role.MARKETING, Role.SALES_MANAGER):
        answer = await client.post(f"/v1/qualifications/{version}/approve", json={}, headers=installation.headers(role))
        await ok(answer)
    await ok(await client.post(f"/v1/qualifications/{version}/activate"))


async def send(client: httpx.AsyncClient, name: str, **fields: Any) -> str:
    body = {"source": "website", "name": f"{name} Example", "email": f"{name}@example.com", **fields}
    return str((await ok(await client.post("/v1/leads", json=body)))["lead_id"])


async def shows(client: httpx.AsyncClient, lead: str, **wanted: Any) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await client.get(f"/v1/leads/{lead}")
        shown = answer.json()
        met = answer.is_success and shown["score"] and all((shown["score"] | shown).get(k) == v for k, v in wanted.items())
        return shown if met else None

    return await eventually(look) or {}


async def test_a_lead_from_unknown_to_qualified(client: httpx.AsyncClient, installation: Installation) -> None:
    await adopt(client, installation)
    lead = await send(client, "noor", phone="+1 202 555 0101", budget=25_000, custom={"team_size": 40})
    await shows(client, lead, grade="A3", qualification="insufficient", routing="rejected")
    told = await ok(await client.get(f"/v1/scores/{lead}"))
    assert (told["points"], told["machine"]["missing"], told["machine"]["label"]) == (40.5, ["authority"], "SQL")
    assert [(one["name"], one["points"]) for one in told["reasons"]] == [
        ("email", 20),
        ("phone", 20),
        ("team", 15.5),
        ("cap:reach", -15),
    ]
    page = {"kind": "page_view", "lead_id": lead, "data": {"page": "/pricing"}}
    await ok(await client.post("/v1/activities", json={"activities": [page]}))
    await shows(client, lead, grade="A2", points=53)
    said = {"value": "signs herself", "confidence": 95}
    await ok(await client.put(f"/v1/scores/{lead}/evidence/authority", json=said))
    shown = await shows(client, lead, qualification="sales_qualified", routing="queued")  # the router took it up
    summaries = [one["summary"] for one in shown["timeline"] if one["type"] == "LeadScored"]
    assert summaries[0] == (
        "Scored 40, grade A3: insufficient, for want of authority (can be reached by e-mail +20, can be called +20, "
        "has a team of 20 or more +15.5, at most 25 for reach -15)."
    )
    assert summaries[1].startswith("Scored again 53, grade A2: insufficient, for want of authority (")
    history = (await ok(await client.get(f"/v1/scores/{lead}/history")))["items"]
    assert [one["cause"] for one in history] == ["evidence", "activity", "received"]


async def test_an_override_reaches_the_router_and_the_timeline(client: httpx.AsyncClient, installation: Installation) -> None:
    await adopt(client, installation)
    lead = await send(client, "bo")
    await shows(client, lead, qualification="insufficient", routing="rejected")
    manager = installation.headers(Role.SALES_MANAGER)
    body = {"qualification": "sales_qualified", "grade": "A1", "reason": "asked for us by name"}
    await ok(await client.put(f"/v1/scores/{lead}/override", json=body, headers=manager))
    shown = await shows(client, lead, qualification="sales_qualified", grade="A1", routing="queued")
    last = [one for one in shown["timeline"] if one["type"] == "LeadScored"][-1]
    assert "as tester set it" in last["summary"]
    assert (last["data"]["override"]["machine_grade"], "by name" in str(last["data"])) == ("B3", False), "why stays with scoring"


async def test_a_second_form_of_the_same_person_counts(client: httpx.AsyncClient, installation: Installation) -> None:
    await adopt(client, installation)
    lead = await send(client, "kim")
    await shows(client, lead, grade="B3")
    again = await send(client, "kim", phone="+1 202 555 0102", tags=["student"])
    assert again == lead
    shown = await shows(client, lead, qualification="disqualified")
    assert (shown["score"]["points"], shown["score"]["grade"]) == (25, "B3")
    told = await ok(await client.get(f"/v1/scores/{lead}"))
    assert told["machine"]["why"] == ["is studying"]
