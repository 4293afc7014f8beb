"""The shape of a policy document as a JSON Schema (2020-12): the one that is published is the one that documents are held against."""

from __future__ import annotations

from typing import Any

from services.router.domain.agent import DAYS
from services.router.domain.policy.values import AGEING, StrategyKind
from services.router.domain.sla import WORKING, Absent, Escalation, Origin, SlaClock
from services.router.domain.sla.levels import ACCEPTED, CONTACTED, GRACE, HOPS, MAX_HOPS, MAX_PERCENT, MAX_STEPS, STAGE

MAX_WEIGHT = 1_000
MAX_POOLS = 1_000
MAX_MEMBERS = 5_000
MAX_RULES = 1_000
MAX_NAME = 100
MAX_RULE = 2_000
MAX_MINUTES = 366 * 24 * 60

ROUTED = ("sales_qualified", "marketing_qualified")
STICKY_BY = ("contact", "company", "account")
END_REASONS = ("declined", "expired", "returned", "reassigned", "merged", "erased", "closed")
ACTIONS = (ACCEPTED, CONTACTED, STAGE, "qualified", "won", "lost", "disqualified")  # all that the router hears of


def _object(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more}


def _map(of: dict[str, Any], *, most: int, names: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of, "maxProperties": most, "propertyNames": names, **more}


def _list(of: dict[str, Any], *, most: int, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": of, "maxItems": most, **more}


def _whole(least: int, most: int, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def _truth(description: str) -> dict[str, Any]:
    return {"type": "boolean", "default": False, "description": description}


def _one_of(values: Any, **more: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [str(value) for value in values], **more}


_ANY_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_NAME = {
    **_ANY_NAME,
    "pattern": r"^\w[\w .-]*$",
    "description": "must begin with a letter or digit and hold only letters, digits, spaces, dots, dashes and underscores",
}
_CONDITION: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_RULE,
    "examples": ["country in ['DE', 'AT'] && budget >= 10000"],
}
_AGENT = {"type": "string", "minLength": 1, "maxLength": 200}
_UUID = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$",
    "description": "must be an agent's id (a UUID)",
}
_SLAS = {"type": ["string", "array"], "items": _ANY_NAME, "maxItems": 10, "uniqueItems": True}
_FALLBACKS = tuple(kind for kind in StrategyKind if kind not in (StrategyKind.CLAIM, StrategyKind.SHARE))


def _strategy(kind: StrategyKind, **properties: Any) -> dict[str, Any]:
    return _object({"kind": {"const": kind.value}, **properties}, "kind")


