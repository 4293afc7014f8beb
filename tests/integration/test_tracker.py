"""The tracker on a real PostgreSQL: the fold in any order, statuses and what they emit, reading and reports, over the real bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tracker import store
from services.tracker.domain import in_order
from services.tracker.handlers import SUBSCRIPTIONS
from shared.auth import Role
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock, uuid7_floor
from shared.consumer import dispatch
from shared.contracts.envelope import Message, unpack
from shared.contracts.events import Contact, Event, LeadAssigned
from shared.contracts.topics import LEADS_TRACKED, TAKES
from shared.db import migrate
from shared.db.uow import Database
from shared.telemetry import METRICS
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tests.unit.tracker.stories import START, Story, ids

GRACE, ALAN = ids.uuid7(), ids.uuid7()


@contextlib.asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[Database]:
    database = Database(installation.dsns["tracker"], service="tracker", topic=LEADS_TRACKED.name, clock=SystemClock())
    try:
        yield database
    finally:
        await database.close()


async def fold(database: Database, messages: Sequence[Message[Event]]) -> None:
    async with database.begin() as uow:
        await dispatch(SUBSCRIPTIONS, messages, uow)


@dataclass
class Tracker:
    """A running tracker, and the bus that feeds it."""

    client: httpx.AsyncClient
    bus: PostgresBus
    installation: Installation

    async def tell(self, *stories: Story) -> None:
        """Publishes the stories and waits until the last event of each is in its timeline."""
        publisher = await self.bus.publisher()
        await publisher.publish([record for story in stories for record in story.records()])
        await publisher.close()
        for story in stories:
            await eventually(lambda story=story: self._has(story))  # type: ignore[misc]

    async def _has(self, story: Story) -> bool:
        answer = await self.client.get(f"/v1/leads/{story.lead_id}/timeline", params={"limit": 500})
        return answer.status_code == 200 and len(answer.json()["items"]) >= len(story.messages)

    async def lead(self, story: Story, role: Role = Role.ADMIN, agent_id: UUID | None = None) -> Any:
        headers = self.installation.headers(role, agent_id=agent_id)
        answer = await self.client.get(f"/v1/leads/{story.lead_id}", headers=headers)
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def status(self, story: Story, status: str, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        return await self.client.post(f"/v1/leads/{story.lead_id}/status", json={"status": status, **body}, headers=headers)

    async def tracked(self, count: int) -> list[Message[Event]]:
        """What the tracker has published, once it is that much; more than that fails."""
        reader = await self.bus.reader(f"observer-{uuid4()}", [LEADS_TRACKED.name], member="observer")
        found: list[Message[Event]] = []

        async def read() -> bool:
            found.extend(unpack(record) for record in await reader.read(100))
            return len(found) >= count

        await eventually(read)
        await reader.close()
        assert len(found) == count
        return found


@contextlib.asynccontextmanager
async def running_tracker(installation: Installation) -> AsyncIterator[Tracker]:
    bus = PostgresBus(installation.admin_dsn)
    try:
        async with installation.running("tracker") as client:
            yield Tracker(client, bus, installation)
    finally:
        await bus.close()


@pytest.fixture
async def tracker(installation: Installation) -> AsyncIterator[Tracker]:
    async with running_tracker(installation) as made:
        yield made


# -- The schema and the walls of the flow --------------------------------------------------------------------------------------


async def test_the_tables_are_what_the_migrations_make(installation: Installation) -> None:
    await asyncio.to_thread(command.check, migrate.config("tracker", installation.dsns["tracker"]))


def test_the_tracker_takes_what_the_drawing_says() -> None:
    assert {(on.topic, on.event) for on in SUBSCRIPTIONS.table} == set(TAKES["tracker"])


# -- The fold ------------------------------------------------------------------------------------------------------------------

ROUTED = ("queued", "offered", "assigned", "accepted", "warned", "breached", "ended", "rejected")
KINDS = st.lists(
    st.sampled_from(["scored", *ROUTED, "touched", "recognised", "active", "merged", "unmerged"]),
    max_size=7,
)
OF_AN_OWNER = {"accepted", "warned", "ended"}


def a_story(kinds: Sequence[str]) -> Story:
    story = Story().received()
    for n, kind in enumerate(kinds):
        if kind in ("touched", "recognised"):
            said = Contact(email=f"{n}@example.com", phone=f"+1202555010{n}", extra={"colour": "red", f"answer {n}": n})
            touch = "recognised" if kind == "recognised" else "submission"
            story.touched(touch, contact=said, country="FR", contact_id=str(ids.uuid7()), **{f"fact {n % 3}": n})
            continue
        if kind in ("merged", "unmerged"):
            getattr(story, kind)(ids.uuid7())
            continue
        if kind in OF_AN_OWNER and not any(isinstance(message.data, LeadAssigned) for message in story.messages):
            continue
        match kind:
            case "assigned":
                story.assigned([GRACE, ALAN][n % 2], how=["decided", "claimed"][n % 2])
            case "ended":
                story.ended(["closed", "returned"][n % 2])
            case "breached":
                story.breached(["breach", "manager"][n % 2], sla=f"promise {n % 3}")
            case _:
                getattr(story, kind)()
    return story


async def known(database: Database, lead_id: UUID) -> tuple[Any, Any]:
    """The lead's row and timeline, without what names the lead."""
    async with database.begin() as uow:
        lead = await store.get_lead(uow, lead_id)
        entries = in_order(await store.entries_of(uow, lead_id))
    shown = {name: value for name, value in vars(lead).items() if name != "lead_id"} if lead else None
    return shown, [(e.service, e.sequence, e.event_id, e.type, e.at, _nameless(e.data), e.trace_id) for e in entries]


