"""Scoring on a real PostgreSQL: leads in, scores out, each once and in any order; and what goes down the chain behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from alembic import command

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.scorecard import definition_from_v1, from_v1
from services.scoring.handlers import SUBSCRIPTIONS, documents
from services.scoring.store.documents import Kind
from shared.bus.postgres import PostgresBus
from shared.consumer import dispatch
from shared.contracts.envelope import Message, Outgoing
from shared.contracts.events import LeadErased, LeadMerged, LeadScored, LeadUnmerged
from shared.contracts.vocabulary import FACTS as VOCABULARY
from shared.db import migrate
from shared.db.embedded import Server
from shared.db.uow import to_json
from tests.support import postgres
from tests.support.events import TRACE, ids, lead_erased, lead_merged, lead_unmerged, outgoing
from tests.support.installation import Installation, service_dsns
from tests.support.scorer import CARD, FACTS, NOON, Scorer, did, message, read, received, scorer_of, stage, touched
from tests.support.waiting import eventually, waits_for_a_lock
from tests.support.world import connected


@pytest.fixture
async def scorer(installation: Installation) -> AsyncIterator[Scorer]:
    async with scorer_of(installation) as opened:
        yield opened


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
    record = outgoing(received(lead_id := ids.uuid7()))
    async with bus_of(installation) as bus, installation.running("scoring") as client:
        await (await bus.publisher()).publish([record])
        [scored] = await published(bus, 1)
        answer = (await client.get(f"/v1/scores/{lead_id}")).json()
    assert (scored.lead_id, scored.sequence, scored.source) == (lead_id, 1, "/handoff/scoring")
    assert (scored.causation, scored.traceparent) == (str(read(record).id), TRACE)
    assert (scored.data.facts, scored.data.received_at, scored.data.scorecard_version) == (FACTS, NOON, 1)
    assert (scored.data.letter, scored.data.number, scored.data.grade) == ("C", 4, "C4")
    assert (scored.data.qualification, scored.data.outcome, scored.data.level) == ("marketing_qualified", "qualified", "MQL")
    assert (scored.data.definition_version, scored.data.changed, scored.data.override) == (1, [], None)
    assert sum(reason.hundredths for reason in scored.data.reasons) == scored.data.fit + scored.data.engagement
    assert scored.data.points == round((scored.data.fit + scored.data.engagement) / 100)
    assert [one["text"] for one in answer["announced"]["reasons"]] == [reason.text for reason in scored.data.reasons]
    assert (answer["grade"], answer["scorecard_version"], answer["announced"]["sequence"]) == ("C4", 1, 1)


async def test_many_leads_some_sent_twice_are_scored_once_each(installation: Installation) -> None:
    records = [outgoing(received(ids.uuid7())) for _ in range(300)]
    async with bus_of(installation) as bus, installation.running("scoring"):
        publisher = await bus.publisher()
        await publisher.publish([*records, *records[:50]])
        await publisher.publish(records[100:150])
        await eventually(lambda: all_read(bus))
        found = await published(bus, 300)
    assert sorted(one.lead_id for one in found) == [read(record).lead_id for record in records]


async def test_a_lead_that_fades_is_announced_by_the_running_service(installation: Installation, scorer: Scorer) -> None:
    """Nobody asks and nothing happens: the service's own timers do it."""
    await scorer.use(CARD)
    lead = ids.uuid7()
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    scorer.clock.shown = long_ago
    await scorer.take(message(received(lead)), message(did(lead, at=long_ago), 2))
    async with bus_of(installation) as bus, installation.running("scoring"):
        found = await published(bus, 3)
    assert [one.data.grade for one in found] == ["B3", "B2", "B3"]
    assert found[-1].causation.startswith("timer score 2026-01-")


# -- Once only, in any order ---------------------------------------------------------------------------------------------------


async def test_a_lead_that_is_scored_keeps_its_score(scorer: Scorer) -> None:
    lead_id = ids.uuid7()
    await scorer.take(message(received(lead_id)))
    before = await scorer.lead(lead_id)
    await scorer.use(CARD)
    await scorer.take(message(received(lead_id, {"has_phone": True})), message(received(ids.uuid7())))
    assert await scorer.lead(lead_id) == before
    assert [one.data.scorecard_version for one in await scorer.emitted()] == [1, 2]


