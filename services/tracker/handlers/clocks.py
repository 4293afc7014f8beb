"""Clocks that disagree: a negative duration is shown as 0, and counted here."""

from __future__ import annotations

from datetime import datetime

from shared.telemetry import negative_durations


def count_negative(kind: str, begin: datetime | None, end: datetime) -> None:
    if begin is not None and end < begin:
        negative_durations.labels(kind).inc()