def _nameless(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "lead_id"}


def of_another_lead(messages: Sequence[Message[Event]], lead_id: UUID) -> list[Message[Event]]:
    replace = msgspec.structs.replace
    return [replace(message, data=replace(message.data, lead_id=lead_id)) for message in messages]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=KINDS, data=st.data())
async def test_any_order_gives_the_same_lead(installation: Installation, kinds: list[str], data: st.DataObject) -> None:
    """Shuffled between topics and within them, doubled, and cut into transactions anywhere."""
    messages = a_story(kinds).messages
    again = data.draw(st.lists(st.sampled_from(messages), max_size=4))
    shuffled = data.draw(st.permutations([*messages, *again]))
    cut = data.draw(st.integers(0, len(shuffled)))
    other = ids.uuid7()
    async with opened(installation) as database:
        await fold(database, messages)
        await fold(database, of_another_lead(shuffled[:cut], other))
        await fold(database, of_another_lead(shuffled[cut:], other))
        assert await known(database, other) == await known(database, messages[0].lead_id)


async def test_many_leads_at_once_are_told_apart(installation: Installation) -> None:
    stories = [Story().received(f"Person {n}").scored(n).assigned(GRACE) for n in range(50)]
    mixed = [story.messages[k] for k in (2, 0, 1) for story in stories]
    async with opened(installation) as database:
        await fold(database, mixed)
        for n, story in enumerate(stories):
            row, timeline = await known(database, story.lead_id)
            assert (row["contact"]["name"], row["points"], row["agent_id"]) == (f"Person {n}", n, GRACE)
            assert [entry[0] for entry in timeline] == ["intake", "scoring", "router"]


async def test_rows_are_locked_in_the_order_of_lead_ids(installation: Installation) -> None:
    """Whatever the order of arrival, so that two trackers with the same leads queue up instead of deadlocking."""
    low, high = Story().received().scored(), Story().received().scored()
    async with opened(installation) as database:
        await fold(database, [low.messages[0], high.messages[0]])
        async with database.begin() as holder:
            await store.lock_lead(holder, low.lead_id)
            folding = asyncio.create_task(fold(database, [high.messages[1], low.messages[1]]))
            await eventually(lambda: blocked(installation))
            free = "SELECT count(*) FROM (SELECT FROM tracker.leads WHERE lead_id = $1 FOR UPDATE NOWAIT) AS l"
            assert await holder.fetchval(free, high.lead_id) == 1
        await folding
        assert (await known(database, low.lead_id))[0]["points"] == 40


