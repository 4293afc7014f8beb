"""Who agreed to a version of the definition: it holds for both sides, so both must have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    MARKETING = "marketing"
    SALES = "sales"


@dataclass(frozen=True, slots=True)
class Approval:
    """One side's word: `by` whom and when."""

    side: Side
    by: str
    at: datetime


def missing_sides(approvals: Iterable[Approval]) -> tuple[Side, ...]:
    """The sides that have not approved yet; a version may be activated when there are none."""
    given = {approval.side for approval in approvals}
    return tuple(side for side in Side if side not in given)
