"""The past is what intake would have made of it, and the leads that come to it are what they are meant to be."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import pytest
from rapidfuzz.distance import OSA

from services.intake.domain.likeness import SUGGESTED, weigh
from services.intake.domain.likeness.names import Agreement, compare_first
from services.intake.domain.likeness.spelling import fold
from shared.clock import SystemClock
from tests.bench.body import ON_KNOWN_PHONE, ROUND, TOUCHES, Mix
from tests.bench.people import COMPANIES, FIRST, LAST, PEOPLE, person
from tests.bench.population import fill, kept_of, kept_slowly
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tests.support.world import connected

KNOWN = 3_000
NAMESAKES = len(FIRST) * len(LAST)
AREA = PEOPLE // 11

# -- People ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, COMPANIES, NAMESAKES + 7, AREA - 1, AREA, PEOPLE - 1, *range(100_003, 4_000_000, 400_009)])
def test_what_is_kept_of_a_person_is_what_intake_makes_of_them(n: int) -> None:
    assert kept_of(n) == kept_slowly(n)


@pytest.mark.parametrize("apart", [1, len(FIRST), len(LAST), COMPANIES, NAMESAKES, 2 * NAMESAKES, AREA, AREA + 1])
def test_no_two_people_are_taken_for_one(apart: int) -> None:
    for n in range(0, 60_000, 1_709):
        assert weigh(kept_of(n).profile, kept_of(n + apart).profile).score < SUGGESTED


def test_no_two_of_one_name_are_taken_for_one_whatever_their_companies() -> None:
    for one in range(COMPANIES):
        known = kept_of(one).profile
        for other in range(one + NAMESAKES, PEOPLE, NAMESAKES):
            assert weigh(known, kept_of(other).profile).score < SUGGESTED, (person(one), person(other))


def test_no_first_name_is_a_variant_of_another() -> None:
    for one, other in itertools.combinations(FIRST, 2):
        assert compare_first(fold(one), fold(other)) is Agreement.DIFFERS


def test_no_phone_number_is_one_slip_from_another() -> None:
    numbers = [person(n).phone for n in (*range(200), *range(60_013, PEOPLE, 60_013), *range(PEOPLE - 200, PEOPLE))]
    assert len(set(numbers)) == len(numbers)
    assert all(OSA.distance(one, other, score_cutoff=1) > 1 for one, other in itertools.combinations(numbers, 2))


# -- Leads -------------------------------------------------------------------------------------------------------------------------


def test_the_mix_has_as_many_touches_as_it_says() -> None:
    mix = Mix(KNOWN)
    recent = {person(n).email for n in range(KNOWN - mix.recent, KNOWN)}
    emails = [mix.sender(n).email for n in range(500)]
    for leads in (0, 1, 4, 14, 20, 137, 500):
        assert mix.touches(leads) == sum(email in recent for email in emails[:leads])
    assert mix.touches(ROUND) == len(TOUCHES)
    assert Mix().touches(ROUND) == 0


def test_everybody_else_is_new_but_for_some_phones() -> None:
    mix, past = Mix(KNOWN), [person(n) for n in range(KNOWN)]
    emails, owners = {one.email for one in past}, {one.phone: one for one in past}
    new = [mix.sender(n) for n in range(4_000) if n % ROUND not in TOUCHES]
    assert len({one.email for one in new} - emails) == len(new)
    sharing = [one for one in new if one.phone in owners]
    assert len(sharing) == 4_000 // ROUND * len(ON_KNOWN_PHONE)
    assert all(one.first != owners[one.phone].first for one in sharing)


async def test_intake_takes_the_mix_for_what_it_is(installation: Installation) -> None:
    mix = Mix(KNOWN)
    await fill(installation.admin_dsn, KNOWN, SystemClock().now(), lambda _: None)
    async with installation.running("intake") as client, connected(installation.admin_dsn) as database:
        (await client.post("/v1/sources", json={"name": "bench"})).raise_for_status()
        past = {row["id"] for row in await database.fetch("SELECT id FROM intake.leads")}
        # Weighed again, they get no other blocks than they have.
        await database.execute(
            "INSERT INTO intake.unweighed (contact_ids, lead_ids) SELECT array_agg(contact_id), array_agg(id) FROM intake.leads"
        )
        answer = await client.post("/v1/leads", json={"leads": [json.loads(mix.lead(n)) for n in range(200)]})
        results = answer.raise_for_status().json()["results"]

        async def weighed() -> bool:
            return await database.fetchval("SELECT count(*) FROM intake.unweighed") == 0

        await eventually(weighed, timeout=20)
        found = await database.fetchrow(
            "SELECT (SELECT count(*) FROM intake.contacts) AS contacts, (SELECT count(*) FROM intake.touches) AS touches, "
            "(SELECT count(*) FROM intake.identifiers WHERE cardinality(contact_ids) = 2) AS shared, "
            "(SELECT count(*) FROM intake.blocks) AS blocks, (SELECT count(*) FROM intake.matches) AS matches"
        )
    assert len(past) == KNOWN
    assert [result["status"] == "touched" for result in results] == [n % ROUND in TOUCHES for n in range(200)]
    assert statuses(results) == {"touched": 20, "accepted": 180}
    assert {str(id) for id in past} > {result["lead_id"] for result in results if result["status"] == "touched"}
    assert dict(found) == {"contacts": KNOWN + 180, "touches": 20, "shared": 10, "blocks": 5 * (KNOWN + 180), "matches": 0}


def statuses(results: list[dict[str, Any]]) -> Counter[str]:
    return Counter(result["status"] for result in results)
