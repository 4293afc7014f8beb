"""What a known person's next submission is: a touch of the lead they have, or a new one. A policy of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.identity import Kind
from services.intake.domain.likeness import THRESHOLD

MAX_LOOK_BACK = 3650  # days


class PolicyError(ValueError):
    """A recognition policy that cannot be saved. `field` is a JSON pointer into it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class RecognitionPolicy:
    """How a source recognises people.

    `match` are the identifiers that count. A person whose last lead is younger than `look_back` touches that lead, or makes a new one where
    `repeat` is "lead". Fuzzy evidence of at least `threshold` merges, is only suggested, or is not weighed, as `fuzzy` says.
    """

    match: frozenset[Kind] = frozenset(Kind)
    look_back: timedelta = timedelta(days=30)
    repeat: str = "touch"
    fuzzy: str = "merge"
    threshold: float = THRESHOLD

    def touches(self, last_lead_at: datetime | None, now: datetime) -> bool:
        """Is a submission of now a touch of a lead that was received then?"""
        return self.repeat == "touch" and last_lead_at is not None and last_lead_at > now - self.look_back


def parse_policy(document: Mapping[str, Any]) -> RecognitionPolicy:
    """A source's stored policy; what it leaves out is the default. Raises PolicyError for a part that means nothing."""
    unknown = sorted(set(document) - {"match", "look_back_days", "repeat", "fuzzy", "threshold"})
    if unknown:
        raise PolicyError(f"/{unknown[0]}", "is no part of a recognition policy: match, look_back_days, repeat, fuzzy, threshold")
    return RecognitionPolicy(
        match=_kinds(document.get("match")),
        look_back=_days(document.get("look_back_days", 30)),
        repeat=_one_of(document, "repeat", ("touch", "lead")),
        fuzzy=_one_of(document, "fuzzy", ("merge", "suggest", "off")),
        threshold=_threshold(document.get("threshold", THRESHOLD)),
    )


def _kinds(names: Any) -> frozenset[Kind]:
    if names is None:
        return frozenset(Kind)
    if not isinstance(names, list) or not all(name in set(Kind) for name in names):
        raise PolicyError("/match", f"is a list of {', '.join(Kind)}")
    return frozenset(map(Kind, names))


def _days(days: Any) -> timedelta:
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= MAX_LOOK_BACK:
        raise PolicyError("/look_back_days", f"is a whole number from 0 to {MAX_LOOK_BACK}")
    return timedelta(days=days)


def _one_of(document: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = document.get(name, choices[0])
    if value not in choices:
        raise PolicyError(f"/{name}", f"is one of {', '.join(choices)}")
    return str(value)


def _threshold(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.5 <= value <= 1:
        raise PolicyError("/threshold", "is a number from 0.5 to 1")
    return float(value)
