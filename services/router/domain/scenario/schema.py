"""The shape of a scenario as a JSON Schema (2020-12): the one that is published is the one that scenarios are held against.

A document is one scenario, a list of them, or a bundle: `scenarios`, with what is given to all of them.
"""

from __future__ import annotations

from typing import Any

from services.router.domain.availability import Gate
from services.router.domain.decision import Outcome
from services.router.domain.desk import How
from services.router.domain.explanation import Verdict
from services.router.domain.policy.schema import END_REASONS
from services.router.domain.scenario.moments import FORM
from services.router.domain.sla import State

MAX_SCENARIOS = 500
MAX_STEPS = 2_000
MAX_LEADS = 20_000  # of one scenario
CLOSINGS = ("won", "lost", "disqualified")
OF_POLICY = ("facts", "define", "routed", "pools", "rules", "default", "slas", "calendars", "reroute")
"""Parts of a policy that a scenario may give in line."""
HAPPENINGS = ("assigned", "offered", "queued", "rejected", "ended", "accepted", "warned", "breached")
STATUSES = ("unrouted", "offered", "assigned", "queued", "rejected", "closed")

Shape = dict[str, Any]


def _object(properties: Shape, *required: str, **more: Any) -> Shape:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more}


def _list(of: Shape, most: int = 1_000, **more: Any) -> Shape:
    return {"type": "array", "items": of, "maxItems": most, **more}


def _map(of: Shape, most: int = 5_000) -> Shape:
    return {"type": "object", "additionalProperties": of, "maxProperties": most, "propertyNames": {"maxLength": 200}}


def _one_of(values: Any) -> Shape:
    return {"type": "string", "enum": [str(value) for value in values]}


def _whole(least: int, most: int) -> Shape:
    return {"type": "integer", "minimum": least, "maximum": most}