_STRATEGY = {
    "oneOf": [
        *[_strategy(kind) for kind in _FALLBACKS],
        _strategy(
            StrategyKind.CLAIM,
            to={
                "type": ["integer", "string"],
                "minimum": 1,
                "maximum": MAX_MEMBERS,
                "pattern": "^all$",
                "description": "must be all, or how many",
            },
            seconds=_whole(5, 7 * 86_400),
            fallback=_one_of(_FALLBACKS),
            counts=_truth("Whether a claim is a turn of the pool's own strategy."),
        ),
        {
            **_strategy(StrategyKind.SHARE, percent=_map(_whole(0, 100), most=MAX_MEMBERS, names=_AGENT, minProperties=1)),
            "required": ["kind", "percent"],
        },
    ]
}
_MEMBER = _object({"agent": _AGENT, "agent_id": _UUID, "weight": _whole(1, MAX_WEIGHT), "level": _whole(1, 100)})
_STICKY = _object(
    {
        "by": _list(_one_of(STICKY_BY), most=len(STICKY_BY), minItems=1, uniqueItems=True),
        "days": _whole(1, 3_660),
        "absent": _one_of(("wait", "reassign")),
        "departed": _one_of(("reassign",)),
        "counts": {"type": "boolean"},
        "hold_minutes": _whole(1, MAX_MINUTES),
    },
    "by",
)
_HOLD = _object(
    {
        "ageing_points_per_hour": _whole(
            0,
            1_000,
            default=AGEING,
            description="Points that a waiting lead gains in an hour. By them the longest waiting is served in the end, however many "
            "better ones come; with 0 it may wait for ever.",
        ),
        "promise_minutes": _whole(1, MAX_MINUTES),
    }
)
_POOL = _object(
    {
        "members": _list(_MEMBER, most=MAX_MEMBERS),
        "member_rule": _CONDITION,
        "strategy": {"$ref": "#/$defs/strategy"},
        "requires": _CONDITION,
        "sticky": _STICKY,
        "overflow": _list(_ANY_NAME, most=10, uniqueItems=True),
        "returns": _list(_one_of(END_REASONS), most=len(END_REASONS), uniqueItems=True),
        "catch_up": _whole(0, 10_000),
        "hold": _HOLD,
        "sla": _SLAS,
    }
)
_RULE = _object({"name": _NAME, "when": _CONDITION, "pool": _ANY_NAME, "requires": _CONDITION, "sla": _SLAS}, "name", "pool")
_RUNG = _object({"at": _whole(1, MAX_PERCENT), "do": _one_of(Escalation), "pool": _ANY_NAME}, "at", "do")
_SLA = _object(
    {
        "clock": _one_of(SlaClock),
        "minutes": _whole(1, MAX_MINUTES),
        "time": {
            **_ANY_NAME,
            "default": WORKING,
            "description": "The owner's working time (working), all the time (wall), or the name of a calendar.",
        },
        "origin": _one_of(Origin, default=Origin.RECEIPT.value, description="Where the time to the first response counts from."),
        "absent": _one_of(
            Absent, description="What the owner's leave does to the clock: by default it pauses one of working time."
        ),
        "warn": _list(_whole(1, 99), most=10, uniqueItems=True),
        "ladder": _list(_RUNG, most=MAX_STEPS),
        "counts": _list(_one_of(ACTIONS), most=len(ACTIONS), minItems=1, uniqueItems=True),
        "max_hops": _whole(0, MAX_HOPS, default=HOPS),
        "grace_minutes": _whole(
            0,
            MAX_MINUTES,
            default=GRACE // 60,
            description="What an owner has at least before the lead moves on, be it ever so late.",
        ),
    },
    "clock",
    "minutes",
)
_REROUTE = _object(
    {
        "when": _CONDITION,
        "from": _list(_ANY_NAME, most=MAX_POOLS, uniqueItems=True),
        "to": _ANY_NAME,
        "max_hops": _whole(0, MAX_HOPS, default=HOPS),
    },
    "when",
    "to",
)
_BLOCKS = _list({"type": "string", "maxLength": 20, "examples": ["09:00-12:30"]}, most=12)
_CALENDAR = _object(
    {
        "zone": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Europe/Paris"]},
        "hours": _object({day: _BLOCKS for day in DAYS}),
        "holidays": _list({"type": "string", "maxLength": 20, "examples": ["DE-BY", "2026-12-24"]}, most=200, uniqueItems=True),
    },
    "zone",
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Routing policy",
    **_object(
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "facts": _map(_one_of(("text", "number", "truth", "texts")), most=200, names={"maxLength": 200}),
            "define": _map(_CONDITION, most=100, names={"maxLength": 200}),
            "routed": _list(_ANY_NAME, most=50, uniqueItems=True),
            "pools": _map({"$ref": "#/$defs/pool"}, most=MAX_POOLS, names=_NAME),
            "rules": _list({"$ref": "#/$defs/rule"}, most=MAX_RULES),
            "default": _ANY_NAME,
            "slas": _map(_SLA, most=100, names=_NAME),
            "calendars": _map(_CALENDAR, most=100, names=_NAME),
            "reroute": _list(_REROUTE, most=50),
            "tests": _list({"type": "object"}, most=500),
        },
        "pools",
        "default",
    ),
    "$defs": {"strategy": _STRATEGY, "pool": _POOL, "rule": _RULE},
}

# The first form, in which a condition was data. It is read still, and turned into the second.
_CONDITION_1 = _object(
    {
        "field": {"type": "string", "minLength": 1, "maxLength": 200},
        "op": _one_of(("==", "!=", "in", ">=", "<=")),
        "value": {
            "type": ["string", "number", "boolean", "array"],
            "items": {"type": ["string", "number", "boolean"]},
            "maxItems": 1_000,
        },
    },
    "field",
    "op",
    "value",
)
FIRST_FORM: dict[str, Any] = _object(
    {
        "pools": _map({"$ref": "#/$defs/pool"}, most=MAX_POOLS, names=_NAME),
        "rules": _list(
            _object({"name": _NAME, "when": _list(_CONDITION_1, most=50), "pool": _ANY_NAME}, "name", "pool"), most=MAX_RULES
        ),
        "default_pool": _ANY_NAME,
        "routed": _list(_ANY_NAME, most=50),
    },
    "pools",
    "default_pool",
    **{"$defs": {"strategy": _STRATEGY, "pool": _POOL}},
)
