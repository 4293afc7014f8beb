"""Agents as rows with dated history: settings, lists, leave, pause, presence and availability, on a real PostgreSQL and over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.router import store
from services.router.domain import Pause
from services.router.handlers import agents, attendance, rosters
from shared.auth import Role
from shared.contracts.envelope import Cause
from shared.errors import Refused
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import NOON, Office, SetClock, full_pool, leads, scored, stage

HOURS = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
NOWHERE = UUID(int=7)


def told() -> dict[str, Any]:
    return {"by": "test", "cause": Cause("test", new_traceparent())}


async def leave(office: Office, agent: UUID, starts: datetime, ends: datetime, **said: Any) -> UUID:
    said = {"catch_up": False, "note": "", **said, **told()}
    made = await office.do(lambda uow: attendance.add_leave(agent, starts, ends, uow, **said))
    return made.id


async def pause(office: Office, agent: UUID, pause: Pause | None) -> None:
    await office.do(lambda uow: attendance.set_pause(agent, pause, uow, **told()))


async def presence(office: Office, agent: UUID, status: str, seconds: int = 60) -> None:
    await office.do(lambda uow: attendance.set_presence(agent, status, seconds, uow, **told()))


async def answer(office: Office, agent: UUID, at: datetime | None = None) -> dict[str, Any]:
    return await office.do(lambda uow: attendance.tell_availability(agent, at, uow))


async def given(office: Office) -> list[UUID]:
    return [lead for lead, _ in await office.owners()]


# -- What frees somebody gives out what waits ------------------------------------------------------------------------------------


async def test_who_is_stopped_receives_nothing_and_what_waits_is_given_once_that_ends(
    office: Office, installation: Installation
) -> None:
    agent = await office.agent("ann", needs_presence=True)
    await office.pool("default", agent)
    waiting = leads(5)
    await office.take(scored(waiting[0]))
    assert await given(office) == []
    await presence(office, agent, "online")
    assert await given(office) == waiting[:1]
    await pause(office, agent, Pause(reason="lunch"))
    await office.take(scored(waiting[1]))
    assert await office.queue() == waiting[1:2]
    await pause(office, agent, None)
    assert await given(office) == waiting[:2]
    away = await leave(office, agent, NOON, NOON + timedelta(hours=1))
    await office.take(scored(waiting[2]))
    assert await office.queue() == waiting[2:3]
    await office.do(lambda uow: attendance.cancel_leave(agent, away, uow, **told()))
    assert await given(office) == waiting[:3]
    await presence(office, agent, "away")
    await office.take(scored(waiting[3]))
    await office.change(agent, needs_presence=False)
    assert await given(office) == waiting[:4]
    await office.change(agent, hours=HOURS | {"tue": []})
    await office.take(scored(waiting[4]))
    assert await office.queue() == waiting[4:]
    await office.change(agent, hours=HOURS)
    assert await given(office) == waiting
    assert await router_violations(installation.admin_dsn) == []
    gates = await office.rows("SELECT gates FROM router.decisions WHERE outcome = 'queued' ORDER BY decided_at")
    assert [list(row["gates"]) for row in gates] == [["presence"], ["paused"], ["absent"], ["presence"], ["off_hours"]]


async def test_the_sweep_gives_out_what_time_alone_frees(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", zone="America/New_York", hours=HOURS, holidays=["2026-03-11"], caps={"hour": 1})
    await office.pool("default", agent)
    waiting = leads(3)
    for lead in waiting:
        await office.take(scored(lead))  # noon in UTC is eight o'clock in New York
    assert await given(office) == []
    for hour, count in ((12.9, 0), (13.1, 1), (13.9, 1), (14.1, 2), (21.5, 2), (24 + 15, 2), (48 + 12.9, 2), (48 + 13.1, 3)):
        clock.shown = NOON + timedelta(hours=hour - 12)
        await office.sweep()
        assert len(await given(office)) == count, hour
    assert [row["hour"] for row in await office.rows("SELECT hour FROM router.assignments ORDER BY assigned_at")] == [9, 10, 9]


async def test_time_is_taken_as_it_was_where_a_clock_runs_back(office: Office, clock: SetClock) -> None:
    _, held, waiting = await full_pool(office, open_cap=None, caps={"hour": 1})
    clock.shown = NOON + timedelta(hours=2)
    await office.sweep()
    assert await given(office) == [held, waiting]
    clock.shown = NOON
    [late] = leads(1)
    await office.take(scored(late))
    assert await office.queue() == [late], "the hour of the last assignment counts, not the one that the clock shows again"
    assert (await office.rows("SELECT hour FROM router.assignments ORDER BY id"))[-1]["hour"] == 14


async def test_a_group_that_opens_knows_leave_pause_presence_and_counts(office: Office, installation: Installation) -> None:
    ann, ben, cid = [await office.agent(name, caps={"month": 2}) for name in ("ann", "ben", "cid")]
    await office.pool("default", ann)
    one, two, three = leads(3)
    await office.take(scored(one), scored(two))
    assert len(await given(office)) == 2
    await leave(office, ben, NOON - timedelta(hours=1), NOON + timedelta(days=1))
    await pause(office, cid, Pause())
    await office.pool("default", ann, ben, cid)
    await office.take(scored(three))
    [row] = await office.rows("SELECT gates FROM router.decisions WHERE lead_id = $1", three)
    assert row["gates"] == {"month_cap": 1, "absent": 1, "paused": 1}
    assert await router_violations(installation.admin_dsn) == []


async def test_work_weights_are_kept_with_the_assignment_and_freed_with_it(office: Office, installation: Installation) -> None:
    agent = await office.agent("ann", caps={"open": 3}, open_weights={"B": 2})
    await office.pool("default", agent)
    one, two = leads(2)
    await office.take(scored(one))
    await office.take(scored(two))
    assert (await given(office), await office.queue()) == ([one], [two])
    await office.sweep()  # ends, though somebody may receive a lighter one
    assert [row["work"] for row in await office.rows("SELECT work FROM router.assignments")] == [2]
    await office.take(stage(one, "won"))
    assert await given(office) == [one, two]
    await office.pool("default", agent)
    assert (await answer(office, agent))["available"]


# -- Availability ----------------------------------------------------------------------------------------------------------------


async def test_availability_is_answered_for_now_for_later_and_for_then(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann", zone="Europe/Berlin", hours=HOURS, holidays=["DE-BY"], daily_cap=1)
    found = await answer(office, agent)
    assert (found["available"], found["gate"]) == (False, "no_pool")
    await office.pool("default", agent)
    found = await answer(office, agent)
    assert (found["available"], found["until"]) == (True, NOON + timedelta(hours=4))
    clock.shown = NOON + timedelta(minutes=10)
    await office.take(scored(leads(1)[0]))
    found = await answer(office, agent)
    assert found["text"] == "received 1 leads on 2026-03-10 (Europe/Berlin) and may receive 1"
    assert found["available_from"] == NOON + timedelta(hours=20)
    assert (await answer(office, agent, NOON + timedelta(days=1)))["available"]
    assert (await answer(office, agent, datetime.fromisoformat("2026-06-04T10:00+02:00")))["gate"] == "holiday"
    clock.shown = NOON + timedelta(minutes=20)
    await office.change(agent, active=False)
    assert (await answer(office, agent, NOON + timedelta(minutes=5)))["available"]
    assert (await answer(office, agent, NOON + timedelta(minutes=15)))["gate"] == "day_cap"
    assert (await answer(office, agent))["gate"] == "inactive"
    with pytest.raises(Refused, match="no agent"):
        await answer(office, agent, NOON - timedelta(days=1))
    with pytest.raises(Refused, match="no agent"):
        await answer(office, NOWHERE)


async def test_rows_and_ledger_give_one_answer(office: Office, clock: SetClock) -> None:
    """What the routes answer from rows is what the group's state, folded from its ledger, decides by."""
    ann = await office.agent("ann", zone="Asia/Kolkata", hours=HOURS, caps={"hour": 1, "week": 2}, needs_presence=True)
    await office.pool("default", ann)

    async def folded(uow: Any) -> Any:
        desk = await agents.open_agent(uow, ann)
        return desk[0].states[desk[0].active.group_of_agent[ann]].availability(ann, uow.now)

    seen = set()
    for hours in range(0, 60, 3):
        clock.shown = NOON + timedelta(hours=hours)
        if hours > 18:
            await presence(office, ann, "online", 4 * 3600)
        await office.take(scored(leads(1)[0]))
        state, rows = await office.do(folded), await answer(office, ann)
        assert (rows["available"], rows["gate"], rows["text"], rows["until"]) == (
            state.available,
            state.gate,
            state.text,
            state.until,
        )
        seen.add(rows["gate"])
    assert {"off_hours", "presence", "hour_cap", "week_cap"} <= seen


