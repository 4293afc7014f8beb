"""Touches, activities, merges and erasures in the tracker: folded in any order, shown, reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tracker import store
from services.tracker.handlers import SUBSCRIPTIONS
from shared.auth import Role
from shared.consumer import dispatch
from shared.contracts.envelope import Message
from shared.contracts.events import Contact, Event
from shared.contracts.topics import RETENTION_DAYS
from shared.db.uow import Database
from tests.integration.test_tracker import (
    GRACE,
    KINDS,
    Tracker,
    a_story,
    blocked,
    fold,
    known,
    of_another_lead,
    opened,
    running_tracker,
)
from tests.support.events import spoilt
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tests.unit.tracker.stories import START, Story, as_record, ids


@pytest.fixture
async def tracker(installation: Installation) -> AsyncIterator[Tracker]:
    async with running_tracker(installation) as made:
        yield made


# -- Touches and activities ------------------------------------------------------------------------------------------------------


async def test_a_lead_shows_that_its_person_came_again_and_what_they_did(tracker: Tracker) -> None:
    story = Story().received().scored()
    seen = START - timedelta(days=1)
    story.touched(contact=Contact(email="other@example.com", phone="+12025550101", extra={"size": 3}), country="FR", budget=900)
    story.active("page_view", at=seen).active("email_open")
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert (lead["touches"], lead["activities"]) == (1, 2)
    touched = story.messages[2].data.touched_at  # type: ignore[attr-defined]
    assert datetime.fromisoformat(lead["last_touched_at"]) == touched
    assert datetime.fromisoformat(lead["last_activity_at"]) == story.messages[4].time
    contact = {"name": "Ada Example", "email": "ada@example.com", "company": "Example Ltd", "phone": "+12025550101"}
    assert lead["contact"] == {**contact, "extra": {"colour": "blue", "size": 3}}, "what was said first stays"
    assert lead["facts"] == {"country": "US", "source": "website", "budget": 900}
    summaries = [entry["summary"] for entry in lead["timeline"]]
    assert summaries[0] == "Page view, from website.", "by when it happened"
    assert summaries[-2:] == ["Came again, from fair.", "Email open, from website."]
    assert "other@example.com" not in str(lead["timeline"])
    plain = await tracker.lead(story, Role.VIEWER)
    assert "+12025550101" not in str(plain)


async def test_a_recognised_lead_is_of_the_contact_that_holds(tracker: Tracker) -> None:
    found = ids.uuid7()
    story = Story().received().touched("recognised", contact_id=str(found)).touched(contact_id=str(ids.uuid7()))
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert lead["facts"]["contact_id"] == str(found)
    assert lead["touches"] == 1, "to be recognised is not to come"


# -- Merges ----------------------------------------------------------------------------------------------------------------------


async def test_a_merged_lead_names_the_one_that_goes_on(tracker: Tracker) -> None:
    survivor = Story().received("Ada Example").scored(70).assigned(GRACE)
    away = Story().received("A. Example").scored(30).assigned(GRACE).ended("merged")
    contact = ids.uuid7()
    away.merged(survivor.lead_id, contact_id=contact)
    await tracker.tell(survivor, away)
    answer = await tracker.client.get(f"/v1/leads/{away.lead_id}", params={"wait": 5, "until": "assigned"})
    assert answer.elapsed < timedelta(seconds=4), "it gets no further, so nobody waits for it"
    assert answer.headers["Link"] == f'</v1/leads/{survivor.lead_id}>; rel="canonical"'
    lead = answer.json()
    assert (lead["merged_into"], lead["routing"], lead["owner"]) == (str(survivor.lead_id), "ended", None)
    assert lead["facts"]["contact_id"] == str(contact)
    assert [entry["service"] for entry in lead["timeline"] if entry["type"] == "LeadMerged"] == ["intake", "scoring", "router"]
    assert (await tracker.lead(survivor))["merged"] == [str(away.lead_id)]
    refused = await tracker.status(away, "contacted")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "lead-merged")
    assert str(survivor.lead_id) in refused.json()["detail"]


async def test_lists_and_reports_leave_merged_leads_out(tracker: Tracker) -> None:
    survivor, away = Story().received().scored(), Story().received().scored().merged(ids.uuid7())
    await tracker.tell(survivor, away)

    async def listed(**wanted: str) -> set[str]:
        answer = await tracker.client.get("/v1/leads", params=wanted)
        return {line["lead_id"] for line in answer.json()["items"]}

    assert await listed() == {str(survivor.lead_id)}
    assert await listed(merged="true") == {str(survivor.lead_id), str(away.lead_id)}
    assert (await tracker.client.get("/v1/reports/counts")).json()["total"] == 1
    [source] = (await tracker.client.get("/v1/reports/response")).json()["sources"]
    assert source["leads"] == 1


async def test_an_unmerged_lead_is_itself_again(tracker: Tracker) -> None:
    survivor, away = Story().received(), Story().received().scored().queued()
    own = ids.uuid7()
    away.merged(survivor.lead_id).unmerged(survivor.lead_id, contact_id=own).assigned(GRACE)
    await tracker.tell(survivor, away)
    lead = await tracker.lead(away)
    assert (lead["merged_into"], lead["routing"], lead["facts"]["contact_id"]) == (None, "assigned", str(own))
    assert (await tracker.lead(survivor))["merged"] == []
    assert (await tracker.status(away, "contacted")).status_code == 200


# -- Erasure: the fold -----------------------------------------------------------------------------------------------------------


async def traces(database: Database, lead_id: UUID) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """What is left of a lead: its row's values, its timeline, and what each service confirmed."""
    row, timeline = await known(database, lead_id)
    async with database.begin() as uow:
        [erasure] = (await store.erasures_of_leads(uow, [lead_id])).values()
    left = {name: value for name, value in row.items() if value not in (None, 0)}
    said = {name: (one.sequence, one.at, one.removed) for name, one in erasure.received.items() if name != "tracker"}
    return left, timeline, {**said, "first": (erasure.contact_id, erasure.erased_at, erasure.by, erasure.reason)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=KINDS, data=st.data())
