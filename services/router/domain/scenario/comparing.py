"""What is expected held against what is found: values, moments, numbers and parts of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.router.domain.scenario.moments import shown
from services.router.domain.scenario.play import Play
from services.router.domain.scenario.values import Check, Document

NOBODY = "nobody"
_MOMENTS = frozenset(("due", "until", "at"))
_PARTS = frozenset(("why", "text"))  # of which a part is expected
_NUMBERS = frozenset(("eligible", "entitled", "received", "difference"))


def compared(play: Play, about: str, wanted: Document, found: Mapping[str, Any], path: str) -> Check:
    """One check of all that is wanted; what was found is told of the same."""
    passed = all(agrees(play, name, one, found[name], path) for name, one in wanted.items())
    expected = ", ".join(f"{name}: {_shown(play, _meant(play, name, one, path))}" for name, one in wanted.items())
    return Check(path, about, passed, expected, ", ".join(f"{name}: {_shown(play, found[name])}" for name in wanted))


def agrees(play: Play, name: str, wanted: Any, found: Any, path: str) -> bool:
    """Whether what was found under that name is what was wanted."""
    if name in _PARTS:
        return isinstance(found, str) and wanted in found
    if name in _NUMBERS:
        return within(found, wanted)
    if name == "agents":
        return sorted([wanted] if isinstance(wanted, str) else wanted) == sorted(found or [])
    return bool(_meant(play, name, wanted, path) == found)


def _meant(play: Play, name: str, wanted: Any, path: str) -> Any:
    """A moment that is expected, as a moment: a time of day is that of the day on which the scenario starts, or a later one."""
    if name in _MOMENTS and isinstance(wanted, str):
        return play.expected_moment(wanted, f"{path}/{name}")
    return wanted


def _shown(play: Play, value: Any) -> str:
    if hasattr(value, "astimezone"):
        return shown(value, play.scenario.zone)
    return "none" if value is None else f"{value}"


def within(count: float, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return bool(wanted.get("min", count) <= count <= wanted.get("max", count))
    return bool(count == wanted)


def number(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return " and ".join(f"{'at least' if name == 'min' else 'at most'} {one}" for name, one in wanted.items())
    return str(wanted)


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) or NOBODY
