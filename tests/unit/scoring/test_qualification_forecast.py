"""When a judgement changes by itself, to the microsecond; and which points of a fading score it depends on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.scoring.domain import qualification
from services.scoring.domain.qualification import Definition, Statement, score_marks
from tests.unit.scoring.qualifying import BANT, DAY, NOW, Points, defined, dimension, judged, said

TICK = timedelta(microseconds=1)
FADING = {
    "budget": dimension(("budget > 0", 100), half_life_days=90),
    "need": dimension(("product != ''", 80), half_life_days=30),
}
LEAD = {"budget": 1, "product": "pro"}
LAST = {"name": "last", "when": "points >= 0"}


def change(definition: Definition, now: datetime = NOW, *, points: int = 0, **manual: Statement) -> datetime | None:
    return qualification.next_judgement_change(
        definition, LEAD, facts_at=NOW, told_by="website", score=Points(points), manual=manual, now=now
    )


@pytest.mark.parametrize(
    "level",
    [
        {"floors": {"budget": 50}},
        {"floors": {"budget": 80, "need": 50}},
        {"total": 120},
        {"total": 171},
        {"when": "budget.confidence > 49.5"},
        {"when": "need.confidence == 80"},
        {"when": "budget.confidence + need.confidence >= 175.0"},
    ],
)
def test_it_changes_at_that_moment_and_not_before(level: dict[str, Any]) -> None:
    definition = defined({"name": "first", **level}, LAST, dimensions=FADING)
    moment = change(definition)
    assert moment is not None
    assert judged(definition, LEAD, now=moment - TICK).qualification == "first"
    assert judged(definition, LEAD, now=moment).qualification == "last"


def test_a_floor_of_half_falls_a_little_after_one_half_life() -> None:
    moment = change(defined({"name": "first", "floors": {"budget": 50}}, LAST, dimensions=FADING))
    assert moment is not None
    assert 91 * DAY < moment - NOW < 92 * DAY, "50 per cent is shown until less than 49.5 is left"


def test_what_a_person_said_holds_a_floor_for_longer() -> None:
    definition = defined({"name": "first", "floors": {"budget": 50}}, LAST, dimensions=FADING)
    alone, held = change(definition), change(definition, budget=said(100, at=NOW + 10 * DAY))
    assert alone is not None
    assert held is not None
    assert held - alone == 10 * DAY


def test_what_falls_without_changing_the_qualification_is_no_change() -> None:
    assert change(defined({"name": "first", "floors": {"budget": 50}}, dimensions=FADING), NOW + 100 * DAY) is None
    assert change(defined({"name": "sales", "when": "points >= 60", "floors": {"budget": 50}}, LAST, dimensions=FADING)) is None


@pytest.mark.parametrize("half_life", [None, 3650.0])
def test_what_does_not_fade_within_a_year_is_no_change(half_life: float | None) -> None:
    slow = {"budget": dimension(("budget > 0", 100), half_life_days=half_life)}
    assert change(defined({"name": "first", "floors": {"budget": 50}}, LAST, dimensions=slow)) is None


def test_a_rule_that_asks_for_little_confidence_changes_the_other_way() -> None:
    definition = defined({"name": "doubtful", "when": "budget.confidence < 50"}, LAST, dimensions=FADING)
    moment = change(definition)
    assert moment is not None
    assert judged(definition, LEAD, now=moment - TICK).qualification == "last"
    assert judged(definition, LEAD, now=moment).qualification == "doubtful"


def test_where_too_many_moments_come_in_question_asking_again_arrives() -> None:
    dimensions = {name: dimension(("budget > 0", 100), half_life_days=200) for name in BANT}
    asks = " + ".join(f"{name}.confidence" for name in BANT)
    definition = defined({"name": "first", "when": f"{asks} >= 150.0"}, LAST, dimensions=dimensions)
    now, asked = NOW, 0
    while (moment := change(definition, now)) and judged(definition, LEAD, now=moment).qualification == "first":
        now, asked = moment, asked + 1
    assert moment is not None
    assert asked < 10
    assert judged(definition, LEAD, now=moment - TICK).qualification == "first"


def test_points_that_rules_compare_are_marks_of_the_score() -> None:
    definition = defined(
        {"name": "a", "when": "points >= 60 && engagement > 12.34 && country == 'DE'"},
        {"name": "b", "when": "fit >= 3 && number <= 2"},
        disqualify=[{"when": "points < -10.5", "reason": "is spam"}],
    )
    marks = score_marks(definition)
    assert (marks.points, marks.engagement, marks.blind) == ((-1050, 6000), (1235,), False)


def test_points_that_are_asked_in_any_other_way_make_the_marks_blind() -> None:
    assert score_marks(defined({"name": "a", "when": "points + 1.0 >= 60 || country == 'DE'"})).blind
    assert not score_marks(defined({"name": "a", "when": "fit + 1.0 >= 60"})).blind
