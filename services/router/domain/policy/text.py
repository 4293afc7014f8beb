"""A policy's text, JSON or YAML, as plain data.

YAML is read by the rules of version 1.2, in which `no` is a text (a list of countries may hold NO) and a date is one too. Anchors, tags and
several documents in one text are refused, and so is a key that stands twice, in JSON also.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from shared.rules.definitions import escape

MAX_TEXT = 1024 * 1024  # bytes
MAX_VALUES = 200_000
MAX_DEPTH = 24

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {"tag:yaml.org,2002:str": str, "tag:yaml.org,2002:map": dict, "tag:yaml.org,2002:seq": list, "!": str}
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,300}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,300}"), lambda text: int(text[2:], 16)),
    (
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        lambda text: _float(text),
    ),
)


class Unreadable(ValueError):
    """A text that is no document. `line` and `column` count from 1; None where the place is not known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


def read_json(body: bytes) -> Any:
    """Raises Unreadable."""
    if len(body) > MAX_TEXT:
        raise Unreadable(f"is longer than {MAX_TEXT} bytes")
    try:
        found = json.loads(body.decode(), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Unreadable(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise Unreadable(f"is nested more than {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise error if isinstance(error, Unreadable) else Unreadable("holds a number that is too long") from error
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Unreadable(f"holds {name[:100]!r} twice in one object")
        found[name] = value
    return found


def read_yaml(body: bytes) -> Any:
    """Raises Unreadable."""
    found = _yaml(body, _Builder())
    return found[0] if found else None


def read_documents(body: bytes) -> tuple[list[Any], dict[str, int]]:
    """All documents of a YAML text, which --- parts, and the line of every value by its JSON Pointer into their list.

    Raises Unreadable.
    """
    builder = _Builder(several=True)
    return _yaml(body, builder), builder.lines


def _yaml(body: bytes, builder: _Builder) -> list[Any]:
    if len(body) > MAX_TEXT:
        raise Unreadable(f"is longer than {MAX_TEXT} bytes")
    try:
        return builder.build(body.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        said = error.problem or error.context or "cannot be read"
        raise Unreadable(said, mark.line + 1, mark.column + 1) if mark else Unreadable(said) from error
    except yaml.YAMLError as error:
        raise Unreadable("holds a character that no YAML may") from error


class _Builder:
    """Builds values from the parser's events, without recursion: what is refused is refused before it is built.

    With `several` a text may hold more than one document, and `lines` tells where each value stands.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.lines: dict[str, int] = {}
        self._several = several
        self._paths = [""]
        self._root: list[Any] = []
        self._open: list[Any] = [self._root]
        self._keys: list[str | None] = [None]
        self._values = 0

    def build(self, text: str) -> list[Any]:
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1 and not self._several:
                        raise _at(event, "a second document begins here")
                case yaml.AliasEvent():
                    raise _at(event, "anchors are not read here: write it out")
                case yaml.ScalarEvent():
                    self._add(event, _scalar(event))
                case yaml.SequenceStartEvent():
                    self._enter(event, [])
                case yaml.MappingStartEvent():
                    self._enter(event, {})
                case yaml.CollectionEndEvent():
                    self._open.pop()
                    self._keys.pop()
                    self._paths.pop()
        return self._root

    def _enter(self, event: Any, value: Any) -> None:
        _check_tag(event, type(value))
        self._paths.append(self._add(event, value))
        if len(self._open) > MAX_DEPTH:
            raise _at(event, f"is nested more than {MAX_DEPTH} levels deep")
        self._open.append(value)
        self._keys.append(None)

    def _add(self, event: Any, value: Any) -> str:
        """Puts the value where it belongs, and returns its place."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise _at(event, f"holds more than {MAX_VALUES} values")
        if event.anchor is not None:
            raise _at(event, "anchors are not read here: write it out")
        within, key, place = self._open[-1], self._keys[-1], self._paths[-1]
        if isinstance(within, list):
            place = f"{place}/{len(within)}"
            within.append(value)
        elif key is None:
            self._keys[-1] = name = _key(event, within)
            place = f"{place}/{escape(name)}"
        else:
            within[key], self._keys[-1] = value, None
            place = f"{place}/{escape(key)}"
        if self._several:
            self.lines.setdefault(place, event.start_mark.line + 1)
        return place


def _key(event: Any, within: dict[str, Any]) -> str:
    """A key is text, as it is written: `no: 1` names no truth."""
    if not isinstance(event, yaml.ScalarEvent):
        raise _at(event, "a key must be text")
    if event.value in within:
        raise _at(event, f"{event.value[:100]!r} stands here twice")
    return str(event.value)


def _scalar(event: Any) -> object:
    _check_tag(event, str)
    text = str(event.value)
    if not event.implicit[0]:
        return text
    return next((read(text) for shape, read in _PLAIN if shape.fullmatch(text)), text)


def _check_tag(event: Any, kind: type) -> None:
    if event.tag is not None and _TAGS.get(event.tag) is not kind:
        raise _at(event, "tags are not read here")


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _at(event: Any, message: str) -> Unreadable:
    return Unreadable(message, event.start_mark.line + 1, event.start_mark.column + 1)