async def test_two_replicas_with_one_lead_score_it_once(installation: Installation, scorer: Scorer) -> None:
    lead_ids = [ids.uuid7() for _ in range(20)]
    forward = [message(received(lead_id)) for lead_id in lead_ids]
    backward = [message(received(lead_id)) for lead_id in reversed(lead_ids)]
    async with scorer_of(installation) as other:
        await asyncio.gather(scorer.take(*forward), other.take(*backward))
    assert sorted(one.lead_id for one in await scorer.emitted()) == lead_ids


async def test_a_stage_before_its_lead_waits_on_a_stub(scorer: Scorer) -> None:
    lead_id = ids.uuid7()
    await scorer.take(message(stage(lead_id, "won"), 3))
    stub = await scorer.lead(lead_id)
    assert (stub["sequence"], stub["points"], stub["stage"]) == (0, None, "won")
    await scorer.take(message(received(lead_id, {**FACTS, "budget": 20_000})))
    row = await scorer.lead(lead_id)
    assert (row["grade"], row["stage"], row["outcome"], row["tracked_sequence"]) == ("B4", "won", "won", 3)
    assert (row["next_change"], await scorer.value("SELECT count(*) FROM scoring.timers")) == (None, 0)
    assert [one.sequence for one in await scorer.emitted()] == [1] == [row["sequence"]]


async def test_a_lead_that_becomes_known_while_it_is_scored_is_scored_with_what_was_said(
    scorer: Scorer, installation: Installation
) -> None:
    lead_id = ids.uuid7()
    async with connected(installation.admin_dsn) as admin, asyncio.TaskGroup() as group:
        stub = admin.transaction()
        await stub.start()
        await admin.execute("INSERT INTO scoring.leads (lead_id, sequence, stage, outcome) VALUES ($1, 0, 'won', 'won')", lead_id)
        group.create_task(scorer.take(message(received(lead_id))))
        await eventually(lambda: waits_for_a_lock(admin))
        await stub.commit()
    row = await scorer.lead(lead_id)
    assert (row["sequence"], row["revision"], row["outcome"]) == (1, 1, "won")
    assert len(await scorer.scores(lead_id)) == 1


async def test_only_a_later_stage_is_learned(scorer: Scorer) -> None:
    lead_id = ids.uuid7()
    await scorer.take(message(received(lead_id)), message(stage(lead_id, "lost"), 4))
    await scorer.take(message(stage(lead_id, "contacted"), 2))
    assert (await scorer.lead(lead_id))["outcome"] == "lost"
    await scorer.take(message(stage(lead_id, "contacted"), 5), message(stage(lead_id, "qualified"), 6))
    row = await scorer.lead(lead_id)
    assert (row["stage"], row["outcome"], row["tracked_sequence"]) == ("qualified", None, 6)
    assert (row["grade"], row["sequence"]) == ("C4", 1)


async def score_and_fail(scorer: Scorer) -> None:
    async with scorer.database.begin() as uow:
        await documents.create_draft(Kind.SCORECARD, {**CARD, "fit": {}}, uow, by="tester")
        await documents.activate(Kind.SCORECARD, 2, uow, by="tester")
        await dispatch(SUBSCRIPTIONS, [message(received(ids.uuid7()))], uow)
        raise RuntimeError


async def test_a_scorecard_that_was_rolled_back_scores_nothing(scorer: Scorer) -> None:
    with pytest.raises(RuntimeError):
        await score_and_fail(scorer)
    assert await scorer.use(CARD) == 2
    await scorer.take(message(received(ids.uuid7())))
    assert [(one.data.scorecard_version, one.data.points) for one in await scorer.emitted()] == [(2, 20)]


# -- Down the chain ------------------------------------------------------------------------------------------------------------


