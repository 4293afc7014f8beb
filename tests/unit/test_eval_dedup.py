"""The measurement of recognition: that it is repeatable, that it can tell good from bad, and that recognition has not become worse."""

from __future__ import annotations

from random import Random

import pytest

from tests.eval.dedup.__main__ import measure
from tests.eval.dedup.people import Rates, settle
from tests.eval.dedup.play import Played, play
from tests.eval.dedup.score import Score, score
from tests.eval.dedup.submissions import Submission, submissions

SEED = 7
PEOPLE = 700


@pytest.fixture(scope="module")
def measured() -> Score:
    return measure(SEED, Rates(), people=PEOPLE)


def test_recognition_keeps_its_floor(measured: Score) -> None:
    assert measured.submissions > 1000
    assert measured.pairs.precision >= 0.99
    assert measured.tied.recall >= 0.96
    assert measured.pairs.recall >= 0.92


def test_weighing_finds_what_exact_keys_miss(measured: Score) -> None:
    exact = measure(SEED, Rates(), people=PEOPLE, fuzzy=False)
    assert measured.tied.recall > exact.tied.recall + 0.02


def test_equal_seeds_give_equal_submissions() -> None:
    def draw() -> list[Submission]:
        random = Random(3)
        return submissions(random, Rates(), settle(random, Rates(), count=60))

    assert draw() == draw()


def test_the_noise_is_there(measured: Score) -> None:
    kinds = set(measured.by_noise)
    assert {
        "nickname",
        "name slip",
        "e-mail slip",
        "phone slip",
        "swapped",
        "case",
        "switchboard",
        "work or private",
        "no name",
    } <= kinds


def test_who_shared_an_identifier_is_weighed_again_when_a_name_is_known() -> None:
    def sent(**fields: str) -> Submission:
        return Submission(0, "form", fields | {"country": "US"}, frozenset(), frozenset())

    nameless = sent(email="sunflower77@gmail.com", visitor_id="browser-1")
    other = sent(name="Anna Lindqvist", email="anna.lindqvist@example.com", visitor_id="browser-1")
    named = sent(name="Anna Lindqvist", email="sunflower77@gmail.com")
    assert len(set(play([nameless, other]).contacts)) == 2
    assert len(set(play([nameless, other, named]).contacts)) == 1


def submission(person: int, *ties: str) -> Submission:
    return Submission(person, "form", {}, frozenset(), frozenset(ties))


def test_scores_of_a_small_case_by_hand() -> None:
    random = Random(1)
    town = settle(random, Rates(in_household=0), count=2)
    sent = [submission(0, "a"), submission(0, "a", "b"), submission(0, "c"), submission(1, "d")]
    result = score(sent, Played(contacts=[1, 1, 2, 2]), town.people)
    assert (result.pairs.right, result.pairs.missed, result.pairs.wrong) == (1, 2, 1)
    assert (result.tied.right, result.tied.missed) == (1, 0)
    assert (result.clusters.right, result.clusters.missed, result.clusters.wrong) == (0, 2, 2)


def test_ties_reach_over_a_third_submission() -> None:
    town = settle(Random(1), Rates(in_household=0), count=1)
    sent = [submission(0, "a"), submission(0, "b"), submission(0, "a", "b")]
    assert score(sent, Played(contacts=[1, 2, 3]), town.people).tied.missed == 3