async def test_an_erased_lead_is_forgotten_in_any_order(
    installation: Installation, kinds: list[str], data: st.DataObject
) -> None:
    """Whatever comes before, between and after the copies, doubled, and cut into transactions anywhere."""
    story = a_story(kinds)
    before = len(story.messages)
    copies = story.erased().messages[before:]
    again = data.draw(st.lists(st.sampled_from(story.messages), max_size=4))
    shuffled = data.draw(st.permutations([*story.messages, *again]))
    cut = data.draw(st.integers(0, len(shuffled)))
    other = ids.uuid7()
    async with opened(installation) as database:
        await fold(database, of_another_lead(shuffled[:cut], other))
        await fold(database, of_another_lead(shuffled[cut:], other))
        left, timeline, confirmed = await traces(database, other)
    event: Any = copies[0].data
    assert left == {"routing": "pending", "stage": "new", "erased_at": event.erased_at}
    assert timeline == []
    assert confirmed == {
        "first": (event.contact_id, event.erased_at, "grace", "request"),
        **{m.source.rpartition("/")[2]: (m.sequence, m.time, m.data.removed) for m in copies},  # type: ignore[attr-defined]
    }


async def test_what_is_folded_while_the_lead_is_erased_leaves_nothing(installation: Installation) -> None:
    """Two trackers: one has erased the lead and not yet committed, the other has an event of it from another topic."""
    story = Story().received().scored().queued().active().touched().erased()
    received, *later, erased, _, _ = story.messages
    async with opened(installation) as database:
        await fold(database, [received])
        for message in later:
            async with database.begin() as uow:
                await dispatch(SUBSCRIPTIONS, [erased], uow)
                folding = asyncio.create_task(fold(database, [message]))
                await eventually(lambda: blocked(installation))
            await folding
            left, timeline, _ = await traces(database, story.lead_id)
            assert set(left) == {"routing", "stage", "erased_at"}
            assert timeline == []


