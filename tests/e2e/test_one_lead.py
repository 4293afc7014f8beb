"""One lead, all the way: two replicas of every service as processes of their own, on both buses, over HTTP alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from tests.support.ground import Ground
from tests.support.processes import Fleet

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
LEAD = {
    "source": "website",
    "first_name": "Grace",
    "email": "grace@example.com",
    "phone": "+14155552671",
    "company": "Example Ltd",
    "country": "US",
    "product": "pro",
    "budget": 20000,
}
ROUTE = ["LeadReceived", "LeadScored", "LeadAssigned"]


async def post(fleet: Fleet, service: str, path: str, replica: int = 0, **request: Any) -> Any:
    async with fleet.client(service, replica) as client:
        return accepted(await client.post(path, **request))


def accepted(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code}: {answer.text}"
    return answer.json()


async def make_source(fleet: Fleet) -> str:
    """The hook address of a new source."""
    made = await post(fleet, "intake", "/v1/sources", json={"name": "website", "mapping": {"fields": {"data.mail": "email"}}})
    return str(made["hook"])


async def make_agent(fleet: Fleet, **settings: Any) -> str:
    """The id of a new agent, who is the only member of the default pool."""
    agent = await post(fleet, "router", "/v1/agents", json={"name": "Rep One", **settings})
    async with fleet.client("router", 1) as client:
        accepted(await client.put("/v1/pools/default", json={"members": [{"agent_id": agent["id"]}]}))
    return str(agent["id"])


async def get(fleet: Fleet, service: str, path: str, replica: int = 0, **params: Any) -> Any:
    async with fleet.client(service, replica) as client:
        return accepted(await client.get(path, params=params))


async def lead(fleet: Fleet, lead_id: str, routing: str, replica: int = 0) -> Any:
    """The lead once it has got that far."""
    waiting = {"wait": 15, "until": routing} if routing in ("queued", "assigned") else {}
    shown = await get(fleet, "tracker", f"/v1/leads/{lead_id}", replica, **waiting)
    assert shown["routing"] == routing
    return shown


async def say(fleet: Fleet, lead_id: str, status: str) -> None:
    await post(fleet, "tracker", f"/v1/leads/{lead_id}/status", replica=1, json={"status": status})


def types(shown: Any) -> list[str]:
    return [entry["type"] for entry in shown["timeline"]]


async def test_one_lead_from_its_request_to_its_end(ground: Ground) -> None:
    async with ground.fleet(replicas=2) as fleet:
        hook = await make_source(fleet)
        agent = await make_agent(fleet, open_cap=1)

        first = (await post(fleet, "intake", "/v1/leads", json=LEAD, headers={"traceparent": TRACEPARENT}))["lead_id"]
        shown = await lead(fleet, first, "assigned")
        assert types(shown) == ROUTE
        assert shown["owner"]["agent_id"] == agent
        assert shown["contact"]["email"] == "grace@example.com"
        assert {entry["trace_id"] for entry in shown["timeline"]} == {TRACE}
        assert [entry["causation"] for entry in shown["timeline"][1:]] == [entry["event_id"] for entry in shown["timeline"][:-1]]

        second = (await post(fleet, "intake", hook, replica=1, json={"data": {"mail": "ada@example.com"}, "product": "pro"}))[
            "lead_id"
        ]
        assert types(await lead(fleet, second, "queued"))[-1] == "LeadQueued"
        third = (await post(fleet, "intake", hook, data={"Your-Email": "alan@example.com", "Company": "Example"}))["lead_id"]
        assert (await lead(fleet, third, "queued", replica=1))["contact"]["company"] == "Example"

        await say(fleet, first, "won")
        freed = await lead(fleet, second, "assigned")
        assert types(freed) == ["LeadReceived", "LeadScored", "LeadQueued", "LeadAssigned"]
        assert freed["owner"]["agent_id"] == agent
        await lead(fleet, third, "queued")
        await ground.drained(timeout=20)
        won = await lead(fleet, first, "ended")
        assert types(won) == [*ROUTE, "StageChanged", "FirstResponded", "AssignmentEnded"]
        assert {entry["trace_id"] for entry in won["timeline"][:3]} == {TRACE}
        assert (await get(fleet, "scoring", f"/v1/scores/{first}"))["points"] == won["score"]["points"] > 0
        decisions = (await get(fleet, "router", "/v1/decisions", lead=second))["items"]
        assert [one["outcome"] for one in decisions] == ["assigned", "queued"]

        assert await ground.violations([UUID(one) for one in (first, second, third)]) == []
        assert set((await fleet.stop()).values()) == {0}
