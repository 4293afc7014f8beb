"""Time and identity as arguments. Everything that needs now or a new id is handed a Clock; tests hand in their own."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from shared.ids import id_from

DRAWN = 256  # ids whose entropy is drawn at once


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def uuid7(self) -> UUID:
        """A new id that sorts by the moment of its making (RFC 9562, version 7)."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's clock. Ids made in one process are strictly increasing."""

    def __init__(self) -> None:
        self._last = 0
        self._drawn: list[int] = []
        os.register_at_fork(after_in_child=self._drawn.clear)  # a child draws its own

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def uuid7(self) -> UUID:
        # RFC 9562 §6.2 method 3: the 12 bits after the milliseconds carry their fraction, so that ids of one millisecond
        # keep their order; where two fall on one tick, the later takes the next.
        milliseconds, rest = divmod(time.time_ns(), 1_000_000)
        stamp = max((milliseconds << 12) | (rest * 4096 // 1_000_000), self._last + 1)
        self._last = stamp
        return uuid7_from(stamp, self._entropy())

    def _entropy(self) -> int:
        """64 bits; drawn from the system for many ids at once, because each draw costs as much as all the rest."""
        if not self._drawn:
            self._drawn.extend(memoryview(os.urandom(8 * DRAWN)).cast("Q"))
        return self._drawn.pop()


def uuid7_from(stamp: int, entropy: int) -> UUID:
    """A version 7 UUID of a 60-bit time stamp (48 bits of milliseconds, 12 of their fraction) and 62 bits of entropy."""
    high = (stamp >> 12) << 16 | 0x7000 | (stamp & 0xFFF)
    low = (0b10 << 62) | (entropy & ((1 << 62) - 1))
    return id_from(((high << 64) | low).to_bytes(16))


def uuid7_floor(at: datetime) -> UUID:
    """The smallest version 7 UUID of that millisecond: a bound for ranges of ids by time."""
    return uuid7_from(int(at.timestamp() * 1000) << 12, 0)


def uuid7_time(value: UUID) -> datetime | None:
    """When a version 7 UUID was made, to the millisecond; None for any other kind."""
    if value.version != 7:
        return None
    try:
        return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
