"""Holds a document against a JSON Schema: those of its words that ours use, with messages for a person.

So the schema that is published is the one that is kept. `oneOf` is told apart by the constant in `kind`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from shared.rules import Problem
from shared.rules.definitions import escape

Schema = Mapping[str, Any]

_SHOWN = 5  # names of fields in a message

_NAMED = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def faults(value: object, schema: Schema) -> list[Problem]:
    """All that is wrong with the value's shape, in the value's order."""
    return list(_faults(value, schema, "", schema.get("$defs", {})))


def nearby(name: str, names: Iterable[str]) -> str:
    """A hint at what may have been meant."""
    close = get_close_matches(name, list(names), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _faults(value: object, schema: Schema, path: str, defs: Mapping[str, Schema]) -> Iterator[Problem]:
    if "$ref" in schema:
        schema = defs[schema["$ref"].removeprefix("#/$defs/")]
    if "oneOf" in schema:
        chosen = _alternative(value, schema["oneOf"])
        if isinstance(chosen, Problem):
            yield Problem(path + chosen.path, chosen.message)
            return
        schema = chosen
    fault = _kind_fault(value, schema) or _value_fault(value, schema)
    if fault:
        yield Problem(path or "/", fault)
    elif isinstance(value, Mapping):
        yield from _of_object(value, schema, path, defs)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), f"{path}/{index}", defs)


def _alternative(value: object, alternatives: Iterable[Schema]) -> Schema | Problem:
    by_kind = {one["properties"]["kind"]["const"]: one for one in alternatives}
    if not isinstance(value, Mapping):
        return Problem("", "must be an object with a kind")
    kind = value.get("kind")
    if isinstance(kind, str) and kind in by_kind:
        return by_kind[kind]
    return Problem("/kind", f"must be one of {', '.join(by_kind)}{nearby(str(kind), by_kind)}")


def _of_object(value: Mapping[Any, Any], schema: Schema, path: str, defs: Mapping[str, Schema]) -> Iterator[Problem]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        if fault := _storage_fault(name):
            yield Problem(path or "/", f"a field's name {fault}")
            continue
        at = f"{path}/{escape(name)}"
        if fault := _text_fault(name, schema.get("propertyNames", {})):
            yield Problem(at, fault)
        elif name in known:
            yield from _faults(item, known[name], at, defs)
        elif others is False:
            yield Problem(at, f"is no field here{nearby(name, known)}")
        else:
            yield from _faults(item, {} if others is True else others, at, defs)
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem(f"{path}/{name}", "is missing")


def _kind_fault(value: object, schema: Schema) -> str | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if any(_is(value, kind) for kind in kinds):
        return None
    return f"must be {' or '.join(_NAMED[kind] for kind in kinds)}{_fields(schema) if wanted == 'object' else ''}"


def _fields(schema: Schema) -> str:
    """What an object may hold, for whoever wrote something else there."""
    names = [*schema.get("properties", {})]
    return f" of {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}" if names else ""


def _is(value: object, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _value_fault(value: object, schema: Schema) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(map(str, schema['enum']))}{nearby(str(value), map(str, schema['enum']))}"
    match value:
        case str():
            return _text_fault(value, schema)
        case bool():
            return None
        case int() | float():
            return _number_fault(value, schema)
        case list():
            return _size_fault(len(value), schema, "Items") or _repeat_fault(value, schema)
        case Mapping():
            return _size_fault(len(value), schema, "Properties")
    return None


def _storage_fault(text: str) -> str | None:
    """Why no database could store this text."""
    if "\0" in text:
        return "holds a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "holds half a surrogate pair, which is no character"
    return None


def _text_fault(text: str, schema: Schema) -> str | None:
    if fault := _storage_fault(text):
        return fault
    if len(text) < schema.get("minLength", 0):
        return "must not be empty"
    if len(text) > schema.get("maxLength", math.inf):
        return f"must be at most {schema['maxLength']} characters"
    if "pattern" in schema and not re.search(schema["pattern"], text):
        return str(schema.get("description", f"must match {schema['pattern']}"))
    return None


def _number_fault(value: float, schema: Schema) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "is no finite number"
    least, most = schema.get("minimum", -(2**53)), schema.get("maximum", 2**53)
    return None if least <= value <= most else f"must be from {least:,} to {most:,}"


def _size_fault(size: int, schema: Schema, what: str) -> str | None:
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}", math.inf)
    if size > most:
        return f"must hold at most {most:,}"
    return f"must hold at least {least}" if size < least else None


def _repeat_fault(items: list[object], schema: Schema) -> str | None:
    if not schema.get("uniqueItems"):
        return None
    return "names something twice" if len({repr(item) for item in items}) < len(items) else None
