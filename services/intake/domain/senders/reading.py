"""Reading JSON without trusting its shape: a value of the wrong type is as good as none, and nothing here raises but Malformed.

Ids become text, exactly, since some are beyond what a double can hold. Text becomes such as can be stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from services.intake.domain.senders.moments import read_moment
from services.intake.domain.senders.shape import Erasure, Fetch, Malformed, Notice

MAX_DEPTH = 32
MAX_ID = 500  # characters; an index entry must hold it


def read_json(body: bytes | str) -> Any:
    """A JSON value. Raises Malformed: 400 for what is no JSON or no UTF-8, or nested deeper than 32 levels, wherever it was wrapped."""
    try:
        value = json.loads(body, parse_int=_exact, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be decoded"
        raise Malformed(f"The body is not JSON: {reason}", 400) from None
    if _too_deep(value):
        raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.", 400)
    return value


def read_object(body: bytes | str) -> dict[str, Any]:
    """A JSON object. Raises Malformed for anything else."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object.")
    return value


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; one object by itself is a list of one."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    """Text or a number as text; None for the rest, and for what is blank."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value).strip() or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
    return None


def as_name(value: Any) -> str:
    """The name of an event or a field, short enough to be said in a sentence."""
    return (as_text(value) or "without a name")[:80]


def as_id(value: Any) -> str | None:
    """An id as text. None for 0, which several senders put where they have none, and for what is too long to be one."""
    text = as_text(value)
    return text if text != "0" and len(text or "") <= MAX_ID else None


def as_flag(value: Any) -> bool | None:
    """Yes or no, in the spellings that JSON writers use; None for anything else."""
    return _FLAGS.get(value.strip().lower() if isinstance(value, str) else value) if isinstance(value, str | int) else None


def as_moment(value: Any) -> datetime | None:
    """ISO 8601, or a Unix time in seconds or milliseconds, as number or text. Without a zone it is UTC. None for what is no time."""
    text = as_text(value) or ""
    if not (text.isascii() and text.isdigit()):
        return read_moment(text, UTC)
    seconds = int(text[:16])
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_ABOVE else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def put(answers: dict[str, Any], key: str, value: Any) -> None:
    """Adds an answer; one that is given again under the same key makes a list of both, so that none is lost."""
    if value is None:
        return
    if key not in answers:
        answers[key] = value
        return
    if not isinstance(earlier := answers[key], list):
        answers[key] = earlier = [earlier]
    earlier.extend(value if isinstance(value, list) else [value])


def once(notices: Iterable[Notice]) -> list[Notice]:
    """The notices, without a second fetch or erasure of the same thing."""
    seen: set[tuple[type, str]] = set()
    kept: list[Notice] = []
    for notice in notices:
        if isinstance(notice, Fetch | Erasure):
            if (key := (type(notice), notice.external_id)) in seen:
                continue
            seen.add(key)
        kept.append(notice)
    return kept


def ids(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Those of the named ids that there are, as text."""
    return {name: found for name in names if (found := as_id(record.get(name))) is not None}


def filled(record: Mapping[str, Any]) -> dict[str, Any]:
    """What has a value: nulls, blank texts and empty lists and objects say nothing."""
    return {key: value for key, value in record.items() if value not in (None, "", [], {})}


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_FLAGS = {
    **dict.fromkeys([True, "true", "yes", "on", "1"], True),
    **dict.fromkeys([False, "false", "no", "off", "0", ""], False),
}
_LONGEST = 15  # digits that a double can hold
_MILLISECONDS_ABOVE = 99_999_999_999  # as seconds, the year 5138


def _exact(digits: str) -> int | str:
    """Numbers this long are ids. As text they stay exact, whoever reads them next."""
    return int(digits) if len(digits) <= _LONGEST else digits


def _finite(text: str) -> float:
    if isfinite(number := float(text)):
        return number
    raise ValueError(f"{text} is no number that JSON can hold")


def _too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(parent: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent
