"""A scenario, and a bundle of them."""

from __future__ import annotations

from services.router.domain.scenario.schema.given import GIVEN
from services.router.domain.scenario.schema.shapes import NAME, TEXT, Shape, a_list, an_object
from services.router.domain.scenario.schema.steps import STEP
from services.router.domain.scenario.schema.then import THEN

MAX_SCENARIOS = 500
MAX_STEPS = 2_000
MAX_LEADS = 20_000  # of one scenario

SCENARIO: Shape = an_object(
    {
        "name": NAME,
        "note": TEXT,
        "given": {"$ref": "#/$defs/given"},
        "when": a_list({"$ref": "#/$defs/step"}, MAX_STEPS),
        "then": {"$ref": "#/$defs/then"},
    },
    "name",
)
DEFS: Shape = {"given": GIVEN, "step": STEP, "then": THEN, "scenario": SCENARIO}
BUNDLE: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Policy tests",
    "description": "Scenarios, and what is given to all of them: a scenario's own `given` is laid over it (RFC 7396).",
    **an_object(
        {
            "name": NAME,
            "note": TEXT,
            "given": {"$ref": "#/$defs/given"},
            "scenarios": a_list({"$ref": "#/$defs/scenario"}, MAX_SCENARIOS),
        },
        "scenarios",
    ),
    "$defs": DEFS,
}
