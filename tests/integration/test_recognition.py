"""Recognition on a real PostgreSQL: one person is one lead, also where two submissions are under way at the same moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.intake.api.leads import answer_one, read_leads
from services.intake.handlers.receive import Submission, receive
from services.intake.handlers.weighing import merge_next, weigh_step
from services.intake.store import matches
from shared.clock import SystemClock
from shared.db.answers import Answer
from shared.db.uow import Database
from tests.support.events import CAUSE
from tests.support.installation import Installation
from tests.support.waiting import eventually

ADA = {"name": "Ada Example", "email": "ada@example.com", "phone": "+12025550101"}
TOPIC = "leads.received"


@pytest.fixture
async def api(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("intake") as client:
        yield client


@pytest.fixture
async def rows(installation: Installation) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(installation.admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def database(installation: Installation) -> AsyncIterator[Database]:
    opened = Database(installation.dsns["intake"], service="intake", topic="leads.received", clock=SystemClock())
    yield opened
    await opened.close()


async def make_source(api: httpx.AsyncClient, name: str = "website", **more: Any) -> dict[str, Any]:
    answer = await api.post("/v1/sources", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def send(api: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post("/v1/leads", json={"source": "website", **fields})
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def events_of(rows: asyncpg.Connection, lead_id: str) -> list[tuple[str, int]]:
    """(type, sequence) of all that intake said of a lead, once it is on the bus."""

    async def published() -> bool:
        return await rows.fetchval("SELECT count(*) FROM intake.outbox") == 0

    await eventually(published)
    found = await rows.fetch(
        'SELECT headers FROM bus.log WHERE topic = $1 AND key = $2 ORDER BY "offset"', TOPIC, lead_id.encode()
    )
    heads = [json.loads(row["headers"]) for row in found]
    return [(head["ce_type"].split(".")[1], int(head["ce_sequence"])) for head in heads]


async def weigh(database: Database) -> None:
    """Weighs all that waits, as the loop does."""
    async with database.begin() as uow:
        assert await weigh_step(uow) is not None
    merging = True
    while merging:
        async with database.begin() as uow:
            merging = await merge_next(uow)


# -- Exact recognition ---------------------------------------------------------------------------------------------------------------


async def test_the_same_person_again_touches_the_lead_they_have(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    first = await send(api, **ADA)
    again = await send(api, email="ADA@Example.com ", message="and one more thing")
    assert (first["status"], again["status"]) == ("accepted", "touched")
    assert again["lead_id"] == first["lead_id"]
    assert await events_of(rows, first["lead_id"]) == [("LeadReceived", 1), ("LeadTouched", 2)]
    assert await rows.fetchval("SELECT count(*) FROM intake.contacts") == 1


async def test_a_group_reads_no_table_through_also_where_all_are_empty_when_its_statements_are_planned(
    api: httpx.AsyncClient, database: Database
) -> None:
    await make_source(api)
    people = [{"source": "website", **ADA, "email": f"p{n}@example.com", "phone": None} for n in range(8)]
    ways, statuses = [], []
    for moment in range(4):  # new, then known; each statement is planned by the second time at the latest
        sent = [json.dumps({**person, "external_id": f"{moment}-{n}"}).encode() for n, person in enumerate(people)]
        async with database.begin(by_key=True) as uow:
            answers = await receive([Submission(read_leads(body)[0], CAUSE, answer_one) for body in sent], uow)
            statuses.append({json.loads(answer.content)["status"] for answer in answers if isinstance(answer, Answer)})
            ways.append(await uow.fetchrow(READ_THROUGH))
    assert statuses == [{"accepted"}, {"touched"}, {"touched"}, {"touched"}]
    assert [(way["through"], way["by_key"] > 0) for way in ways if way] == [(None, True)] * 4


READ_THROUGH = (
    "SELECT string_agg(relname, ', ') FILTER (WHERE seq_scan > 0) AS through, sum(idx_scan) AS by_key "
    "FROM pg_stat_xact_user_tables WHERE schemaname = 'intake'"
)


async def test_the_same_person_is_one_lead_however_many_come_at_once(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    told = await asyncio.gather(*[send(api, **ADA, message=str(n)) for n in range(20)])
    assert len({one["lead_id"] for one in told}) == 1
    assert sorted(one["status"] for one in told) == ["accepted"] + ["touched"] * 19
    sequences = [sequence for _, sequence in await events_of(rows, told[0]["lead_id"])]
    assert sequences == list(range(1, 21))


async def test_one_person_in_two_processes_at_once_is_one_lead(installation: Installation, rows: asyncpg.Connection) -> None:
    async with installation.running("intake") as one, installation.running("intake") as other:
        await make_source(one)
        persons = [{"email": f"p{n}@example.com", "phone": f"+1202555{n:04}", "name": f"Person N{n}"} for n in range(40)]
        told = await asyncio.gather(*[send(api, **person) for person in persons for api in (one, other)])
    for n, _ in enumerate(persons):
        assert told[2 * n]["lead_id"] == told[2 * n + 1]["lead_id"]
    assert await rows.fetchval("SELECT count(*) FROM intake.leads") == 40
    assert await rows.fetchval("SELECT count(*) FROM intake.contacts") == 40


async def test_a_phone_joins_what_an_address_tells(api: httpx.AsyncClient) -> None:
    await make_source(api)
    first = await send(api, name="Ada Example", email="ada@example.com")
    both = await send(api, name="Ada Example", email="ada@example.com", phone="(202) 555-0101", country="US")
    phone = await send(api, name="Ada Example", phone="+1 202 555 0101")
    assert first["lead_id"] == both["lead_id"] == phone["lead_id"]


async def test_a_family_that_shares_a_handset_are_two_persons(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    one = await send(api, **ADA)
    other = await send(api, name="Charles Example", email="charles@example.com", phone=ADA["phone"])
    assert one["lead_id"] != other["lead_id"]
    pointing = await rows.fetchval("SELECT contact_ids FROM intake.identifiers WHERE cardinality(contact_ids) > 1")
    assert len(pointing) == 2
    assert (await send(api, **ADA))["lead_id"] == one["lead_id"]


async def test_a_source_may_make_a_new_lead_of_a_known_person(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api, recognition={"repeat": "lead"})
    first, second = await send(api, **ADA), await send(api, **ADA)
    assert [first["status"], second["status"]] == ["accepted", "accepted"]
    owners = await rows.fetch("SELECT DISTINCT contact_id FROM intake.leads")
    assert len(owners) == 1
    facts = await rows.fetchval("SELECT facts FROM intake.leads WHERE id = $1", UUID(second["lead_id"]))
    assert json.loads(facts)["contact_id"] == str(owners[0]["contact_id"])


async def test_an_old_lead_is_not_touched(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api, recognition={"look_back_days": 7})
    first = await send(api, **ADA)
    await rows.execute("UPDATE intake.contacts SET last_lead_at = last_lead_at - interval '8 days'")
    assert (await send(api, **ADA))["lead_id"] != first["lead_id"]


async def test_a_source_may_leave_an_identifier_out(api: httpx.AsyncClient) -> None:
    await make_source(api, recognition={"match": ["email"], "fuzzy": "off"})
    one = await send(api, name="Ada Example", phone=ADA["phone"])
    other = await send(api, name="Ada Example", phone=ADA["phone"])
    assert one["lead_id"] != other["lead_id"]


async def test_the_senders_own_id_is_one_lead_and_says_nothing_twice(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    told = await asyncio.gather(*[send(api, **ADA, external_id="abc-1") for _ in range(10)])
    assert sorted(one["status"] for one in told) == ["accepted"] + ["duplicate"] * 9
    assert await events_of(rows, told[0]["lead_id"]) == [("LeadReceived", 1)]


async def test_a_test_lead_is_kept_apart(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    tried = await send(api, **ADA, test=True)
    assert tried["status"] == "test"
    assert await events_of(rows, tried["lead_id"]) == []
    assert await rows.fetchval("SELECT count(*) FROM intake.contacts") == 0
    assert (await send(api, **ADA))["status"] == "accepted"


async def test_a_batch_is_taken_item_by_item(api: httpx.AsyncClient) -> None:
    await make_source(api)
    leads = [
        {"source": "website", **ADA},
        {"source": "website", "name": "Nobody"},
        {"source": "website", **ADA},
        {"source": "none", **ADA},
    ]
    answer = await api.post("/v1/leads", json={"leads": leads})
    results = answer.json()["results"]
    assert [one["status"] for one in results] == ["accepted", "refused", "touched", "refused"]
    assert results[1]["code"] == "unreachable"
    assert results[3]["errors"][0]["field"] == "/leads/3/source"


# -- Fuzzy recognition, merging and undoing ------------------------------------------------------------------------------------------

LOVE = {
    "name": "Ada Lovelace-Example",
    "company": "Analytical Engines Ltd",
    "postcode": "94107",
    "country": "US",
    "city": "San Francisco",
}


async def test_a_late_duplicate_is_merged_with_its_evidence(
    api: httpx.AsyncClient, database: Database, rows: asyncpg.Connection
) -> None:
    await make_source(api)
    one = await send(api, **LOVE, street="12 Market Street", email="ada.lovelace@example.com")
    other = await send(api, **LOVE, street="12 Market St.", email="ada.lovelacee@example.com")
    assert one["lead_id"] != other["lead_id"]
    await weigh(database)
    assert await events_of(rows, other["lead_id"]) == [("LeadReceived", 1), ("LeadMerged", 2)]
    match = (await api.get("/v1/contacts/matches")).json()["items"][0]
    assert match["state"] == "merged"
    assert match["evidence"]
    assert not any("lovelace" in str(line).lower() for line in match["evidence"])
    again = await send(api, name="Ada", email="ada.lovelacee@example.com")
    assert again == {"lead_id": one["lead_id"], "status": "touched"}


async def test_who_shared_an_identifier_is_weighed_again_when_a_name_is_known(api: httpx.AsyncClient, database: Database) -> None:
    await make_source(api)
    nameless = await send(api, email="sunflower77@gmail.com", visitor_id="browser-1")
    other = await send(api, name="Ada Lovelace-Example", email="ada.lovelace@example.com", visitor_id="browser-1")
    await weigh(database)
    assert (await api.get("/v1/contacts/matches")).json()["items"] == []
    assert (await send(api, name="Ada Lovelace-Example", email="sunflower77@gmail.com"))["lead_id"] == nameless["lead_id"]
    await weigh(database)
    [match] = (await api.get("/v1/contacts/matches")).json()["items"]
    assert match["state"] == "merged"
    assert (await send(api, email="ada.lovelace@example.com"))["lead_id"] == nameless["lead_id"] != other["lead_id"]


async def test_a_suggestion_waits_for_a_person(api: httpx.AsyncClient, database: Database) -> None:
    await make_source(api, recognition={"fuzzy": "suggest"})
    one = await send(api, **LOVE, street="12 Market Street", email="ada.lovelace@example.com")
    other = await send(api, **LOVE, street="12 Market St.", email="ada.lovelacee@example.com")
    await weigh(database)
    [match] = (await api.get("/v1/contacts/matches", params={"state": "suggested"})).json()["items"]
    merged = (await api.post(f"/v1/contacts/matches/{match['id']}/merge", json={})).json()
    assert (merged["into"], merged["merged_leads"]) == (one["lead_id"], [other["lead_id"]])
    assert (await api.post(f"/v1/contacts/matches/{match['id']}/merge", json={})).status_code == 409


async def snapshot(rows: asyncpg.Connection) -> list[Any]:
    """All that says who is who, without what counts up."""
    contacts = await rows.fetch(
        "SELECT id, profile::jsonb, keys, last_lead_id, last_lead_at, merged_into FROM intake.contacts ORDER BY id"
    )
    keys = await rows.fetch("SELECT key, contact_ids FROM intake.identifiers ORDER BY key")
    leads = await rows.fetch("SELECT id, contact_id, merged_into, contact::jsonb, facts::jsonb FROM intake.leads ORDER BY id")
    return [[tuple(row) for row in table] for table in (contacts, keys, leads)]


async def test_an_unmerge_restores_both_exactly(api: httpx.AsyncClient, database: Database, rows: asyncpg.Connection) -> None:
    await make_source(api)
    one = await send(api, **ADA)
    other = await send(api, name="Charles Example", email="charles@example.com", phone=ADA["phone"], company="Example Ltd")
    before = await snapshot(rows)
    contact = {lead["id"]: lead["contact_id"] for lead in await rows.fetch("SELECT id, contact_id FROM intake.leads")}
    winner, loser = contact[UUID(one["lead_id"])], contact[UUID(other["lead_id"])]
    merged = (await api.post(f"/v1/contacts/{loser}/merge", json={"into": str(winner)})).json()
    assert merged["merged_leads"] == [other["lead_id"]]
    assert await snapshot(rows) != before
    parted = (await api.post(f"/v1/contacts/{loser}/unmerge", json={})).json()
    assert parted["restored_leads"] == [other["lead_id"]]
    assert await snapshot(rows) == before
    assert await events_of(rows, other["lead_id"]) == [("LeadReceived", 1), ("LeadMerged", 2), ("LeadUnmerged", 3)]
    await weigh(database)
    assert (await api.post(f"/v1/contacts/{loser}/unmerge", json={})).status_code == 409


async def test_what_came_after_a_merge_stays_with_the_winner(api: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
    await make_source(api)
    one = await send(api, **ADA)
    other = await send(api, name="Charles Example", email="charles@example.com")
    contact = {lead["id"]: lead["contact_id"] for lead in await rows.fetch("SELECT id, contact_id FROM intake.leads")}
    winner, loser = contact[UUID(one["lead_id"])], contact[UUID(other["lead_id"])]
    await api.post(f"/v1/contacts/{loser}/merge", json={"into": str(winner)})
    assert (await send(api, email="charles@example.com", phone="+12025550199"))["lead_id"] == one["lead_id"]
    await api.post(f"/v1/contacts/{loser}/unmerge", json={})
    assert (await send(api, email="charles@example.com"))["lead_id"] == other["lead_id"]
    assert (await send(api, phone="+12025550199"))["lead_id"] == one["lead_id"]


async def test_a_pair_that_was_parted_is_not_merged_again(
    api: httpx.AsyncClient, database: Database, rows: asyncpg.Connection
) -> None:
    await make_source(api)
    await send(api, **LOVE, street="12 Market Street", email="ada.lovelace@example.com")
    await send(api, **LOVE, street="12 Market St.", email="ada.lovelacee@example.com")
    await weigh(database)
    loser = await rows.fetchval("SELECT id FROM intake.contacts WHERE merged_into IS NOT NULL")
    assert (await api.post(f"/v1/contacts/{loser}/unmerge", json={})).status_code == 200
    await weigh(database)
    assert await rows.fetchval("SELECT count(*) FROM intake.contacts WHERE merged_into IS NOT NULL") == 0


@pytest.mark.parametrize(("path", "status"), [("merge", 404), ("unmerge", 404)])
async def test_a_contact_that_is_not_there_is_not_merged(api: httpx.AsyncClient, path: str, status: int) -> None:
    nobody = "01890000-0000-7000-8000-000000000000"
    other = "01890000-0000-7000-8000-000000000001"
    answer = await api.post(f"/v1/contacts/{nobody}/{path}", json={"into": other} if path == "merge" else {})
    assert answer.status_code == status


async def test_blocks_that_came_meanwhile_stay(database: Database, rows: asyncpg.Connection) -> None:
    one, other = SystemClock().uuid7(), SystemClock().uuid7()
    async with database.begin() as uow:
        await matches.add_blocks(uow, [(7, one)])
    async with database.begin() as uow:
        await matches.add_blocks(uow, [(7, one), (7, other), (-8, other)])
        assert await matches.candidates(uow, [7, -8, 9], limit=5) == {7: [one, other], -8: [other]}
    assert await rows.fetchval("SELECT count(*) FROM intake.blocks") == 3


async def test_the_loop_weighs_by_itself(installation: Installation, rows: asyncpg.Connection) -> None:
    async with installation.running("intake") as api:
        await make_source(api)
        await send(api, **LOVE, street="12 Market Street", email="ada.lovelace@example.com")
        await send(api, **LOVE, street="12 Market St.", email="ada.lovelacee@example.com")

        async def merged() -> bool:
            return await rows.fetchval("SELECT count(*) FROM intake.leads WHERE merged_into IS NOT NULL") == 1

        await eventually(merged)
