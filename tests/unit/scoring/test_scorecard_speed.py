"""A large card costs a small multiple of what it asks, whatever the machine."""

from __future__ import annotations

from typing import Any

from services.scoring.domain.scorecard import from_document, lint, score
from shared.contracts.vocabulary import FACTS
from tests.bench.scoring import LEAD, NOW, document, measure, occurrences


def test_the_measured_cards_are_sound_and_score() -> None:
    for rules in (10, 40, 100):
        assert [problem for problem in lint(document(rules), FACTS) if problem.severity == "error"] == []
        found = score(from_document(document(rules), FACTS), LEAD, occurrences(), NOW)
        assert {reason.part for reason in found.reasons} == {"fit", "engagement"}
        assert len(found.reasons) >= rules // 3


def test_a_scoring_costs_a_small_multiple_of_the_same_questions_by_hand() -> None:
    # Both are measured in turn, in CPU time, each as the best of many runs. About 6 is usual.
    measured: dict[str, Any] = measure(seconds=0.1)
    assert all(one["times_the_floor"] < 25 for one in measured.values()), measured
