"""What is given before a scenario starts: the policy, the agents, and the leads that are there already."""

from __future__ import annotations

from services.router.domain.policy.schema import END_REASONS
from services.router.domain.scenario.schema.people import AGENT, CLOSINGS, LEAD, LEAD_PARTS
from services.router.domain.scenario.schema.shapes import MOMENT, NAME, TRUTH, Shape, a_list, an_object, whole

OF_POLICY = ("facts", "define", "routed", "pools", "rules", "default", "slas", "calendars", "reroute")
"""Parts of a policy that a scenario may give in line."""

_AGENTS: Shape = {**AGENT, "type": ["array", "object"], "items": AGENT, "maxItems": 5_000, "properties": {}}
_EARLIER: Shape = {
    "type": "object",
    "properties": {
        **LEAD_PARTS,
        "lead": NAME,
        "agent": NAME,
        "pool": NAME,
        "at": {**MOMENT, "examples": ["-2d", "2026-03-01"]},
        "count": whole(1, 10_000),
        "closed": {"type": ["string", "boolean"], "pattern": f"^({'|'.join((*CLOSINGS, *END_REASONS))})$"},
        "turn": TRUTH,
    },
    "required": ["agent"],
    "additionalProperties": True,
    "description": "Leads given out before the scenario starts: they count for caps, turns and owners, and promise nothing.",
}
_WAITING: Shape = {"type": "object", "properties": {**LEAD_PARTS, "since": MOMENT}, "additionalProperties": True}

GIVEN: Shape = an_object(
    {
        "clock": {
            **MOMENT,
            "type": ["string", "object"],
            "properties": {"start": MOMENT, "zone": NAME},
            "additionalProperties": False,
        },
        "zone": {**NAME, "description": "An IANA time zone, in which moments are read, and that of agents who have no other."},
        "policy": {"type": "object", "description": "A policy of its own, instead of the one that is tested."},
        **{part: {"description": f"As `{part}` of a policy."} for part in OF_POLICY},
        "agents": _AGENTS,
        "earlier": a_list(_EARLIER, 5_000),
        "waiting": a_list(_WAITING, 5_000),
        "lead": {**LEAD, "description": "What every lead is that does not say otherwise."},
    }
)