async def test_a_merge_and_its_undoing_are_passed_on_behind_the_score(scorer: Scorer) -> None:
    lead_id, into = ids.uuid7(), ids.uuid7()
    merged, unmerged = lead_merged(lead_id, into), lead_unmerged(lead_id, into)
    messages = [message(received(lead_id)), message(merged, 2), message(unmerged, 3), message(merged, 4)]
    await scorer.take(*messages)
    found = await scorer.emitted(lead_id)
    assert [type(one.data) for one in found] == [LeadScored, LeadMerged, LeadUnmerged, LeadMerged]
    assert [one.data for one in found[1:]] == [merged, unmerged, merged]
    assert [one.causation for one in found] == [str(one.id) for one in messages]
    row = await scorer.lead(lead_id)
    assert (row["merged_into"], row["sequence"], row["grade"]) == (into, 4, "C4")
    assert await scorer.emitted(into) == [], "of a lead that is not known nothing is said"


async def test_an_erased_lead_leaves_its_id_and_its_sequence(scorer: Scorer) -> None:
    lead_id, into = ids.uuid7(), ids.uuid7()
    await scorer.take(message(received(lead_id)), message(stage(lead_id, "won")), message(lead_merged(lead_id, into), 2))
    erased = lead_erased(lead_id, leads=1, deliveries=2)
    await scorer.take(message(erased, 3))
    row = await scorer.lead(lead_id)
    left = {name: value for name, value in row.items() if value is not None}
    assert left == {"lead_id": lead_id, "sequence": 3, "revision": 0, "erased_at": erased.erased_at}
    last = (await scorer.emitted())[-1]
    assert isinstance(last.data, LeadErased)
    assert (last.sequence, last.data.removed) == (3, {"leads": 1}), "its own count, not intake's"
    assert (last.data.contact_id, last.data.by, last.data.reason) == (erased.contact_id, erased.by, erased.reason)


async def test_nothing_is_said_or_learned_of_an_erased_lead(scorer: Scorer) -> None:
    lead_id = ids.uuid7()
    await scorer.take(message(lead_erased(lead_id)))
    before = await scorer.lead(lead_id)
    other = ids.uuid7()
    later = [received(lead_id), stage(lead_id, "won"), lead_merged(lead_id, other), lead_unmerged(lead_id, other)]
    later += [did(lead_id), touched(lead_id, tier="gold"), touched(lead_id, "recognised", contact_id="x")]
    for sequence, event in enumerate(later, 2):
        await scorer.take(message(event, sequence))
    assert await scorer.lead(lead_id) == before
    [only] = await scorer.emitted(lead_id)
    assert (type(only.data), only.sequence, only.data.removed) == (LeadErased, 1, {})
    await scorer.take(message(lead_erased(lead_id), 9))
    again = (await scorer.emitted())[-1]
    assert (again.sequence, again.data.removed) == (2, {})


async def test_a_lead_merged_before_its_receipt_could_be_handled(scorer: Scorer) -> None:
    """Its receipt was a dead letter that came back late: the score is said, and what it is merged into stays."""
    lead_id, into = ids.uuid7(), ids.uuid7()
    await scorer.take(message(stage(lead_id, "contacted")), message(lead_merged(lead_id, into), 2))
    await scorer.take(message(received(lead_id)))
    row = await scorer.lead(lead_id)
    assert (row["merged_into"], row["grade"], row["stage"], row["sequence"]) == (into, "C4", "contacted", 2)
    assert [type(one.data) for one in await scorer.emitted(lead_id)] == [LeadMerged, LeadScored]
    assert row["next_change"] is None


async def test_a_dead_letter_of_an_erased_lead_is_deleted_and_counted(installation: Installation) -> None:
    lead_id = ids.uuid7()
    record = outgoing(received(lead_id))
    poison = record._replace(value=record.value.replace(b'"website"', b"7"))
    async with bus_of(installation) as bus, installation.running("scoring") as client:
        publisher = await bus.publisher()
        await publisher.publish([poison, outgoing(lead_merged(lead_id, ids.uuid7()), sequence=2)])
        await publisher.publish([outgoing(lead_erased(lead_id), sequence=3)])
        [erased] = await published(bus, 1)
        assert (await client.get("/scoring/deadletters")).json()["items"] == []
        answer = await client.get(f"/v1/scores/{lead_id}")
    assert (erased.sequence, erased.data.removed) == (1, {"dead_letters": 2})
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:handoff:problem:erased")


