"""What changes a score, on a real PostgreSQL with a clock set by hand: what people do, what they say again, time, merges."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.scoring.store.documents import Kind
from shared.contracts.events import LeadErased, LeadMerged, LeadScored, LeadUnmerged
from tests.support.events import ids, lead_erased, lead_merged, lead_unmerged
from tests.support.installation import Installation
from tests.support.scorer import (
    CARD,
    DEFINITION,
    FACTS,
    NOON,
    Scorer,
    corrected,
    did,
    message,
    received,
    scorer_of,
    stage,
    touched,
)

DAY = timedelta(days=1)


@pytest.fixture
async def scorer(installation: Installation) -> AsyncIterator[Scorer]:
    async with scorer_of(installation) as opened:
        await opened.use(CARD)
        yield opened


async def new_lead(scorer: Scorer, **facts: Any) -> UUID:
    lead_id = ids.uuid7()
    await scorer.take(message(received(lead_id, {**FACTS, **facts}, at=scorer.clock.now())))
    return lead_id


# -- What people do ----------------------------------------------------------------------------------------------------------------


async def test_what_people_do_is_said_once_it_changes_a_grade(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    for n in range(3):
        await scorer.take(message(did(lead), 2 + n))
    first, second, third = await scorer.scores(lead)
    assert (first.grade, first.points, first.changed, first.engagement) == ("B3", 20, [], 0)
    assert (second.grade, second.points, second.changed) == ("B2", 30, ["grade"])
    assert (third.grade, third.points, third.fit, third.engagement) == ("B1", 50, 2000, 3000), "two page views said nothing new"
    assert third.changed == ["grade", "thresholds"]
    assert (third.letter, third.number, third.thresholds) == ("B", 1, ["warm"])
    assert sum(reason.hundredths for reason in third.reasons) == 5000
    assert [(one.name, one.part, one.hundredths) for one in third.reasons] == [
        ("email", "fit", 2000),
        ("page", "engagement", 3000),
    ]
    row = await scorer.lead(lead)
    assert (row["revision"], row["sequence"], row["cause"]) == (3, 3, "activity")


@pytest.mark.parametrize(("hysteresis", "said"), [(12, 3), (0, 60)])
async def test_repeated_activity_does_not_flood(scorer: Scorer, hysteresis: int, said: int) -> None:
    """A page view every five days: between 24 and 34 points in the end, around the minimum of 30."""
    await scorer.use({**CARD, "thresholds": [], "hysteresis": hysteresis})
    lead = await new_lead(scorer)
    for n in range(40):
        scorer.clock.advance(days=5)
        await scorer.fade()
        await scorer.take(message(did(lead, at=scorer.clock.now()), 2 + n))
    grades = await scorer.grades(lead)
    assert grades == ["B3", "B2", "B1"] if said == 3 else len(grades) > said, "without hysteresis it would be said up and down"
    assert len(await scorer.rows("SELECT * FROM scoring.history WHERE lead_id = $1", lead)) == len(grades) - 1


async def test_the_order_of_activities_does_not_matter(installation: Installation) -> None:
    """More of them than are kept, at any moments, in any batches: the score is the same, and so is what is kept."""
    rng = random.Random(4)
    kinds = ["page_view", "email_open", "meeting"]
    moments = [NOON - timedelta(minutes=rng.randrange(60 * 24 * 30)) for _ in range(230)]
    async with scorer_of(installation) as scorer:
        done = {(at, ids.uuid7()): did(ids.uuid7(), kinds[n % 3], at=at) for n, at in enumerate(moments)}
        found = []
        for _ in range(3):
            lead = await new_lead(scorer)
            order = list(done.values())
            rng.shuffle(order)
            while order:
                cut = rng.randint(1, 60)
                batch, order = order[:cut], order[cut:]
                events = [type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "lead_id": lead}) for one in batch]
                await scorer.take(*[message(event, 2) for event in events])
            kept = await scorer.rows("SELECT id FROM scoring.activities WHERE lead_id = $1 ORDER BY id", lead)
            await scorer.take(message(corrected(lead, {"product": "other", "has_email": True}), 999))
            last = (await scorer.scores(lead))[-1]
            found.append((len(kept), [row["id"] for row in kept], last.engagement - 400, last.fit))
        assert found[0] == found[1] == found[2]
        assert found[0][0] == 200


async def test_an_activity_that_comes_twice_counts_once(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    activity = did(lead)
    for n in range(3):
        await scorer.take(message(activity, 2 + n))
    assert [score.engagement for score in await scorer.scores(lead)] == [0, 1000]


async def test_the_same_events_give_the_same_score(installation: Installation, scorer: Scorer) -> None:
    """Replayed at once or one by one, at the same moment."""
    found = []
    for together in (True, False):
        lead = ids.uuid7()
        story = [
            received(lead, at=NOON - 9 * DAY),
            did(lead, at=NOON - 3 * DAY),
            touched(lead, at=NOON - 2 * DAY, budget=20_000),
            did(lead, at=NOON - 5 * DAY),
            corrected(lead, {**FACTS, "product": "basic"}),
        ]
        messages = [message(event, n) for n, event in enumerate(story, 1)]
        for batch in [messages] if together else [[one] for one in messages]:
            await scorer.take(*batch)
        last = (await scorer.scores(lead))[-1]
        found.append((last.fit, last.engagement, last.grade, last.qualification, last.reasons, last.facts))
    assert found[0] == found[1]


async def test_activities_before_their_lead_count_when_it_comes(scorer: Scorer) -> None:
    lead = ids.uuid7()
    await scorer.take(message(did(lead), 2), message(touched(lead), 3))
    assert await scorer.emitted() == []
    await scorer.take(message(received(lead)))
    [only] = await scorer.scores(lead)
    assert (only.fit, only.engagement, only.changed) == (2000, 1750, [])


# -- What is said again ------------------------------------------------------------------------------------------------------------


async def test_a_submission_adds_to_what_is_known(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    await scorer.take(message(touched(lead, budget=20_000, source_="x", has_email=False, email_kind="none"), 2))
    first, second = await scorer.scores(lead)
    assert (first.grade, second.grade, second.fit, second.engagement) == ("B3", "A3", 5000, 750)
    assert second.facts == {**FACTS, "budget": 20_000, "source_": "x"}, "the way to reach them is not lost"
    assert second.facts["source"] == "website"


async def test_a_correction_replaces_what_was_read_and_goes_on(scorer: Scorer) -> None:
    lead = await new_lead(scorer, budget=20_000)
    await scorer.take(message(touched(lead, tier="gold"), 2))
    await scorer.take(message(corrected(lead, {**FACTS, "product": "basic"}), 3))
    await scorer.take(message(corrected(lead, {**FACTS, "product": "basic"}), 4))
    scores = await scorer.scores(lead)
    assert [(score.grade, score.changed) for score in scores] == [("A3", []), ("B3", ["grade", "thresholds", "facts"])]
    assert scores[-1].facts == {**FACTS, "product": "basic", "tier": "gold"}, "what came later is still known"


async def test_a_correction_that_changes_no_grade_still_tells_the_facts(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    await scorer.take(message(corrected(lead, {**FACTS, "country": "ES"}), 2))
    assert [(score.grade, score.changed) for score in await scorer.scores(lead)] == [("B3", []), ("B3", ["facts"])]


async def test_whose_a_lead_is_is_kept_and_not_said(scorer: Scorer) -> None:
    lead, contact = await new_lead(scorer), str(ids.uuid7())
    await scorer.take(message(touched(lead, "recognised", contact_id=contact), 2))
    assert len(await scorer.emitted(lead)) == 1
    await scorer.take(message(touched(lead, budget=20_000, contact_id="another"), 3))
    last = (await scorer.scores(lead))[-1]
    assert (last.facts["contact_id"], last.engagement) == (contact, 750)


# -- Time --------------------------------------------------------------------------------------------------------------------------


async def test_a_lead_that_fades_below_a_grade_says_so_once_and_in_time(scorer: Scorer) -> None:
    """Three page views are 30 points. With two points of hysteresis the number falls at 28 and 8, the threshold at 23."""
    lead = await new_lead(scorer)
    await scorer.take(*[message(did(lead), 2 + n) for n in range(3)])
    seen = []
    while due := await scorer.value("SELECT min(due_at) FROM scoring.timers"):
        scorer.clock.shown = due
        before = len(await scorer.scores(lead))
        await scorer.fade()
        seen += [(due, score.grade, score.changed) for score in (await scorer.scores(lead))[before:]]
    assert [told for _, *told in seen] == [["B2", ["grade"]], ["B2", ["thresholds"]], ["B3", ["grade"]]]
    for (at, *_), left in zip(seen, (28, 23, 8), strict=True):
        assert abs(at - (NOON + 10 * DAY * math.log2(30 / (left - 0.005)))) <= timedelta(minutes=1)
    assert (await scorer.lead(lead))["next_change"] is None


async def test_an_early_timer_says_nothing_and_is_set_again(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    await scorer.take(*[message(did(lead), 2 + n) for n in range(3)])
    due = await scorer.value("SELECT due_at FROM scoring.timers")
    early = NOON + timedelta(hours=1)
    async with scorer.database.begin() as uow:
        await uow.execute("UPDATE scoring.timers SET due_at = $1", early)
    scorer.clock.shown = early
    said = len(await scorer.emitted())
    await scorer.fade()
    assert len(await scorer.emitted()) == said
    again = await scorer.value("SELECT due_at FROM scoring.timers")
    assert abs(again - due) < timedelta(minutes=2)
    assert (await scorer.lead(lead))["next_change"] == again


async def test_a_timer_is_handled_by_the_versions_that_judged_the_lead(scorer: Scorer) -> None:
    """A new card is not announced by accident, to whichever leads happen to fade."""
    lead = await new_lead(scorer)
    await scorer.take(message(did(lead), 2), message(did(lead), 3))
    await scorer.use({**CARD, "letters": [{"letter": "Z"}]})
    await scorer.fade_until(NOON + 60 * DAY)
    scores = await scorer.scores(lead)
    assert [score.grade for score in scores] == ["B3", "B2", "B3"]
    assert {score.scorecard_version for score in scores} == {2}
    await scorer.take(message(did(lead, at=scorer.clock.now()), 4))
    last = (await scorer.scores(lead))[-1]
    assert (last.grade, last.scorecard_version) == ("Z2", 3), "what is new is scored by what is active"


async def test_qualifications_fade_too(scorer: Scorer) -> None:
    """Evidence of the budget is 80 per cent sure and forgotten by half in 30 days; the level asks 50."""
    sales, marketing = DEFINITION["levels"]
    await scorer.use({**DEFINITION, "levels": [{**sales, "floors": {"budget": 50}}, marketing]}, Kind.DEFINITION)
    lead = await new_lead(scorer, budget=20_000)
    [first] = await scorer.scores(lead)
    assert (first.qualification, first.outcome, first.level, first.dimensions) == (
        "sales_qualified",
        "qualified",
        "SQL",
        {"budget": 80},
    )
    await scorer.fade_until(NOON + 20 * DAY)
    assert len(await scorer.scores(lead)) == 1
    await scorer.fade_until(NOON + 21 * DAY)
    last = (await scorer.scores(lead))[-1]
    assert (last.qualification, last.changed, last.dimensions) == ("marketing_qualified", ["qualification"], {"budget": 49})


async def test_a_lead_that_is_over_fades_in_silence_until_it_is_opened_again(scorer: Scorer) -> None:
    lead = await new_lead(scorer)
    await scorer.take(*[message(did(lead), 2 + n) for n in range(2)])
    await scorer.take(message(stage(lead, "lost")))
    assert await scorer.rows("SELECT * FROM scoring.timers") == []
    scorer.clock.advance(days=40)
    await scorer.fade()
    assert await scorer.grades(lead) == ["B3", "B2"]
    await scorer.take(message(stage(lead, "contacted"), 2))
    assert await scorer.grades(lead) == ["B3", "B2", "B3"]
    assert (await scorer.lead(lead))["cause"] == "reopened"


async def test_two_replicas_fade_each_lead_once(installation: Installation, scorer: Scorer) -> None:
    leads = [await new_lead(scorer) for _ in range(10)]
    for lead in leads:
        await scorer.take(message(did(lead), 2))
    scorer.clock.advance(days=60)
    async with scorer_of(installation, scorer.clock) as other:
        await scorer.fade()
        await other.fade()
    assert [await scorer.grades(lead) for lead in leads] == [["B3", "B2", "B3"]] * 10


# -- Merges ------------------------------------------------------------------------------------------------------------------------


async def test_a_merge_counts_what_happened_on_both_and_its_undoing_restores_it(scorer: Scorer) -> None:
    survivor, away = await new_lead(scorer), await new_lead(scorer)
    await scorer.take(message(did(away), 2), message(did(survivor), 2))
    before = {lead: (await scorer.scores(lead))[-1] for lead in (survivor, away)}
    await scorer.take(message(lead_merged(away, survivor), 3))
    assert await scorer.engagement(survivor) == 2000
    await scorer.take(message(did(survivor), 3))
    assert (await scorer.scores(survivor))[-1].engagement == 3000
    await scorer.take(message(lead_unmerged(away, survivor), 4))
    after = {lead: (await scorer.scores(lead))[-1] for lead in (survivor, away)}
    assert after[survivor].engagement == 2000, "its own two"
    assert (after[away].reasons, after[away].grade) == (before[away].reasons, before[away].grade)
    told = [type(one.data) for one in await scorer.emitted(away)]
    assert told == [LeadScored, LeadScored, LeadMerged, LeadUnmerged]


async def test_a_merge_and_its_undoing_without_news_leave_the_score_as_it_was(scorer: Scorer) -> None:
    survivor, away = await new_lead(scorer), await new_lead(scorer)
    await scorer.take(message(did(away), 2))
    keys = ("points", "fit", "engagement", "grade", "qualification", "thresholds", "reasons", "judgement")
    rows = {lead: await scorer.lead(lead) for lead in (survivor, away)}
    await scorer.take(message(lead_merged(away, survivor), 3))
    assert (await scorer.scores(survivor))[-1].grade == "B2"
    await scorer.take(message(lead_unmerged(away, survivor), 4))
    for lead, row in rows.items():
        again = await scorer.lead(lead)
        assert {key: again[key] for key in keys} == {key: row[key] for key in keys}
        assert again["next_change"] == row["next_change"]


async def test_what_happens_on_a_merged_lead_counts_for_the_one_that_goes_on(scorer: Scorer) -> None:
    """Down a chain of merges, each thing once."""
    first, second, third = [await new_lead(scorer) for _ in range(3)]
    await scorer.take(message(lead_merged(first, second), 2), message(lead_merged(second, third), 2))
    await scorer.take(message(did(first), 3))
    assert [score.engagement for score in await scorer.scores(third)] == [0, 1000]
    assert len(await scorer.scores(first)) == len(await scorer.scores(second)) == 1
    await scorer.take(message(lead_unmerged(second, third), 4))
    assert (await scorer.scores(third))[-1].engagement == 0
    assert (await scorer.scores(second))[-1].engagement == 1000


async def test_a_survivor_that_is_not_known_yet_counts_what_was_merged(scorer: Scorer) -> None:
    away, survivor = await new_lead(scorer), ids.uuid7()
    await scorer.take(message(did(away), 2), message(lead_merged(away, survivor), 3))
    await scorer.take(message(received(survivor)))
    assert [score.engagement for score in await scorer.scores(survivor)] == [1000]


async def test_a_circle_of_merges_ends(scorer: Scorer) -> None:
    one, other = await new_lead(scorer), await new_lead(scorer)
    await scorer.take(message(lead_merged(one, other), 2), message(lead_merged(other, one), 2))
    await scorer.take(message(did(one), 3))
    assert [len(await scorer.scores(lead)) for lead in (one, other)] == [1, 1]


# -- Erasure -----------------------------------------------------------------------------------------------------------------------


async def test_all_of_an_erased_lead_goes(scorer: Scorer) -> None:
    survivor, lead = await new_lead(scorer), await new_lead(scorer)
    await scorer.take(message(did(lead, page="/quartz"), 2), message(touched(lead, tier="quartz"), 3), message(did(survivor), 2))
    await scorer.take(message(lead_merged(lead, survivor), 4))
    assert (await scorer.scores(survivor))[-1].engagement == 2750
    await scorer.take(message(lead_erased(lead), 5))
    last = (await scorer.emitted(lead))[-1]
    assert isinstance(last.data, LeadErased)
    assert last.data.removed == {"leads": 1, "activities": 2, "history": 1}
    for table in ("activities", "history", "timers"):
        column = "subject" if table == "timers" else "lead_id"
        assert await scorer.rows(f"SELECT * FROM scoring.{table} WHERE {column} = $1", lead) == []
    left = {name: value for name, value in (await scorer.lead(lead)).items() if value is not None}
    assert left.keys() == {"lead_id", "sequence", "erased_at", "revision"}
    assert (await scorer.scores(survivor))[-1].engagement == 1000, "what happened on an erased lead counts for no other"
    await scorer.take(message(did(lead), 6), message(touched(lead), 7))
    assert await scorer.rows("SELECT * FROM scoring.activities WHERE lead_id = $1", lead) == []
