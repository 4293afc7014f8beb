"""What people see of scores and set beside the machine's: at any time, in lists, with history; overrides and evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.scoring.handlers.scores import drop_override, set_override
from services.scoring.store.documents import Kind
from shared.auth import Role
from tests.support.events import CAUSE, ids, lead_erased, lead_merged
from tests.support.installation import Installation
from tests.support.scorer import CARD, DEFINITION, FACTS, NOON, Scorer, SetClock, did, message, received, scorer_of, stage

NEVER = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.fixture
def clock(installation: Installation) -> SetClock:
    made = SetClock()
    installation.clock = made
    return made


@pytest.fixture
async def scorer(installation: Installation, clock: SetClock) -> AsyncIterator[Scorer]:
    async with scorer_of(installation, clock) as opened:
        await opened.use(CARD)
        await opened.use(DEFINITION, Kind.DEFINITION)
        yield opened


@pytest.fixture
async def client(installation: Installation, scorer: Scorer) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("scoring") as opened:
        yield opened


async def new_lead(scorer: Scorer, *happened: str, **facts: Any) -> UUID:
    lead = ids.uuid7()
    await scorer.take(message(received(lead, {**FACTS, **facts})), *[message(did(lead, kind), 2) for kind in happened])
    return lead


async def got(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def later(client: httpx.AsyncClient, installation: Installation, clock: SetClock, **span: float) -> None:
    """Time passes; the client gets a token that has not expired."""
    clock.advance(**span)
    client.headers.update(installation.headers())


def exactly(points: float) -> int:
    return round(points * 100)


# -- At any time -------------------------------------------------------------------------------------------------------------------


async def test_a_score_is_decayed_and_explained_at_any_time(client: httpx.AsyncClient, scorer: Scorer) -> None:
    lead = await new_lead(scorer, "page_view", "page_view")
    now = await got(client, f"/v1/scores/{lead}")
    assert (now["points"], now["grade"], now["machine"]["engagement"]) == (40, "B2", 20)
    for days, left in ((0, 2000), (10, 1000), (20, 500), (33.3, 199), (3650, 0)):
        told = await got(client, f"/v1/scores/{lead}", at=(NOON + timedelta(days=days)).isoformat())
        assert exactly(told["machine"]["engagement"]) == left
        assert sum(exactly(one["points"]) for one in told["reasons"]) == exactly(told["points"])
    assert (told["grade"], told["announced"]["grade"]) == ("B3", "B2")
    assert [one["count"] for one in now["reasons"]] == [None, 2]
    early = await client.get(f"/v1/scores/{lead}", params={"at": (NOON - timedelta(days=1)).isoformat()})
    assert (early.status_code, early.json()["errors"][0]["field"]) == (422, "at")


async def test_a_later_read_is_right_without_anything_having_happened(
    client: httpx.AsyncClient, installation: Installation, scorer: Scorer, clock: SetClock
) -> None:
    lead = await new_lead(scorer, "page_view")
    later(client, installation, clock, days=2)
    told = await got(client, f"/v1/scores/{lead}")
    assert (exactly(told["points"]), told["announced"]["points"]) == (2871, 30)
    assert told["next_change"] > clock.shown.isoformat()


async def test_a_score_of_the_past_knows_only_what_had_happened(
    client: httpx.AsyncClient, installation: Installation, scorer: Scorer, clock: SetClock
) -> None:
    lead = await new_lead(scorer)
    later(client, installation, clock, days=2)
    await scorer.take(message(did(lead, at=clock.shown), 2))
    past = await got(client, f"/v1/scores/{lead}", at=(NOON + timedelta(days=1)).isoformat())
    assert (past["points"], past["next_change"]) == (20, None)


async def test_a_young_lead_without_a_score_may_be_on_its_way(
    installation: Installation, client: httpx.AsyncClient, scorer: Scorer, clock: SetClock
) -> None:
    young = ids.uuid7()
    clock.shown = ids.now()
    later(client, installation, clock)
    await scorer.take(message(stage(young, "won")))
    answers = [await client.get(f"/v1/scores/{lead_id}") for lead_id in (young, NEVER)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["type"].rpartition(":")[2] for answer in answers] == ["not-yet-visible", "not-found"]
    assert (answers[0].headers["retry-after"], "retry-after" in answers[1].headers) == ("1", False)


# -- Lists and history ---------------------------------------------------------------------------------------------------------------


async def test_lists_by_what_holds(client: httpx.AsyncClient, scorer: Scorer) -> None:
    poor = await new_lead(scorer, has_email=False)
    plain = await new_lead(scorer)
    busy = await new_lead(scorer, *["page_view"] * 3)
    rich = await new_lead(scorer, budget=20_000)
    away = await new_lead(scorer)
    await scorer.take(message(lead_merged(away, plain), 2))
    await client.put(f"/v1/scores/{poor}/override", json={"grade": "A1", "qualification": "sales_qualified", "reason": "x"})

    async def listed(**query: Any) -> list[UUID]:
        return [UUID(one["lead_id"]) for one in (await got(client, "/v1/scores", **query))["items"]]

    assert await listed() == [rich, busy, plain, poor]
    assert await listed(grade="B1") == [busy]
    assert await listed(letter="B") == [busy, plain]
    assert await listed(number=1) == [busy, poor], "a person's word counts"
    assert await listed(letter="C") == []
    assert await listed(qualification="sales_qualified") == [poor]
    assert await listed(outcome="qualified") == [rich, busy, plain]
    assert await listed(threshold="warm") == [rich, busy]
    assert await listed(override=True) == [poor]
    assert await listed(override=False, letter="A") == [rich]
    first = await got(client, "/v1/scores", limit=3)
    assert [one["lead_id"] for one in (await got(client, "/v1/scores", cursor=first["next"]))["items"]] == [str(poor)]
    for query in ({"outcome": "perhaps"}, {"number": -1}, {"cursor": "WzFd"}):
        assert (await client.get("/v1/scores", params=query)).status_code == 422


async def test_history_tells_each_score_and_why(
    client: httpx.AsyncClient, installation: Installation, scorer: Scorer, clock: SetClock
) -> None:
    lead = await new_lead(scorer, "page_view")
    await client.put(f"/v1/scores/{lead}/override", json={"grade": "A1", "reason": "met them"})
    await client.delete(f"/v1/scores/{lead}/override")
    await scorer.fade_until(NOON + timedelta(days=30))
    later(client, installation, clock)
    told = (await got(client, f"/v1/scores/{lead}/history"))["items"]
    assert [(one["revision"], one["sequence"], one["cause"], one["changed"]) for one in told] == [
        (5, 5, "faded", ["grade"]),
        (4, 4, "overridden", ["override"]),
        (3, 3, "overridden", ["override"]),
        (2, 2, "activity", ["grade"]),
        (1, 1, "received", []),
    ]
    assert [(one["override"] or {}).get("by") for one in told] == [None, None, "tester", None, None]
    assert [one["grade"] for one in told] == ["B3", "B2", "B2", "B2", "B3"], "the machine's, apart from a person's"
    for one in told:
        assert sum(exactly(reason["points"]) for reason in one["reasons"]) == exactly(one["points"])
    page = await got(client, f"/v1/scores/{lead}/history", limit=2)
    rest = await got(client, f"/v1/scores/{lead}/history", cursor=page["next"])
    assert page["items"] + rest["items"] == told


# -- Beside the machine's word -------------------------------------------------------------------------------------------------------


async def test_an_override_holds_beside_the_machines_word(client: httpx.AsyncClient, scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    body = {"grade": "A1", "qualification": "sales_qualified", "reason": "met them at the fair"}
    set_ = (await client.put(f"/v1/scores/{lead}/override", json=body)).json()
    assert (set_["grade"], set_["qualification"]) == ("A1", "sales_qualified")
    assert (set_["machine"]["grade"], set_["machine"]["qualification"]) == ("B3", "marketing_qualified")
    assert (set_["override"]["by"], set_["override"]["reason"]) == ("tester", "met them at the fair")
    await scorer.take(message(did(lead), 2))
    told = await got(client, f"/v1/scores/{lead}")
    assert (told["grade"], told["machine"]["grade"]) == ("A1", "B2"), "the machine goes on"
    assert told["announced"]["changed"] == ["grade"]
    back = (await client.delete(f"/v1/scores/{lead}/override")).json()
    assert (back["grade"], back["override"]) == ("B2", None)
    assert (await client.delete(f"/v1/scores/{lead}/override")).status_code == 404


async def test_what_is_said_of_an_override(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    async with scorer.database.begin() as uow:
        await set_override(lead, uow, grade="A1", qualification=None, reason="a", by="robin", cause=CAUSE)
    async with scorer.database.begin() as uow:
        await drop_override(lead, uow, cause=CAUSE)
    first, set_, dropped = await scorer.scores(lead)
    assert (set_.grade, set_.letter, set_.number, set_.qualification, set_.changed) == (
        "A1",
        "A",
        1,
        first.qualification,
        ["override"],
    )
    assert set_.override is not None
    assert (set_.override.by, set_.override.at, set_.override.grade, set_.override.qualification) == ("robin", NOON, "A1", None)
    assert (set_.override.machine_grade, set_.override.machine_qualification) == ("B3", "marketing_qualified")
    assert (dropped.grade, dropped.override, dropped.changed) == ("B3", None, ["override"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "/"),
        ({"grade": "E9", "reason": "x"}, "/grade"),
        ({"qualification": "golden", "reason": "x"}, "/qualification"),
        ({"grade": "A1"}, "/reason"),
        ({"grade": "A1", "reason": ""}, "/reason"),
        ({"grade": "A1", "reason": "a\0"}, "/reason"),
    ],
)
async def test_a_wrong_override_is_refused(client: httpx.AsyncClient, scorer: Scorer, body: dict[str, Any], field: str) -> None:
    lead = await new_lead(scorer)
    answer = await client.put(f"/v1/scores/{lead}/override", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_evidence_by_a_person_counts_where_it_is_surer(
    client: httpx.AsyncClient, installation: Installation, scorer: Scorer, clock: SetClock
) -> None:
    lead = await new_lead(scorer, "page_view", budget=20_000)
    told = await got(client, f"/v1/scores/{lead}")
    assert (told["machine"]["outcome"], told["machine"]["label"]) == ("qualified", "MQL")
    at = f"/v1/scores/{lead}/evidence"
    told = (await client.put(f"{at}/need", json={"value": "asks for a pilot", "confidence": 70})).json()
    assert (told["qualification"], told["machine"]["outcome"]) == ("sales_qualified", "qualified")
    need = told["machine"]["dimensions"]["need"]
    assert (need["value"], need["source"], need["manual"], need["confidence"]) == ("asks for a pilot", "tester", True, 70)
    budget = (await client.put(f"{at}/budget", json={"value": "less", "confidence": 20})).json()["machine"]["dimensions"][
        "budget"
    ]
    assert (budget["manual"], budget["confidence"], budget["source"]) == (False, 80, "website"), "the surer counts"
    later(client, installation, clock, days=5)
    back = await client.delete(f"{at}/need")
    assert back.json()["qualification"] == "marketing_qualified"
    assert (await client.delete(f"{at}/need")).status_code == 404
    assert (await client.put(f"{at}/mood", json={"value": "x", "confidence": 7})).status_code == 404
    for body, field in (({"value": "x", "confidence": 101}, "/confidence"), ({"value": "", "confidence": 7}, "/value")):
        answer = await client.put(f"{at}/need", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_of_leads_that_are_gone_nothing_is_set(client: httpx.AsyncClient, scorer: Scorer) -> None:
    away, erased, into = await new_lead(scorer), await new_lead(scorer), await new_lead(scorer)
    await scorer.take(message(lead_merged(away, into), 2), message(lead_erased(erased), 2))
    body = {"grade": "A1", "reason": "x"}
    answers = [await client.put(f"/v1/scores/{lead}/override", json=body) for lead in (away, erased, NEVER)]
    assert [answer.status_code for answer in answers] == [409, 410, 404]
    assert (await got(client, f"/v1/scores/{away}"))["merged_into"] == str(into)


# -- Who may -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "reads", "writes", "agrees"),
    [
        (Role.MARKETING, True, True, True),
        (Role.SALES_MANAGER, True, False, True),
        (Role.VIEWER, True, False, False),
        (Role.SERVICE, False, False, False),
        (Role.AGENT, False, False, False),
        (Role.PARTNER, False, False, False),
    ],
)
async def test_roles(
    client: httpx.AsyncClient, installation: Installation, scorer: Scorer, role: Role, reads: bool, writes: bool, agrees: bool
) -> None:
    lead = await new_lead(scorer)
    headers = installation.headers(role, agent_id=ids.uuid7() if role in (Role.AGENT, Role.PARTNER) else None)

    async def may(method: str, path: str, body: object = None) -> bool:
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.status_code != 401
        return answer.status_code != 403

    score = f"/v1/scores/{lead}"
    looking = (
        "/v1/scorecards/active",
        "/v1/scorecards/vocabulary",
        "/v1/qualifications/active",
        "/v1/scores",
        score,
        f"{score}/history",
    )
    assert [await may("GET", path) for path in looking] == [reads] * len(looking)
    assert await may("POST", "/v1/scorecards", CARD) == writes
    assert await may("POST", "/v1/scorecards/2/activate") == writes
    assert await may("POST", "/v1/scores/rescores", {}) == writes
    assert await may("POST", "/v1/qualifications", DEFINITION) == agrees
    assert await may("POST", "/v1/qualifications/3/approve", {}) == agrees
    assert await may("PUT", f"{score}/override", {"grade": "A1", "reason": "x"}) == agrees
    assert await may("PUT", f"{score}/evidence/need", {"value": "x", "confidence": 5}) == agrees
    assert (await client.get("/v1/scores", headers={"Authorization": ""})).status_code == 401