# -- From the first kind of scorecard ------------------------------------------------------------------------------------------------

FIRST_KIND: dict[str, Any] = {
    "name": "Ours",
    "rules": [
        {"name": "email", "when": [{"field": "has_email", "op": "==", "value": True}], "points": 30, "reason": "can be reached"},
        {"name": "team", "when": [{"field": "team_size", "op": ">=", "value": 5}], "points": 40, "reason": "has a team"},
        {"name": "tag", "when": [{"field": "tags", "op": "in", "value": ["vip"]}], "points": 50, "reason": "is a VIP"},
    ],
    "grades": [{"grade": "A", "min": 70}, {"grade": "B", "min": 0}],
    "qualifications": [
        {"qualification": "sales_qualified", "min": 60, "when": [{"field": "team_size", "op": ">=", "value": 5}]},
        {"qualification": "marketing_qualified", "min": 20, "when": []},
    ],
}


async def test_cards_and_scores_of_the_first_kind_become_those_of_the_second(server: Server, installation: Installation) -> None:
    lead, since = ids.uuid7(), ids.uuid7()
    async with postgres.create_database(server) as admin_dsn:
        old = replace(installation, admin_dsn=admin_dsn, dsns=service_dsns(server, urlsplit(admin_dsn).path.lstrip("/")))
        config = migrate.config("scoring", old.dsns["scoring"])
        await migrate.prepare(admin_dsn, "scoring", old.dsns["scoring"])
        await asyncio.to_thread(command.upgrade, config, "0002")
        async with scorer_of(old) as scorer:
            await score_as_before(scorer, lead)
            await asyncio.to_thread(command.upgrade, config, "head")
            await asyncio.to_thread(command.check, config)
            [card] = await scorer.rows("SELECT document, state FROM scoring.scorecards")
            assert card == {"document": from_v1(FIRST_KIND, VOCABULARY), "state": "active"}
            assert card["document"]["facts"] == {"team_size": "number"}
            [agreed] = await scorer.rows("SELECT document, state FROM scoring.definitions")
            assert agreed == {"document": definition_from_v1(FIRST_KIND, VOCABULARY), "state": "active"}
            row = await scorer.lead(lead)
            assert (row["points"], row["fit"], row["engagement"], row["letter"], row["source"]) == (
                7000,
                7000,
                0,
                None,
                "website",
            )
            assert [reason["hundredths"] for reason in row["reasons"]] == [3000, 4000]
            facts = {"has_email": True, "team_size": 9, "source": "website"}
            await scorer.take(message(received(since, facts)), message(did(lead), 2))
            [fresh], [again] = await scorer.scores(since), (await scorer.emitted(lead))[-1:]
            assert (fresh.points, fresh.letter, fresh.qualification) == (70, "A", "sales_qualified"), "it means what it meant"
            assert (again.data.points, again.data.letter, again.data.changed) == (70, "A", ["grade"])
            [before] = await scorer.rows("SELECT grade, qualification, points FROM scoring.history WHERE lead_id = $1", lead)
            assert before == {"grade": "A", "qualification": "sales_qualified", "points": 7000}


async def score_as_before(scorer: Scorer, lead: UUID) -> None:
    """What the version before left behind: a card, and a lead that it scored and said so of."""
    async with scorer.database.begin() as uow:
        await uow.execute("UPDATE scoring.scorecards SET document = $1", to_json(FIRST_KIND))
        await uow.execute(
            "INSERT INTO scoring.leads "
            "(lead_id, sequence, received_at, points, grade, qualification, reasons, scorecard_version, facts) "
            "VALUES ($1, 0, $2, 70, 'A', 'sales_qualified', $3, 1, $4)",
            *(lead, NOON, '[{"text": "can be reached", "points": 30}, {"text": "has a team", "points": 40}]'),
            '{"has_email": true, "team_size": 9, "source": "website"}',
        )


async def test_an_installation_begins_with_the_defaults(scorer: Scorer) -> None:
    assert await scorer.value("SELECT document FROM scoring.scorecards") == scorecard.DEFAULT
    assert await scorer.value("SELECT document FROM scoring.definitions") == qualification.DEFAULT
