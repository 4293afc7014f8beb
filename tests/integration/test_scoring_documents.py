"""Scorecards and definitions over HTTP: drafts, what is refused and where, approval, activation, previews; and what no bad rule can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.scoring.domain import qualification, scorecard
from services.scoring.store.documents import Kind
from shared.auth import Role, Tokens
from shared.db.embedded import Server
from shared.telemetry import render_metrics
from tests.support.events import ids
from tests.support.installation import Installation, installed
from tests.support.scorer import CARD, DEFINITION, FACTS, NOON, Scorer, did, message, received, scorer_of

OLD = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.fixture
async def scorer(installation: Installation) -> AsyncIterator[Scorer]:
    async with scorer_of(installation) as opened:
        yield opened


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("scoring") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(server: Server, template: str, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    """One service for all that is refused, which leaves nothing behind."""
    async with installed(server, template, tokens) as one, one.running("scoring") as opened:
        yield opened


# -- Versions ----------------------------------------------------------------------------------------------------------------------


async def test_a_new_installation_has_the_defaults(client: httpx.AsyncClient) -> None:
    card = (await client.get("/v1/scorecards/active")).json()
    assert (card["version"], card["state"], card["document"], card["problems"]) == (1, "active", scorecard.DEFAULT, [])
    assert (await client.get("/v1/scorecards/1")).json() == card
    agreed = (await client.get("/v1/qualifications/active")).json()
    assert (agreed["version"], agreed["state"], agreed["document"]) == (1, "active", qualification.DEFAULT)
    assert agreed["approvals"].keys() == {"marketing", "sales"}
    for noun in ("scorecards", "qualifications"):
        [only] = (await client.get(f"/v1/{noun}/activations")).json()["items"]
        assert (only["version"], only["by"]) == (1, "handoff")


async def test_a_draft_scores_nothing_until_it_is_activated(client: httpx.AsyncClient, scorer: Scorer) -> None:
    made = (await client.post("/v1/scorecards", json=CARD)).json()
    assert (made["version"], made["state"], made["created_by"]) == (2, "draft", "tester")
    await scorer.take(message(received(ids.uuid7())))
    active = (await client.post("/v1/scorecards/2/activate")).json()
    assert (active["state"], (await client.get("/v1/scorecards/1")).json()["state"]) == ("active", "retired")
    await scorer.take(message(received(ids.uuid7())))
    await client.post("/v1/scorecards/1/activate")
    await client.post("/v1/scorecards/1/activate")
    await scorer.take(message(received(ids.uuid7())))
    scored = await scorer.rows("SELECT scorecard_version FROM scoring.leads ORDER BY lead_id")
    assert [row["scorecard_version"] for row in scored] == [1, 2, 1]
    activations = (await client.get("/v1/scorecards/activations")).json()["items"]
    assert [one["version"] for one in activations] == [1, 2, 1], "newest first, and each once"


async def test_versions_made_at_once_are_numbered_without_gaps(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/v1/scorecards", json=CARD) for _ in range(5)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6]
    await asyncio.gather(*(client.post(f"/v1/scorecards/{version}/activate") for version in (3, 1, 5)))
    listed = (await client.get("/v1/scorecards")).json()["items"]
    assert [one["version"] for one in listed] == [6, 5, 4, 3, 2, 1]
    [active] = [one for one in listed if one["state"] == "active"]
    assert active["version"] in (3, 1, 5)


@pytest.mark.parametrize("noun", ["scorecards", "qualifications"])
async def test_versions_come_in_pages(client: httpx.AsyncClient, noun: str) -> None:
    document = CARD if noun == "scorecards" else DEFINITION
    for _ in range(2):
        assert (await client.post(f"/v1/{noun}", json=document)).status_code == 201
    first = (await client.get(f"/v1/{noun}", params={"limit": 2})).json()
    second = (await client.get(f"/v1/{noun}", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["version"] for one in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next"] is None
    forged = await client.get(f"/v1/{noun}", params={"cursor": "WzFlMzBd"})  # [1e30]
    assert (forged.status_code, forged.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_repeated_request_makes_one_version(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "first"}
    answers = [await client.post("/v1/scorecards", json=CARD, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (await client.post("/v1/scorecards", json={**CARD, "name": "Other"}, headers=key)).status_code == 422
    assert len((await client.get("/v1/scorecards")).json()["items"]) == 2


@pytest.mark.parametrize("noun", ["scorecards", "qualifications"])
async def test_a_version_that_is_not_there_is_not_found(client: httpx.AsyncClient, noun: str) -> None:
    for method, path in (("GET", "7"), ("POST", "7/activate"), ("POST", "7/preview")):
        answer = await client.request(method, f"/v1/{noun}/{path}", json={"last": 1} if "preview" in path else None)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:handoff:problem:not-found")
    assert (await client.get(f"/v1/{noun}/active")).json()["version"] == 1


# -- What is refused, and where ------------------------------------------------------------------------------------------------------

RULE = CARD["fit"]["rules"][0]
PAGE = CARD["engagement"]["behaviours"][0]
WRONG_CARDS: list[tuple[dict[str, Any], str, str]] = [
    ({"surprise": 1}, "/surprise", "no field"),
    ({"fit": {"rules": [{**RULE, "points": 1.234}]}}, "/fit/rules/0/points", "decimals"),
    ({"fit": {"rules": [{**RULE, "points": "50"}]}}, "/fit/rules/0/points", "number"),
    ({"fit": {"rules": [{**RULE, "weight": 1}]}}, "/fit/rules/0/weight", "no field"),
    ({"fit": {"rules": [{**RULE, "reason": "tab\t"}]}}, "/fit/rules/0/reason", "line"),
    ({"fit": {"rules": [{**RULE, "group": "nowhere"}]}}, "/fit/rules/0/group", "group"),
    ({"fit": {"rules": [{**RULE, "when": "budgett > 1"}]}}, "/fit/rules/0/when", "line 1, column 1: there is no fact `budgett`"),
    ({"fit": {"rules": [{**RULE, "when": "has_email &&\n  budget == 'x'"}]}}, "/fit/rules/0/when", "line 2, column"),
    ({"fit": {"rules": [{**RULE, "when": "budget > 10 && budget < 5"}]}}, "/fit/rules/0/when", "can never be true"),
    ({"fit": {"rules": [{**RULE, "when": "has_email &&"}]}}, "/fit/rules/0/when", "line 1"),
    ({"define": {"a": "b", "b": "a"}}, "/define/a", "a -> b -> a"),
    ({"engagement": {"behaviours": [{**PAGE, "when": "has_email"}]}}, "/engagement/behaviours/0/when", "a fact of the lead"),
    ({"engagement": {"behaviours": [{**PAGE, "half_life_days": 0}]}}, "/engagement/behaviours/0/half_life_days", "number"),
    ({"letters": [{"letter": "A", "min": 1}, {"letter": "B", "min": 2}, {"letter": "C"}]}, "/letters/1/min", "less"),
    ({"letters": None}, "/letters", "missing"),
    ({"name": ""}, "/name", "line"),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("change", "field", "says"), WRONG_CARDS, ids=[field for _, field, _ in WRONG_CARDS])
async def test_a_wrong_scorecard_is_refused_with_the_place(
    door: httpx.AsyncClient, change: dict[str, Any], field: str, says: str
) -> None:
    answer = await door.post("/v1/scorecards", json={**CARD, **change})
    assert answer.status_code == 422
    assert any(error["field"] == field and says in error["message"] for error in answer.json()["errors"]), answer.text
    assert (await door.get("/v1/scorecards")).json()["items"][0]["version"] == 1
    told = (await door.post("/v1/scorecards/validate", json={**CARD, **change})).json()
    assert not told["valid"]
    tried = await door.post("/v1/scorecards/preview", json={"facts": {}, "document": {**CARD, **change}})
    assert f"/document{field}" in [error["field"] for error in tried.json()["errors"]]


async def test_a_runaway_expression_is_refused(client: httpx.AsyncClient) -> None:
    tens = "[" + ", ".join(str(n) for n in range(60)) + "]"
    runaway = f"{tens}.all(a, {tens}.all(b, {tens}.all(c, a + b + c >= 0)))"
    answer = await client.post("/v1/scorecards", json={**CARD, "fit": {"rules": [{**RULE, "when": runaway}]}})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "/fit/rules/0/when")


LEVEL = DEFINITION["levels"][0]
WRONG_DEFINITIONS: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "/surprise"),
    ({"levels": [{**LEVEL, "floors": {"budgett": 50}}]}, "/levels/0/floors/budgett"),
    ({"levels": [{**LEVEL, "floors": {"budget": 101}}]}, "/levels/0/floors/budget"),
    ({"levels": [{**LEVEL, "when": "pints > 3"}]}, "/levels/0/when"),
    ({"disqualify": [{"when": "points > 5 && points < 3", "reason": "x"}]}, "/disqualify/0/when"),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("change", "field"), WRONG_DEFINITIONS, ids=[field for _, field in WRONG_DEFINITIONS])
async def test_a_wrong_definition_is_refused_with_the_place(door: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await door.post("/v1/qualifications", json={**DEFINITION, **change})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"NaN", b"null"])
@pytest.mark.parametrize("path", ["/v1/scorecards", "/v1/qualifications", "/v1/scorecards/validate"])
async def test_what_is_no_document_is_refused(door: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await door.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_a_rule_may_ask_is_listed(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/scorecards/vocabulary")).json()
    kinds = {one["name"]: one["kind"] for one in told["facts"]}
    assert (kinds["budget"], kinds["has_email"], kinds["tags"]) == ("number", "truth", "texts")
    assert "page" in [one["name"] for one in told["activity_facts"]]
    assert all(one["meaning"] for one in told["facts"] + told["activity_facts"])


# -- Agreement ---------------------------------------------------------------------------------------------------------------------


async def test_a_definition_needs_both_sides(client: httpx.AsyncClient, installation: Installation) -> None:
    version = (await client.post("/v1/qualifications", json=DEFINITION)).json()["version"]
    at = f"/v1/qualifications/{version}"
    refused = await client.post(f"{at}/activate")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        f"Version {version} is not approved by marketing and sales yet.",
    )
    marketing, sales = installation.headers(Role.MARKETING), installation.headers(Role.SALES_MANAGER)
    assert (await client.post(f"{at}/approve", json={"side": "sales"}, headers=marketing)).status_code == 403
    assert (await client.post(f"{at}/approve", json={})).status_code == 422, "an administrator names the side"
    approved = (await client.post(f"{at}/approve", json={}, headers=marketing)).json()["approvals"]
    assert approved.keys() == {"marketing"}
    assert "sales yet" in (await client.post(f"{at}/activate")).json()["detail"]
    again = (await client.post(f"{at}/approve", json={"side": "marketing"})).json()["approvals"]
    assert again == approved, "the first word holds"
    both = (await client.post(f"{at}/approve", json={"side": "sales"}, headers=sales)).json()
    assert (both["approvals"].keys(), both["state"]) == ({"marketing", "sales"}, "draft")
    assert (await client.post(f"{at}/activate", headers=sales)).json()["state"] == "active"


async def test_each_lead_keeps_the_versions_it_was_judged_by(client: httpx.AsyncClient, scorer: Scorer) -> None:
    lead = ids.uuid7()
    await scorer.take(message(received(lead)))
    await scorer.use(CARD)
    await scorer.use(DEFINITION, Kind.DEFINITION)
    score = (await client.get(f"/v1/scores/{lead}")).json()
    assert (score["scorecard_version"], score["definition_version"]) == (1, 1)
    await scorer.take(message(did(lead, "meeting"), 2))
    score = (await client.get(f"/v1/scores/{lead}")).json()
    assert (score["scorecard_version"], score["definition_version"]) == (2, 2)


# -- Previews ----------------------------------------------------------------------------------------------------------------------


async def test_a_preview_on_facts_writes_nothing(client: httpx.AsyncClient, installation: Installation) -> None:
    ours = (await client.post("/v1/scorecards/preview", json={"facts": FACTS})).json()
    assert (ours["scorecard_version"], ours["after"]["qualification"]) == (1, "marketing_qualified")
    activities = [{"kind": "page_view", "at": "2020-01-01T00:00:00Z"}]
    theirs = (
        await client.post("/v1/scorecards/preview", json={"facts": FACTS, "document": CARD, "activities": activities})
    ).json()
    assert (theirs["scorecard_version"], theirs["after"]["points"], theirs["after"]["grade"]) == (None, 20, "B3")
    assert [one["text"] for one in theirs["after"]["reasons"]] == ["can be reached by e-mail"]
    fresh = [{"kind": "page_view", "at": "2999-01-01T00:00:00Z"}]
    later = (await client.post("/v1/scorecards/1/preview", json={"facts": FACTS, "activities": fresh})).json()
    assert later["after"]["engagement"] == 5
    judged = (await client.post("/v1/qualifications/preview", json={"facts": FACTS, "document": DEFINITION})).json()["after"]
    assert (judged["outcome"], judged["qualification"], judged["level"]) == (
        "qualified",
        "marketing_qualified",
        "marketing_qualified",
    )
    connection = await asyncpg.connect(installation.admin_dsn)
    tables = ("scorecards", "definitions", "leads", "history", "outbox", "answers")
    counts = [await connection.fetchval(f"SELECT count(*) FROM scoring.{table}") for table in tables]
    await connection.close()
    assert counts == [1, 1, 0, 0, 0, 0]


async def test_a_preview_on_a_lead_says_what_it_is_and_would_be(client: httpx.AsyncClient, scorer: Scorer) -> None:
    lead = ids.uuid7()
    await scorer.take(message(received(lead)), message(did(lead), 2))
    version = (await client.post("/v1/scorecards", json=CARD)).json()["version"]
    told = (await client.post(f"/v1/scorecards/{version}/preview", json={"lead_id": str(lead)})).json()
    assert (told["before"]["letter"], told["after"]["letter"], told["scorecard_version"]) == ("C", "B", version)
    assert (await client.get(f"/v1/scores/{lead}")).json()["scorecard_version"] == 1
    missing = await client.post(f"/v1/scorecards/{version}/preview", json={"lead_id": str(OLD)})
    assert missing.status_code == 404
    for body in ({}, {"last": 5, "lead_id": str(lead)}, {"last": 5, "activities": [{"kind": "x", "at": "2026-01-01T00:00:00Z"}]}):
        assert (await client.post(f"/v1/scorecards/{version}/preview", json=body)).status_code == 422


async def test_a_preview_on_the_last_leads_says_who_would_change(client: httpx.AsyncClient, scorer: Scorer) -> None:
    await scorer.use(CARD)
    leads = [ids.uuid7() for _ in range(450)]
    await scorer.take(
        *[message(received(lead, {**FACTS, "budget": 20_000} if n % 3 == 0 else FACTS)) for n, lead in enumerate(leads)]
    )
    stricter = {**CARD, "letters": [{"letter": "A", "min": 60}, *CARD["letters"][1:]]}
    version = (await client.post("/v1/scorecards", json=stricter)).json()["version"]
    told = (await client.post(f"/v1/scorecards/{version}/preview", json={"last": 420})).json()
    assert (told["looked_at"], told["changed"], len(told["changes"])) == (420, 140, 100)
    assert told["moves"] == [{"before": "A3", "after": "B3", "leads": 140}, {"before": "B3", "after": "B3", "leads": 280}]
    newest = next(lead for lead in reversed(leads) if leads.index(lead) % 3 == 0)
    assert told["changes"][0] == {"lead_id": str(newest), "before": "A3", "after": "B3"}
    definition = (await client.post("/v1/qualifications", json=DEFINITION)).json()["version"]
    told = (await client.post(f"/v1/qualifications/{definition}/preview", json={"last": 1000})).json()
    assert told["looked_at"] == 450
    assert {(one["before"], one["after"]) for one in told["moves"]} >= {("marketing_qualified", "marketing_qualified")}


# -- What a bad rule cannot do -------------------------------------------------------------------------------------------------------


async def test_a_stored_rule_that_cannot_be_read_does_not_take_scoring_down(
    installation: Installation, scorer: Scorer, client: httpx.AsyncClient
) -> None:
    """As when a newer program knows a word no more that an older one took."""
    bad_card = json.loads(json.dumps(CARD))
    bad_card["fit"]["rules"][1]["when"] = "budget.becomes('x')"
    bad_definition = json.loads(json.dumps(DEFINITION))
    bad_definition["levels"][0]["when"] = "points >== 3"
    async with scorer.database.begin() as uow:
        for table, document in (("scorecards", bad_card), ("definitions", bad_definition)):
            await uow.execute(f"UPDATE scoring.{table} SET document = $1", json.dumps(document))
    lead = ids.uuid7()
    await scorer.take(message(received(lead, {**FACTS, "budget": 20_000})), message(did(lead), 2))
    last = (await scorer.scores(lead))[-1]
    assert (last.fit, last.engagement, last.qualification) == (2000, 1000, "marketing_qualified"), "the other rules score"
    for noun, path in (("scorecards", "/fit/rules/1/when"), ("qualifications", "/levels/0/when")):
        shown = (await client.get(f"/v1/{noun}/1")).json()
        assert [problem["path"] for problem in shown["problems"]] == [path]
    assert b'handoff_rules_left_out{kind="scorecard",version="1"} 1.0' in render_metrics()
    assert (await client.get(f"/v1/scores/{lead}")).status_code == 200
    await client.post("/v1/scorecards", json=CARD)
    await client.post("/v1/scorecards/2/activate")
    back = await client.post("/v1/scorecards/1/activate")
    assert (back.status_code, back.json()["errors"][0]["field"]) == (409, "/fit/rules/1/when")


@pytest.mark.parametrize("document", ["{}", "[]", '{"fit": 3}', '{"fit": {"rules": [null, 5, {"when": []}]}, "letters": []}'])
async def test_no_stored_document_takes_scoring_down(scorer: Scorer, document: str) -> None:
    async with scorer.database.begin() as uow:
        await uow.execute("UPDATE scoring.scorecards SET document = $1", document)
        await uow.execute("UPDATE scoring.definitions SET document = $1", document)
    lead = ids.uuid7()
    await scorer.take(message(received(lead)), message(did(lead), 2))
    [score] = await scorer.scores(lead)
    assert (score.points, score.grade, score.outcome) == (0, "D4", "insufficient")


async def test_odd_facts_and_activities_are_scored_all_the_same(scorer: Scorer) -> None:
    lead = ids.uuid7()
    odd = {"has_email": "yes", "budget": [1], "tags": 7, "product": None, "a b": {"c": 1}, "company_size": 10**15}
    await scorer.take(message(received(lead, odd)), message(did(lead, "page_view", at=NOON, page=7, url=None), 2))
    assert {score.letter for score in await scorer.scores(lead)} == {"D"}
