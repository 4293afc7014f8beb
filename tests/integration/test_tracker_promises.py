"""Offers, acceptances and promises in the tracker: shown with the lead, listed, reported, and forgotten with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.tracker import store
from services.tracker.store import Filter
from shared.auth import Role
from tests.integration.test_tracker import ALAN, GRACE, Tracker, fold, negative, opened, running_tracker
from tests.support.installation import Installation
from tests.unit.tracker.stories import START, Story, ids


@pytest.fixture
async def tracker(installation: Installation) -> AsyncIterator[Tracker]:
    async with running_tracker(installation) as made:
        yield made


# -- One lead ------------------------------------------------------------------------------------------------------------------


async def test_an_offered_lead_is_nobodys_until_it_is_claimed(tracker: Tracker) -> None:
    story = Story().received().scored().offered(GRACE, ALAN, pool="first to claim")
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["routing"], lead["pool"], lead["owner"]) == ("offered", "first to claim", None)
    assert datetime.fromisoformat(lead["offered_at"]) == story.messages[2].time
    waited = await tracker.client.get(f"/v1/leads/{story.lead_id}", params={"wait": 5, "until": "offered"})
    assert (waited.status_code, waited.elapsed < timedelta(seconds=4)) == (200, True)
    assert await tracker.lead(story, Role.AGENT, GRACE) == 404, "an offer gives nobody the lead"

    story.assigned(GRACE, how="claimed").accepted("grace", seconds=0.75)
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["routing"], lead["owner"]["how"], lead["owner"]["accepted_by"]) == ("assigned", "claimed", "grace")
    assert datetime.fromisoformat(lead["owner"]["accepted_at"]) == story.messages[4].time
    assert lead["durations"]["assigned_to_accepted"] == 0.75
    assert datetime.fromisoformat(lead["offered_at"]) == story.messages[2].time


async def test_what_one_owner_accepted_the_next_has_not(tracker: Tracker) -> None:
    story = Story().received().assigned(GRACE).accepted(seconds=3).ended("returned", by="grace", why="on leave from tomorrow")
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["owner"], lead["timeline"][-1]["summary"]) == (
        None,
        "The assignment ended: returned by grace: on leave from tomorrow.",
    )
    story.assigned(ALAN, "Alan", how="next_agent")
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["owner"]["how"], lead["owner"]["accepted_at"], lead["durations"]["assigned_to_accepted"]) == (
        "next_agent",
        None,
        None,
    )
    before = negative("acceptance")
    story.accepted("alan", seconds=-0.5)
    await tracker.tell(story)
    assert (await tracker.lead(story))["durations"]["assigned_to_accepted"] == 0.0, "clocks that disagree"
    assert negative("acceptance") == before + 1


async def test_a_lead_names_the_promises_that_were_broken(tracker: Tracker) -> None:
    story = Story().received().breached(sla="assign soon").assigned(GRACE).warned().breached().warned("remind")
    story.breached("manager", manager_id=ALAN, instead="next_agent")
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert [(one["sla"], one["clock"], one["agent_id"]) for one in lead["breaches"]] == [
        ("assign soon", "first_response", None),
        ("call soon", "first_response", str(GRACE)),
    ], "a manager who is told later is no breach more"
    assert datetime.fromisoformat(lead["breaches"][1]["breached_at"]) == story.messages[4].time
    assert [entry["type"] for entry in lead["timeline"][3:]] == ["SlaWarned", "SlaBreached", "SlaWarned", "SlaBreached"]


async def test_what_comes_before_the_receipt_is_kept(tracker: Tracker) -> None:
    """The router's topic is ahead of intake's: nothing of what it said is lost, and nothing is listed before its time."""
    story = Story().received().offered(GRACE).assigned(GRACE, how="claimed").accepted(seconds=2).breached()
    async with opened(tracker.installation) as database:
        await fold(database, story.messages[:0:-1])
    assert await listed(tracker, breached="true") == set()
    assert (await breaches(tracker))["total"] == 0
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["routing"], lead["owner"]["how"], len(lead["breaches"])) == ("assigned", "claimed", 1)
    assert (await breaches(tracker))["total"] == 1


# -- Lists and reports ---------------------------------------------------------------------------------------------------------


async def listed(tracker: Tracker, **wanted: str) -> set[str]:
    answer = await tracker.client.get("/v1/leads", params=wanted)
    assert answer.status_code == 200, answer.text
    return {line["lead_id"] for line in answer.json()["items"]}


async def report(
    tracker: Tracker, name: str, *by: str, role: Role = Role.ADMIN, agent_id: UUID | None = None, **span: str
) -> Any:
    headers = tracker.installation.headers(role, agent_id=agent_id)
    answer = await tracker.client.get(f"/v1/reports/{name}", params={**({"by": list(by)} if by else {}), **span}, headers=headers)
    return answer.json() if answer.status_code == 200 else answer.status_code


async def breaches(tracker: Tracker, *by: str, **wanted: Any) -> Any:
    return await report(tracker, "breaches", *by, **wanted)


async def a_day(tracker: Tracker) -> list[Story]:
    """Five leads an hour apart: Grace keeps two and loses one to Alan, who keeps it late; one is queued, one merged away."""
    starts = (START + timedelta(hours=n) for n in range(5))
    kept, claimed, lost, queued, away = (Story(start=start).received().scored() for start in starts)
    kept.assigned(GRACE).accepted(seconds=10)
    claimed.offered(GRACE, ALAN).assigned(GRACE, how="claimed").accepted(seconds=20)
    lost.assigned(GRACE).breached(sla="accept soon", clock="accept").ended("expired").assigned(ALAN, "Alan", how="next_agent")
    lost.breached(sla="accept soon", clock="accept").accepted("alan", seconds=90).breached().breached("manager")
    queued.queued().breached()
    away.assigned(GRACE).breached().accepted(seconds=1).ended("merged").merged(kept.lead_id)
    await tracker.tell(kept, claimed, lost, queued, away)
    return [kept, claimed, lost, queued, away]


async def test_breaches_by_promise_and_by_agent(tracker: Tracker) -> None:
    await a_day(tracker)
    assert await breaches(tracker) == {
        "by": ["sla"],
        "total": 4,
        "breaches": [{"sla": "accept soon", "breaches": 2, "leads": 1}, {"sla": "call soon", "breaches": 2, "leads": 2}],
    }
    by_agent = (await breaches(tracker, "agent", "clock"))["breaches"]
    assert {(one["agent_name"], one["clock"], one["breaches"]) for one in by_agent} == {
        ("Grace", "accept", 1),
        ("Alan", "accept", 1),
        ("Alan", "first_response", 1),
        (None, "first_response", 1),
    }
    assert {one["agent_id"] for one in by_agent} == {str(GRACE), str(ALAN), None}
    assert (await breaches(tracker, "how"))["breaches"] == [
        {"how": "next_agent", "breaches": 2, "leads": 1},
        {"how": "decided", "breaches": 1, "leads": 1},
        {"how": None, "breaches": 1, "leads": 1},
    ]
    assert (await breaches(tracker, "pool", "source"))["breaches"] == [
        {"pool": "inbound", "source": "website", "breaches": 4, "leads": 2}
    ]


async def test_an_agent_sees_the_breaches_of_their_own_hands(tracker: Tracker) -> None:
    await a_day(tracker)
    mine = await breaches(tracker, role=Role.AGENT, agent_id=GRACE)
    assert mine["breaches"] == [{"sla": "accept soon", "breaches": 1, "leads": 1}], "of a lead that Alan has now"
    assert (await breaches(tracker, "agent", role=Role.PARTNER, agent_id=ALAN))["total"] == 2
    own = await report(tracker, "acceptance", role=Role.AGENT, agent_id=ALAN)
    assert [one["agent_name"] for one in own["acceptance"]] == ["Alan"]


async def test_how_soon_agents_accept(tracker: Tracker) -> None:
    stories = await a_day(tracker)
    assert await report(tracker, "acceptance") == {
        "by": ["agent"],
        "acceptance": [
            {
                "agent_id": str(GRACE),
                "agent_name": "Grace",
                "assigned_to_accepted": {"count": 2, "p50": 15.0, "p90": 19.0, "p99": 19.9},
            },
            {
                "agent_id": str(ALAN),
                "agent_name": "Alan",
                "assigned_to_accepted": {"count": 1, "p50": 90.0, "p90": 90.0, "p99": 90.0},
            },
        ],
    }
    by_how = (await report(tracker, "acceptance", "how", "pool"))["acceptance"]
    assert {(one["how"], one["pool"], one["assigned_to_accepted"]["p50"]) for one in by_how} == {
        ("decided", "inbound", 10.0),
        ("claimed", "inbound", 20.0),
        ("next_agent", "inbound", 90.0),
    }
    late = await report(tracker, "acceptance", "source", received_from=stories[2].start.isoformat())
    assert late["acceptance"] == [
        {"source": "website", "assigned_to_accepted": {"count": 1, "p50": 90.0, "p90": 90.0, "p99": 90.0}}
    ]


async def test_how_leads_came_to_their_owners(tracker: Tracker) -> None:
    stories = await a_day(tracker)
    await tracker.status(stories[1], "won")
    found = (await report(tracker, "counts", "how", "stage"))["counts"]
    assert {(one["how"], one["stage"], one["count"]) for one in found} == {
        ("decided", "new", 1),
        ("claimed", "won", 1),
        ("next_agent", "new", 1),
        (None, "new", 1),
    }
    assert await listed(tracker, how="claimed") == {str(stories[1].lead_id)}
    assert await listed(tracker, breached="true") == {str(stories[2].lead_id), str(stories[3].lead_id)}
    assert await listed(tracker, breached="false") == {str(stories[0].lead_id), str(stories[1].lead_id)}
    assert await listed(tracker, routing="offered") == set()


async def test_a_wrong_dimension_is_refused(tracker: Tracker) -> None:
    asked = [("breaches", "mood"), ("breaches", "sla", "sla"), ("breaches", "sla", "agent", "pool"), ("acceptance", "sla")]
    assert [await report(tracker, *one) for one in asked] == [422] * 4


async def test_an_erased_lead_is_in_no_report(tracker: Tracker) -> None:
    story = Story().received().offered(GRACE).assigned(GRACE, how="claimed").accepted(seconds=5).breached()
    await tracker.tell(story)
    assert (await breaches(tracker))["total"] == 1
    async with opened(tracker.installation) as database:
        await fold(database, [Story(story.lead_id).erased(ids.uuid7()).messages[0]])
    assert (await breaches(tracker))["total"] == 0
    assert (await report(tracker, "acceptance"))["acceptance"] == []
    assert (await report(tracker, "counts", "how"))["counts"] == []
    assert await listed(tracker, breached="true") == set()


async def test_reports_on_promises_do_not_read_every_timeline(tracker: Tracker) -> None:
    """The partial index serves even a plan made for any parameters: the statement itself names the type."""
    await a_day(tracker)
    async with opened(tracker.installation) as database, database.begin() as uow:
        await uow.execute("SET LOCAL enable_seqscan = off")
        await uow.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        scans = "SELECT pg_stat_get_xact_numscans('tracker.timeline_promises_idx'::regclass)"
        before = await uow.fetchval(scans)
        assert await store.breaches(uow, Filter(), ["sla"])
        between = await uow.fetchval(scans)
        assert await store.acceptances(uow, Filter(), ["agent"])
        assert before < between < await uow.fetchval(scans)
