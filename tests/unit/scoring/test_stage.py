"""How a lead ended, by its stage."""

from __future__ import annotations

import pytest

from services.scoring.domain import outcome_of


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [("won", "won"), ("lost", "lost"), ("disqualified", "disqualified"), ("contacted", None), ("a new one", None)],
)
def test_only_an_end_is_an_outcome(stage: str, outcome: str | None) -> None:
    assert outcome_of(stage) == outcome
