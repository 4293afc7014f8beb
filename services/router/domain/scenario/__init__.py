"""Policy tests: scenarios that are played on the pure core under a virtual clock. What decides is the desk, as in production."""

from services.router.domain.scenario.people import Person
from services.router.domain.scenario.playing import play, played_out
from services.router.domain.scenario.policies import Base
from services.router.domain.scenario.reading import read
from services.router.domain.scenario.schema import BUNDLE, MAX_SCENARIOS
from services.router.domain.scenario.values import Check, InvalidScenario, Result, Scenario

__all__ = [
    "BUNDLE",
    "MAX_SCENARIOS",
    "Base",
    "Check",
    "InvalidScenario",
    "Person",
    "Result",
    "Scenario",
    "play",
    "played_out",
    "read",
]
