"""What may be expected, at a step and in the end."""

from __future__ import annotations

from services.router.domain.availability import Gate
from services.router.domain.decision import Outcome
from services.router.domain.desk import How
from services.router.domain.explanation import Verdict
from services.router.domain.scenario.schema.shapes import (
    MOMENT,
    NAME,
    NAMES,
    NUMBER,
    TEXT,
    TRUTH,
    Shape,
    a_list,
    a_map,
    an_object,
    one_of,
    whole,
)
from services.router.domain.sla import State

HAPPENINGS = ("assigned", "offered", "queued", "rejected", "ended", "accepted", "warned", "breached")
STATUSES = ("unrouted", "offered", "assigned", "queued", "rejected", "closed")

_COUNT: Shape = {
    "type": ["integer", "object"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "received": NUMBER, "open": NUMBER},
    "additionalProperties": False,
    "minProperties": 1,
}
_WAIT: Shape = {
    "type": ["string", "object", "null"],
    "properties": {"pool": NAME, "why": TEXT, "until": MOMENT},
    "additionalProperties": False,
}
_DEADLINE: Shape = {
    "type": ["string", "object", "null"],
    "properties": {"due": MOMENT, "status": one_of(State)},
    "additionalProperties": False,
    "description": "When the promise breaks, or {due, status}; null for no such promise.",
}
_HAPPENED: Shape = {
    "type": ["string", "object"],
    "properties": {
        "what": one_of(HAPPENINGS),
        "lead": NAME,
        "agent": NAME,
        "agents": NAMES,
        "pool": NAME,
        "rule": NAME,
        "how": one_of(How),
        "reason": NAME,
        "sla": NAME,
        "step": NAME,
        "manager": NAME,
        "why": TEXT,
        "at": MOMENT,
        "due": MOMENT,
    },
    "additionalProperties": False,
    "description": "Words of a line of the account, or what it must be.",
}
_WHY_NOT: Shape = an_object(
    {
        "lead": NAME,
        "agent": NAME,
        "decision": whole(1, 1_000),
        "verdict": one_of(Verdict),
        "gate": one_of(Gate),
        "text": TEXT,
    },
    "lead",
    "agent",
)
_AVAILABLE: Shape = an_object(
    {
        "agent": NAME,
        "at": MOMENT,
        "available": TRUTH,
        "gate": {"type": ["string", "null"], "enum": [*map(str, Gate), None]},
        "until": {"type": ["string", "null"], "maxLength": 60},
        "text": TEXT,
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
_STATEMENT: Shape = an_object(
    {"agent": NAME, "pool": NAME, "entitled": _TURNS, "received": NUMBER, "difference": _TURNS, "text": TEXT}, "agent", "pool"
)
_DECISION: Shape = an_object(
    {
        "number": {**whole(1, 1_000), "description": "Which of the lead's decisions; the last one without."},
        "outcome": one_of(Outcome),
        "rule": {"type": ["string", "null"], "maxLength": 100},
        "pool": {"type": ["string", "null"], "maxLength": 100},
        "via": {"type": ["string", "null"], "maxLength": 100},
        "agent": {"type": ["string", "null"], "maxLength": 200},
        "why": TEXT,
        "eligible": NUMBER,
        "stopped": a_map({"type": "integer"}, 50),
        "failed": a_list(NAME, 100),
    }
)
THEN: Shape = an_object(
    {
        "owners": a_map({"type": ["string", "null", "array"], "items": NAME, "maxItems": 1_000}),
        "status": a_map(one_of(STATUSES)),
        "counts": a_map(_COUNT),
        "waits": {**a_map(_WAIT), "type": ["object", "array"], "items": NAME, "maxItems": 1_000},
        "queue": a_map(a_list(NAME, 1_000)),
        "offered_to": a_map({**NAMES, "type": ["string", "array", "null"]}),
        "rejected": a_map({"type": ["string", "boolean"], "maxLength": 2_000}),
        "deadlines": a_map(a_map(_DEADLINE, 50)),
        "happened": a_list(_HAPPENED),
        "never": a_list(_HAPPENED),
        "why_not": a_list(_WHY_NOT),
        "availability": a_list(_AVAILABLE),
        "statement": a_list(_STATEMENT),
        "decisions": a_map(_DECISION),
    }
)