# -- History ---------------------------------------------------------------------------------------------------------------------


async def test_history_is_all_that_held_and_who_changed_it(office: Office, clock: SetClock) -> None:
    agent = await office.agent("ann")
    await office.change(agent, skills=["saas"])
    await office.change(agent, skills=["saas"])
    await pause(office, agent, Pause(NOON + timedelta(hours=1), "lunch"))
    for _ in range(3):
        await presence(office, agent, "online")
    await leave(office, agent, NOON, NOON + timedelta(days=1), note="only for people")
    rows = await office.do(lambda uow: store.agent_history(uow, agent, before=None, limit=10))
    assert [row["change"] for row in rows] == ["leave", "presence", "pause", "settings", "created"]
    assert all(row["changed_by"] == "test" for row in rows)
    assert (rows[0]["settings"]["skills"], rows[0]["pause"]["reason"], len(rows[0]["leaves"])) == (["saas"], "lunch", 1)
    [now] = await office.rows("SELECT presence FROM router.agents")
    assert rows[0]["presence"] == rows[1]["presence"] == now["presence"], "said again, it is one line that holds for longer"
    assert "only for people" not in str(rows)


# -- Lists -----------------------------------------------------------------------------------------------------------------------


async def test_a_list_changes_whom_it_knows_makes_the_others_and_refuses_row_by_row(
    office: Office, installation: Installation
) -> None:
    ann = await office.agent("ann", open_cap=0)
    ref = await office.agent("old name", external_ref="crm-1")
    for _ in range(2):
        await office.agent("twin")
    await office.pool("default", ann)
    [waiting] = leads(1)
    await office.take(scored(waiting))
    rows = [
        {"name": "ann", "caps": {"open": 5}},
        {"external_ref": "crm-1", "name": "new name"},
        {"name": "eve", "languages": ["de"]},
        {"name": "eve"},
        {"name": "twin"},
        {"name": "fay", "zone": "Mars"},
        {"external_ref": "crm-9"},
        {"skills": []},
        {"name": "old name of nobody", "manager_id": str(NOWHERE)},
    ]
    for dry_run in (True, False, False):
        before = await office.rows("SELECT id, settings FROM router.agents ORDER BY id")
        taken = await office.do(lambda uow, dry_run=dry_run: rosters.import_agents(rows, uow, dry_run=dry_run, **told()))
        if dry_run:
            assert await office.rows("SELECT id, settings FROM router.agents ORDER BY id") == before
            assert await office.queue() == [waiting]
            first = [one.result for one in taken]
        elif first:
            assert [one.result for one in taken] == first == ["changed", "changed", "created", *["refused"] * 6]
            first = []
        else:
            assert [one.result for one in taken] == ["same", "same", "same", *["refused"] * 6]
    said = [one.errors[0].field + " " + one.errors[0].message for one in taken if one.errors]
    assert said == [
        "/ is the same agent as an earlier row",
        "/ there are 2 agents of the name twin; tell them apart by external_ref",
        "/zone Mars is no IANA time zone, such as Europe/Paris",
        "/ there is no agent with the external_ref crm-9, and a new one needs a name",
        "/ names no agent: it needs external_ref or name",
        "/manager_id is no other agent",
    ]
    assert (taken[0].id, taken[1].id, taken[1].name) == (ann, ref, "new name")
    assert await office.owners() == [(waiting, ann)], "the list freed ann, so what waited was given out"
    assert await router_violations(installation.admin_dsn) == []