_NAME: Shape = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXT: Shape = {"type": "string", "minLength": 1, "maxLength": 2_000}
_TRUTH: Shape = {"type": "boolean"}
_MOMENT: Shape = {"type": "string", "minLength": 1, "maxLength": 60, "examples": FORM.split(", "), "description": "a moment"}
_DURATION: Shape = {"type": "string", "minLength": 2, "maxLength": 40, "examples": ["5m", "2d 3h"]}
_NAMES: Shape = {"type": ["string", "array"], "items": _NAME, "maxItems": 1_000, "minLength": 1}
_NUMBER: Shape = {
    "type": ["integer", "object"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
    "additionalProperties": False,
    "minProperties": 1,
    "description": "exactly so many, or {min, max}",
}
_ANYTHING: Shape = {"type": ["object", "string", "boolean", "null"]}

_LEAD_PARTS: Shape = {
    "name": _NAME,
    "points": _whole(-1_000_000, 1_000_000),
    "grade": {"type": "string", "maxLength": 10},
    "qualification": {"type": "string", "maxLength": 100},
    "fit": {"type": "number"},
    "engagement": {"type": "number"},
    "thresholds": _list(_NAME, 50),
    "received": {**_MOMENT, "description": "When it came in; without it, when the router learns of it."},
    "facts": {"type": "object", "description": "Facts that no rule of the policy need know; the others may stand beside `name`."},
}
_LEAD: Shape = {"type": "object", "properties": _LEAD_PARTS, "additionalProperties": True}
_LEADS: Shape = {
    "type": ["array", "object"],
    "items": _LEAD,
    "maxItems": 1_000,
    "properties": {**_LEAD_PARTS, "count": _whole(1, 10_000), "every": _DURATION},
    "additionalProperties": True,
    "description": "A list of leads, or `count` alike, one `every` so often; `name` is what their numbers follow.",
}
_SAID: Shape = {"lead": _NAME, "reason": _TEXT}
_LEAVE: Shape = _object({"from": _MOMENT, "to": _MOMENT, "catch_up": _TRUTH}, "from", "to")
_PAUSE: Shape = {"type": ["boolean", "object"], "properties": {"until": _MOMENT, "for": _DURATION, "reason": _TEXT}}
_STATES = ("online", "away", "offline")
_PRESENCE: Shape = {
    "type": ["string", "object"],
    "pattern": f"^({'|'.join(_STATES)})$",
    "properties": {"status": _one_of(_STATES), "for": _DURATION, "until": _MOMENT},
    "additionalProperties": False,
}
_AGENT: Shape = {
    "type": ["object", "string", "null"],
    "properties": {
        "id": {"type": "string", "maxLength": 36},
        "name": _NAME,
        "manager": _NAME,
        "leave": _list(_LEAVE, 100),
        "pause": _PAUSE,
        "presence": _PRESENCE,
    },
    "additionalProperties": True,
    "description": "Any of an agent's settings, as POST /v1/agents takes them.",
}
_AGENTS: Shape = {**_AGENT, "type": ["array", "object"], "items": _AGENT, "maxItems": 5_000, "properties": {}}
_EARLIER: Shape = {
    "type": "object",
    "properties": {
        **_LEAD_PARTS,
        "lead": _NAME,
        "agent": _NAME,
        "pool": _NAME,
        "at": {**_MOMENT, "examples": ["-2d", "2026-03-01"]},
        "count": _whole(1, 10_000),
        "closed": {"type": ["string", "boolean"], "pattern": f"^({'|'.join((*CLOSINGS, *END_REASONS))})$"},
        "turn": _TRUTH,
    },
    "required": ["agent"],
    "additionalProperties": True,
    "description": "Leads given out before the scenario starts: they count for caps, turns and owners, and promise nothing.",
}
_WAITING: Shape = {"type": "object", "properties": {**_LEAD_PARTS, "since": _MOMENT}, "additionalProperties": True}

_COUNT: Shape = {
    "type": ["integer", "object"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "received": _NUMBER, "open": _NUMBER},
    "additionalProperties": False,
    "minProperties": 1,
}
_WAIT: Shape = {
    "type": ["string", "object", "null"],
    "properties": {"pool": _NAME, "why": _TEXT, "until": _MOMENT},
    "additionalProperties": False,
}
_DEADLINE: Shape = {
    "type": ["string", "object", "null"],
    "properties": {"due": _MOMENT, "status": _one_of(State)},
    "additionalProperties": False,
    "description": "When the promise breaks, or {due, status}; null for no such promise.",
}
_HAPPENED: Shape = {
    "type": ["string", "object"],
    "properties": {
        "what": _one_of(HAPPENINGS),
        "lead": _NAME,
        "agent": _NAME,
        "agents": _NAMES,
        "pool": _NAME,
        "rule": _NAME,
        "how": _one_of(How),
        "reason": _NAME,
        "sla": _NAME,
        "step": _NAME,
        "manager": _NAME,
        "why": _TEXT,
        "at": _MOMENT,
        "due": _MOMENT,
    },
    "additionalProperties": False,
    "description": "Words of a line of the account, or what it must be.",
}
_WHY_NOT: Shape = _object(
    {
        "lead": _NAME,
        "agent": _NAME,
        "decision": _whole(1, 1_000),
        "verdict": _one_of(Verdict),
        "gate": _one_of(Gate),
        "text": _TEXT,
    },
    "lead",
    "agent",
)
_AVAILABLE: Shape = _object(
    {
        "agent": _NAME,
        "at": _MOMENT,
        "available": _TRUTH,
        "gate": {"type": ["string", "null"], "enum": [*map(str, Gate), None]},
        "until": {"type": ["string", "null"], "maxLength": 60},
        "text": _TEXT,
    },
    "agent",
)
_TURNS: Shape = {
    "type": ["number", "object"],
    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
    "additionalProperties": False,
    "minProperties": 1,
    "description": "turns with two decimals, or {min, max}",
}
_STATEMENT: Shape = _object(
    {"agent": _NAME, "pool": _NAME, "entitled": _TURNS, "received": _NUMBER, "difference": _TURNS, "text": _TEXT}, "agent", "pool"
)
_DECISION: Shape = _object(
    {
        "number": {**_whole(1, 1_000), "description": "Which of the lead's decisions; the last one without."},
        "outcome": _one_of(Outcome),
        "rule": {"type": ["string", "null"], "maxLength": 100},
        "pool": {"type": ["string", "null"], "maxLength": 100},
        "via": {"type": ["string", "null"], "maxLength": 100},
        "agent": {"type": ["string", "null"], "maxLength": 200},
        "why": _TEXT,
        "eligible": _NUMBER,
        "stopped": _map({"type": "integer"}, 50),
        "failed": _list(_NAME, 100),
    }
)
THEN: Shape = _object(
    {
        "owners": _map({"type": ["string", "null", "array"], "items": _NAME, "maxItems": 1_000}),
        "status": _map(_one_of(STATUSES)),
        "counts": _map(_COUNT),
        "waits": {**_map(_WAIT), "type": ["object", "array"], "items": _NAME, "maxItems": 1_000},
        "queue": _map(_list(_NAME, 1_000)),
        "offered_to": _map({**_NAMES, "type": ["string", "array", "null"]}),
        "rejected": _map({"type": ["string", "boolean"], "maxLength": 2_000}),
        "deadlines": _map(_map(_DEADLINE, 50)),
        "happened": _list(_HAPPENED),
        "never": _list(_HAPPENED),
        "why_not": _list(_WHY_NOT),
        "availability": _list(_AVAILABLE),
        "statement": _list(_STATEMENT),
        "decisions": _map(_DECISION),
    }
)

_CORRECTION: Shape = _object(
    {"agent": _NAME, "pool": _NAME, "turns": _whole(1, 1_000), "reason": _TEXT}, "agent", "pool", "turns"
)
STEP: Shape = _object(
    {
        "at": _MOMENT,
        "after": {**_DURATION, "description": "So long after the step before."},
        "clock": {**_one_of(("back",)), "description": "The clock goes back to `at`."},
        "note": _TEXT,
        "lead": _LEAD,
        "leads": _LEADS,
        "score": {**_LEAD, "properties": {**_LEAD_PARTS, "lead": _NAME}, "required": ["lead"]},
        "accept": {**_object({**_SAID, "by": _NAME}, "lead"), "type": ["object", "string"]},
        "decline": {**_object({**_SAID, "by": _NAME}, "lead"), "type": ["object", "string"]},
        "return": {**_object({**_SAID, "by": _NAME}, "lead"), "type": ["object", "string"]},
        "claim": _object({"lead": _NAME, "by": _NAME}, "lead", "by"),
        "hand_over": _object({**_SAID, "to": _NAME, "by": _NAME, "pool": _NAME}, "lead", "to"),
        "assign": _object({**_SAID, "to": _NAME, "pool": _NAME, "force": _TRUTH}, "lead", "to"),
        "contacted": {**_object({"lead": _NAME, "when": _MOMENT}, "lead"), "type": ["object", "string"]},
        "stage": _object({"lead": _NAME, "stage": _NAME, "when": _MOMENT}, "lead", "stage"),
        "close": {**_object({"lead": _NAME, "as": _one_of(CLOSINGS)}, "lead"), "type": ["object", "string"]},
        "agent": {**_AGENT, "type": "object", "required": ["name"]},
        "pause": {
            **_object({"agent": _NAME, "until": _MOMENT, "for": _DURATION, "reason": _TEXT}, "agent"),
            "type": ["object", "string"],
        },
        "resume": _NAME,
        "leave": _object({"agent": _NAME, "from": _MOMENT, "to": _MOMENT, "catch_up": _TRUTH}, "agent", "to"),
        "presence": _object({"agent": _NAME, "status": _one_of(_STATES), "for": _DURATION, "until": _MOMENT}, "agent", "status"),
        "credit": _CORRECTION,
        "debit": _CORRECTION,
        "activate": _object({"policy": {"type": "object"}, "change": {"type": "object"}}, minProperties=1, maxProperties=1),
        "restart": {"type": "boolean", "enum": [True]},
        "outage": _object({"for": _DURATION, "until": _MOMENT}, minProperties=1, maxProperties=1),
        "wait": {**_DURATION, "type": ["string", "boolean"], "description": "Nothing is done; time passes."},
        "refused": {
            "type": ["boolean", "string"],
            "maxLength": 2_000,
            "description": "What this step asks for is refused; a text must be part of the reason. Refusals that are not expected fail.",
        },
        "expect": {"$ref": "#/$defs/then"},
    },
    minProperties=1,
)
GIVEN: Shape = _object(
    {
        "clock": {
            **_MOMENT,
            "type": ["string", "object"],
            "properties": {"start": _MOMENT, "zone": _NAME},
            "additionalProperties": False,
        },
        "zone": {**_NAME, "description": "An IANA time zone, in which moments are read, and that of agents who have no other."},
        "policy": {"type": "object", "description": "A policy of its own, instead of the one that is tested."},
        **{part: {"description": f"As `{part}` of a policy."} for part in OF_POLICY},
        "agents": _AGENTS,
        "earlier": _list(_EARLIER, 5_000),
        "waiting": _list(_WAITING, 5_000),
        "lead": {**_LEAD, "description": "What every lead is that does not say otherwise."},
    }
)
SCENARIO: Shape = _object(
    {
        "name": _NAME,
        "note": _TEXT,
        "given": {"$ref": "#/$defs/given"},
        "when": _list({"$ref": "#/$defs/step"}, MAX_STEPS),
        "then": {"$ref": "#/$defs/then"},
    },
    "name",
)
DEFS: Shape = {"given": GIVEN, "step": STEP, "then": THEN, "scenario": SCENARIO}
BUNDLE: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Policy tests",
    "description": "Scenarios, and what is given to all of them: a scenario's own `given` is laid over it (RFC 7396).",
    **_object(
        {
            "name": _NAME,
            "note": _TEXT,
            "given": {"$ref": "#/$defs/given"},
            "scenarios": _list({"$ref": "#/$defs/scenario"}, MAX_SCENARIOS),
        },
        "scenarios",
    ),
    "$defs": DEFS,
}