async def test_what_is_being_folded_is_waited_for_and_erased(installation: Installation) -> None:
    story = Story().received().active().erased()
    received, active, erased, _, _ = story.messages
    async with opened(installation) as database:
        for message in (received, active):
            async with database.begin() as uow:
                await dispatch(SUBSCRIPTIONS, [message], uow)
                erasing = asyncio.create_task(fold(database, [erased]))
                await eventually(lambda: blocked(installation))
            await erasing
            assert (await traces(database, story.lead_id))[1] == []


# -- Erasure: what is answered and reported --------------------------------------------------------------------------------------


async def tell_erased(tracker: Tracker, story: Story, *, copies: int = 3) -> None:
    """Publishes the story but for the last copies of its erasure, and waits until those that were told are in the report."""
    messages: Sequence[Message[Event]] = story.messages[: len(story.messages) - 3 + copies]
    publisher = await tracker.bus.publisher()
    await publisher.publish([as_record(message) for message in messages])
    await publisher.close()
    contact = story.messages[-1].data.contact_id  # type: ignore[attr-defined]

    async def confirmed() -> bool:
        answer = await tracker.client.get(f"/v1/reports/erasures/{contact}")
        mine = [lead for lead in answer.json().get("leads", ()) if lead["lead_id"] == str(story.lead_id)]
        return bool(mine) and sum(said is not None for said in mine[0]["services"].values()) == copies + 1

    await eventually(confirmed)


async def test_an_erased_lead_is_gone_and_says_where_the_report_is(tracker: Tracker) -> None:
    story, contact = Story().received().scored().assigned(GRACE), ids.uuid7()
    await tracker.tell(story)
    await tracker.status(story, "lost", reason="Ada has no budget", note="Ada prefers mornings")
    await tell_erased(tracker, story.erased(contact))
    report = f"/v1/reports/erasures/{contact}"
    for role in (Role.ADMIN, Role.VIEWER, Role.SERVICE):
        headers = tracker.installation.headers(role)
        for path in ("", "/timeline"):
            answer = await tracker.client.get(f"/v1/leads/{story.lead_id}{path}", headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (410, "urn:handoff:problem:erased")
            assert answer.headers["Link"] == f'<{report}>; rel="describedby"'
            assert report in answer.json()["detail"]
    assert (await tracker.status(story, "won")).status_code == 410
    assert (await tracker.client.get("/v1/leads", params={"merged": "true"})).json()["items"] == []
    assert (await tracker.client.get("/v1/reports/counts")).json()["total"] == 0


async def test_the_report_says_who_removed_what_and_when_the_topics_are_clean(tracker: Tracker) -> None:
    contact = ids.uuid7()
    first, second = Story().received().scored().queued(), Story().received().touched()
    await tracker.tell(first, second)
    began = tracker.installation.clock.now()
    await tell_erased(tracker, first.erased(contact))
    await tell_erased(tracker, second.erased(contact), copies=1)
    report = (await tracker.client.get(f"/v1/reports/erasures/{contact}")).json()
    assert (report["contact_id"], report["complete"], report["topics_clean_at"]) == (str(contact), False, None)
    done, begun = report["leads"]
    assert [done["lead_id"], begun["lead_id"]] == [str(first.lead_id), str(second.lead_id)]
    assert (done["complete"], done["reason"], done["by"]) == (True, "request", "grace")
    assert {name: said["removed"] for name, said in done["services"].items()} == {
        "intake": {"leads": 1, "deliveries": 2},
        "scoring": {"leads": 1},
        "router": {"leads": 1, "decisions": 3},
        "tracker": {"leads": 1, "timeline": 3},
    }
    assert [begun["services"][name] is None for name in ("intake", "scoring", "router", "tracker")] == [False, True, True, False]
    clean = {one["topic"]: one["clean_at"] for one in report["topics"]}
    assert list(clean) == ["leads.received", "leads.scored", "leads.routed", "leads.tracked"]
    assert (clean["leads.scored"], clean["leads.routed"]) == (None, None)
    promised = datetime.fromisoformat(clean["leads.received"])
    assert promised - timedelta(days=RETENTION_DAYS + 1) >= began
    assert "operator" in report["backups"]

    await tell_erased(tracker, second)
    report = (await tracker.client.get(f"/v1/reports/erasures/{contact}")).json()
    assert report["complete"] is True
    assert report["topics_clean_at"] == max(one["clean_at"] for one in report["topics"])
    assert "example" not in str(report), "nothing of the person"


async def test_erased_contacts_by_page(tracker: Tracker) -> None:
    contacts = [ids.uuid7() for _ in range(3)]
    stories = [Story(start=START + timedelta(days=n)).received().erased(contact) for n, contact in enumerate(contacts)]
    stories.append(Story(start=START + timedelta(days=9)).received().erased(contacts[0]))
    for story in stories[:3]:
        await tell_erased(tracker, story)
    await tell_erased(tracker, stories[3], copies=2)
    pages, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await tracker.client.get("/v1/reports/erasures", params=params)).json()
        pages.append([(one["contact_id"], one["leads"], one["complete"]) for one in page["items"]])
        if not (cursor := page["next"]):
            break
    first, second, third = map(str, contacts)
    assert pages == [[(first, 2, False), (third, 1, True)], [(second, 1, True)]]
    assert (await tracker.client.get("/v1/reports/erasures", params={"cursor": "x"})).status_code == 422