async def blocked(installation: Installation) -> bool:
    """Does a transaction of the tracker wait for another's lock?"""
    bus = PostgresBus(installation.admin_dsn)
    async with bus.connection() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        found = await connection.fetchval(waiting)
    await bus.close()
    return bool(found)


async def test_contact_data_is_kept_once(installation: Installation) -> None:
    story = Story().received().scored().assigned(GRACE)
    async with opened(installation) as database:
        await fold(database, story.messages)
        async with database.begin() as uow:
            assert await uow.fetchval("SELECT count(*) FROM tracker.timeline WHERE data::text LIKE '%ada@example.com%'") == 0
            assert await uow.fetchval("SELECT contact->>'email' FROM tracker.leads") == "ada@example.com"


def negative(kind: str) -> float:
    return METRICS.get_sample_value("handoff_negative_durations_total", {"kind": kind}) or 0.0


async def test_clocks_that_disagree_show_nought_and_are_counted(tracker: Tracker) -> None:
    story = Story().received().assigned(GRACE, at=START - timedelta(seconds=2))
    before = negative("assignment"), negative("response")
    await tracker.tell(story)
    await tracker.status(story, "contacted", at=(START - timedelta(seconds=1)).isoformat())
    lead = await tracker.lead(story)
    assert lead["durations"] == {"received_to_assigned": 0.0, "assigned_to_accepted": None, "received_to_first_response": 0.0}
    assert (negative("assignment"), negative("response")) == (before[0] + 1, before[1] + 1)


# -- Reading one lead ----------------------------------------------------------------------------------------------------------


async def test_a_lead_shows_who_what_why_and_how_fast(tracker: Tracker) -> None:
    story = Story().received().scored().queued().assigned(GRACE)
    await tracker.tell(story)
    lead = await tracker.lead(story)
    assert lead["contact"]["email"] == "ada@example.com"
    assert lead["facts"] == {"country": "US", "source": "website"}
    assert lead["score"] == {
        "points": 40,
        "grade": "B",
        "qualification": "sales-qualified",
        "scorecard_version": 1,
        "reasons": [{"text": "asks for pro", "points": 40}],
    }
    assert (lead["owner"]["agent_id"], lead["owner"]["agent_name"]) == (str(GRACE), "Grace")
    assert lead["owner"]["why"] == "Grace is next in turn."
    assert (lead["routing"], lead["pool"], lead["stage"]) == ("assigned", "inbound", "new")
    assert lead["durations"] == {"received_to_assigned": 3.0, "assigned_to_accepted": None, "received_to_first_response": None}
    assert [(e["service"], e["type"], e["sequence"]) for e in lead["timeline"]] == [
        ("intake", "LeadReceived", 1),
        ("scoring", "LeadScored", 1),
        ("router", "LeadQueued", 1),
        ("router", "LeadAssigned", 2),
    ]
    assert {e["trace_id"] for e in lead["timeline"]} == {story.trace[3:35]}
    assert [e["causation"] for e in lead["timeline"]] == ["request", *(str(m.id) for m in story.messages[:-1])]
    assert lead["timeline"][3]["summary"] == "Assigned to Grace in inbound: Grace is next in turn."


async def test_a_lead_that_is_not_here_yet_and_one_that_never_was(tracker: Tracker) -> None:
    young = await tracker.client.get(f"/v1/leads/{ids.uuid7()}")
    assert (young.status_code, young.headers["retry-after"]) == (404, "1")
    assert young.json()["type"].endswith(":not-yet-visible")
    old = uuid7_floor(datetime.now(UTC) - timedelta(minutes=2))
    for lead_id in (old, uuid4()):
        plain = await tracker.client.get(f"/v1/leads/{lead_id}", params={"wait": 30})
        assert (plain.status_code, plain.json()["type"].rpartition(":")[2]) == (404, "not-found")
    assert (await tracker.client.get("/v1/leads/nonsense")).status_code == 422


