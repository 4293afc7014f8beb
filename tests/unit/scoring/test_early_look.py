"""The cheap looks ahead against the exact ones: they never promise more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.qualification import Outcome, Statement
from services.scoring.domain.scorecard import Occurrence
from services.scoring.handlers.early import NEVER, early_look, engagement_is_idle, levels_of
from services.scoring.handlers.standing import Known, next_look, say, stand
from services.scoring.handlers.versions import Card, Versions, agreed_as
from shared.contracts.vocabulary import FACTS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CARD = scorecard.from_document(scorecard.DEFAULT, FACTS)
DIMENSIONS = ("budget", "need", "authority")
SAID = st.builds(
    Statement,
    st.just("x"),
    st.integers(1, 100),
    st.just("robin"),
    st.integers(0, 200).map(lambda days: NOW - timedelta(days=days)),
)


def versions(levels: list[dict[str, Any]], half_lives: list[float | None]) -> Versions:
    dimensions: dict[str, Any] = {
        name: {"half_life_days": days} if days else {} for name, days in zip(DIMENSIONS, half_lives, strict=True)
    }
    definition = qualification.from_document({"dimensions": dimensions, "levels": levels}, FACTS)
    return Versions(Card(1, CARD), agreed_as(1, definition))


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(DIMENSIONS), SAID),
    st.dictionaries(st.sampled_from(DIMENSIONS), st.integers(1, 100)),
    st.one_of(st.none(), st.integers(1, 300)),
    st.lists(st.one_of(st.none(), st.floats(0.5, 400)), min_size=3, max_size=3),
)
def test_evidence_holds_at_least_as_long_as_is_promised(
    said: dict[str, Statement], floors: dict[str, int], total: int | None, half_lives: list[float | None]
) -> None:
    level = {"name": "sales", "floors": floors, **({} if total is None else {"total": total})}
    by = versions([level], half_lives)
    known = Known({}, NOW, "website", (), said)
    standing = stand(by, known, NOW)
    early = early_look(by.agreed.levels, by.agreed.definition, standing.judgement, NOW)
    if standing.judgement.outcome is not Outcome.QUALIFIED:
        assert early is None
        return
    exact = next_look(by, known, say(by, known, standing, None, NOW), NOW)
    if early is not None and exact is not None:
        assert NOW < early <= exact
    if early is NEVER:
        assert exact is None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["page_view", "meeting", "meeting_canceled", "submission"]), st.integers(0, 100)), max_size=12
    ),
    st.integers(0, 60),
)
def test_an_idle_engagement_never_changes_anything(happened: list[tuple[str, int]], marked: int) -> None:
    by = versions([{"name": "sales", "when": f"points >= {marked}"}], [None] * 3)
    done = [Occurrence(UUID(int=n), kind, NOW - timedelta(days=days)) for n, (kind, days) in enumerate(happened)]
    known = Known({"has_email": True}, NOW, "website", done, {})
    word = say(by, known, stand(by, known, NOW), None, NOW)
    if engagement_is_idle(CARD, by.agreed.marks, word.standing.score, word.announced):
        exact = scorecard.next_change(CARD, known.facts, done, word.announced, NOW, marks=by.agreed.marks)
        for at in (exact or NOW, NOW + timedelta(days=3000)):
            then = say(by, known, stand(by, known, at), word.announced, at)
            assert then.announced == word.announced


def test_where_a_rule_asks_a_confidence_only_a_closer_look_tells() -> None:
    by = versions([{"name": "sales", "when": "budget.confidence > 5"}], [3.0, None, None])
    assert levels_of(by.agreed.definition) == {} == by.agreed.levels
