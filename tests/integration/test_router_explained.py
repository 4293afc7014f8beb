"""Decisions made again and explained for each agent, over a random history on a real PostgreSQL and over HTTP."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.router.domain import Pause
from services.router.domain.explanation import Verdict
from services.router.handlers import attendance, explaining
from shared.auth import Role
from shared.contracts.envelope import Cause
from shared.telemetry import new_traceparent
from tests.support.decisions import decision_faults
from tests.support.installation import Installation
from tests.support.office import NOON, Office, SetClock, erased, leads, members, merged, rule, scored, stage, unmerged
from tests.support.world import connected

NOWHERE = UUID(int=7)
ELIGIBLE = {Verdict.RECEIVED, Verdict.NO_ROOM, Verdict.OTHERS_WAITED, Verdict.NOT_IN_TURN, Verdict.PLACED}


async def pause(office: Office, agent: UUID, pause: Pause | None) -> None:
    cause = Cause("test", new_traceparent())
    await office.do(lambda uow: attendance.set_pause(agent, pause, uow, by="test", cause=cause))


async def why_not(client: httpx.AsyncClient, decision: UUID, agent: UUID) -> dict[str, Any]:
    answer = await client.get(f"/v1/decisions/{decision}/why-not/{agent}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def decision_of(office: Office, lead: UUID) -> UUID:
    rows = await office.rows("SELECT id FROM router.decisions WHERE lead_id = $1 ORDER BY id DESC", lead)
    id: UUID = rows[0]["id"]
    return id


# -- A random history ------------------------------------------------------------------------------------------------------------


class History:
    """Leads, endings, merges, pauses, caps, hours that pass and policies that change, as a seed has it."""

    def __init__(self, office: Office, clock: SetClock, seed: int) -> None:
        self.office, self.clock, self.chance = office, clock, random.Random(seed)
        self.agents: list[UUID] = []
        self.merged: list[UUID] = []

    async def open(self) -> None:
        hours = {day: ["08:00-20:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
        for number in range(6):
            settings = {"open_cap": (3, 2)[number % 2], "daily_cap": (None, None, 6)[number % 3]}
            settings |= {"hours": hours} if number > 3 else {}
            settings |= {"open_weights": {"B": 2}} if number == 1 else {}
            self.agents.append(await self.office.agent(f"agent {number}", **settings))
        await self.policy()

    async def policy(self) -> None:
        east, west = self.chance.sample(self.agents, 4), self.chance.sample(self.agents, 3)
        pools = {"east": members(*east), "west": members(*west)}
        await self.office.policy({"pools": pools, "rules": [rule("pro", "east")], "default_pool": "west"})

    async def step(self) -> None:
        steps = (self.come, self.come, self.come, self.end, self.end, self.rest, self.caps, self.passes, self.merge)
        await self.chance.choice(steps)()

    async def come(self) -> None:
        wanted = leads(self.chance.randint(1, 4))
        kinds = [{"product": self.chance.choice(("pro", "basic"))} for _ in wanted]
        routed = [self.chance.choice(("sales_qualified", "sales_qualified", "sales_qualified", "nurture")) for _ in wanted]
        batch = zip(wanted, kinds, routed, strict=True)
        await self.office.take(
            *(scored(one, self.chance.randint(0, 99), qualification=level, **kind) for one, kind, level in batch)
        )

    async def end(self) -> None:
        rows = await self.office.rows("SELECT id, lead_id FROM router.assignments WHERE closed_at IS NULL ORDER BY id")
        for row in self.chance.sample(rows, min(2, len(rows))):
            await self.office.take(stage(row["lead_id"], "won", assignment=row["id"]))

    async def rest(self) -> None:
        until = self.clock.shown + timedelta(minutes=self.chance.randint(5, 300))
        await pause(self.office, self.chance.choice(self.agents), self.chance.choice((None, Pause(until, "lunch"))))

    async def caps(self) -> None:
        await self.office.change(self.chance.choice(self.agents), open_cap=self.chance.choice((1, 2, 3, 4)))

    async def passes(self) -> None:
        self.clock.shown += timedelta(minutes=self.chance.randint(1, 600))
        if self.chance.random() < 0.5:  # else whoever comes next finds that others wait
            await self.office.sweep()

    async def merge(self) -> None:
        if self.merged:
            lead = self.merged.pop()
            await self.office.take(unmerged(lead, NOWHERE))
            return
        rows = await self.office.rows("SELECT lead_id FROM router.leads WHERE status = 'assigned' ORDER BY lead_id")
        if rows:
            self.merged.append(self.chance.choice(rows)["lead_id"])
            await self.office.take(merged(self.merged[-1], NOWHERE))


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_decision_of_a_random_history_is_made_again_and_explained_for_everybody(
    office: Office, clock: SetClock, installation: Installation, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("services.router.handlers.work.SNAPSHOT_EVERY", 15)
    history = History(office, clock, seed)
    await history.open()
    for number in range(90):
        await history.step()
        if number % 30 == 29:
            await history.policy()
    rows = await office.rows("SELECT * FROM router.decisions ORDER BY id")
    assert {row["outcome"] for row in rows} == {"assigned", "queued", "rejected", "restored"}
    assert await office.rows("SELECT FROM router.snapshots WHERE number > 0"), "no snapshot was replaced, so this proves less"
    async with connected(installation.admin_dsn) as connection:
        assert await decision_faults(connection) == []
    verdicts: Counter[Verdict] = Counter()
    for row in rows:
        made = await office.do(lambda uow, row=row: explaining.replay(row["id"], uow))  # type: ignore[misc]
        assert made.differences == {}, row
        verdicts += await everybody_is_answered(office, history.agents, row)
    rare = {Verdict.NO_ROOM, Verdict.OTHERS_WAITED, Verdict.UNFIT, Verdict.OFFERED, Verdict.REFUSED, Verdict.KEPT}
    assert set(verdicts) | rare == set(Verdict), "an answer was never given, so this proves less"


async def everybody_is_answered(office: Office, agents: list[UUID], row: dict[str, Any]) -> Counter[Verdict]:
    """What each agent is told adds up to what the decision says of all of them together."""
    found = [(await office.do(lambda uow, one=one: explaining.explain(row["id"], one, uow))).why_not for one in agents]  # type: ignore[misc]
    verdicts = Counter(one.verdict for one in found)
    if row["outcome"] == "rejected":
        assert verdicts == {Verdict.NOT_ROUTED: len(agents)}
        return verdicts
    assert (
        Counter(one.gate.value for one in found if one.verdict in (Verdict.STOPPED, Verdict.UNFIT) and one.gate) == row["gates"]
    )
    assert sum(verdicts[one] for one in ELIGIBLE) == row["eligible"]
    assert verdicts[Verdict.RECEIVED] == (row["agent_id"] is not None)
    assert all(one.ahead != 0 for one in found if one.winner and one.verdict is not Verdict.RECEIVED)
    return verdicts


# -- Over HTTP -------------------------------------------------------------------------------------------------------------------


async def test_each_agent_is_told_why_not(office: Office, client: httpx.AsyncClient, clock: SetClock) -> None:
    ann, ben, cid, dee = [await office.agent(name) for name in ("ann", "ben", "cid", "dee")]
    pools = {"east": members(ann, ben, cid), "west": members(dee)}
    await office.policy({"pools": pools, "rules": [rule("pro", "east")], "default_pool": "west"})
    await pause(office, cid, Pause(NOON + timedelta(hours=1), "lunch"))
    one, two, cold = leads(3)
    await office.take(scored(one, product="pro"), scored(two, product="pro"))
    await office.take(scored(cold, qualification="nurture"))
    await pause(office, cid, None)
    decision = await decision_of(office, two)
    [first, winner] = [agent for _, agent in await office.owners()]
    told = {agent: await why_not(client, decision, agent) for agent in (first, winner, cid, dee)}
    assert [told[agent]["verdict"] for agent in told] == [
        "received" if agent == winner else "not_in_turn" for agent in (first, winner)
    ] + [
        "stopped",
        "not_a_member",
    ]
    assert told[first]["turns"] == {
        "agent": {"entitled": 0.5, "received": 1, "difference": -0.5},
        "winner": {"entitled": 0.5, "received": 0, "difference": 0.5},
    }
    assert told[first]["leads_before"] == 1
    assert told[first]["winner"]["agent_id"] == str(winner)
    assert told[cid]["text"] == "cid is paused until 2026-03-10 13:00 (UTC) (lunch)."
    assert (told[cid]["gate"], told[cid]["until"]) == ("paused", "2026-03-10T13:00:00Z")
    assert (told[dee]["text"], told[dee]["pools"]) == ("dee was not a member of pool east.", ["west"])
    nobody = await why_not(client, await decision_of(office, cold), ann)
    assert (nobody["verdict"], nobody["turns"]) == ("not_routed", None)
    assert "nurture" in nobody["text"]


async def test_who_could_receive_is_told_of_a_full_hand_and_of_others_who_wait(
    office: Office, client: httpx.AsyncClient, clock: SetClock
) -> None:
    heavy = await office.agent("ann", caps={"open": 3}, open_weights={"B": 2})
    hourly = await office.agent("ben", caps={"hour": 1})
    pools = {"east": members(heavy), "west": members(hourly)}
    await office.policy({"pools": pools, "rules": [rule("pro", "east")], "default_pool": "west"})
    held, full, first, second, third = leads(5)
    await office.take(scored(held, product="pro"), scored(full, product="pro"), scored(first), scored(second))
    told = await why_not(client, await decision_of(office, full), heavy)
    assert (told["verdict"], told["text"]) == ("no_room", "ann held work of 2 and might hold 3, and this lead is 2 more.")
    clock.shown = NOON + timedelta(hours=2)
    await office.take(scored(third, points=10))
    told = await why_not(client, await decision_of(office, third), hourly)
    assert (told["verdict"], told["winner"]) == ("others_waited", None)
    assert (await client.get(f"/v1/decisions/{told['decision_id']}/replay")).json()["same"] is True


async def test_agents_ask_for_themselves_and_are_not_told_who_came_first(
    office: Office, client: httpx.AsyncClient, installation: Installation
) -> None:
    ann, ben = await office.agent("ann"), await office.agent("ben")
    await office.pool("default", ann, ben)
    [lead] = leads(1)
    await office.take(scored(lead))
    decision = await decision_of(office, lead)
    [(_, winner)] = await office.owners()
    other = ben if winner == ann else ann
    own = installation.headers(Role.AGENT, agent_id=other)
    answer = await client.get(f"/v1/decisions/{decision}/why-not/{other}", headers=own)
    assert (answer.json()["verdict"], answer.json()["winner"]) == ("not_in_turn", None)
    assert str(winner) not in answer.text
    assert (await client.get(f"/v1/decisions/{decision}/why-not/{winner}", headers=own)).status_code == 404


async def test_a_replay_tells_what_differs(office: Office, client: httpx.AsyncClient) -> None:
    ann, ben = await office.agent("ann"), await office.agent("ben")
    await office.pool("default", ann, ben)
    [lead] = leads(1)
    await office.take(scored(lead))
    decision = await decision_of(office, lead)
    assert (await client.get(f"/v1/decisions/{decision}/replay")).json()["same"] is True
    await office.take(erased(lead))
    assert (await client.get(f"/v1/decisions/{decision}/replay")).json()["same"] is True
    [(_, winner)] = await office.owners()
    other = ben if winner == ann else ann
    await office.rows("UPDATE router.decisions SET agent_id = $2, eligible = 1 WHERE id = $1 RETURNING id", decision, other)
    found = (await client.get(f"/v1/decisions/{decision}/replay")).json()
    assert found["same"] is False
    assert found["differences"] == [
        {"field": "agent_id", "recorded": str(other), "again": str(winner)},
        {"field": "eligible", "recorded": 1, "again": 2},
    ]


async def test_what_is_not_there_is_said(office: Office, client: httpx.AsyncClient) -> None:
    agent = await office.agent("ann")
    await office.pool("default", agent)
    [lead] = leads(1)
    await office.take(scored(lead))
    decision = await decision_of(office, lead)
    for path in (f"{NOWHERE}/why-not/{agent}", f"{decision}/why-not/{NOWHERE}", f"{NOWHERE}/replay"):
        assert (await client.get(f"/v1/decisions/{path}")).status_code == 404, path
    await office.rows("UPDATE router.groups SET snapshot_number = 5 RETURNING id")
    answer = await client.get(f"/v1/decisions/{decision}/replay")
    assert (answer.status_code, answer.json()["type"].rsplit(":")[-1]) == (409, "not-kept")