async def test_waiting_ends_when_the_lead_has_got_that_far(tracker: Tracker) -> None:
    story = Story().received().scored().assigned(GRACE)
    waiting = asyncio.create_task(tracker.client.get(f"/v1/leads/{story.lead_id}", params={"wait": 10, "until": "assigned"}))
    first, rest = story.records()[:2], story.records()[2:]
    publisher = await tracker.bus.publisher()
    await publisher.publish(first)
    seen = await tracker.client.get(f"/v1/leads/{story.lead_id}", params={"wait": 10, "until": "scored"})
    assert (seen.status_code, seen.json()["routing"], waiting.done()) == (200, "pending", False)
    await publisher.publish(rest)
    assert (await waiting).json()["routing"] == "assigned"


async def test_waiting_in_vain_answers_what_there_is(tracker: Tracker) -> None:
    story = Story().received()
    await tracker.tell(story)
    answer = await tracker.client.get(f"/v1/leads/{story.lead_id}", params={"wait": 0.2, "until": "assigned"})
    assert (answer.status_code, answer.json()["routing"]) == (200, "pending")
    assert (await tracker.client.get(f"/v1/leads/{story.lead_id}", params={"wait": 31})).status_code == 422
    assert (await tracker.client.get(f"/v1/leads/{story.lead_id}", params={"until": "won"})).status_code == 422


async def test_a_timeline_by_pages(tracker: Tracker) -> None:
    story = Story().received().scored(10).scored(20).queued().assigned(GRACE)
    await tracker.tell(story)
    address = f"/v1/leads/{story.lead_id}/timeline"
    pages = [(await tracker.client.get(address, params={"limit": 2})).json()]
    while pages[-1]["next"]:
        pages.append((await tracker.client.get(address, params={"limit": 2, "cursor": pages[-1]["next"]})).json())
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    whole = (await tracker.lead(story))["timeline"]
    assert [entry for page in pages for entry in page["items"]] == whole
    assert (await tracker.client.get(address, params={"cursor": "x"})).status_code == 422


async def test_roles_see_what_they_may(tracker: Tracker) -> None:
    story = Story().received().scored().assigned(GRACE)
    await tracker.tell(story)
    await tracker.status(story, "contacted", note="Ada prefers mornings")
    for role in (Role.VIEWER, Role.SERVICE):
        lead = await tracker.lead(story, role)
        assert lead["contact"] is None
        assert "Ada" not in str(lead)
        assert "ada@" not in str(lead)
    for role in (Role.AGENT, Role.PARTNER):
        assert (await tracker.lead(story, role, GRACE))["contact"]["name"] == "Ada Example"
        assert await tracker.lead(story, role, ALAN) == 404
    assert "Ada prefers mornings" in str((await tracker.lead(story, Role.AGENT, GRACE))["timeline"])
    assert (await tracker.client.get("/v1/leads", headers={"Authorization": ""})).status_code == 401


async def test_a_lead_taken_away_is_no_longer_its_agents(tracker: Tracker) -> None:
    returned = Story().received().assigned(GRACE).ended("returned")
    closed = Story().received().assigned(GRACE).ended("closed")
    moved = Story().received().assigned(GRACE).ended("reassigned").assigned(ALAN)
    await tracker.tell(returned, closed, moved)
    assert await tracker.lead(returned, Role.AGENT, GRACE) == 404
    assert (await tracker.lead(returned))["owner"] is None
    assert (await tracker.lead(closed, Role.AGENT, GRACE))["ended_reason"] == "closed"
    assert await tracker.lead(moved, Role.AGENT, GRACE) == 404
    own = await tracker.client.get("/v1/leads", headers=tracker.installation.headers(Role.AGENT, agent_id=GRACE))
    assert [line["lead_id"] for line in own.json()["items"]] == [str(closed.lead_id)]


