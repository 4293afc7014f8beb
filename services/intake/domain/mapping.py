"""Field mapping: from what a source sends to the normal form's names.

A mapping has three parts. `fields` maps a path in the payload to a normal field (`{"data.mail": "email"}`), or to `custom`, which keeps it
as a custom answer whatever it is called; a `*` in a path stands for any one step. `facts` names the custom answers that rules may ask.
`defaults` fills fact fields that the payload leaves out. A source's own mapping lies over that of its kind of sender; where both
are silent, known spellings are recognised. What is mapped to nothing is kept under its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.intake.domain.fields import FACT_FIELDS, NORMAL_FIELDS, NUMBER_FIELDS
from services.intake.domain.quality.text import as_text
from services.intake.domain.spellings import known_field

CUSTOM = "custom"
MAX_ANSWERS = 500
MAX_TEXT = 20_000
MAX_KEY = 200


class MappingError(ValueError):
    """A mapping that cannot be saved. `field` is a JSON pointer into it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Mapping:
    """A source's mapping, or as `Mapping(sender.mapping, frozenset(sender.facts))` that of its kind of sender."""

    fields: Dict[str, str] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    defaults: Dict[str, Any] = field(default_factory=dict)

    @cached_property
    def patterns(self) -> list[tuple[list[str], str]]:
        """The paths with a `*`, as steps."""
        return [(path.split("."), field) for path, field in self.fields.items() if "*" in path]

    def field_at(self, path: str) -> str | None:
        """What this mapping says of a path: a normal field, `custom`, or None where it is silent."""
        if found := self.fields.get(path):
            return found
        if path in self.facts:
            return CUSTOM
        if self.patterns:
            steps = path.split(".")
            return next((field for pattern, field in self.patterns if _matches(pattern, steps)), None)
        return None


def _matches(pattern: list[str], steps: list[str]) -> bool:
    return len(pattern) == len(steps) and all(one in ("*", step) for one, step in zip(pattern, steps, strict=True))


@dataclass(frozen=True)
class Mapped:
    """A payload, mapped. `used` says which path filled a field; `unmapped` are the paths that nobody decided about."""

    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)


def parse_mapping(document: Dict[str, Any]) -> Mapping:
    """A source's stored mapping. Raises MappingError for a part that means nothing."""
    fields = dict(document.get("fields") or {})
    defaults = dict(document.get("defaults") or {})
    facts = frozenset(document.get("facts") or ())
    for path, name in fields.items():
        if name not in NORMAL_FIELDS and name != CUSTOM:
            choices = ", ".join([*sorted(NORMAL_FIELDS), CUSTOM])
            raise MappingError(f"/fields/{path}", f"{name} is no field; choose one of {choices}")
    for name in defaults:
        if name not in FACT_FIELDS:
            raise MappingError(f"/defaults/{name}", f"only a fact field has a default: {', '.join(sorted(FACT_FIELDS))}")
    if clash := facts & NORMAL_FIELDS:
        raise MappingError("/facts", f"{', '.join(sorted(clash))}: a normal field has its block already")
    return Mapping(fields, facts, defaults)


NOTHING = Mapping()


def map_payload(payload: Dict[str, Any], mapping: Mapping, base: Mapping = NOTHING) -> Mapped:
    """Splits a payload into normal fields and custom answers.

    `base` is the mapping of the source's kind of sender. What a mapping says comes before what a path sounds like; after that the first
    value of a field that is not blank wins.
    """
    mapped = Mapped()
    guesses: list[tuple[str, str, Any]] = []
    for n, (path, raw) in enumerate(flatten(payload)):
        if n >= MAX_ANSWERS:
            mapped.warnings.append(f"only the first {MAX_ANSWERS} answers are kept")
            break
        key = storable_text(path)[:MAX_KEY]
        value = _storable(key, raw, mapped.warnings)
        said = mapping.field_at(path) or base.field_at(path)
        if said == CUSTOM:
            _keep(mapped, key, value)
        elif said is None:
            guesses.append((path, key, value))
        elif not _fill(mapped, said, key, value):
            _keep(mapped, key, value)
    for path, key, value in guesses:
        guess = known_field(path)
        if guess is None or not _fill(mapped, guess, key, value):
            _keep(mapped, key, value)
            mapped.unmapped.append(key)
    return mapped


def _fill(mapped: Mapped, name: str, key: str, value: Any) -> bool:
    if name in mapped.fields or value is None or value == [] or (isinstance(value, str) and not value.strip()):
        return False
    mapped.fields[name] = _shaped(name, value)
    mapped.used[name] = key
    return True


def _keep(mapped: Mapped, key: str, value: Any) -> None:
    """Under its path, or, where two long paths begin alike, under one with a number behind it."""
    n = 2
    name = key
    while name in mapped.custom:
        name, n = f"{key} ({n})", n + 1
    mapped.custom[name] = value


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a JSON value with their dotted paths. A list of plain values is a leaf."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for n, item in enumerate(value):
            yield from flatten(item, f"{path}.{n}")
    else:
        yield path, value


def _shaped(name: str, value: Any) -> Any:
    if name == "tags":
        return [as_text(item).strip() for item in (value if isinstance(value, list) else as_text(value).split(","))]
    return value if name in NUMBER_FIELDS and not isinstance(value, list | bool) else as_text(value)


def _storable(path: str, value: Any, warnings: list[str]) -> Any:
    """What PostgreSQL can store: text that it cannot is replaced and marked, since the raw bytes are kept beside it."""
    if isinstance(value, list):
        return [_storable(path, item, warnings) for item in value[:MAX_ANSWERS]]
    if not isinstance(value, str) or (len(value) <= MAX_TEXT and value.isascii() and "\0" not in value):
        return value
    clean = storable_text(value)
    if "\ufffd" in clean:  # some senders' readers have replaced them already
        warnings.append(f"{path}: characters that cannot be stored were replaced")
    if len(clean) > MAX_TEXT:
        warnings.append(f"{path}: cut to {MAX_TEXT} characters")
    return clean[:MAX_TEXT]


def storable_text(value: str) -> str:
    """The text with U+FFFD for each NUL and each half of a surrogate pair."""
    if "\0" not in value and (value.isascii() or value.isprintable()):
        return value
    return "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) <= 0xDFFF else c for c in value)
