"""The recorded schema of each published event, and what a change of it may be.

    python -m tests.contract.schemas      record new events and compatible additions

A published version is only added to, and only with fields that have a default: events of the last seven days lie on the topics, and
during a roll-out old and new programs read each other's. So nothing is removed or renamed, no type is narrowed (old events would be
unreadable) or widened (old programs would not read new events), no default changes (it stands for what is left out).
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import msgspec

from shared.contracts import events
from shared.contracts.events import PUBLISHED, Event

EXAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "examples"
PROSE = {"title", "description"}


def folder_of(kind: type[Event]) -> Path:
    return EXAMPLES / kind.__name__ / f"v{kind.VERSION}"


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """The JSON schema of an event, each struct within it written out in its place."""
    _, definitions = msgspec.json.schema_components([kind], ref_template="{name}")
    for name, schema in definitions.items():
        _mark_moments({**vars(events), kind.__name__: kind}[name], schema["properties"])
    resolved: dict[str, Any] = _resolved(definitions[kind.__name__], definitions)
    return resolved


def _mark_moments(struct: type[msgspec.Struct], properties: dict[str, Any]) -> None:
    """msgspec calls a datetime without a rule on its zone a mere string; a change to or from one must be seen."""
    for field in msgspec.structs.fields(struct):
        if datetime in (field.type, *get_args(field.type)):
            properties[field.encode_name]["format"] = "date-time"


def _resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"]], definitions)
    # A property may be called `title`: only a schema's own prose is left out.
    return {
        name: {field: _resolved(each, definitions) for field, each in value.items()}
        if name == "properties"
        else _resolved(value, definitions)
        for name, value in schema.items()
        if name not in PROSE
    }


def incompatible(published: dict[str, Any], current: dict[str, Any], at: str = "") -> list[str]:
    """What of the published schema the current one breaks, one sentence for each; empty where it only adds optional fields."""
    faults = []
    required_before, required_now = set(published.get("required", ())), set(current.get("required", ()))
    for name, schema in published.get("properties", {}).items():
        field = f"{at}{name}"
        if name not in current.get("properties", {}):
            faults.append(f"{field} was removed or renamed")
        else:
            faults += _changed(schema, current["properties"][name], field)
            if name in required_before - required_now:
                faults.append(f"{field} was required and is optional now: older programs insist on it")
    faults += [f"{at}{name} is newly required: give it a default" for name in sorted(required_now - required_before)]
    return faults


def _changed(before: Any, now: Any, field: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        if "properties" in before and "properties" in now:
            return incompatible(before, now, f"{field}.")
        if "items" in before and "items" in now:
            return _changed(before["items"], now["items"], f"{field}[]")
    if before != now:
        return [f"{field} was {json.dumps(before)} and is {json.dumps(now)} now"]
    return []


def record() -> int:
    """Writes what is new. Refuses what breaks a published schema; returns how many events do."""
    broken = 0
    for kind in PUBLISHED:
        path = folder_of(kind) / "schema.json"
        current = schema_of(kind)
        faults = incompatible(json.loads(path.read_text()), current) if path.exists() else []
        if faults:
            broken += 1
            sys.stderr.write(f"{kind.__name__}: {'; '.join(faults)}\nPublish a new version instead: raise VERSION.\n")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(current, indent=2) + "\n")
    return broken


if __name__ == "__main__":
    sys.exit(record())
