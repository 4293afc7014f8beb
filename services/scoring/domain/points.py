"""Points, inside as whole hundredths, so that sums are exact. Documents say points, with at most two decimals."""

from __future__ import annotations

import math
from decimal import Decimal

HUNDRED = 100


def hundredths(points: object) -> int | None:
    """12.5 as 1250; None for what is no finite number, or has more than two decimals."""
    if isinstance(points, bool) or not isinstance(points, (int, float)):
        return None
    if isinstance(points, int):
        return points * HUNDRED
    if not math.isfinite(points):
        return None
    scaled = Decimal(repr(points)).scaleb(2)  # repr is what was written; the float's own digits go on for ever
    return int(scaled) if scaled == scaled.to_integral_value() else None


def whole(points: int) -> int:
    """Hundredths as whole points, half to even."""
    return round(points / HUNDRED)


def shown(points: int) -> str:
    """Hundredths as a person reads points: 12, 12.5, -3.25."""
    number, rest = divmod(abs(points), HUNDRED)
    sign = "-" if points < 0 else ""
    return f"{sign}{number}.{rest:02}".rstrip("0").rstrip(".") if rest else f"{sign}{number}"
