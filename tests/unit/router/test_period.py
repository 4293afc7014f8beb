"""Days follow each other without gap or overlap in every zone, whatever its clocks do at midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import is_zone, period_at

TICK = timedelta(microseconds=1)
# Clocks that change at midnight, leave it out or jump over it, repeat the minute after it, or skip a whole day.
ODD = [
    ("Asia/Beirut", datetime(2026, 3, 28, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 10, 31, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 3, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 2, 17, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 6, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 3, 13, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 28, tzinfo=UTC)),
    ("America/Toronto", datetime(1919, 3, 29, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.sampled_from(ODD), st.timedeltas(timedelta(), timedelta(days=4)))
def test_days_are_a_partition_of_time(place: tuple[str, datetime], passed: timedelta) -> None:
    zone, start = place
    now = start + passed
    period = period_at(zone, now)
    assert now < period.ends <= now + timedelta(hours=25, minutes=1)
    assert period_at(zone, period.ends - TICK) == period
    following = period_at(zone, period.ends)
    assert following.key > period.key
    assert following.ends > period.ends


@pytest.mark.parametrize(
    ("zone", "day", "hours"), [("Europe/Berlin", (2026, 3, 29), 23), ("America/New_York", (2026, 11, 1), 25)]
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(zone: str, day: tuple[int, int, int], hours: int) -> None:
    begins = datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    period = period_at(zone, begins)
    assert period.key == "{}-{:02d}-{:02d}".format(*day)
    assert period.ends - begins == timedelta(hours=hours)


def test_the_day_is_the_agents_not_ours() -> None:
    now = datetime(2026, 6, 1, 10, 30, tzinfo=UTC)
    assert period_at("Pacific/Kiritimati", now).key == "2026-06-02"
    assert period_at("Pacific/Honolulu", now).key == "2026-06-01"
    assert period_at("Pacific/Niue", now).key == "2026-05-31"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../passwd", "Europe", "a\0b"])
def test_what_is_no_zone(name: str) -> None:
    assert not is_zone(name)
    assert is_zone("Europe/Berlin")
