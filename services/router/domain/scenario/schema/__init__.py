"""The shape of a scenario as a JSON Schema (2020-12): the one that is published is the one that scenarios are held against.

A document is one scenario, a list of them, or a bundle: `scenarios`, with what is given to all of them.
"""

from __future__ import annotations

from services.router.domain.scenario.schema.bundle import BUNDLE, DEFS, MAX_LEADS, MAX_SCENARIOS, SCENARIO
from services.router.domain.scenario.schema.given import OF_POLICY

__all__ = ["BUNDLE", "DEFS", "MAX_LEADS", "MAX_SCENARIOS", "OF_POLICY", "SCENARIO"]