# -- Status --------------------------------------------------------------------------------------------------------------------


async def test_a_lead_from_contact_to_won(tracker: Tracker) -> None:
    story = Story(start=datetime.now(UTC) - timedelta(minutes=10)).received().scored().assigned(GRACE)
    await tracker.tell(story)
    called = story.start + timedelta(seconds=90)
    contacted = await tracker.status(story, "contacted", at=called.isoformat(), note="Will buy")
    assert contacted.json() == {"lead_id": str(story.lead_id), "stage": "contacted", "previous": "new", "changed": True}
    for status in ("qualified", "contacted", "qualified"):
        assert (await tracker.status(story, status)).json()["changed"] is True
    won = await tracker.status(story, "won", value=1200, currency="EUR")
    assert won.json()["previous"] == "qualified"

    events = await tracker.tracked(6)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]
    first, response, *_, last = (event.data for event in events)
    assert (type(response).__name__, response.seconds, response.responded_at) == ("FirstResponded", 90.0, called)
    assigned = story.messages[-1].data
    for event in (first, response, last):
        assert (event.assignment_id, event.agent_id) == (assigned.assignment_id, GRACE)
    assert (first.stage, first.previous, first.note, first.changed_at) == ("contacted", "new", "Will buy", called)
    assert (last.stage, last.value, last.currency, last.by) == ("won", 1200.0, "EUR", "tester")

    lead = await tracker.lead(story)
    assert (lead["stage"], lead["outcome"], lead["value"], lead["currency"]) == ("won", "won", 1200.0, "EUR")
    assert lead["durations"]["received_to_first_response"] == 90.0
    own = [entry for entry in lead["timeline"] if entry["service"] == "tracker"]
    assert [(entry["sequence"], entry["event_id"]) for entry in own] == [(event.sequence, str(event.id)) for event in events]


async def test_the_same_status_again_says_nothing(tracker: Tracker) -> None:
    story = Story().received()
    await tracker.tell(story)
    answers = [await tracker.status(story, "lost", reason="no-budget") for _ in range(3)]
    assert [(answer.status_code, answer.json()["changed"]) for answer in answers] == [(200, True), (200, False), (200, False)]
    [event] = await tracker.tracked(1)
    assert (event.data.stage, event.data.reason, event.data.assignment_id) == ("lost", "no-budget", None)


async def test_a_closed_lead_stays_closed(tracker: Tracker) -> None:
    for closing in ("won", "lost", "disqualified"):
        story = Story().received()
        await tracker.tell(story)
        assert (await tracker.status(story, closing, reason="they said so")).status_code == 200
        again = await tracker.status(story, "contacted")
        assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "lead-closed")
        assert (await tracker.lead(story))["stage"] == closing


