"""Weekly working hours in a zone, as intervals of time.

A block begins and ends at wall times (09:00-12:30; 22:00-02:00 ends on the next day; 24:00 is the end of its day). What a wall time
means on a day on which clocks change is said once, in period.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from services.router.domain.agent import Week
from services.router.domain.period import day_at, instant

DAY = 24 * 60  # minutes
_DAY = timedelta(days=1)
LOOK_AHEAD = 15  # days: a block may be skipped on one of its days, and comes a week later
_BLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def read_block(text: str) -> tuple[int, int]:
    """Begin and end in minutes from 00:00 of the block's day; the end of one over midnight is more than 1,440.

    Raises ValueError for what is no block.
    """
    found = _BLOCK.fullmatch(text.strip())
    if not found:
        raise ValueError("must be a block such as 09:00-12:30")
    begins = int(found[1]) * 60 + int(found[2])
    ends = int(found[3]) * 60 + int(found[4]) if found[3] else DAY
    if begins == ends:
        raise ValueError("begins and ends at the same time; a whole day is 00:00-24:00")
    return begins, ends if ends > begins else ends + DAY


class Schedule:
    """Working hours of one week and zone. Remembers the stretch it looked up last, for those who ask about the same time."""

    def __init__(self, week: Week, zone: str) -> None:
        self._zone = zone
        self._blocks = [sorted(read_block(block) for block in blocks) for blocks in week]
        self._always = _covers_the_week(self._blocks)
        self._never = not any(self._blocks)
        self._last: tuple[datetime, datetime, bool] | None = None

    def at(self, at: datetime) -> tuple[bool, datetime | None]:
        """Whether `at` lies in working hours, and when that may change next; None where it never does."""
        if self._always or self._never:
            return self._always, None
        if self._last is None or not self._last[0] <= at < self._last[1]:
            self._last = self._look_up(at)
        return self._last[2], self._last[1]

    def _look_up(self, at: datetime) -> tuple[datetime, datetime, bool]:
        """The stretch around `at` in which the answer is one: from, until, and the answer."""
        for begins, ends in self._stretches(day_at(self._zone, at)):
            if at < begins:
                return at, begins, False
            if at < ends:
                return begins, ends, True
        return at, at + LOOK_AHEAD * _DAY, False

    def _stretches(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Working hours in order, blocks that meet made one, from those that began the day before on."""
        open_from: datetime | None = None
        open_until = instant(self._zone, day - _DAY, 0)
        for number in range(-1, LOOK_AHEAD):
            for begins, ends in self._of_day(day + number * _DAY):
                if open_from is not None and begins > open_until:
                    yield open_from, open_until
                    open_from = None
                open_from = begins if open_from is None else open_from
                open_until = max(open_until, ends)
        if open_from is not None:
            yield open_from, open_until

    def _of_day(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for begins, ends in self._blocks[day.weekday()]:
            stretch = self._moment(day, begins), self._moment(day, ends)
            if stretch[0] < stretch[1]:  # a clock change may leave nothing of it
                yield stretch

    def _moment(self, day: date, minute: int) -> datetime:
        return instant(self._zone, day + minute // DAY * _DAY, minute % DAY)


@lru_cache(maxsize=4_096)
def schedule_of(week: Week, zone: str) -> Schedule:
    """The schedule of these hours: agents with the same hours share one."""
    return Schedule(week, zone)


def _covers_the_week(blocks: list[list[tuple[int, int]]]) -> bool:
    """Whether there is no minute between the blocks, over two weeks, since Sunday's last block may reach into Monday."""
    until = 0
    for number in range(14):
        for begins, ends in blocks[number % 7]:
            if number * DAY + begins > until and until >= DAY:
                return False
            until = max(until, number * DAY + ends)
    return until >= 14 * DAY
