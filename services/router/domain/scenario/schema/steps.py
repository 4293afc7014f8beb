"""What may happen, a step at a time."""

from __future__ import annotations

from services.router.domain.scenario.schema.people import AGENT, CLOSINGS, LEAD, LEAD_PARTS, LEADS, STATES
from services.router.domain.scenario.schema.shapes import DURATION, MOMENT, NAME, TEXT, TRUTH, Shape, an_object, one_of, whole

_SAID: Shape = {"lead": NAME, "reason": TEXT}
_CORRECTION: Shape = an_object({"agent": NAME, "pool": NAME, "turns": whole(1, 1_000), "reason": TEXT}, "agent", "pool", "turns")
STEP: Shape = an_object(
    {
        "at": MOMENT,
        "after": {**DURATION, "description": "So long after the step before."},
        "clock": {**one_of(("back",)), "description": "The clock goes back to `at`."},
        "note": TEXT,
        "lead": LEAD,
        "leads": LEADS,
        "score": {**LEAD, "properties": {**LEAD_PARTS, "lead": NAME}, "required": ["lead"]},
        "accept": {**an_object({**_SAID, "by": NAME}, "lead"), "type": ["object", "string"]},
        "decline": {**an_object({**_SAID, "by": NAME}, "lead"), "type": ["object", "string"]},
        "return": {**an_object({**_SAID, "by": NAME}, "lead"), "type": ["object", "string"]},
        "claim": an_object({"lead": NAME, "by": NAME}, "lead", "by"),
        "hand_over": an_object({**_SAID, "to": NAME, "by": NAME, "pool": NAME}, "lead", "to"),
        "assign": an_object({**_SAID, "to": NAME, "pool": NAME, "force": TRUTH}, "lead", "to"),
        "contacted": {**an_object({"lead": NAME, "when": MOMENT}, "lead"), "type": ["object", "string"]},
        "stage": an_object({"lead": NAME, "stage": NAME, "when": MOMENT}, "lead", "stage"),
        "close": {**an_object({"lead": NAME, "as": one_of(CLOSINGS)}, "lead"), "type": ["object", "string"]},
        "agent": {**AGENT, "type": "object", "required": ["name"]},
        "pause": {
            **an_object({"agent": NAME, "until": MOMENT, "for": DURATION, "reason": TEXT}, "agent"),
            "type": ["object", "string"],
        },
        "resume": NAME,
        "leave": an_object({"agent": NAME, "from": MOMENT, "to": MOMENT, "catch_up": TRUTH}, "agent", "to"),
        "presence": an_object({"agent": NAME, "status": one_of(STATES), "for": DURATION, "until": MOMENT}, "agent", "status"),
        "credit": _CORRECTION,
        "debit": _CORRECTION,
        "activate": an_object({"policy": {"type": "object"}, "change": {"type": "object"}}, minProperties=1, maxProperties=1),
        "restart": {"type": "boolean", "enum": [True]},
        "outage": an_object({"for": DURATION, "until": MOMENT}, minProperties=1, maxProperties=1),
        "wait": {**DURATION, "type": ["string", "boolean"], "description": "Nothing is done; time passes."},
        "refused": {
            "type": ["boolean", "string"],
            "maxLength": 2_000,
            "description": "What this step asks for is refused; a text must be part of the reason. Refusals that are not expected fail.",
        },
        "expect": {"$ref": "#/$defs/then"},
    },
    minProperties=1,
)
