"""What holds of any definition and any lead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import qualification
from services.scoring.domain.qualification import (
    SCORE_NAMES,
    Clue,
    Definition,
    Dimension,
    Disqualifier,
    Level,
    Outcome,
    Statement,
    confidence_of,
)
from shared.rules import Definitions, Kind, compile_rule
from tests.unit.scoring.qualifying import BANT, DAY, FACTS, NOW, Points, dimension, document, judged

CONDITIONS = (
    "budget >= 10",
    "budget > 0",
    "country == 'DE'",
    "'press' in tags",
    "has_phone",
    "known(product)",
    "rich || budget == 3",
)
LEVEL_CONDITIONS = (
    *CONDITIONS,
    "points >= 20",
    "points >= 60 && country == 'DE'",
    "need.confidence >= 50 || points >= 30",
    "budget.confidence + need.confidence >= 90.5",
    "grade in ['A1', 'B2'] && fit > 3",
)
TURNED_AWAY = "is not for us"
PLAIN_CONDITIONS = ("points >= 20", "points >= 60 && fit > 3")
DEFINE = Definitions({"rich": "budget >= 100000 && country == 'DE'"}, FACTS)
ASKS = DEFINE.vocabulary.plus({**SCORE_NAMES, **{confidence_of(name): Kind.NUMBER for name in BANT}})
OWN = frozenset(ASKS.names.keys() - FACTS.names.keys())
READABLE = {
    text: compile_rule(text, ASKS) for text in ("true", *LEVEL_CONDITIONS, *PLAIN_CONDITIONS)
}  # once: it is what takes long
deterministic = settings(derandomize=True, deadline=None, max_examples=150)
percents = st.integers(1, 100)
half_lives = st.one_of(st.none(), st.sampled_from([0.01, 1, 30, 365.25, 3650]))
clues = st.builds(Clue, st.just("/"), st.sampled_from([READABLE[text] for text in CONDITIONS]), st.just("is so"), percents)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["DE", "press", "", "pro"]))
facts = st.dictionaries(
    st.sampled_from([*FACTS, "rich", "points", "budget.confidence", "level"]),
    st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), scalars, max_size=1)),
)
statements = st.dictionaries(
    st.sampled_from([*BANT, "horoscope"]),
    st.builds(
        Statement,
        st.just("said so"),
        st.integers(0, 100),
        st.just("robin"),
        st.integers(-900, 900).map(lambda days: NOW + days * DAY),
    ),
)
scores = st.integers(-1_000, 10_000)
moments = st.integers(-400, 4_000).map(lambda days: NOW + days * DAY)


@st.composite
def definitions(draw: st.DrawFn, *, when: tuple[str, ...] = LEVEL_CONDITIONS, fading: bool = True) -> Definition:
    """Definitions that can be read; whether they make sense is no matter."""
    rules = st.sampled_from([READABLE[text] for text in ("true", *when)])
    dimensions = {
        name: Dimension(name, tuple(draw(st.lists(clues, max_size=2))), draw(half_lives) if fading else None) for name in BANT
    }
    levels = [
        Level(
            f"/levels/{place}",
            f"level_{place}",
            f"Level {place}",
            draw(rules),
            draw(st.dictionaries(st.sampled_from(BANT), percents, max_size=3)),
            draw(st.one_of(st.none(), st.integers(1, 300))),
        )
        for place in range(draw(st.integers(1, 3)))
    ]
    disqualify = [Disqualifier("/disqualify/0", draw(rules), TURNED_AWAY)] if draw(st.booleans()) else []
    return Definition("Any", DEFINE, dimensions, tuple(disqualify), tuple(levels), ASKS, OWN)


@given(definitions(), facts, statements, scores, moments)
@deterministic
def test_the_outcome_is_one_of_three_whatever_is_known(
    definition: Definition, lead: Any, manual: Any, points: int, now: Any
) -> None:
    judgement = judged(definition, lead, points=points, manual=manual, now=now)
    assert judgement.outcome in set(Outcome)
    qualified = judgement.outcome is Outcome.QUALIFIED
    assert judgement.qualification == (judgement.level if qualified else judgement.outcome)
    assert bool(judgement.missing) is (judgement.outcome is Outcome.INSUFFICIENT)
    assert bool(judgement.reasons) is not qualified


@given(definitions(), facts, statements, scores, moments)
@deterministic
def test_nobody_qualifies_without_each_floor_and_the_total(
    definition: Definition, lead: Any, manual: Any, points: int, now: Any
) -> None:
    judgement = judged(definition, lead, points=points, manual=manual, now=now)
    if judgement.outcome is not Outcome.QUALIFIED:
        return
    level = next(level for level in definition.levels if level.name == judgement.level)
    confidences = {name: one.confidence for name, one in judgement.dimensions.items()}
    assert all(confidences[name] >= floor for name, floor in level.floors.items())
    assert sum(confidences.values()) >= (level.total or 0)


@given(definitions(when=PLAIN_CONDITIONS, fading=False), facts, statements, scores)
@deterministic
def test_what_is_missing_is_exactly_what_the_nearest_level_needs_and_nobody_told(
    definition: Definition, lead: Any, manual: Any, points: int
) -> None:
    judgement = judged(definition, lead, points=points, manual=manual)
    together = sum(one.confidence for one in judgement.dimensions.values())
    needs = {level.name: BANT if together < (level.total or 0) else tuple(level.floors) for level in definition.levels}
    unknown = {name: {one for one in need if one not in judgement.dimensions} for name, need in needs.items()}
    if judgement.missing == ("score",):
        level = next(level for level in definition.levels if level.name == judgement.level)
        assert not level.floors
        assert level.total is None
    elif judgement.outcome is Outcome.INSUFFICIENT:
        assert set(judgement.missing) == unknown[str(judgement.level)]
    elif judgement.outcome is Outcome.DISQUALIFIED and judgement.level:
        assert not any(unknown.values()), "as long as something is missing, nobody is turned away"


@given(definitions(), facts, statements, scores, moments, st.sampled_from(BANT), st.integers(0, 100))
@deterministic
def test_more_evidence_never_lowers_the_level(
    definition: Definition, lead: Any, manual: Any, points: int, now: Any, name: str, confidence: int
) -> None:
    before = judged(definition, lead, points=points, manual=manual, now=now)
    known = before.dimensions.get(name)
    confidence = max(confidence, known.confidence if known else 0)
    more = {**manual, name: Statement("is sure", confidence, "bo", now)}
    after = judged(definition, lead, points=points, manual=more, now=now)
    if before.outcome is not Outcome.QUALIFIED:
        return
    order = [level.name for level in definition.levels]
    if after.outcome is Outcome.QUALIFIED:
        assert order.index(after.qualification) <= order.index(before.qualification)
    else:
        assert after.reasons == (TURNED_AWAY,), "a rule may well disqualify for what is known now"


@given(percents, st.floats(0.01, 3650), st.integers(0, 4_000), st.timedeltas(timedelta(0), timedelta(days=30)))
@deterministic
def test_confidence_fades_without_a_jump(stated: int, half_life: float, days: int, step: timedelta) -> None:
    level = {"name": "any", "total": 1}
    one = defined_with(stated, half_life, level)
    at = NOW + days * DAY
    earlier, later = (judged(one, {"budget": 1}, now=moment).dimensions["budget"].confidence for moment in (at, at + step))
    slope = stated * (1 - 2 ** (-(step / DAY) / half_life))
    assert earlier - slope - 1 <= later <= earlier, "but for the rounding of both"


def defined_with(stated: int, half_life: float, *of_levels: dict[str, Any]) -> Definition:
    return qualification.from_document(
        document(*of_levels, dimensions={"budget": dimension(("budget > 0", stated), half_life_days=half_life)}), FACTS
    )


# -- When it will change -----------------------------------------------------------------------------------------------------------

HORIZON = 366 * DAY


@given(definitions(), facts, statements, scores, moments, st.lists(st.floats(0, 1), max_size=12))
@deterministic
def test_until_the_next_change_nothing_changes_and_then_it_does(
    definition: Definition, lead: Any, manual: Any, points: int, now: Any, parts: list[float]
) -> None:
    def at(moment: Any) -> str:
        return judged(definition, lead, points=points, manual=manual, now=moment).qualification

    change = qualification.next_judgement_change(
        definition, lead, facts_at=NOW, told_by="website", score=Points(points), manual=manual, now=now
    )
    assert change is None or now < change <= now + HORIZON
    end = change or now + HORIZON
    for part in (*parts, 0.999999):
        assert at(now + (end - now - timedelta(microseconds=1)) * part) == at(now)
    if change:
        assert at(change - timedelta(microseconds=1)) == at(now)
