"""Erasure and merge down the whole chain: scoring, router and tracker over the bus, fed as intake feeds them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from shared.bus.postgres import PostgresBus
from shared.contracts.envelope import Outgoing
from shared.contracts.events import ActivityRecorded, Contact, LeadReceived, LeadTouched
from tests.support.checks import router_violations
from tests.support.events import AT, event_ids, ids, lead_erased, lead_merged, lead_unmerged, outgoing, spoilt
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tests.support.world import connected

SERVICES = ("scoring", "router", "tracker")
ADA = Contact(name="Adalind Exemplar", email="adalind@exemplar.example", phone="+12025550123", extra={"answer": "rosewood desk"})
SECRETS = ("Adalind", "exemplar", "12025550123", "rosewood", "quartz-plan")  # of her contact, her facts, what was noted of her


@dataclass
class Chain:
    """Three running services, the bus that feeds them, and one agent who may hold two leads."""

    client: httpx.AsyncClient
    bus: PostgresBus
    installation: Installation

    async def say(self, *records: Outgoing) -> None:
        publisher = await self.bus.publisher()
        await publisher.publish(list(records))
        await publisher.close()

    async def shows(self, lead_id: UUID, **wanted: Any) -> dict[str, Any]:
        """The lead, once it shows these values."""

        async def look() -> dict[str, Any] | None:
            lead = (await self.client.get(f"/v1/leads/{lead_id}")).json()
            return lead if all(lead.get(name) == value for name, value in wanted.items()) else None

        return await eventually(look) or {}

    async def complete(self, contact_id: UUID, leads: int = 1) -> dict[str, Any]:
        """The report on an erased contact, once all have confirmed all its leads."""

        async def look() -> dict[str, Any] | None:
            report = (await self.client.get(f"/v1/reports/erasures/{contact_id}")).json()
            return report if report.get("complete") and len(report["leads"]) == leads else None

        return await eventually(look) or {}


@pytest.fixture
async def chain(installation: Installation) -> AsyncIterator[Chain]:
    bus = PostgresBus(installation.admin_dsn)
    try:
        async with installation.running(*SERVICES) as client:
            agent = (await client.post("/v1/agents", json={"name": "Robin", "open_cap": 2})).json()["id"]
            await client.put("/v1/pools/default", json={"members": [{"agent_id": agent}]})
            yield Chain(client, bus, installation)
            assert await router_violations(installation.admin_dsn) == []
    finally:
        await bus.close()


def received(lead_id: UUID, contact: Contact = ADA, *, source: str = "website", **facts: Any) -> Outgoing:
    asked = {"has_email": True, "has_phone": True, "product": "quartz-plan", **facts}
    return outgoing(LeadReceived(lead_id=lead_id, received_at=AT, source=source, contact=contact, facts=asked))


def read_pricing(lead_id: UUID, sequence: int) -> Outgoing:
    data = {"page": "pricing of the quartz-plan"}
    event = ActivityRecorded(
        lead_id=lead_id, activity_id=ids.uuid7(), kind="page_view", occurred_at=AT, recorded_at=AT, source="site", data=data
    )
    return outgoing(event, sequence=sequence)


def touched(lead_id: UUID, sequence: int) -> Outgoing:
    event = LeadTouched(
        lead_id=lead_id, touched_at=AT, kind="submission", source="fair", contact=ADA, facts={"tier": "quartz-plan"}
    )
    return outgoing(event, sequence=sequence)


async def found(connection: asyncpg.Connection, *wanted: str) -> list[str]:
    """Where in the three schemas these words still stand, in text or in bytes. What is on its way out, and the bus, are not asked."""
    tables = await connection.fetch(
        "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables "
        "WHERE table_schema = ANY($1) AND table_type = 'BASE TABLE' AND table_name <> 'outbox'",
        list(SERVICES),
    )
    assert {(t["schema"], t["name"]) for t in tables} >= {
        (s, n) for s in SERVICES for n in ("leads", "dead_letters", "answers", "jobs")
    }
    places = []
    for table in tables:
        name = f"{table['schema']}.{table['name']}"
        for row in await connection.fetch(f"SELECT t::text AS text FROM {name} AS t"):
            places += [f"{name}: {word}" for word in wanted if word in row["text"] or word.encode().hex() in row["text"]]
    return places


async def test_nothing_of_an_erased_person_is_left_in_any_table(chain: Chain) -> None:
    """In each state a lead can be: owned, waiting, won, touched, with dead letters in two services."""
    owned, second, waiting, poor, broken = (ids.uuid7() for _ in range(5))
    contact, other = ids.uuid7(), ids.uuid7()
    await chain.say(received(owned), received(second))
    for lead_id in (owned, second):
        await chain.shows(lead_id, routing="assigned")
    await chain.say(received(waiting), touched(waiting, 2), read_pricing(waiting, 3))
    await chain.say(received(poor, product=None, has_email=False, has_phone=False))
    unreadable = spoilt(received(broken), value=received(broken).value.replace(b'"source":"website"', b'"source":7'))
    await chain.say(unreadable, touched(broken, 2))
    await chain.shows(waiting, routing="queued", touches=1)
    await chain.shows(poor, routing="rejected")
    await chain.say(received(other, Contact(name="Bo Sample", email="bo@sample.example")))
    await chain.shows(other, routing="queued")  # behind `waiting`, who is therefore served first
    body = {"status": "won", "note": "Adalind took the quartz-plan", "value": 9, "currency": "EUR"}
    assert (await chain.client.post(f"/v1/leads/{second}/status", json=body, headers={"Idempotency-Key": "k"})).status_code == 200
    await chain.shows(waiting, routing="assigned")

    async with connected(chain.installation.admin_dsn) as connection:
        before = await found(connection, *SECRETS)
        assert {place.split(":")[0] for place in before} >= {
            "scoring.leads",
            "scoring.activities",
            "scoring.dead_letters",
            "router.leads",
            "router.decisions",
            "tracker.leads",
            "tracker.timeline",
            "tracker.dead_letters",
        }, "it was nowhere, so this proves nothing"
        person = (owned, second, waiting, poor, broken)
        await chain.say(*(outgoing(lead_erased(lead_id, contact, leads=1), sequence=4) for lead_id in person))
        report = await chain.complete(contact, leads=len(person))
        left = await found(connection, *SECRETS)
        assert [place for place in left if "quartz-plan" not in place] == []
        theirs = await connection.fetchval("SELECT count(*) FROM tracker.leads WHERE facts ->> 'product' = 'quartz-plan'")
        assert theirs == 1, "the other person's is still there"
        assert await found(connection, "Bo Sample") == ["tracker.leads: Bo Sample"]
        await chain.say(outgoing(lead_erased(other, other), sequence=3))
        await chain.complete(other)
        assert await found(connection, *SECRETS, "Bo Sample") == []

    removed = {lead["lead_id"]: {name: said["removed"] for name, said in lead["services"].items()} for lead in report["leads"]}
    assert removed[str(owned)]["router"] == {"leads": 1, "decisions": 1}
    assert removed[str(waiting)]["scoring"] == {"leads": 1, "activities": 2}
    assert removed[str(broken)]["scoring"] == {"dead_letters": 2}, "what it was touched by waits behind it"
    assert removed[str(broken)]["tracker"]["dead_letters"] == 2
    for lead_id in person:
        assert (await chain.client.get(f"/v1/leads/{lead_id}")).status_code == 410
    for service in SERVICES:
        assert (await chain.client.get(f"/{service}/deadletters")).json()["items"] == []


async def test_a_merge_frees_the_agent_and_its_undoing_brings_the_lead_back(chain: Chain) -> None:
    first, second, third = (ids.uuid7() for _ in range(3))
    await chain.say(received(first), received(second))
    for lead_id in (first, second):
        await chain.shows(lead_id, routing="assigned")
    await chain.say(outgoing(lead_merged(second, first), sequence=2))
    away = await chain.shows(second, merged_into=str(first), routing="ended", ended_reason="merged")
    assert away["owner"] is None
    await chain.say(received(third))
    await chain.shows(third, routing="assigned")
    await chain.say(outgoing(lead_unmerged(second, first), sequence=3))
    back = await chain.shows(second, merged_into=None, routing="queued")
    assert [entry["type"] for entry in back["timeline"] if entry["service"] == "router"] == [
        "LeadAssigned",
        "AssignmentEnded",
        "LeadMerged",
        "LeadUnmerged",
        "LeadQueued",
    ]
    await chain.client.post(f"/v1/leads/{third}/status", json={"status": "lost", "reason": "no budget"})
    await chain.shows(second, routing="assigned")


async def test_the_same_word_again_changes_nothing(chain: Chain) -> None:
    """All that intake said is read again, as after a crash."""
    lead_id, contact = ids.uuid7(), ids.uuid7()
    told = [
        received(lead_id),
        outgoing(lead_merged(lead_id, ids.uuid7()), sequence=2),
        outgoing(lead_erased(lead_id, contact), sequence=3),
    ]
    await chain.say(*told)
    before = await chain.complete(contact)
    await chain.say(*told)
    last = ids.uuid7()
    await chain.say(received(last))
    await chain.shows(last, routing="assigned")
    assert (await chain.client.get(f"/v1/reports/erasures/{contact}")).json() == before
    async with connected(chain.installation.admin_dsn) as connection:
        said = await connection.fetch(
            "SELECT topic, count(*) AS n FROM bus.log WHERE key = $1 GROUP BY topic", str(lead_id).encode()
        )
    assert {row["topic"]: row["n"] for row in said}["leads.scored"] == 3
    assert len(set(event_ids(told))) == 3


async def test_feedback_that_comes_after_the_erasure_is_not_taken(chain: Chain) -> None:
    """A status was said while the erasure was on its way: scoring and router hear of it too late."""
    lead_id, contact = ids.uuid7(), ids.uuid7()
    await chain.say(received(lead_id))
    await chain.shows(lead_id, routing="assigned")
    await chain.say(outgoing(lead_erased(lead_id, contact), sequence=2))
    await chain.client.post(f"/v1/leads/{lead_id}/status", json={"status": "won", "note": "Adalind, at last"})
    await chain.complete(contact)
    async with connected(chain.installation.admin_dsn) as connection:
        await eventually(lambda: drained(connection))
        assert await found(connection, *SECRETS) == []
        stages = await connection.fetch("SELECT stage FROM scoring.leads UNION ALL SELECT stage FROM router.leads")
    assert [row["stage"] for row in stages] == [None, None]


async def drained(connection: asyncpg.Connection) -> bool:
    """Has every service published all it had to say, and read all there is?"""
    waiting = [await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SERVICES]
    read = await connection.fetchval(
        "SELECT bool_and(o.position = h.next) FROM bus.offsets o JOIN bus.heads h USING (topic, partition)"
    )
    return not any(waiting) and bool(read)
