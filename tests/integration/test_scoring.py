"""Scoring on a real PostgreSQL: leads in, scores out, each once; scorecards by version; every refusal named."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from alembic import command

from services.scoring import domain, handlers
from services.scoring.handlers import SUBSCRIPTIONS
from shared.auth import Role
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.consumer import dispatch
from shared.contracts.envelope import Cause, Message, Outgoing, Received, pack, unpack, unpack_headers
from shared.contracts.events import Contact, Event, LeadErased, LeadMerged, LeadReceived, LeadScored, LeadUnmerged, StageChanged
from shared.contracts.topics import LEADS_RECEIVED, LEADS_SCORED, LEADS_TRACKED
from shared.db import migrate
from shared.db.uow import Database
from tests.support.events import lead_erased, lead_merged, lead_unmerged
from tests.support.installation import Installation
from tests.support.waiting import eventually

CLOCK = SystemClock()
RECEIVED_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FACTS = {"source": "website", "has_email": True, "email_kind": "free", "product": "pro", "plan": {"size": 3}}
FLAT: dict[str, Any] = {
    "name": "Flat",
    "rules": [{"name": "all", "when": [], "points": 50, "reason": "is a lead"}],
    "grades": [{"grade": "only", "min": 0}],
    "qualifications": [{"qualification": "sales_qualified", "min": 50, "when": []}],
}


def received(lead_id: UUID, facts: dict[str, Any] | None = None) -> LeadReceived:
    contact = Contact(email="ada@example.com")
    return LeadReceived(
        lead_id=lead_id, received_at=RECEIVED_AT, source="website", contact=contact, facts=FACTS if facts is None else facts
    )


def stage(lead_id: UUID, name: str) -> StageChanged:
    return StageChanged(lead_id=lead_id, stage=name, previous="new", changed_at=RECEIVED_AT, by="tester")


def packed(event: Event, sequence: int = 1) -> Outgoing:
    topic = LEADS_TRACKED if isinstance(event, StageChanged) else LEADS_RECEIVED
    cause = Cause("request-1", TRACE)
    return pack(
        event,
        topic=topic.name,
        source=f"/handoff/{topic.owner}",
        id=CLOCK.uuid7(),
        time=CLOCK.now(),
        sequence=sequence,
        cause=cause,
    )


def message(event: Event, sequence: int = 1) -> Message[Any]:
    return read(packed(event, sequence))


def read(record: Outgoing) -> Message[Any]:
    return unpack(Received(record.topic, 0, 0, record.key, unpack_headers(record.headers), record.value))


@pytest.fixture
async def database(installation: Installation) -> AsyncIterator[Database]:
    opened = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=CLOCK)
    yield opened
    await opened.close()


async def handle(database: Database, *messages: Message[Any]) -> None:
    """As the consumer does it: rounds, handlers, one commit."""
    async with database.begin() as uow:
        await dispatch(SUBSCRIPTIONS, messages, uow)


async def emitted(database: Database) -> list[Message[LeadScored]]:
    async with database.begin() as uow:
        rows = await uow.fetch("SELECT topic, key, headers, value FROM scoring.outbox ORDER BY id")
    return [read(Outgoing(**row)) for row in rows]


async def lead_row(database: Database, lead_id: UUID) -> dict[str, Any]:
    async with database.begin() as uow:
        row = await uow.fetchrow("SELECT * FROM scoring.leads WHERE lead_id = $1", lead_id)
    return dict(row or {})


async def use(database: Database, document: dict[str, Any]) -> int:
    async with database.begin() as uow:
        return (await handlers.create_scorecard(document, uow, by="tester")).version


async def test_the_schema_is_what_its_tables_say(installation: Installation) -> None:
    await asyncio.to_thread(command.check, migrate.config("scoring", installation.dsns["scoring"]))


# -- From topic to topic -------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def bus_of(installation: Installation) -> AsyncIterator[PostgresBus]:
    bus = PostgresBus(installation.admin_dsn)
    yield bus
    await bus.close()


async def published(bus: PostgresBus, at_least: int) -> list[Message[LeadScored]]:
    async def look() -> list[Message[LeadScored]] | None:
        async with bus.connection() as connection:
            rows = await connection.fetch("SELECT topic, key, headers, value FROM bus.log WHERE topic = 'leads.scored'")
        return [read(Outgoing(**row)) for row in rows] if len(rows) >= at_least else None

    return await eventually(look) or []


async def all_read(bus: PostgresBus) -> bool:
    async with bus.connection() as connection:
        return await connection.fetchval(
            "SELECT bool_and(o.position = h.next) FROM bus.offsets o JOIN bus.heads h USING (topic, partition) "
            "WHERE o.consumer_group = 'scoring' AND o.topic = 'leads.received'"
        )


async def test_a_lead_is_scored_and_its_facts_go_on(installation: Installation) -> None:
    record = packed(received(lead_id := CLOCK.uuid7()))
    async with bus_of(installation) as bus, installation.running("scoring") as client:
        await (await bus.publisher()).publish([record])
        [scored] = await published(bus, 1)
        answer = (await client.get(f"/v1/scores/{lead_id}")).json()
    assert (scored.lead_id, scored.sequence, scored.source) == (lead_id, 1, "/handoff/scoring")
    assert (scored.causation, scored.traceparent) == (str(read(record).id), TRACE)
    assert (scored.data.facts, scored.data.received_at, scored.data.scorecard_version) == (FACTS, RECEIVED_AT, 1)
    assert (scored.data.points, scored.data.grade, scored.data.qualification) == (30, "D", "marketing_qualified")
    assert sum(reason.points for reason in scored.data.reasons) == 30
    reasons = [{"text": reason.text, "points": reason.points} for reason in scored.data.reasons]
    assert (answer["points"], answer["reasons"], answer["scorecard_version"]) == (30, reasons, 1)


async def test_many_leads_some_sent_twice_are_scored_once_each(installation: Installation) -> None:
    records = [packed(received(CLOCK.uuid7())) for _ in range(300)]
    async with bus_of(installation) as bus, installation.running("scoring"):
        publisher = await bus.publisher()
        await publisher.publish([*records, *records[:50]])
        await publisher.publish(records[100:150])
        await eventually(lambda: all_read(bus))
        found = await published(bus, 300)
    assert sorted(one.lead_id for one in found) == [read(record).lead_id for record in records]


# -- Once only, in any order ---------------------------------------------------------------------------------------------------


async def test_a_lead_that_is_scored_keeps_its_score(database: Database) -> None:
    lead_id = CLOCK.uuid7()
    await handle(database, message(received(lead_id)))
    before = await lead_row(database, lead_id)
    await use(database, FLAT)
    await handle(database, message(received(lead_id, {"has_phone": True})), message(received(CLOCK.uuid7())))
    assert await lead_row(database, lead_id) == before
    assert [one.data.scorecard_version for one in await emitted(database)] == [1, 2]


async def test_two_replicas_with_one_lead_score_it_once(installation: Installation, database: Database) -> None:
    lead_ids = [CLOCK.uuid7() for _ in range(20)]
    other = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=CLOCK)
    forward = [message(received(lead_id)) for lead_id in lead_ids]
    backward = [message(received(lead_id)) for lead_id in reversed(lead_ids)]
    await asyncio.gather(handle(database, *forward), handle(other, *backward))
    await other.close()
    assert sorted(one.lead_id for one in await emitted(database)) == lead_ids


async def test_a_stage_before_its_lead_waits_on_a_stub(database: Database) -> None:
    lead_id = CLOCK.uuid7()
    await handle(database, message(stage(lead_id, "won"), 3))
    stub = await lead_row(database, lead_id)
    assert (stub["sequence"], stub["points"], stub["stage"]) == (0, None, "won")
    await handle(database, message(received(lead_id)))
    row = await lead_row(database, lead_id)
    assert (row["points"], row["stage"], row["outcome"], row["tracked_sequence"]) == (30, "won", "won", 3)
    assert [one.sequence for one in await emitted(database)] == [1] == [row["sequence"]]


async def test_only_a_later_stage_is_learned(database: Database) -> None:
    lead_id = CLOCK.uuid7()
    await handle(database, message(received(lead_id)), message(stage(lead_id, "lost"), 4))
    await handle(database, message(stage(lead_id, "contacted"), 2))
    assert (await lead_row(database, lead_id))["outcome"] == "lost"
    await handle(database, message(stage(lead_id, "contacted"), 5), message(stage(lead_id, "qualified"), 6))
    row = await lead_row(database, lead_id)
    assert (row["stage"], row["outcome"], row["tracked_sequence"]) == ("qualified", None, 6)
    assert (row["points"], row["sequence"]) == (30, 1)


async def score_and_fail(database: Database) -> None:
    async with database.begin() as uow:
        await handlers.create_scorecard({**FLAT, "rules": []}, uow, by="tester")
        await dispatch(SUBSCRIPTIONS, [message(received(CLOCK.uuid7()))], uow)
        raise RuntimeError


async def test_a_scorecard_that_was_rolled_back_scores_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        await score_and_fail(database)
    assert await use(database, FLAT) == 2
    await handle(database, message(received(CLOCK.uuid7())))
    assert [(one.data.scorecard_version, one.data.points) for one in await emitted(database)] == [(2, 50)]


# -- Down the chain ------------------------------------------------------------------------------------------------------------


async def test_a_merge_and_its_undoing_are_passed_on_behind_the_score(database: Database) -> None:
    lead_id, into = CLOCK.uuid7(), CLOCK.uuid7()
    merged, unmerged = lead_merged(lead_id, into), lead_unmerged(lead_id, into)
    messages = [message(received(lead_id)), message(merged, 2), message(unmerged, 3), message(merged, 4)]
    await handle(database, *messages)
    found = await emitted(database)
    assert [(one.sequence, type(one.data)) for one in found] == [
        (1, LeadScored),
        (2, LeadMerged),
        (3, LeadUnmerged),
        (4, LeadMerged),
    ]
    assert [one.data for one in found[1:]] == [merged, unmerged, merged]
    assert [one.causation for one in found] == [str(one.id) for one in messages]
    row = await lead_row(database, lead_id)
    assert (row["merged_into"], row["sequence"], row["points"]) == (into, 4, 30)


async def test_an_erased_lead_leaves_its_id_and_its_sequence(database: Database) -> None:
    lead_id, into = CLOCK.uuid7(), CLOCK.uuid7()
    await handle(database, message(received(lead_id)), message(stage(lead_id, "won")), message(lead_merged(lead_id, into), 2))
    erased = lead_erased(lead_id, leads=1, deliveries=2)
    await handle(database, message(erased, 3))
    row = await lead_row(database, lead_id)
    assert {name: value for name, value in row.items() if value is not None} == {
        "lead_id": lead_id,
        "sequence": 3,
        "erased_at": erased.erased_at,
    }
    last = (await emitted(database))[-1]
    assert isinstance(last.data, LeadErased)
    assert (last.sequence, last.data.removed) == (3, {"leads": 1}), "its own count, not intake's"
    assert (last.data.contact_id, last.data.by, last.data.reason) == (erased.contact_id, erased.by, erased.reason)


async def test_nothing_is_said_or_learned_of_an_erased_lead(database: Database) -> None:
    lead_id = CLOCK.uuid7()
    await handle(database, message(lead_erased(lead_id)))
    before = await lead_row(database, lead_id)
    later = [received(lead_id), stage(lead_id, "won"), lead_merged(lead_id, CLOCK.uuid7()), lead_unmerged(lead_id, CLOCK.uuid7())]
    for sequence, event in enumerate(later, 2):
        await handle(database, message(event, sequence))
    assert await lead_row(database, lead_id) == before
    [only] = await emitted(database)
    assert (type(only.data), only.sequence, only.data.removed) == (LeadErased, 1, {})
    await handle(database, message(lead_erased(lead_id), 9))
    again = (await emitted(database))[-1]
    assert (again.sequence, again.data.removed) == (2, {})


async def test_a_lead_merged_before_its_receipt_could_be_handled(database: Database) -> None:
    """Its receipt was a dead letter that came back late: the score is said, and what it is merged into stays."""
    lead_id, into = CLOCK.uuid7(), CLOCK.uuid7()
    await handle(database, message(stage(lead_id, "contacted")), message(lead_merged(lead_id, into), 2))
    await handle(database, message(received(lead_id)))
    row = await lead_row(database, lead_id)
    assert (row["merged_into"], row["points"], row["stage"], row["sequence"]) == (into, 30, "contacted", 2)
    assert [(one.sequence, type(one.data)) for one in await emitted(database)] == [(1, LeadMerged), (2, LeadScored)]


async def test_a_dead_letter_of_an_erased_lead_is_deleted_and_counted(installation: Installation, database: Database) -> None:
    lead_id = CLOCK.uuid7()
    record = packed(received(lead_id))
    poison = record._replace(value=record.value.replace(b'"website"', b"7"))
    async with bus_of(installation) as bus, installation.running("scoring") as client:
        publisher = await bus.publisher()
        await publisher.publish([poison, packed(lead_merged(lead_id, CLOCK.uuid7()), 2)])
        await publisher.publish([packed(lead_erased(lead_id), 3)])
        [erased] = await published(bus, 1)
        assert (await client.get("/scoring/deadletters")).json()["items"] == []
        answer = await client.get(f"/v1/scores/{lead_id}")
    assert (erased.sequence, erased.data.removed) == (1, {"dead_letters": 2})
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:handoff:problem:erased")


# -- Scorecards over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("scoring") as opened:
        yield opened


async def test_a_new_installation_has_the_default_scorecard(client: httpx.AsyncClient) -> None:
    active = (await client.get("/v1/scorecards/active")).json()
    assert (active["version"], active["document"]) == (1, domain.DEFAULT)
    assert (await client.get("/v1/scorecards/1")).json() == active


async def test_a_new_version_is_active_at_once_and_one_can_go_back(client: httpx.AsyncClient, database: Database) -> None:
    made = await client.post("/v1/scorecards", json=FLAT)
    assert (made.status_code, made.json()["version"], made.json()["created_by"]) == (201, 2, "tester")
    assert (await client.get("/v1/scorecards/active")).json() == made.json()
    await handle(database, message(received(CLOCK.uuid7())))
    back = await client.post("/v1/scorecards/1/activate")
    assert (back.json()["version"], back.json()["active"]) == (1, True)
    assert not (await client.get("/v1/scorecards/2")).json()["active"]
    await handle(database, message(received(CLOCK.uuid7())))
    async with database.begin() as uow:
        scored = await uow.fetch("SELECT scorecard_version FROM scoring.leads ORDER BY lead_id")
    assert [row["scorecard_version"] for row in scored] == [2, 1]


async def test_versions_made_at_once_are_numbered_without_gaps(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/v1/scorecards", json=FLAT) for _ in range(5)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6]
    await asyncio.gather(*(client.post(f"/v1/scorecards/{version}/activate") for version in (3, 1, 5)))
    listed = (await client.get("/v1/scorecards")).json()["items"]
    assert [one["version"] for one in listed] == [6, 5, 4, 3, 2, 1]
    [active] = [one for one in listed if one["active"]]
    assert active["version"] in (3, 1, 5)


async def test_versions_come_in_pages(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post("/v1/scorecards", json=FLAT)
    first = (await client.get("/v1/scorecards", params={"limit": 2})).json()
    second = (await client.get("/v1/scorecards", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["version"] for one in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next"] is None
    forged = await client.get("/v1/scorecards", params={"cursor": "WzFlMzBd"})  # [1e30]
    assert (forged.status_code, forged.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_repeated_request_makes_one_version(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "first"}
    answers = [await client.post("/v1/scorecards", json=FLAT, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (await client.post("/v1/scorecards", json={**FLAT, "name": "Other"}, headers=key)).status_code == 422
    assert len((await client.get("/v1/scorecards")).json()["items"]) == 2


@pytest.mark.parametrize("path", ["/v1/scorecards/7", "/v1/scorecards/7/activate"])
async def test_a_version_that_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.request("POST" if path.endswith("activate") else "GET", path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:handoff:problem:not-found")
    assert (await client.get("/v1/scorecards/active")).json()["version"] == 1


RULE = FLAT["rules"][0]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rules": [{**RULE, "points": 101}]}, "/rules/0/points"),
    ({"rules": [{**RULE, "points": "50"}]}, "/rules/0/points"),
    ({"rules": [{**RULE, "points": True}]}, "/rules/0/points"),
    ({"rules": [{**RULE, "weight": 1}]}, "/rules/0/weight"),
    ({"rules": [{**RULE, "reason": "nul\0"}]}, "/rules"),
    ({"rules": [{**RULE, "reason": "tab\t"}]}, "/rules/0/reason"),
    ({"rules": [{**RULE, "when": [{"field": "budget", "op": ">", "value": 1}]}]}, "/rules/0/when/0/op"),
    ({"rules": [{**RULE, "when": [{"field": "budget", "op": "==", "value": 10**400}]}]}, "/rules/0/when/0/value"),
    ({"rules": [{**RULE, "when": [{"field": "budget", "op": "in", "value": [[1]]}]}]}, "/rules/0/when/0/value"),
    ({"rules": [{**RULE, "when": [{"field": "budget", "op": "=="}]}]}, "/rules/0/when/0/value"),
    ({"grades": [{"grade": "A", "min": 80}]}, "/grades/0/min"),
    ({"grades": None}, "/grades"),
    ({"qualifications": [{"qualification": "Hot!", "min": 1}]}, "/qualifications/0/qualification"),
    ({"name": ""}, "/name"),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=[f"{n}{field}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_scorecard_is_refused_by_its_field(client: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await client.post("/v1/scorecards", json={**FLAT, **change})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (await client.get("/v1/scorecards/active")).json()["version"] == 1
    tried = await client.post("/v1/scorecards/preview", json={"facts": {}, "document": {**FLAT, **change}})
    assert tried.status_code == 422


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"NaN", b"null"])
async def test_what_is_no_scorecard_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/scorecards", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_preview_tries_a_scorecard_and_writes_nothing(client: httpx.AsyncClient, installation: Installation) -> None:
    ours = (await client.post("/v1/scorecards/preview", json={"facts": FACTS})).json()
    assert (ours["points"], ours["scorecard_version"]) == (30, 1)
    theirs = (await client.post("/v1/scorecards/preview", json={"facts": FACTS, "document": FLAT})).json()
    assert (theirs["points"], theirs["qualification"], theirs["scorecard_version"]) == (50, "sales_qualified", None)
    assert theirs["reasons"] == [{"text": "is a lead", "points": 50}]
    connection = await asyncpg.connect(installation.admin_dsn)
    tables = "scoring.scorecards", "scoring.leads", "scoring.outbox", "scoring.answers"
    counts = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
    await connection.close()
    assert counts == [1, 0, 0, 0]


async def test_a_preview_names_the_field_within_its_document(client: httpx.AsyncClient) -> None:
    document = {**FLAT, "rules": [{**RULE, "points": 0}]}
    answer = await client.post("/v1/scorecards/preview", json={"facts": {}, "document": document})
    assert [error["field"] for error in answer.json()["errors"]] == ["/document/rules/0/points"]


# -- Who may, and what is not there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.MARKETING, 200, 201),
        (Role.SALES_MANAGER, 200, 403),
        (Role.VIEWER, 200, 403),
        (Role.SERVICE, 403, 403),
        (Role.AGENT, 403, 403),
    ],
)
async def test_roles(client: httpx.AsyncClient, installation: Installation, role: Role, reads: int, writes: int) -> None:
    headers = installation.headers(role, agent_id=CLOCK.uuid7() if role is Role.AGENT else None)
    assert (await client.get("/v1/scorecards/active", headers=headers)).status_code == reads
    assert (await client.post("/v1/scorecards", json=FLAT, headers=headers)).status_code == writes
    activated = await client.post("/v1/scorecards/1/activate", headers=headers)
    assert activated.status_code == (200 if writes == 201 else 403)
    unknown = await client.get(f"/v1/scores/{CLOCK.uuid7()}", headers=headers)
    assert unknown.status_code == (404 if reads == 200 else 403)


async def test_without_a_token_nothing_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/scorecards", headers={"Authorization": ""})).status_code == 401


async def test_a_young_lead_without_a_score_may_be_on_its_way(client: httpx.AsyncClient, database: Database) -> None:
    young, old = CLOCK.uuid7(), UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    await handle(database, message(stage(young, "won")))
    answers = [await client.get(f"/v1/scores/{lead_id}") for lead_id in (young, old)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["type"].rpartition(":")[2] for answer in answers] == ["not-yet-visible", "not-found"]
    assert (answers[0].headers["retry-after"], "retry-after" in answers[1].headers) == ("1", False)
