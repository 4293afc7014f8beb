"""Decisions as people find and read them, on a real PostgreSQL and over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.support.office import NOON, Office, SetClock, leads, members, rule, scored

NOWHERE = UUID(int=7)


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params={name.rstrip("_"): str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    page = await get(client, "/v1/decisions", **query)
    items: list[dict[str, Any]] = page["items"]
    return items


async def two_pools(office: Office) -> tuple[UUID, UUID, UUID]:
    """dee (three a day) and fay (two open) in east; gus, who is not active, in west, which is the default."""
    dee = await office.agent("dee", daily_cap=3)
    fay = await office.agent("fay", open_cap=2)
    gus = await office.agent("gus", active=False)
    pools = {"east": members(dee, fay), "west": members(gus)}
    await office.policy({"pools": pools, "rules": [rule("pro", "east")], "default_pool": "west"})
    return dee, fay, gus


# -- Reading ---------------------------------------------------------------------------------------------------------------------


async def test_a_decision_reads_as_what_it_was_made_of(office: Office, client: httpx.AsyncClient) -> None:
    dee, fay, _ = await two_pools(office)
    first, second, other = leads(3)
    await office.take(scored(first, product="pro", company_size=40), scored(second, product="pro"))
    await office.take(scored(other, product="basic"))
    [row] = await found(client, lead=first)
    assert await get(client, f"/v1/decisions/{row['id']}") == row
    assert (row["outcome"], row["rule"], row["pool"], row["ledger_number"], row["ordinal"]) == ("assigned", "pro", "east", 0, 1)
    assert row["facts"]["company_size"] == 40
    assert row["facts"]["qualification"] == "sales_qualified"
    assert row["members"] == {"all": 2, "can_receive": 2, "stopped": []}
    winner = row["winner"]
    assert (winner["agent_id"], winner["name"]) in {(str(dee), "dee"), (str(fay), "fay")}
    assert winner["before"] == {"entitled": 0.0, "received": 0, "difference": 0.0}
    assert winner["after"] == {"entitled": 0.5, "received": 1, "difference": -0.5}
    caps = {"dee": (None, 3), "fay": (2, None)}[winner["name"]]
    assert winner["caps"] == {"open": {"count": 1, "cap": caps[0]}, "daily": {"count": 1, "cap": caps[1]}}
    [waits] = await found(client, lead=other)
    assert (waits["outcome"], waits["winner"], waits["rule"]) == ("queued", None, None)
    assert waits["members"] == {"all": 1, "can_receive": 0, "stopped": [{"gate": "inactive", "count": 1, "text": "1 inactive"}]}


async def test_decisions_are_found_by_what_they_say(office: Office, client: httpx.AsyncClient, clock: SetClock) -> None:
    dee, fay, _ = await two_pools(office)
    pro, basic, cold = leads(4), leads(2), leads(1)
    await office.take(*(scored(lead, product="pro") for lead in pro))
    clock.shown = NOON + timedelta(hours=2)
    await office.take(*(scored(lead, product="basic") for lead in basic))
    await office.take(scored(cold[0], qualification="nurture"))

    async def told(**query: Any) -> list[UUID]:
        return [UUID(one["lead_id"]) for one in await found(client, **query)]

    assert await told() == [*cold, *reversed(basic), *reversed(pro)]
    assert await told(pool="east") == await told(rule="pro") == await told(outcome="assigned") == pro[::-1]
    assert await told(outcome="rejected") == cold
    assert sorted([*await told(agent=dee), *await told(agent=fay)]) == pro
    assert await told(agent=dee, outcome="queued") == []
    assert await told(to=(NOON + timedelta(hours=1)).isoformat()) == pro[::-1]
    assert await told(from_=(NOON + timedelta(hours=1)).isoformat(), pool="west") == basic[::-1]
    [version] = {one["policy_version"] for one in await found(client)}
    assert (await told(policy_version=version), await told(policy_version=version + 1)) == (await told(), [])
    first = await get(client, "/v1/decisions", limit=3)
    rest = await get(client, "/v1/decisions", limit=9, cursor=first["next"])
    assert [UUID(one["lead_id"]) for one in first["items"] + rest["items"]] == await told()
    assert rest["next"] is None


async def test_what_is_asked_wrongly_is_refused(client: httpx.AsyncClient) -> None:
    for query in ("outcome=perhaps", "agent=7", "policy_version=0", "from=2026-01-01T00:00:00", "cursor=x", "limit=0"):
        answer = await client.get(f"/v1/decisions?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]
    assert (await client.get(f"/v1/decisions/{NOWHERE}")).status_code == 404