async def test_many_at_once_count_one_after_the_other(tracker: Tracker) -> None:
    story = Story().received()
    await tracker.tell(story)
    answers = await asyncio.gather(*(tracker.status(story, ["contacted", "qualified"][n % 2]) for n in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    changes = sum(answer.json()["changed"] for answer in answers)
    events = await tracker.tracked(changes + 1)
    assert [event.sequence for event in events] == list(range(1, changes + 2))
    assert sum(type(event.data).__name__ == "FirstResponded" for event in events) == 1


async def test_an_idempotency_key_is_answered_as_the_first_time(tracker: Tracker) -> None:
    story = Story().received()
    await tracker.tell(story)
    headers = {"Idempotency-Key": "one"}
    first = await tracker.status(story, "contacted", headers=headers)
    again = await tracker.status(story, "contacted", headers=headers)
    assert (again.status_code, again.content) == (200, first.content)
    assert (await tracker.status(story, "qualified", headers=headers)).status_code == 422
    await tracker.tracked(2)


async def test_who_may_say_it(tracker: Tracker) -> None:
    story = Story().received().assigned(GRACE)
    await tracker.tell(story)
    headers = tracker.installation.headers

    async def said(role: Role, agent_id: UUID | None = None) -> int:
        return (await tracker.status(story, "contacted", headers=headers(role, agent_id=agent_id))).status_code

    assert [await said(role) for role in (Role.MARKETING, Role.VIEWER)] == [403, 403]
    assert [await said(Role.AGENT, ALAN), await said(Role.PARTNER, ALAN)] == [404, 404]
    assert (await tracker.lead(story))["stage"] == "new"
    assert [await said(Role.AGENT, GRACE), await said(Role.SERVICE), await said(Role.SALES_MANAGER)] == [200, 200, 200]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"status": "new"}, "/status"),
    ({"status": "lost"}, "/reason"),
    ({"status": "disqualified", "reason": "  "}, "/reason"),
    ({"status": "lost", "reason": "x" * 201}, "/reason"),
    ({"status": "lost", "reason": "a\0b"}, "/reason"),
    ({"status": "contacted", "value": 5, "currency": "EUR"}, "/value"),
    ({"status": "won", "value": 5}, "/currency"),
    ({"status": "won", "currency": "EUR"}, "/value"),
    ({"status": "won", "value": -5, "currency": "EUR"}, "/value"),
    ({"status": "won", "value": 5, "currency": "euro"}, "/currency"),
    ({"status": "won", "at": "2026-03-02T10:00:00"}, "/at"),
    ({"status": "won", "at": "2999-03-02T10:00:00Z"}, "/at"),
    ({"status": "won", "mood": "good"}, "/mood"),
    ({}, "/status"),
]


async def test_a_wrong_status_names_the_field_and_writes_nothing(tracker: Tracker) -> None:
    story = Story().received()
    await tracker.tell(story)
    for body, field in WRONG:
        answer = await tracker.client.post(f"/v1/leads/{story.lead_id}/status", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    lead = await tracker.lead(story)
    assert (lead["stage"], len(lead["timeline"])) == ("new", 1)


async def test_a_status_may_come_before_the_receipt(tracker: Tracker) -> None:
    """The score is here and the receipt is not: what is said is kept, and the duration follows when it can."""
    story = Story().received().scored()
    unknown = await tracker.status(story, "contacted")
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "not-yet-visible")
    async with opened(tracker.installation) as database:
        await fold(database, story.messages[1:])
    said = await tracker.status(story, "contacted", at=(START + timedelta(seconds=30)).isoformat())
    assert said.status_code == 200
    assert (await tracker.tracked(2))[1].data.seconds is None
    assert (await tracker.client.get("/v1/leads")).json()["items"] == []
    async with opened(tracker.installation) as database:
        await fold(database, story.messages[:1])
    lead = await tracker.lead(story)
    assert (lead["stage"], lead["durations"]["received_to_first_response"]) == ("contacted", 30.0)


# -- Lists and reports ---------------------------------------------------------------------------------------------------------


async def a_week(tracker: Tracker) -> list[Story]:
    """Seven leads a day apart: the even ones from the website to Grace, the odd ones from a fair, in the queue."""
    stories = []
    for n in range(7):
        story = Story(start=START + timedelta(days=n), source=["website", "fair"][n % 2]).received(f"Person {n}")
        stories.append(story.scored(n, "AB"[n % 2]).assigned(GRACE) if n % 2 == 0 else story.scored(n, "AB"[n % 2]).queued())
    await tracker.tell(*stories)
    return stories


