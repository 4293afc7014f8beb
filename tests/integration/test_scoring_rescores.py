"""Scoring all leads anew: a job in steps, with progress; cancelled, tried dry, killed in the middle and taken over."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from services.scoring.handlers import documents, rescores
from services.scoring.handlers.rescores import JOB_STEPS, KIND
from services.scoring.store.documents import Kind
from shared.db.uow import UnitOfWork
from shared.jobs import Job, Jobs, Progress, find, give_up
from tests.support.events import ids, lead_erased, lead_merged
from tests.support.installation import Installation
from tests.support.scorer import CARD, FACTS, Scorer, did, message, received, scorer_of, stage
from tests.support.waiting import eventually

STRICTER = {**CARD, "letters": [{"letter": "A", "min": 60}, *CARD["letters"][1:]]}


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescores, "STEP", 10)


@pytest.fixture
async def scorer(installation: Installation) -> AsyncIterator[Scorer]:
    async with scorer_of(installation) as opened:
        await opened.use(CARD)
        yield opened


async def some_leads(scorer: Scorer, count: int = 35) -> list[UUID]:
    """Every third has a budget, and so an A by the card and a B by the stricter one."""
    leads = [ids.uuid7() for _ in range(count)]
    await scorer.take(
        *[message(received(lead, {**FACTS, "budget": 20_000} if n % 3 == 0 else FACTS)) for n, lead in enumerate(leads)]
    )
    return leads


async def begin(scorer: Scorer, **asked: Any) -> UUID:
    defaults = {"dry_run": False, "closed": False, "scorecard_version": None, "definition_version": None}
    async with scorer.database.begin() as uow:
        return (await rescores.create(uow, by="tester", **{**defaults, **asked})).id


async def shown(scorer: Scorer, id: UUID) -> dict[str, Any]:
    async with scorer.database.begin() as uow:
        return rescores.shown(await find(uow, id))


async def finish(scorer: Scorer) -> None:
    jobs = Jobs(scorer.database, JOB_STEPS)
    while await jobs.turn():
        pass


async def test_a_rescore_says_once_what_changed_and_keeps_what_was(scorer: Scorer) -> None:
    leads = await some_leads(scorer)
    await scorer.use(STRICTER)
    id = await begin(scorer)
    await finish(scorer)
    told = await shown(scorer, id)
    assert (told["state"], told["done"], told["total"], told["changed"]) == ("done", 35, 35, 12)
    assert told["moves"] == [{"from": "A3 marketing_qualified", "to": "B3 marketing_qualified", "leads": 12}]
    assert (told["scorecard_version"], told["definition_version"]) == (3, 1)
    grades = [await scorer.grades(lead) for lead in leads]
    assert grades == [["A3", "B3"] if n % 3 == 0 else ["B3"] for n in range(35)]
    rows = await scorer.rows("SELECT scorecard_version, revision, cause FROM scoring.leads")
    assert {tuple(row.values()) for row in rows} == {(3, 2, "rescored")}, "all of them keep the version they were judged by"
    before = await scorer.rows("SELECT scorecard_version, revision, cause, scored_sequence FROM scoring.history")
    assert len(before) == 35
    assert {tuple(row.values()) for row in before} == {(2, 1, "received", 1)}
    await begin(scorer)
    await finish(scorer)
    assert len(await scorer.rows("SELECT * FROM scoring.history")) == 35, "nothing is new"
    assert [await scorer.grades(lead) for lead in leads] == grades


async def test_whom_it_leaves_out(scorer: Scorer) -> None:
    won, away, erased, alive = await some_leads(scorer, 4)
    await scorer.take(message(stage(won, "won")), message(lead_merged(away, alive), 2), message(lead_erased(erased), 2))
    await scorer.use({**CARD, "letters": [{"letter": "Z"}]})
    await begin(scorer)
    await finish(scorer)
    assert [(await scorer.grades(lead))[-1] for lead in (won, away, alive)] == ["A3", "B3", "Z3"]
    id = await begin(scorer, closed=True)
    await finish(scorer)
    assert (await shown(scorer, id))["done"] == 2
    assert (await scorer.grades(won))[-1] == "Z3"


async def test_a_dry_run_tries_a_draft_and_writes_nothing(scorer: Scorer) -> None:
    leads = await some_leads(scorer)
    async with scorer.database.begin() as uow:
        await documents.create_draft(Kind.SCORECARD, STRICTER, uow, by="tester")
    rows = await scorer.rows("SELECT * FROM scoring.leads ORDER BY lead_id")
    id = await begin(scorer, dry_run=True, scorecard_version=3)
    await finish(scorer)
    told = await shown(scorer, id)
    assert (told["state"], told["changed"], told["scorecard_version"]) == ("done", 12, 3)
    assert await scorer.rows("SELECT * FROM scoring.leads ORDER BY lead_id") == rows
    assert len(await scorer.emitted()) == len(leads)


async def dying(calls: list[int], job: Job, uow: UnitOfWork, *, at: int) -> Progress:
    """The step, which dies behind its work and before it is durable."""
    progress = await JOB_STEPS[KIND](job, uow)
    calls.append(job.done)
    if len(calls) == at:
        raise Killed
    return progress


async def test_killed_in_the_middle_another_goes_on_and_nothing_is_said_twice(installation: Installation, scorer: Scorer) -> None:
    leads = await some_leads(scorer)
    await scorer.use(STRICTER)
    id = await begin(scorer)
    calls: list[int] = []
    with pytest.raises(Killed):
        await Jobs(scorer.database, {KIND: functools.partial(dying, calls, at=3)}).turn()
    assert (await shown(scorer, id))["done"] == 20
    scorer.clock.advance(minutes=5)
    async with scorer_of(installation, scorer.clock) as other:
        await finish(other)
    told = await shown(scorer, id)
    assert (told["state"], told["done"], told["changed"]) == ("done", 35, 12)
    assert [await scorer.grades(lead) for lead in leads] == [["A3", "B3"] if n % 3 == 0 else ["B3"] for n in range(35)]


async def test_cancelled_it_stops_behind_the_step_in_hand(scorer: Scorer) -> None:
    await some_leads(scorer)
    await scorer.use(STRICTER)
    id = await begin(scorer)

    async def cancelling(job: Job, uow: UnitOfWork) -> Progress:
        if job.done == 10:
            async with scorer.database.begin() as other:
                await give_up(other, id)
        return await JOB_STEPS[KIND](job, uow)

    jobs = Jobs(scorer.database, {KIND: cancelling})
    while await jobs.turn():
        pass
    told = await shown(scorer, id)
    assert (told["state"], told["done"]) == ("cancelled", 20)
    versions = await scorer.rows("SELECT scorecard_version, count(*) AS n FROM scoring.leads GROUP BY 1 ORDER BY 1")
    assert [tuple(row.values()) for row in versions] == [(2, 15), (3, 20)], "what was scored by then stays scored"


async def test_what_happens_meanwhile_is_not_lost(scorer: Scorer) -> None:
    """A lead that does something between the steps is scored by both, in either order, to the same."""
    leads = await some_leads(scorer)
    await scorer.use(STRICTER)
    await begin(scorer)

    async def meanwhile(job: Job, uow: UnitOfWork) -> Progress:
        if job.done == 10:
            await scorer.take(message(did(leads[0]), 2), message(did(leads[-1]), 2))
        return await JOB_STEPS[KIND](job, uow)

    jobs = Jobs(scorer.database, {KIND: meanwhile})
    while await jobs.turn():
        pass
    assert [await scorer.engagement(lead) for lead in (leads[0], leads[-1])] == [1000, 1000]
    assert (await scorer.grades(leads[-1]))[-1] == "B2"


async def test_over_http_with_progress(installation: Installation, scorer: Scorer) -> None:
    await some_leads(scorer)
    await scorer.use(STRICTER)
    async with installation.running("scoring") as client:
        refused = await client.post("/v1/scores/rescores", json={"scorecard_version": 2})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "/dry_run")
        nowhere = await client.post("/v1/scores/rescores", json={"dry_run": True, "scorecard_version": 99})
        assert (nowhere.status_code, nowhere.json()["errors"][0]["field"]) == (422, "/scorecard_version")
        made = await client.post("/v1/scores/rescores", json={})
        assert (made.status_code, made.json()["total"], made.json()["created_by"]) == (202, 35, "tester")
        at = f"/v1/scores/rescores/{made.json()['id']}"

        async def done() -> dict[str, Any] | None:
            told: dict[str, Any] = (await client.get(at)).json()
            return told if told["state"] == "done" else None

        told = await eventually(done) or {}
        assert (told["done"], told["changed"]) == (35, 12)
        listed = (await client.get("/v1/scores/rescores")).json()["items"]
        assert [one["id"] for one in listed] == [made.json()["id"]]
        assert (await client.post(f"{at}/cancel")).status_code == 409
        assert (await client.get(f"/v1/scores/rescores/{ids.uuid7()}")).status_code == 404
