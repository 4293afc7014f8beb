"""Forgetting: by halves, continuously, and the same in whatever order things happened."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.scorecard import Occurrence, score
from services.scoring.domain.scorecard.decay import remember
from tests.unit.scoring.cards import NOW, behaving, card, documents, happened, occurrences

DAY = timedelta(days=1)
examples = settings(max_examples=60, deadline=None)


def test_half_is_left_after_a_half_life() -> None:
    compiled = behaving({"points": 10, "half_life_days": 14})
    left = [score(compiled, {}, [happened()], NOW + n * 14 * DAY).points for n in range(6)]
    assert left == [1_000, 500, 250, 125, 62, 31]


def test_without_a_half_life_nothing_is_forgotten() -> None:
    compiled = behaving({"points": 10})
    assert score(compiled, {}, [happened()], NOW + 10_000 * DAY).points == 1_000


def test_negative_points_are_forgotten_too() -> None:
    compiled = behaving({"points": -10, "half_life_days": 1})
    assert [score(compiled, {}, [happened()], NOW + n * DAY).points for n in (0, 1, 2)] == [-1_000, -500, -250]


def test_what_is_very_old_is_worth_nothing_and_gives_no_reason() -> None:
    compiled = behaving({"points": 10, "half_life_days": 0.01})
    assert score(compiled, {}, [happened()], NOW + 30_000 * DAY).reasons == ()


@examples
@given(documents(), occurrences, st.floats(0, 400), st.floats(0, 600))
def test_decay_is_continuous(document: dict[str, Any], did: list[Occurrence], days: float, seconds: float) -> None:
    """In a short time no score moves by more than its steepest possible decay, and the rounding of each reason."""
    compiled = card(document)
    moment = NOW + timedelta(days=days)
    before, after = (score(compiled, {}, did, at).engagement for at in (moment, moment + timedelta(seconds=seconds)))
    steepest = sum(
        abs(one.points) * min(one.times, len(did)) * math.log(2) / one.half_life
        for one in compiled.behaviours
        if one.half_life is not None
    )
    assert abs(after - before) <= steepest * seconds + len(compiled.behaviours)


@examples
@given(documents(signs=(1,)), occurrences, st.floats(0, 400), st.floats(0, 400))
def test_points_above_nothing_only_fall(document: dict[str, Any], did: list[Occurrence], one: float, other: float) -> None:
    compiled = card(document)
    early, late = sorted((one, other))
    assert (
        score(compiled, {}, did, NOW + timedelta(days=early)).engagement
        >= score(compiled, {}, did, NOW + timedelta(days=late)).engagement
    )


@examples
@given(st.lists(st.floats(0, 10**7), min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_a_sum_of_decayed_points_does_not_depend_on_the_order(ages: list[float], random: Any) -> None:
    """To the last bit, before it is rounded: otherwise a half could be rounded up here and down there."""
    compiled = behaving({"points": 3.33, "half_life_days": 9.7, "times": 200})
    did = [happened(id=n, ago=timedelta(seconds=age)) for n, age in enumerate(ages)]
    (one,), (other,) = (remember(compiled, order, NOW) for order in (did, random.sample(did, len(did))))
    assert one.worth() == other.worth()
    assert one.worth(5_000.0) == other.worth(5_000.0)