# -- Over HTTP -------------------------------------------------------------------------------------------------------------------

WHOLE = {
    "name": "Robin Hazel",
    "kind": "partner",
    "zone": "Europe/Berlin",
    "weight": 3,
    "skills": ["saas"],
    "languages": ["de"],
    "territories": ["DE-BY", "US:94000-94199"],
    "hours": {"mon": ["09:00-12:30", "13:30-18:00"]},
    "holidays": ["DE-BY"],
    "caps": {"day": 20, "open": 50},
    "external_ref": "crm-7",
}


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/agents", json={"name": "ann", **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def test_an_agent_is_made_changed_and_listed(client: httpx.AsyncClient) -> None:
    agent = await made(client, **WHOLE)
    assert {name: agent[name] for name in WHOLE} == WHOLE | {"caps": {"hour": None, "week": None, "month": None} | WHOLE["caps"]}
    await made(client, name="Blake Elm", territories=["FR"], active=False)
    for asked, count in [
        ("kind=partner", 1),
        ("skill=saas", 1),
        ("language=fr", 0),
        ("country=US", 1),
        ("country=DE", 1),
        ("country=FR&active=false", 1),
        ("name=HAZEL", 1),
        ("active=true&name=e", 1),
        ("limit=1", 1),
        ("", 2),
    ]:
        page = (await client.get(f"/v1/agents?{asked}")).json()
        assert len(page["items"]) == count, asked
    changed = await client.patch(f"/v1/agents/{agent['id']}", json={"caps": {"open": None}, "languages": ["en"], "daily_cap": 7})
    assert (changed.json()["caps"], changed.json()["languages"]) == ({**agent["caps"], "day": 7, "open": None}, ["en"])
    assert (await client.get(f"/v1/agents/{agent['id']}")).json()["unavailable"]["gate"] == "no_pool"
    history = (await client.get(f"/v1/agents/{agent['id']}/history?limit=1")).json()
    assert history["items"][0]["settings"]["caps"] == {"day": 7}
    assert history["next"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"zone": "Mars"}, "/zone"),
        ({"hours": {"mon": ["9-17"]}}, "/hours/mon/0"),
        ({"territories": ["Bavaria"]}, "/territories/0"),
        ({"holidays": ["DE-XX"]}, "/holidays/0"),
        ({"caps": {"year": 1}}, "/caps/year"),
        ({"caps": {"day": "1"}}, "/caps/day"),
        ({"manager_id": str(NOWHERE)}, "/manager_id"),
        ({"kind": "robot"}, "/kind"),
        ({"weight": 0}, "/weight"),
    ],
)
async def test_a_field_that_cannot_be_is_named(door: httpx.AsyncClient, fields: dict[str, Any], blamed: str) -> None:
    response = await door.post("/v1/agents", json={"name": "ann", **fields})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [blamed]


