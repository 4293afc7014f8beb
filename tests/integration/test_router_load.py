"""Load of pools and who waits in them, as it is measured from rows and shown over HTTP, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog

from services.router.handlers.load import Loads, measure
from services.router.handlers.work import Work
from services.router.loops import LoadWatch
from shared.auth import Role
from shared.db.uow import UnitOfWork
from shared.telemetry import render_metrics
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, leads, members, offices, scored, stage


@pytest.fixture
async def live(installation: Installation) -> AsyncIterator[tuple[Office, httpx.AsyncClient]]:
    """A router over HTTP, and a replica beside it that takes leads. Both by the machine's clock."""
    async with installation.running("router") as client, offices(installation, 1) as [one]:
        yield one, client


async def load_of(office: Office, pool: str) -> Any:
    async def ask(uow: UnitOfWork) -> Any:
        work = await Work.open(uow)
        await work.lock([work.active.group_of_pool[pool]])
        return (await measure(work, [pool]))[pool]

    return await office.do(ask)


async def test_rates_are_measured_from_what_happened(office: Office, clock: SetClock) -> None:
    """24 leads in a day, the last six in its last hour; two at a time, each for an hour and a half."""
    ann = await office.agent("ann", open_cap=2)
    await office.pool("default", ann)
    wanted = leads(24)
    for n, lead in enumerate(wanted):
        clock.shown += timedelta(minutes=70 if n < 18 else 11)
        await office.take(scored(lead))
        if n >= 2:
            await office.take(stage(wanted[n - 2], "won"))
    load = await load_of(office, "default")
    assert (load.arrival_rate, load.recent_arrival_rate) == (1.0, 6.0)
    [row] = await office.rows(
        "SELECT count(closed_at) AS n, sum(coalesce(closed_at, now_at) - assigned_at) AS held "
        "FROM router.assignments, (SELECT max(closed_at) AS now_at FROM router.assignments) n"
    )
    assert row["n"] == 22
    assert load.service_rate == pytest.approx(2 * 22 / (row["held"] / timedelta(hours=1)), rel=0.01)
    assert load.utilisation == pytest.approx(1 / load.service_rate)
    clock.shown += timedelta(days=2)
    assert (await load_of(office, "default")).arrival_rate == 0


async def test_who_is_in_two_pools_is_shared_by_them(office: Office) -> None:
    ann = await office.agent("ann", daily_cap=24)
    await office.policy({"pools": {"a": members(ann), "b": members(ann)}, "rules": [], "default": "b"})
    assert (await load_of(office, "a")).service_rate == pytest.approx(0.5)


async def test_an_alert_is_logged_once_when_it_begins_and_once_when_it_is_over(office: Office, clock: SetClock) -> None:
    ann = await office.agent("ann", daily_cap=1)
    pools = {"p": {**members(ann), "hold": {"promise_minutes": 30}}}
    await office.policy({"pools": pools, "rules": [], "default": "p"})
    await office.take(*(scored(lead) for lead in leads(4)))
    clock.shown += timedelta(hours=1)
    watch = LoadWatch(office.database)
    with structlog.testing.capture_logs() as first:
        await watch.look()
    with structlog.testing.capture_logs() as second:
        await watch.look()
    told = [(line["pool"], line["alert"]) for line in first if line["event"] == "pool.alert"]
    assert told == [("p", "overloaded"), ("p", "promise_broken"), ("p", "promise_will_break")]
    assert second == []
    shown = render_metrics().decode()
    assert 'handoff_pool_queue_length{pool="p"} 3.0' in shown
    assert 'handoff_pool_promise_breach_seconds{pool="p"} 18' in shown
    assert 'handoff_pool_utilisation{pool="p"} 4.0' in shown
    await office.change(ann, daily_cap=None)
    await watch.look()
    assert office.database.memory[Loads].alerts == set()
    await office.policy({"pools": {"q": members(ann)}, "rules": [], "default": "q"})
    await watch.look()
    assert 'handoff_pool_queue_length{pool="p"}' not in render_metrics().decode()
    assert office.database.memory[Loads].of.keys() == {"q"}


# -- Over HTTP -------------------------------------------------------------------------------------------------------------------


async def two_queues(office: Office) -> list[Any]:
    """Pool `slow`, with one member of a lead a day, in which three wait; and `shut`, with nobody, in which one does."""
    ann = await office.agent("ann", daily_cap=1)
    pools = {"slow": {**members(ann), "hold": {"promise_minutes": 60}}, "shut": {"members": []}}
    rules = [{"name": "basics", "when": "product == 'basic'", "pool": "shut"}]
    await office.policy({"pools": pools, "rules": rules, "default": "slow"})
    held, best, good, fair, other = leads(5)
    await office.take(scored(held, 100))
    await office.take(scored(fair, 40), scored(best, 90), scored(good, 60), scored(other, 70, product="basic"))
    return [best, other, good, fair]


