"""The agent's interface over HTTP: one's own leads and what was promised, answers, claims, assignment by hand, and jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from shared.auth import Role
from tests.support.installation import Installation
from tests.support.office import Office, ids, leads, members, offices, scored, stage
from tests.support.waiting import eventually

SLAS = {
    "answer": {"clock": "first_response", "minutes": 60, "time": "wall", "warn": [50]},
    "take": {"clock": "accept", "minutes": 10},
}


@pytest.fixture
async def office(installation: Installation) -> AsyncIterator[Office]:
    async with offices(installation, 1) as [one]:
        yield one


def as_agent(installation: Installation, agent: UUID, role: Role = Role.AGENT) -> dict[str, str]:
    return installation.headers(role, agent_id=agent)


async def owned(office: Office) -> tuple[UUID, UUID, UUID]:
    """Two agents who promise, and a lead that Ann has: (Ann, Ben, lead)."""
    ann, ben = await office.agent("Ann"), await office.agent("Ben")
    pool = {**members(ann, ben), "sla": ["answer", "take"]}
    await office.policy({"pools": {"default": pool}, "default": "default", "slas": SLAS})
    [lead] = leads(1)
    await office.take(scored(lead, received_at=ids.now()))
    assert (await office.held(lead))["agent_id"] == ann
    return ann, ben, lead


async def test_agents_see_their_own_leads_with_what_was_promised(
    office: Office, client: httpx.AsyncClient, installation: Installation
) -> None:
    ann, ben, lead = await owned(office)
    own = as_agent(installation, ann)
    page = (await client.get(f"/v1/agents/{ann}/leads", headers=own)).json()
    [one] = page["items"]
    assert (one["lead_id"], one["how"], one["pool"], one["until"], page["next"]) == (str(lead), "assigned", "default", None, None)
    assert one["why"].startswith("Next in turn by weight: pool default")
    promised = {promise["name"]: promise for promise in one["promises"]}
    assert {name: promise["status"] for name, promise in promised.items()} == {"answer": "running", "take": "running"}
    assert promised["take"]["deadline"] > one["at"]
    assert 0 < promised["answer"]["remaining_seconds"] <= 3600
    assert "facts" not in one
    assert (await client.get(f"/v1/agents/{ann}/leads", headers=as_agent(installation, ben))).status_code == 404
    shown = await client.get(f"/v1/assignments/{one['assignment_id']}", headers=own)
    assert (shown.json()["agent_name"], shown.json()["promises"][0]["clock"]) == ("Ann", "first_response")
    assert (await client.get(f"/v1/assignments/{one['assignment_id']}", headers=as_agent(installation, ben))).status_code == 404


async def test_leads_are_paged_newest_first_with_offers_among_them(office: Office, client: httpx.AsyncClient) -> None:
    ann, _, first = await owned(office)
    pool = {**members(ann), "strategy": {"kind": "claim", "seconds": 600}}
    await office.policy({"pools": {"default": pool}, "default": "default"})
    second, third = leads(2)
    await office.take(scored(second))
    await office.take(scored(third))
    address = f"/v1/agents/{ann}/leads"
    page = (await client.get(address, params={"limit": 2})).json()
    rest = (await client.get(address, params={"limit": 2, "cursor": page["next"]})).json()
    items = [*page["items"], *rest["items"]]
    assert [one["lead_id"] for one in items] == [str(third), str(second), str(first)]
    assert [(one["how"], one["assignment_id"] is None, one["until"] is None) for one in items] == [
        ("offered", True, False),
        ("offered", True, False),
        ("assigned", False, True),
    ]
    assert rest["next"] is None
    claims = "/v1/assignments/claims"
    assert (await client.post(claims, json={"lead_id": str(second)})).status_code == 422, "an admin says for whom"
    granted = (await client.post(claims, json={"lead_id": str(second), "agent_id": str(ann)})).json()
    assert (granted["answer"], granted["late"], granted["assignment"]["lead_id"]) == ("granted", False, str(second))
    assert granted["assignment"]["accepted_at"] is not None
    refused = await client.post("/v1/assignments/refusals", json={"lead_id": str(third), "agent_id": str(ann)})
    assert refused.json() == {"answer": "declined", "text": "The agent has declined the lead."}
    left = (await client.get(address)).json()["items"]
    assert [one["lead_id"] for one in left] == [str(second), str(first)]


async def test_an_answer_is_given_once_by_whom_it_concerns(
    office: Office, client: httpx.AsyncClient, installation: Installation
) -> None:
    ann, ben, lead = await owned(office)
    id = (await office.held(lead))["id"]
    at, own = f"/v1/assignments/{id}", {**as_agent(installation, ann), "Idempotency-Key": "one"}
    assert (await client.post(f"{at}/accept", headers=as_agent(installation, ben))).status_code == 404
    assert (await client.post(f"{at}/accept", headers=installation.headers(Role.VIEWER))).status_code == 403
    first = await client.post(f"{at}/accept", headers=own)
    again = await client.post(f"{at}/accept", headers=own)
    assert (first.status_code, first.content) == (200, again.content)
    assert {one["name"]: one["status"] for one in first.json()["promises"]} == {"answer": "running", "take": "met"}
    assert (await client.post(f"{at}/return", headers=own, json={})).status_code == 422
    over = await client.post(f"{at}/handover", headers=own, json={"agent_id": str(ben), "reason": "a trip"})
    assert (over.json()["close_reason"], over.json()["to"]["agent_id"], over.json()["promises"]) == ("reassigned", str(ben), [])
    late = await client.post(f"{at}/return", headers=as_agent(installation, ann), json={"reason": "too far"})
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "assignment-ended")
    given = f"/v1/assignments/{over.json()['to']['assignment_id']}"
    declined = await client.post(f"{given}/decline", headers=as_agent(installation, ben), json={"reason": "too far"})
    assert declined.json()["close_reason"] == "declined"
    assert (await office.held(lead))["agent_id"] == ann, "who handed it over may have it again, who declined it may not"


async def test_only_an_admin_forces_and_a_decision_says_who(
    office: Office, client: httpx.AsyncClient, installation: Installation
) -> None:
    _, ben, lead = await owned(office)
    await office.change(ben, open_cap=0)
    body = {"lead_id": str(lead), "agent_id": str(ben), "reason": "she asked for him"}
    boss = installation.headers(Role.SALES_MANAGER)
    full = await client.post("/v1/assignments", json=body, headers=boss)
    assert (full.status_code, full.json()["type"].rpartition(":")[2]) == (409, "cannot-receive")
    assert (await client.post("/v1/assignments", json={**body, "force": True}, headers=boss)).status_code == 403
    forced = await client.post("/v1/assignments", json={**body, "force": True})
    assert (forced.status_code, forced.json()["how"], forced.json()["changed"]) == (201, "forced", True)
    decision = (await client.get(f"/v1/decisions/{forced.json()['id']}")).json()
    assert (decision["by"], decision["reason"], decision["failed_rules"]) == ("tester", "she asked for him", [])
    assert (await client.get(f"/v1/decisions/{forced.json()['id']}/replay")).json()["same"] is True
    await office.take(stage(lead, "won"))
    over = await client.post("/v1/assignments", json=body)
    assert (over.status_code, over.json()["type"].rpartition(":")[2]) == (409, "lead-closed")


async def test_an_agents_leads_are_given_to_others_by_a_job(office: Office, client: httpx.AsyncClient) -> None:
    ann, ben, lead = await owned(office)
    await client.patch(f"/v1/agents/{ann}", json={"active": False})
    begun = await client.post(f"/v1/agents/{ann}/reassign", json={"to": "rules", "reason": "has left"})
    assert (begun.status_code, begun.json()["total"], begun.json()["kind"]) == (202, 1, "reassign")
    at = f"/v1/queue/jobs/{begun.json()['id']}"

    async def is_done() -> bool:
        return bool((await client.get(at)).json()["state"] == "done")

    await eventually(is_done)
    assert (await client.get(at)).json()["leads"] == {"assigned": 1}
    assert (await office.held(lead))["agent_id"] == ben
    assert (await client.post(f"{at}/cancel")).status_code == 409
    assert [job["id"] for job in (await client.get("/v1/queue/jobs")).json()["items"]] == [begun.json()["id"]]
    for wrong in ({"to": "nobody"}, {"to": {"agent_id": str(ann)}}, {"to": {"pool": "nowhere"}}):
        answer = await client.post(f"/v1/agents/{ann}/reassign", json={**wrong, "reason": "has left"})
        assert answer.status_code == 422
    rerouted = await client.post("/v1/queue/reroute", json={"default_only": True, "older_than": 60, "dry_run": True})
    assert (rerouted.status_code, rerouted.json()["total"]) == (202, 0)
