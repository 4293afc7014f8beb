"""When what is announced would change by itself: never later than it does, and early only so often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.scorecard import (
    NO_MARKS,
    Announced,
    Marks,
    Occurrence,
    Score,
    Scorecard,
    announce,
    next_change,
    relaxed,
    score,
)
from tests.unit.scoring.cards import NOW, behaving, card, documents, facts, happened, occurrences, small

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
CALL = {"points": 10, "half_life_days": 10}
Judge = Callable[[Score], str]


@dataclass(frozen=True)
class Watched:
    """What a definition watches of a score."""

    points: tuple[int, ...] = ()
    engagement: tuple[int, ...] = ()
    blind: bool = False


def indifferent(_: Score) -> str:
    return "insufficient"


def told(
    compiled: Scorecard,
    lead: dict[str, Any],
    did: list[Occurrence],
    at: datetime,
    said: Announced | None,
    judge: Judge = indifferent,
) -> tuple[Announced, bool]:
    found = score(compiled, lead, did, at)
    return announce(compiled, said, found, judge(found), relaxed_qualification=judge(relaxed(compiled, found)))


def upcoming(compiled: Scorecard, *did: Occurrence, at: datetime = NOW, marks: Marks = NO_MARKS) -> datetime | None:
    said, _ = told(compiled, {}, list(did), at, None)
    return next_change(compiled, {}, did, said, at, marks=marks)


# -- By example ----------------------------------------------------------------------------------------------------------------


def test_it_is_the_second_at_which_a_number_falls_by_more_than_the_hysteresis() -> None:
    compiled = behaving(CALL)
    due = upcoming(compiled, happened())
    assert due is not None
    said, _ = told(compiled, {}, [happened()], NOW, None)
    assert said.number == 2
    assert told(compiled, {}, [happened()], due - SECOND, said) == (said, False)
    later, changed = told(compiled, {}, [happened()], due, said)
    assert (later.number, changed) == (3, True)
    # 10 points are less than 3 - 1/200 after 17.4 days of a half-life of 10.
    assert timedelta(days=17.3) < due - NOW < timedelta(days=17.5)


def test_a_lead_of_which_nothing_announced_can_change_is_not_looked_at_again() -> None:
    assert upcoming(behaving(CALL)) is None
    assert upcoming(behaving({"points": 4, "half_life_days": 10}), happened()) is None
    assert upcoming(behaving({"points": 90}), happened()) is None


def test_a_threshold_of_the_whole_score_is_watched_with_the_fit_as_it_is() -> None:
    document = small(numbers=[{"number": 1}])
    compiled = card(document)
    lead = {"country": "DE", "has_phone": True}
    did = [happened(id=n) for n in range(2)]
    said, _ = told(compiled, lead, did, NOW, None)
    assert said.thresholds == ("hot",)
    assert next_change(compiled, lead, did, said, NOW) is None, "its fit alone is enough"
    poorer = {"country": "DE"}
    said, _ = told(compiled, poorer, did, NOW, None)
    due = next_change(compiled, poorer, did, said, NOW)
    assert due == next_change(compiled, {}, did, said, NOW, fit=4_000)
    assert due is not None
    assert told(compiled, poorer, did, due, said)[0].thresholds == ()
    assert told(compiled, poorer, did, due - SECOND, said)[0].thresholds == ("hot",)


def test_what_counts_against_a_lead_is_forgotten_too_and_lifts_it() -> None:
    compiled = behaving({"points": 30}, {"on": ["no_show"], "points": -20, "half_life_days": 10})
    did = [happened(id=1), happened("no_show", id=2)]
    said, _ = told(compiled, {}, did, NOW, None)
    assert said.number == 2
    due = next_change(compiled, {}, did, said, NOW)
    assert due is not None
    assert NOW + 10 * DAY - 15 * MINUTE < due <= NOW + 10 * DAY, "half of it, but for what is rounded"
    assert told(compiled, {}, did, due, said)[0].number == 1
    assert told(compiled, {}, did, due - SECOND, said)[0].number == 2


def test_a_threshold_or_a_qualification_that_it_is_lifted_to_is_watched() -> None:
    did = [happened(id=1), happened("no_show", id=2)]
    behaviours = {"points": 30}, {"on": ["no_show"], "points": -20, "half_life_days": 10}
    plain = behaving(*behaviours, numbers=[{"number": 1}])
    assert upcoming(plain, *did) is None
    due = upcoming(plain, *did, marks=Watched(points=(2_000,)))
    assert due is not None
    assert NOW + 10 * DAY - 15 * MINUTE < due <= NOW + 10 * DAY
    assert upcoming(plain, *did, marks=Watched(engagement=(2_000,))) == due
    named = behaving(*behaviours, numbers=[{"number": 1}], thresholds=[{"name": "warm", "min": 20}])
    assert upcoming(named, *did) == due


def test_a_cap_holds_a_score_until_what_is_beneath_it_has_faded() -> None:
    compiled = behaving({**CALL, "group": "calls"}, groups={"calls": {"max": 20}})
    did = [happened(id=n) for n in range(8)]
    due = upcoming(compiled, *did)
    assert due is not None
    # 80 points, of which 20 count, are less than 18 after 21.5 days.
    assert timedelta(days=21.4) < due - NOW < timedelta(days=21.6)


def test_a_change_that_is_near_is_looked_for_no_sooner_than_in_a_minute() -> None:
    compiled = behaving({"points": 5, "half_life_days": 0.01}, hysteresis=0)
    assert upcoming(compiled, happened()) == NOW + MINUTE


def test_what_is_announced_already_wrongly_is_looked_at_in_a_minute() -> None:
    stale = Announced("C", 1, "insufficient")
    assert next_change(behaving(CALL), {}, [happened()], stale, NOW) == NOW + MINUTE


def test_a_change_in_years_is_looked_for_in_one() -> None:
    assert upcoming(behaving({"points": 100, "half_life_days": 1_000}), happened()) == NOW + 365 * DAY


def test_the_points_at_which_a_qualification_turns_are_watched() -> None:
    compiled = behaving(CALL, numbers=[{"number": 1}])

    def judge(found: Score) -> str:
        return "sales_qualified" if found.points >= 800 else "insufficient"

    said, _ = told(compiled, {}, [happened()], NOW, None, judge)
    due = next_change(compiled, {}, [happened()], said, NOW, marks=Watched(points=(800,)))
    assert due is not None
    assert told(compiled, {}, [happened()], due - SECOND, said, judge) == (said, False)
    assert told(compiled, {}, [happened()], due, said, judge)[0].qualification == "insufficient"
    assert next_change(compiled, {}, [happened()], said, NOW, marks=Watched(engagement=(800,))) == due


def test_a_definition_that_cannot_be_read_as_comparisons_is_asked_once_a_day() -> None:
    compiled = behaving(CALL, numbers=[{"number": 1}])
    assert upcoming(compiled, happened(), marks=Watched(blind=True)) == NOW + DAY
    assert upcoming(compiled, marks=Watched(blind=True)) is None
    assert upcoming(behaving({"points": 10}), happened(), marks=Watched(blind=True)) is None


# -- For any card ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(documents(behaviours=4), facts, occurrences, st.integers(-3_000, 6_000), st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_before_it_nothing_changes_and_asked_again_and_again_it_arrives(
    document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence], cut: int, samples: list[float]
) -> None:
    compiled = card(document)
    marks = Watched(points=(cut,))

    def judge(found: Score) -> str:
        return "sales_qualified" if found.points >= cut else "insufficient"

    at, said = NOW, told(compiled, lead, did, NOW, None, judge)[0]
    for _ in range(40):
        due = next_change(compiled, lead, did, said, at, marks=marks)
        until = due - MINUTE if due else at + 4_000 * DAY
        for sample in samples:
            between = at + sample * max(until - at, timedelta())
            assert told(compiled, lead, did, between, said, judge) == (said, False), (at, between, due)
        if due is None:
            return
        assert at + MINUTE <= due <= at + 365 * DAY
        said, changed = told(compiled, lead, did, due, said, judge)
        if changed:
            return
        at = due
    assert at >= NOW + 365 * DAY, "it has been asked forty times and has not got on"


@settings(max_examples=40, deadline=None)
@given(documents(behaviours=4, signs=(1,)), facts, occurrences)
def test_where_all_points_are_positive_the_first_time_is_right(
    document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence]
) -> None:
    compiled = card(document)
    said, _ = told(compiled, lead, did, NOW, None)
    due = next_change(compiled, lead, did, said, NOW)
    if due is not None and MINUTE < due - NOW < 365 * DAY and all(one.at <= NOW for one in did):
        assert told(compiled, lead, did, due, said)[1]
        assert not told(compiled, lead, did, due - 2 * SECOND, said)[1]
