"""What is announced of a lead: rises at once, falls only when surely lost, and nothing flaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.scorecard import Announced, Score, Scorecard, announce, relaxed
from services.scoring.domain.scorecard.scoring import letter_of, number_of
from tests.unit.scoring.cards import card, documents, small

examples = settings(max_examples=100, deadline=None)
FIRST = Announced("C", 3, "insufficient")


def scored(compiled: Scorecard, fit: int, engagement: int = 0) -> Score:
    """A score of so many hundredths."""
    thresholds = tuple(one.name for one in compiled.thresholds if fit + engagement >= one.min)
    letter, number = letter_of(compiled.letters, fit), number_of(compiled.numbers, engagement)
    return Score(fit, engagement, fit + engagement, letter, number, thresholds, ())


def by_points(found: Score, least: int = 4_000) -> str:
    return "sales_qualified" if found.points >= least else "insufficient"


def told(compiled: Scorecard, announced: Announced | None, fit: int, engagement: int = 0) -> tuple[Announced, bool]:
    """What is announced of a lead that a definition judges by its points alone."""
    found = scored(compiled, fit, engagement)
    return announce(compiled, announced, found, by_points(found), relaxed_qualification=by_points(relaxed(compiled, found)))


def test_the_first_score_is_always_announced() -> None:
    said, changed = told(card(), None, 5_000, 500)
    assert (said, changed) == (Announced("A", 2, "sales_qualified"), True)
    assert said.grade == "A2"
    assert told(card(), said, 5_000, 500) == (said, False)


@pytest.mark.parametrize(
    ("fit", "engagement", "letter", "number", "thresholds"),
    [
        (5_000, 2_000, "A", 1, ("hot",)),
        (4_999, 1_999, "A", 1, ("hot",)),
        (4_800, 1_800, "A", 1, ("hot",)),
        (4_799, 1_799, "B", 2, ("hot",)),
        (4_000, 1_799, "B", 2, ()),
        (1_799, 299, "C", 3, ()),
    ],
)
def test_a_step_is_given_up_only_below_its_minimum_by_more_than_the_hysteresis(
    fit: int, engagement: int, letter: str, number: int, thresholds: tuple[str, ...]
) -> None:
    best = Announced("A", 1, "sales_qualified", ("hot",))
    said, changed = told(card(), best, fit, engagement)
    assert (said.letter, said.number, said.thresholds) == (letter, number, thresholds)
    assert changed == (said != best)


def test_a_step_is_reached_at_once() -> None:
    assert told(card(), FIRST, 1_999)[0].letter == "C"
    assert told(card(), FIRST, 2_000)[0].letter == "B"
    assert told(card(), FIRST, 6_000)[0] == Announced("A", 3, "sales_qualified", ("hot",))


def test_a_qualification_is_held_by_the_same_hysteresis() -> None:
    sales = Announced("B", 3, "sales_qualified")
    assert [told(card(), sales, fit)[0].qualification for fit in (4_000, 3_800, 3_799)] == [
        "sales_qualified",
        "sales_qualified",
        "insufficient",
    ]
    assert told(card(), replace(sales, qualification="insufficient"), 3_999)[0].qualification == "insufficient"


def test_a_lead_that_is_disqualified_whatever_its_points_is_told_at_once() -> None:
    sales = Announced("A", 3, "sales_qualified")
    said, changed = announce(card(), sales, scored(card(), 5_000), "disqualified", relaxed_qualification="disqualified")
    assert (said.qualification, changed) == ("disqualified", True)


def test_what_a_new_card_no_longer_has_is_given_up_at_once() -> None:
    old = Announced("Platinum", 7, "insufficient", ("burning",))
    assert told(card(), old, 100)[0] == Announced("C", 3, "insufficient")


@examples
@given(documents(), st.lists(st.tuples(st.integers(-5_000, 9_000), st.integers(-5_000, 9_000)), min_size=1, max_size=12))
def test_what_is_announced_lies_between_what_is_reached_and_what_is_not_yet_lost(
    document: dict[str, Any], moves: list[tuple[int, int]]
) -> None:
    compiled = card(document)
    said: Announced | None = None
    for fit, engagement in moves:
        before = said
        said, changed = told(compiled, said, fit, engagement)
        reached = scored(compiled, fit, engagement)
        eased = relaxed(compiled, reached)
        assert eased.letter <= said.letter <= reached.letter
        assert eased.number <= said.number <= reached.number
        assert set(reached.thresholds) <= set(said.thresholds) <= set(eased.thresholds)
        assert changed == (said != before)
        assert told(compiled, said, fit, engagement) == (said, False), "said again, it is nothing new"


@examples
@given(
    st.sampled_from(
        [("fit", 5_000), ("fit", 2_000), ("engagement", 2_000), ("engagement", 500), ("points", 6_000), ("points", 4_000)]
    ),
    st.lists(st.integers(-200, 199), min_size=2, max_size=40),
)
def test_nothing_flaps_where_activity_moves_a_score_to_and_fro_around_a_minimum(
    around: tuple[str, int], moves: list[int]
) -> None:
    """Within the hysteresis below a minimum, and anywhere above it, at most the first rise is news."""
    compiled = card(small())
    part, least = around
    changes, said = 0, None
    for move in moves:
        fit, engagement = {
            "fit": (least + move, 0),
            "engagement": (-9_000, least + move),
            "points": (3_000, least - 3_000 + move),
        }[part]
        said, changed = told(compiled, said, fit, engagement)
        changes += changed
    assert changes <= 2
