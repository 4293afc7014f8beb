"""Requests that come twice, at once, or from clients that go away."""

from __future__ import annotations

import asyncio

from tests.support.installation import serving
from tests.support.market import lead
from tests.support.refusals import (
    Running,
)


async def test_a_key_with_another_body_is_refused(world: Running) -> None:
    key = {"Idempotency-Key": "once"}
    for path, body, other in (
        ("/v1/leads", lead(1), lead(2)),
        (world.hook, {"email": "a@b.example"}, {"email": "c@d.example"}),
        (f"/v1/leads/{world.lead}/status", {"status": "contacted"}, {"status": "qualified"}),
        ("/v1/agents", {"name": "bob"}, {"name": "cid"}),
        ("/v1/sources", {"name": "one"}, {"name": "two"}),
    ):
        first = await world.client.post(path, json=body, headers=key)
        assert first.is_success, first.text
        again = await world.client.post(path, json=body, headers=key)
        shown_once = {"hook": None} if path == "/v1/sources" else {}
        assert (again.status_code, again.json()) == (first.status_code, {**first.json(), **shown_once})
        before = await world.counts()
        answer = await world.client.post(path, json=other, headers=key)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
        after = await world.counts()
        assert all(
            after[table] == before[table] for table in ("intake.leads", "intake.sources", "router.agents", "intake.answers")
        )


async def test_a_refused_request_does_not_use_up_its_key(world: Running) -> None:
    key = {"Idempotency-Key": "corrected"}
    assert (await world.client.post("/v1/leads", json={**lead(1), "source": "nowhere"}, headers=key)).status_code == 422
    assert (await world.client.post("/v1/leads", json=lead(1), headers=key)).status_code == 202


async def test_ten_equal_requests_at_once_are_one_lead_across_replicas(world: Running) -> None:
    other = world.installation.platform()
    async with serving(world.installation.build(other, "intake"), other) as address:
        for n, path in enumerate(("/v1/leads", world.hook)):
            before = (await world.counts())["intake.leads"]
            body, key = lead(70 + n), {"Idempotency-Key": f"ten-{n}", **world.installation.headers()}
            sent = [
                world.client.post(f"{host}{path}", json=body, headers=key)
                for host in (str(world.client.base_url).rstrip("/"), address) * 5
            ]
            answers = await asyncio.gather(*sent)
            assert {answer.status_code for answer in answers} == {202}
            assert len({answer.json()["lead_id"] for answer in answers}) == 1
            assert (await world.counts())["intake.leads"] == before + 1


async def test_ten_equal_admin_requests_at_once_are_one(world: Running) -> None:
    sent = [world.client.post("/v1/agents", json={"name": "only"}, headers={"Idempotency-Key": "agent"}) for _ in range(10)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1


async def test_clients_that_go_away_change_nothing_for_others(world: Running) -> None:
    before = (await world.counts())["intake.leads"]
    sent = [asyncio.create_task(world.client.post("/v1/leads", json=lead(100 + n))) for n in range(40)]
    done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
    gone = [task for n, task in enumerate(sent) if n % 2 and not task.done() and task.cancel()]
    answers = await asyncio.gather(*(task for task in sent if task not in gone))
    assert {answer.status_code for answer in answers} == {202}
    assert done
    await world.accepts()
    stored = (await world.counts())["intake.leads"] - before - 2
    assert len(answers) <= stored <= len(sent)