async def test_who_reads_the_report(tracker: Tracker) -> None:
    contact = ids.uuid7()
    await tell_erased(tracker, Story().received().erased(contact))

    async def answers(role: Role) -> list[int]:
        headers = tracker.installation.headers(role, agent_id=GRACE if role in (Role.AGENT, Role.PARTNER) else None)
        paths = ("/v1/reports/erasures", f"/v1/reports/erasures/{contact}", f"/v1/reports/erasures/{ids.uuid7()}")
        return [(await tracker.client.get(path, headers=headers)).status_code for path in paths]

    for role in (Role.ADMIN, Role.MARKETING, Role.SALES_MANAGER):
        assert await answers(role) == [200, 200, 404]
    for role in (Role.AGENT, Role.PARTNER, Role.SERVICE, Role.VIEWER):
        assert await answers(role) == [403, 403, 403]


async def test_dead_letters_of_an_erased_lead_go_and_are_counted(tracker: Tracker) -> None:
    story, contact = Story().received().scored().touched(), ids.uuid7()
    received, *rest = story.records()
    publisher = await tracker.bus.publisher()
    await publisher.publish([spoilt(received, value=received.value.replace(b'"source":"website"', b'"source":7')), *rest])

    async def letters() -> httpx.Response:
        return await tracker.client.get("/tracker/deadletters")

    async def dead() -> bool:
        return len((await letters()).json()["items"]) >= 2

    await eventually(dead)
    before = len(story.messages)
    await publisher.publish(story.erased(contact).records()[before:])
    await publisher.close()

    async def complete() -> bool:
        answer = await tracker.client.get(f"/v1/reports/erasures/{contact}")
        return answer.status_code == 200 and answer.json()["complete"]

    await eventually(complete)
    assert (await letters()).json()["items"] == []
    report = (await tracker.client.get(f"/v1/reports/erasures/{contact}")).json()
    removed = report["leads"][0]["services"]["tracker"]["removed"]
    assert removed["dead_letters"] >= 2