async def test_a_reference_is_one_agents(client: httpx.AsyncClient) -> None:
    await made(client, external_ref="crm-7")
    assert (await client.post("/v1/agents", json={"name": "ben", "external_ref": "crm-7"})).status_code == 409
    ben = await made(client, name="ben")
    assert (await client.patch(f"/v1/agents/{ben['id']}", json={"external_ref": "crm-7"})).status_code == 409


async def test_a_csv_is_imported_over_http(client: httpx.AsyncClient) -> None:
    csv = "name,zone,languages,mon,day_cap\nRep One,Europe/Paris,fr|en,09:00-17:00,20\nRep Two,Nowhere,,,\n"
    path, headers = "/v1/agents/import", {"Content-Type": "text/csv"}
    dry = (await client.post(f"{path}?dry_run=true", content=csv, headers=headers)).json()
    assert ({name: dry[name] for name in ("created", "refused")}, (await client.get("/v1/agents")).json()["items"]) == (
        {"created": 1, "refused": 1},
        [],
    )
    done = (await client.post(path, content=csv, headers={**headers, "Idempotency-Key": "once-is-enough"})).json()
    again = (await client.post(path, content=csv, headers={**headers, "Idempotency-Key": "once-is-enough"})).json()
    assert done == again
    assert done["rows"][1]["errors"] == [{"field": "/zone", "message": "Nowhere is no IANA time zone, such as Europe/Paris"}]
    [agent] = (await client.get("/v1/agents")).json()["items"]
    assert (agent["caps"]["day"], agent["hours"]) == (20, {"mon": ["09:00-17:00"]})
    for content, kind, status in [
        (csv, "text/plain", 415),
        (b"\xff\xfe", "text/csv", 422),
        ("colour\nred\n", "text/csv", 422),
        ("name\na\0b\n", "text/csv", 422),
        ("{}", "application/json", 422),
        ("[1]", "application/json", 422),
        ('[{"name": "a\\u0000b"}]', "application/json", 422),
        ('[{"name": NaN}]', "application/json", 422),
        ("[", "application/json", 422),
    ]:
        assert (await client.post(path, content=content, headers={"Content-Type": kind})).status_code == status, content


