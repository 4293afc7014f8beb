"""The project's own routing tests, written as an operations team writes its own: tests/policies/*.yaml, each scenario a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.router.domain.policy import read_documents
from services.router.domain.scenario import Base, Scenario, play, read
from services.router.domain.scenario.explaining import made_again
from services.router.domain.scenario.playing import played_out
from shared.contracts.vocabulary import FACTS

FILES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
BASE = Base(FACTS)


def _scenarios() -> list[tuple[str, Scenario]]:
    found = []
    for file in FILES:
        documents, _ = read_documents(file.read_bytes())
        found += [(f"{file.stem}: {one.name}", one) for document in documents for one in read(document, FACTS)]
    return found


SCENARIOS = _scenarios()


@pytest.mark.parametrize("scenario", [pytest.param(one, id=name) for name, one in SCENARIOS])
def test_it_is_routed_as_expected(scenario: Scenario) -> None:
    result = play(scenario, BASE)
    assert not result.problems
    assert result.checks, "expects nothing"
    assert result.passed, "\n".join(
        [*(f"{one.path}: expected {one.expected}, found {one.found}" for one in result.failures), *result.account]
    )


@pytest.mark.parametrize("scenario", [pytest.param(one, id=name) for name, one in SCENARIOS])
def test_every_decision_is_made_again_from_what_was_recorded(scenario: Scenario) -> None:
    played = played_out(scenario, BASE)
    for decided in played.world.history.decisions:
        again, made = made_again(played.world, decided), decided.made
        behind = made.outcome.value == "queued" and made.decision.outcome.value != "queued"
        assert again is not None
        assert behind or again == made.decision


def test_a_play_is_the_same_each_time() -> None:
    for _, scenario in SCENARIOS:
        assert play(scenario, BASE) == play(scenario, BASE)
