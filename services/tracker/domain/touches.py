"""What touches add to a lead: only what was missing, each field as it was said first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Filled: TypeAlias = Mapping[str, Mapping[str, tuple[int, Any]]]  # block → field → (sequence of the touch, value)


def fill(filled: Filled | None, sequence: int, said: Mapping[str, Mapping[str, Any]]) -> Filled:
    """What is filled once a touch of this sequence was folded in, which `said` these fields of these blocks.

    Commutative and idempotent: of each field the earliest touch that has a value counts, in whatever order they come.
    """
    merged = {block: dict(fields) for block, fields in (filled or {}).items()}
    for block, fields in said.items():
        kept = merged.setdefault(block, {})
        for name, value in fields.items():
            if not _missing(value) and (name not in kept or sequence < kept[name][0]):
                kept[name] = (sequence, value)
    return {block: fields for block, fields in merged.items() if fields}


def completed(said: Mapping[str, Any] | None, filled: Mapping[str, tuple[int, Any]] | None) -> dict[str, Any] | None:
    """A block as it was received, with what was missing filled in. None where nothing is known."""
    if said is None and not filled:
        return None
    later = {name: value for name, (_, value) in (filled or {}).items()}
    return {**later, **{name: value for name, value in (said or {}).items() if name not in later or not _missing(value)}}


def _missing(value: object) -> bool:
    return value is None or value == ""
