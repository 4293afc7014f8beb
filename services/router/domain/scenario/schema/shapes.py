"""What the schema is built of: objects, lists and maps, and the simple values."""

from __future__ import annotations

from typing import Any

from services.router.domain.scenario.moments import FORM

Shape = dict[str, Any]


def an_object(properties: Shape, *required: str, **more: Any) -> Shape:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more}


def a_list(of: Shape, most: int = 1_000, **more: Any) -> Shape:
    return {"type": "array", "items": of, "maxItems": most, **more}


def a_map(of: Shape, most: int = 5_000) -> Shape:
    return {"type": "object", "additionalProperties": of, "maxProperties": most, "propertyNames": {"maxLength": 200}}


def one_of(values: Any) -> Shape:
    return {"type": "string", "enum": [str(value) for value in values]}


def whole(least: int, most: int) -> Shape:
    return {"type": "integer", "minimum": least, "maximum": most}


NAME: Shape = {"type": "string", "minLength": 1, "maxLength": 200}
TEXT: Shape = {"type": "string", "minLength": 1, "maxLength": 2_000}
TRUTH: Shape = {"type": "boolean"}
MOMENT: Shape = {"type": "string", "minLength": 1, "maxLength": 60, "examples": FORM.split(", "), "description": "a moment"}
DURATION: Shape = {"type": "string", "minLength": 2, "maxLength": 40, "examples": ["5m", "2d 3h"]}
NAMES: Shape = {"type": ["string", "array"], "items": NAME, "maxItems": 1_000, "minLength": 1}
NUMBER: Shape = {
    "type": ["integer", "object"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
    "additionalProperties": False,
    "minProperties": 1,
    "description": "exactly so many, or {min, max}",
}
