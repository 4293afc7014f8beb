"""Leads and agents, as a scenario writes them."""

from __future__ import annotations

from services.router.domain.scenario.schema.shapes import (
    DURATION,
    MOMENT,
    NAME,
    TEXT,
    TRUTH,
    Shape,
    a_list,
    an_object,
    one_of,
    whole,
)

CLOSINGS = ("won", "lost", "disqualified")

LEAD_PARTS: Shape = {
    "name": NAME,
    "points": whole(-1_000_000, 1_000_000),
    "grade": {"type": "string", "maxLength": 10},
    "qualification": {"type": "string", "maxLength": 100},
    "fit": {"type": "number"},
    "engagement": {"type": "number"},
    "thresholds": a_list(NAME, 50),
    "received": {**MOMENT, "description": "When it came in; without it, when the router learns of it."},
    "facts": {"type": "object", "description": "Facts that no rule of the policy need know; the others may stand beside `name`."},
}
LEAD: Shape = {"type": "object", "properties": LEAD_PARTS, "additionalProperties": True}
LEADS: Shape = {
    "type": ["array", "object"],
    "items": LEAD,
    "maxItems": 1_000,
    "properties": {**LEAD_PARTS, "count": whole(1, 10_000), "every": DURATION},
    "additionalProperties": True,
    "description": "A list of leads, or `count` alike, one `every` so often; `name` is what their numbers follow.",
}
LEAVE: Shape = an_object({"from": MOMENT, "to": MOMENT, "catch_up": TRUTH}, "from", "to")
PAUSE: Shape = {"type": ["boolean", "object"], "properties": {"until": MOMENT, "for": DURATION, "reason": TEXT}}
STATES = ("online", "away", "offline")
PRESENCE: Shape = {
    "type": ["string", "object"],
    "pattern": f"^({'|'.join(STATES)})$",
    "properties": {"status": one_of(STATES), "for": DURATION, "until": MOMENT},
    "additionalProperties": False,
}
AGENT: Shape = {
    "type": ["object", "string", "null"],
    "properties": {
        "id": {"type": "string", "maxLength": 36},
        "name": NAME,
        "manager": NAME,
        "leave": a_list(LEAVE, 100),
        "pause": PAUSE,
        "presence": PRESENCE,
    },
    "additionalProperties": True,
    "description": "Any of an agent's settings, as POST /v1/agents takes them.",
}