async def test_the_queue_says_why_where_and_how_long(live: tuple[Office, httpx.AsyncClient]) -> None:
    office, client = live
    waiting = await two_queues(office)
    page = (await client.get("/v1/queue")).json()
    assert [item["lead_id"] for item in page["items"]] == [str(lead) for lead in waiting]
    assert [(item["pool"], item["position"]) for item in page["items"]] == [("slow", 1), ("shut", 1), ("slow", 2), ("slow", 3)]
    assert (page["total"], page["pools"], page["next"]) == (4, {"slow": 3, "shut": 1}, None)
    first, shut = page["items"][:2]
    assert first["why"] == "Nobody can receive: pool slow, and of its members 1 at the cap of the day."
    assert first["gates"] == {"day_cap": 1}
    assert shut["why"] == "Nobody can receive: rule basics chose pool shut, and it has no members."
    assert 0 <= first["waits_seconds"] < 60
    assert (first["promise_minutes"], first["broken"], first["until"]) == (60, False, None)
    assert (shut["promise_minutes"], shut["breaks_at"], shut["will_break"]) == (None, None, False)
    decision = (await client.get(f"/v1/decisions/{first['decision_id']}")).json()
    assert decision["lead_id"] == first["lead_id"]


async def test_the_queue_is_paged_and_filtered(live: tuple[Office, httpx.AsyncClient]) -> None:
    office, client = live
    waiting = await two_queues(office)
    found, cursor = [], None
    while True:
        page = (
            await client.get("/v1/queue", params={"limit": 3, "pool": "slow"} | ({"cursor": cursor} if cursor else {}))
        ).json()
        found += [(item["lead_id"], item["position"]) for item in page["items"]]
        assert page["total"] == 3
        if not (cursor := page["next"]):
            break
    assert found == [(str(waiting[0]), 1), (str(waiting[2]), 2), (str(waiting[3]), 3)]
    by_rule = (await client.get("/v1/queue", params={"rule": "basics"})).json()
    assert [item["lead_id"] for item in by_rule["items"]] == [str(waiting[1])]
    assert (await client.get("/v1/queue", params={"older_than": 3600})).json()["total"] == 0
    assert (await client.get("/v1/queue", params={"older_than": 0})).json()["total"] == 4
    assert (await client.get("/v1/queue", params={"older_than": -1})).status_code == 422
    assert (await client.get("/v1/queue", params={"pool": "\0"})).status_code in (400, 422)


async def test_load_and_summary_tell_what_is_wrong(live: tuple[Office, httpx.AsyncClient], installation: Installation) -> None:
    office, client = live
    await two_queues(office)
    load = (await client.get("/v1/pools/slow/load")).json()
    assert load["arrival_rate"] == round(4 / 24, 3)
    assert load["service_rate"] == round(1 / 24, 3)
    assert (load["utilisation"], load["waiting"], load["expected_wait_seconds"]) == (4.0, 3, 3 * 86_400)
    assert load["alerts"] == ["overloaded", "promise_will_break"]
    shut = (await client.get("/v1/pools/shut/load")).json()
    assert (shut["service_rate"], shut["utilisation"], shut["expected_wait_seconds"]) == (0.0, None, None)
    assert shut["alerts"] == ["overloaded"]
    pools = {pool["name"]: pool for pool in (await client.get("/v1/pools")).json()["items"]}
    assert pools["slow"]["load"]["alerts"] == load["alerts"]
    assert (await client.get("/v1/pools/slow")).json()["waiting"] == 3
    summary = (await client.get("/v1/queue/summary")).json()
    assert summary["total"] == 4
    by_pool = {pool["pool"]: pool for pool in summary["pools"]}
    assert by_pool["shut"]["rules"] == [{"rule": "basics", "waiting": 1}]
    assert (by_pool["slow"]["waiting"], by_pool["slow"]["broken"], by_pool["slow"]["promise_minutes"]) == (3, 0, 60)
    assert (await client.get("/v1/pools/none/load")).status_code == 404
    for path in ("/v1/pools/slow/load", "/v1/queue/summary"):
        assert (await client.get(path, headers=installation.headers(Role.AGENT, agent_id=UUID(int=7)))).status_code == 403