async def test_leave_of_days_and_of_hours(client: httpx.AsyncClient) -> None:
    id = (await made(client, zone="Europe/Berlin"))["id"]
    path = f"/v1/agents/{id}/leave"
    days = (await client.post(path, json={"first_day": "2099-12-21", "last_day": "2099-12-23", "catch_up": True})).json()
    assert (days["starts"], days["ends"]) == ("2099-12-20T23:00:00+00:00", "2099-12-23T23:00:00+00:00")
    hours = {"starts": "2099-03-01T09:00:00+01:00", "ends": "2099-03-01T11:00:00+01:00", "note": "dentist"}
    first = (await client.post(path, json=hours)).json()
    listed = (await client.get(path)).json()["items"]
    assert [one["id"] for one in listed] == [first["id"], days["id"]]
    found = (await client.get(f"/v1/agents/{id}/availability", params={"at": "2099-03-01T10:00:00+01:00"})).json()
    assert (found["gate"], found["until"]) == ("absent", "2099-03-01T10:00:00Z")
    assert (await client.delete(f"{path}/{first['id']}")).status_code == 204
    assert (await client.delete(f"{path}/{first['id']}")).status_code == 404
    for wrong in [
        {},
        {"starts": hours["starts"]},
        {**hours, "last_day": "2099-03-01"},
        {"first_day": "2099-03-02", "last_day": "2099-03-01"},
        {"starts": hours["ends"], "ends": hours["starts"]},
        {"starts": "2020-01-01T00:00:00Z", "ends": "2020-01-02T00:00:00Z"},
        {"starts": "2099-01-01T00:00:00Z", "ends": "2199-01-02T00:00:00Z"},
        {"first_day": "9999-12-31", "last_day": "9999-12-31"},
    ]:
        assert (await client.post(path, json=wrong)).status_code == 422, wrong
    assert len((await client.get(path)).json()["items"]) == 1


async def test_agents_say_of_themselves_whether_they_are_there(client: httpx.AsyncClient, installation: Installation) -> None:
    id, other = [(await made(client, name=name, needs_presence=True))["id"] for name in ("ann", "ben")]
    await client.put("/v1/pools/default", json={"members": [{"agent_id": id}]})
    own = installation.headers(Role.AGENT, agent_id=UUID(id))
    at = f"/v1/agents/{id}"
    assert (await client.get(f"{at}/availability", headers=own)).json()["gate"] == "presence"
    said = await client.put(f"{at}/presence", json={"status": "online", "seconds": 600}, headers=own)
    assert (said.status_code, said.json()["status"]) == (200, "online")
    found = (await client.get(f"{at}/availability", headers=own)).json()
    assert (found["available"], datetime.fromisoformat(found["until"])) == (True, datetime.fromisoformat(said.json()["expires"]))
    assert (await client.post(f"{at}/pause", json={"reason": "lunch"}, headers=own)).status_code == 200
    assert (await client.get(f"{at}/availability", headers=own)).json()["text"] == "is paused (lunch)"
    assert (await client.post(f"{at}/resume", headers=own)).json()["pause"] is None
    assert (await client.get(f"{at}/leave", headers=own)).json()["items"] == []
    assert (await client.post(f"{at}/pause", json={"until": "2020-01-01T00:00:00Z"}, headers=own)).status_code == 422
    assert (await client.put(f"{at}/presence", json={"status": "asleep"}, headers=own)).status_code == 422
    for method, path in [("PUT", "presence"), ("POST", "pause"), ("POST", "resume"), ("GET", "leave"), ("GET", "availability")]:
        body = {"json": {"status": "online"}} if method == "PUT" else {"json": {}} if path == "pause" else {}
        assert (await client.request(method, f"/v1/agents/{other}/{path}", headers=own, **body)).status_code == 404, path
    assert (await client.post(f"{at}/leave", json={}, headers=own)).status_code == 403