async def test_leads_by_filter_and_by_page(tracker: Tracker) -> None:
    stories = await a_week(tracker)
    await tracker.status(stories[0], "won")

    async def names(role: Role = Role.ADMIN, **wanted: str) -> list[int]:
        answer = await tracker.client.get("/v1/leads", params=wanted, headers=tracker.installation.headers(role))
        assert answer.status_code == 200, answer.text
        return [line["points"] for line in answer.json()["items"]]

    assert await names() == [6, 5, 4, 3, 2, 1, 0]
    assert await names(source="fair") == await names(routing="queued") == await names(grade="B") == [5, 3, 1]
    assert await names(agent_id=str(GRACE), stage="new") == [6, 4, 2]
    assert await names(outcome="won") == await names(stage="won") == [0]
    assert await names(pool="inbound", qualification="sales-qualified", source="website") == [6, 4, 2, 0]
    moments = {"received_from": stories[2].start.isoformat(), "received_to": stories[4].start.isoformat()}
    assert await names(**moments) == [3, 2]

    seen, cursor = [], None
    while True:
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await tracker.client.get("/v1/leads", params=params)).json()
        seen += [line["name"] for line in page["items"]]
        if not (cursor := page["next"]):
            break
    assert seen == [f"Person {n}" for n in reversed(range(7))]


async def test_a_wrong_filter_is_named(tracker: Tracker) -> None:
    for name, value in (
        ("stage", "old"),
        ("routing", "lost"),
        ("agent_id", "grace"),
        ("limit", 0),
        ("limit", 501),
        ("cursor", "bm9uc2Vuc2U"),
        ("received_from", "2026-03-02T10:00:00"),
    ):
        answer = await tracker.client.get("/v1/leads", params={name: value})
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [name])


async def test_a_list_without_contact_data(tracker: Tracker) -> None:
    await tracker.tell(Story().received())
    for role, name in ((Role.MARKETING, "Ada Example"), (Role.VIEWER, None)):
        [line] = (await tracker.client.get("/v1/leads", headers=tracker.installation.headers(role))).json()["items"]
        assert (line["name"], line["company"]) == (name, "Example Ltd" if name else None)


async def test_counts_by_one_and_by_two(tracker: Tracker) -> None:
    stories = await a_week(tracker)
    await tracker.status(stories[1], "lost", reason="no-budget")

    async def counts(*by: str, role: Role = Role.ADMIN, agent_id: UUID | None = None, **span: str) -> Any:
        headers = tracker.installation.headers(role, agent_id=agent_id)
        answer = await tracker.client.get("/v1/reports/counts", params={"by": list(by), **span}, headers=headers)
        return answer.json() if answer.status_code == 200 else answer.status_code

    assert (await counts())["counts"] == [{"stage": "new", "count": 6}, {"stage": "lost", "count": 1}]
    assert await counts("stage", "source") == {
        "by": ["stage", "source"],
        "total": 7,
        "counts": [
            {"stage": "new", "source": "website", "count": 4},
            {"stage": "new", "source": "fair", "count": 2},
            {"stage": "lost", "source": "fair", "count": 1},
        ],
    }
    by_agent = (await counts("agent"))["counts"]
    assert by_agent[0] == {"agent_id": str(GRACE), "agent_name": "Grace", "count": 4}
    assert (await counts("routing", received_from=stories[6].start.isoformat()))["total"] == 1
    assert (await counts("grade", role=Role.AGENT, agent_id=GRACE))["counts"] == [{"grade": "A", "count": 4}]
    assert [await counts("mood"), await counts("stage", "stage"), await counts("stage", "source", "grade")] == [422] * 3


async def test_how_fast_by_source(tracker: Tracker) -> None:
    stories = await a_week(tracker)
    for n in (0, 2):
        at = stories[n].start + timedelta(seconds=100 * (n + 1))
        await tracker.status(stories[n], "contacted", at=at.isoformat())
    report = (await tracker.client.get("/v1/reports/response")).json()
    fair, website = report["sources"]
    assert fair == {
        "source": "fair",
        "leads": 3,
        "received_to_assigned": {"count": 0, "p50": None, "p90": None, "p99": None},
        "received_to_first_response": {"count": 0, "p50": None, "p90": None, "p99": None},
    }
    assert (website["source"], website["leads"]) == ("website", 4)
    assert website["received_to_assigned"] == {"count": 4, "p50": 2.0, "p90": 2.0, "p99": 2.0}
    assert website["received_to_first_response"] == {"count": 2, "p50": 200.0, "p90": 280.0, "p99": 298.0}
