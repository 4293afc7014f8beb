"""Clocks that disagree: a negative duration is shown as 0, and counted here."""

from __future__ import annotations

from datetime import datetime

from shared.telemetry import negative_durations


def count_negative(kind: str, begin: datetime | None, end: datetime) -> None:
    if begin is not None:
        count_negative_seconds(kind, (end - begin).total_seconds())


def count_negative_seconds(kind: str, seconds: float | None) -> None:
    """Of a duration that another service measured; None where it could not."""
    if seconds is not None and seconds < 0:
        negative_durations.labels(kind).inc()
