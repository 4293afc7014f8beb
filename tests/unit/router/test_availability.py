"""One truth on availability: held against a count by the minute, and what it says of itself against what happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import Agent, Caps, Gate, Leave, Pause, Presence, Settings, copy_calendars, days_off, next_available
from services.router.domain.availability import availability
from services.router.domain.availability.hours import read_block
from services.router.domain.period import periods_at

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("09:00-12:30", "13:30-18:00")
# Two days before clocks change: by an hour at night, by half an hour, at midnight both ways, over midnight, by a whole day; a leap day.
PLACES = [
    ("Europe/Berlin", datetime(2026, 3, 27, 12, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 23, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 3, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 2, 12, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 27, 12, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 10, 30, 12, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 5, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 28, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2028, 2, 27, 12, tzinfo=UTC)),
    ("UTC", datetime(2026, 12, 30, 12, tzinfo=UTC)),
]
BLOCKS = ["00:00-24:00", "09:00-12:30", "13:30-18:00", "22:00-02:00", "23:30-00:30", "01:30-02:30", "02:00-02:15", "00:00-00:30"]
MINUTES = {block: read_block(block) for block in BLOCKS}
few = settings(derandomize=True, deadline=None, max_examples=25)


def an_agent(zone: str = "Europe/Berlin", **said: Any) -> Agent:
    dated = {name: said.pop(name) for name in ("leaves", "pause", "presence", "days_off", "open", "counts") if name in said}
    return Agent(Settings(zone=zone, **said), **dated)


def every_weekday(*blocks: str) -> tuple[tuple[str, ...], ...]:
    return (blocks,) * 5 + ((), ())


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@st.composite
def agents(draw: st.DrawFn) -> tuple[Agent, datetime]:
    """An agent with hours, leave, days off, pause and presence near a time at which clocks change, and that time."""
    zone, start = draw(st.sampled_from(PLACES))
    moments = st.integers(0, 5 * 24 * 12).map(lambda fives: start + fives * 5 * MINUTE)
    blocks = st.lists(st.sampled_from(BLOCKS), max_size=3, unique=True).map(tuple)
    hours = draw(st.none() | st.tuples(*[blocks] * 7))
    off = draw(st.lists(st.integers(0, 5), max_size=2, unique=True))
    spans = draw(st.lists(st.tuples(moments, moments), max_size=3))
    leaves = tuple(Leave(UUID(int=n + 1), min(two), max(two)) for n, two in enumerate(spans) if two[0] != two[1])
    pause = draw(st.none() | st.builds(Pause, moments))
    presence = draw(st.none() | st.builds(Presence, st.sampled_from(["online", "away"]), moments))
    agent = an_agent(
        zone,
        hours=hours,
        needs_presence=draw(st.booleans()),
        leaves=leaves,
        pause=pause,
        presence=presence,
        days_off={(start.date() + timedelta(days=n)).isoformat(): "a day off" for n in sorted(off)},
    )
    return agent, start


def gates_by_the_minute(agent: Agent, start: datetime, minutes: int, *, every: int = 1) -> list[Gate | None]:
    """The gate at each minute, with a clock that never runs back: it shows the latest time that clocks in the zone have shown."""
    clock, shown = ZoneInfo(agent.zone), datetime.min  # noqa: DTZ901
    found: list[Gate | None] = []
    for number in range(-24 * 60, minutes):
        moment = start + number * MINUTE
        shown = max(shown, moment.astimezone(clock).replace(tzinfo=None))
        if number >= 0 and number % every == 0:
            found.append(gate_at(agent, moment, shown))
    return found


def gate_at(agent: Agent, moment: datetime, shown: datetime) -> Gate | None:
    if agent.pause and agent.pause.until and moment < agent.pause.until:
        return Gate.PAUSED
    if any(leave.starts <= moment < leave.ends for leave in agent.leaves):
        return Gate.ABSENT
    if shown.date().isoformat() in agent.days_off:
        return Gate.HOLIDAY
    if agent.settings.hours is not None and not is_in_hours(agent.settings.hours, shown):
        return Gate.OFF_HOURS
    present = agent.presence and agent.presence.status == "online" and moment < agent.presence.expires
    return Gate.PRESENCE if agent.settings.needs_presence and not present else None


def is_in_hours(hours: tuple[tuple[str, ...], ...], shown: datetime) -> bool:
    for day in (shown.date() - timedelta(days=1), shown.date()):
        for block in hours[day.weekday()]:
            begins, ends = MINUTES[block]
            midnight = datetime.combine(day, time())
            if midnight + begins * MINUTE <= shown < midnight + ends * MINUTE:
                return True
    return False


@few
@given(agents())
def test_every_minute_is_answered_as_counting_minutes_does(drawn: tuple[Agent, datetime]) -> None:
    agent, start = drawn
    for number, gate in enumerate(gates_by_the_minute(agent, start, 5 * 24 * 60, every=7)):
        moment = start + 7 * number * MINUTE
        assert availability(agent, moment).gate == gate, moment


@few
@given(agents(), st.integers(0, 4 * 24 * 60), st.floats(0, 1, exclude_max=True))
def test_until_is_the_next_moment_at_which_time_alone_may_change_the_answer(
    drawn: tuple[Agent, datetime], minutes: int, part: float
) -> None:
    agent, start = drawn
    now = start + minutes * MINUTE
    for _ in range(12):
        found = availability(agent, now)
        assert found.available is (found.gate is None)
        ends = found.until or now + timedelta(days=30)
        assert ends > now
        for moment in (now + part * (ends - now), ends - timedelta(microseconds=1)):
            assert availability(agent, moment) == found
        if found.until is None:
            return
        following = availability(agent, ends)
        assert (following.gate, following.text) != (found.gate, found.text) or following.until is not None
        now = ends


@few
@given(agents())
def test_the_next_time_to_receive_is_the_first_free_minute(drawn: tuple[Agent, datetime]) -> None:
    agent, start = drawn
    wanted = gates_by_the_minute(agent, start, 4 * 24 * 60)
    free = next((start + n * MINUTE for n, gate in enumerate(wanted) if gate is None), None)
    found = next_available(agent, start)
    assert found == free if free else found is None or found >= start + timedelta(days=4)


# -- Caps ------------------------------------------------------------------------------------------------------------------------

NOW = at("2026-03-28T22:15")


@pytest.mark.parametrize(
    ("caps", "gate", "until", "text"),
    [
        (
            Caps(hour=2),
            Gate.HOUR_CAP,
            "2026-03-28T23:00",
            "received 2 leads in the hour 2026-03-28T22 (Europe/Berlin) and may receive 2",
        ),
        (Caps(day=5), Gate.DAY_CAP, "2026-03-29T00:00", "received 5 leads on 2026-03-28 (Europe/Berlin) and may receive 5"),
        (
            Caps(week=9),
            Gate.WEEK_CAP,
            "2026-03-30T00:00",
            "received 9 leads in the week 2026-W13 (Europe/Berlin) and may receive 9",
        ),
        (Caps(month=12), Gate.MONTH_CAP, "2026-04-01T00:00", "received 12 leads in 2026-03 (Europe/Berlin) and may receive 12"),
        (Caps(open=3, hour=1), Gate.OPEN_CAP, None, "holds 3 open leads and may hold 3"),
        (
            Caps(day=5, month=12),
            Gate.DAY_CAP,
            "2026-03-29T00:00",
            "received 5 leads on 2026-03-28 (Europe/Berlin) and may receive 5",
        ),
        (Caps(month=0), Gate.MONTH_CAP, None, "received 12 leads in 2026-03 (Europe/Berlin) and may receive 0"),
        (Caps(hour=3, day=6, week=10, month=13, open=4), None, None, "can receive"),
    ],
)
def test_each_cap_says_what_was_counted_and_when_it_begins_anew(
    caps: Caps, gate: Gate | None, until: str | None, text: str
) -> None:
    counts = {"2026-03-28T22": 2, "2026-03-28": 5, "2026-W13": 9, "2026-03": 12}
    found = availability(an_agent(caps=caps, counts=counts, open=3), NOW)
    assert (found.gate, found.until, found.text) == (gate, until and at(until), text)
    if found.until:
        assert availability(an_agent(caps=caps, counts=counts, open=3), found.until).gate is not gate


def test_the_end_of_the_hours_comes_before_a_new_period() -> None:
    agent = an_agent(caps=Caps(day=1), counts={"2026-03-27": 1}, hours=every_weekday(*WEEKDAYS))
    found = availability(agent, at("2026-03-27T11:00"))
    assert (found.gate, found.until) == (Gate.DAY_CAP, at("2026-03-27T12:30"))
    assert next_available(agent, at("2026-03-27T11:00")) == at("2026-03-30T09:00")


def test_work_weights_fill_the_open_cap_by_what_a_lead_is() -> None:
    agent = an_agent(caps=Caps(open=5), open_weights={"A1": 3, "nurture": 2}, open=4)
    assert availability(agent, NOW).available
    assert (agent.settings.work_of("sales_qualified", "B2"), agent.has_room(1)) == (1, True)
    assert (agent.settings.work_of("sales_qualified", "A1"), agent.has_room(3)) == (3, False)
    agent.open = 5
    assert availability(agent, NOW).text == "holds work of 5 and may hold 5"


# -- Examples --------------------------------------------------------------------------------------------------------------------


def test_several_blocks_a_day() -> None:
    agent = an_agent(hours=every_weekday(*WEEKDAYS))
    for moment, gate, until in [
        ("2026-03-27T08:59", Gate.OFF_HOURS, "2026-03-27T09:00"),
        ("2026-03-27T09:00", None, "2026-03-27T12:30"),
        ("2026-03-27T12:30", Gate.OFF_HOURS, "2026-03-27T13:30"),
        ("2026-03-27T18:00", Gate.OFF_HOURS, "2026-03-30T09:00"),
    ]:
        found = availability(agent, at(moment))
        assert (found.gate, found.until) == (gate, at(until))


def test_a_block_over_midnight_ends_on_the_next_day() -> None:
    agent = an_agent(hours=((), (), (), (), ("22:00-02:00",), (), ()))
    assert availability(agent, at("2026-03-27T23:59")).until == at("2026-03-28T02:00")
    assert availability(agent, at("2026-03-28T01:59")).available
    assert availability(agent, at("2026-03-28T02:00")).until == at("2026-04-03T22:00")


@pytest.mark.parametrize(
    ("zone", "day", "block", "begins", "ends"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "01:30-02:30", "00:30", "01:00"),  # 02:30 is skipped: until clocks go on
        ("Europe/Berlin", date(2026, 3, 29), "02:30-03:30", "01:00", "01:30"),
        ("Europe/Berlin", date(2026, 10, 25), "02:00-02:30", "00:00", "00:30"),  # both come twice: the first of each
        ("Europe/Berlin", date(2026, 10, 25), "02:30-03:30", "00:30", "02:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15-03:00", "-08:30", "-08:00"),
    ],
)
def test_blocks_on_days_on_which_clocks_change(zone: str, day: date, block: str, begins: str, ends: str) -> None:
    hours = [(), (), (), (), (), (), ()]
    hours[day.weekday()] = (block,)
    agent = an_agent(zone, hours=tuple(hours))
    midnight = datetime.combine(day, time(), UTC)

    def moment(text: str) -> datetime:
        sign = -1 if text.startswith("-") else 1
        hour, minute = text.lstrip("-").split(":")
        return midnight + sign * timedelta(hours=int(hour), minutes=int(minute))

    before = availability(agent, moment(begins) - MINUTE)
    assert (before.gate, before.until) == (Gate.OFF_HOURS, moment(begins))
    assert availability(agent, moment(begins)).until == moment(ends)


def test_a_block_that_clocks_skip_is_not_there_that_day() -> None:
    agent = an_agent(hours=((), (), (), (), (), (), ("02:10-02:50",)))
    assert availability(agent, at("2026-03-28T12:00")).until == at("2026-04-05T02:10")


def test_hours_without_a_gap_never_end_and_no_hours_never_begin() -> None:
    always = (("00:00-12:00", "11:00-24:00"),) * 7
    assert availability(an_agent(hours=always), NOW).until is None
    found = availability(an_agent(hours=((),) * 7), NOW)
    assert (found.gate, found.text, found.until) == (Gate.OFF_HOURS, "has no working hours", None)
    assert next_available(an_agent(hours=((),) * 7), NOW) is None


def test_a_holiday_of_one_region_only() -> None:
    calendars = copy_calendars(["DE", "DE-BY", "US-CA", "2026-08-17"], 2026)
    assert set(calendars) == {"DE", "DE-BY", "US-CA"}
    bavaria, berlin, own = (days_off(names, calendars) for names in (("DE-BY",), ("DE",), ("DE", "2026-06-05")))
    corpus_christi = at("2026-06-04T10:00")
    found = availability(an_agent(days_off=bavaria), corpus_christi)
    assert (found.gate, found.until) == (Gate.HOLIDAY, at("2026-06-05T00:00"))
    assert found.text.startswith("has a holiday on 2026-06-04 (")
    assert found.text.endswith(", DE-BY)")
    assert availability(an_agent(days_off=berlin), corpus_christi).available
    assert availability(an_agent(days_off=own), at("2026-06-05T10:00")).text == "has a holiday on 2026-06-05 (a day off)"
    assert availability(an_agent(days_off=berlin), at("2026-10-02T12:00")).until == at("2026-10-03T00:00")


def test_partial_and_overlapping_leave() -> None:
    morning = Leave(UUID(int=1), at("2026-03-27T09:00"), at("2026-03-27T11:00"))
    overlapping = Leave(UUID(int=2), at("2026-03-27T10:00"), at("2026-03-27T12:00"))
    later = Leave(UUID(int=3), at("2026-03-27T15:00"), at("2026-03-28T15:00"))
    agent = an_agent(leaves=(later, morning, overlapping))
    assert availability(agent, at("2026-03-27T08:00")).until == at("2026-03-27T09:00")
    found = availability(agent, at("2026-03-27T09:30"))
    assert (found.gate, found.until) == (Gate.ABSENT, at("2026-03-27T12:00"))
    assert found.text == "is on leave until 2026-03-27 12:00 (Europe/Berlin)"
    assert availability(agent, at("2026-03-27T12:00")).until == at("2026-03-27T15:00")
    assert availability(agent, at("2026-03-28T15:00")).until is None


def test_a_leave_within_a_longer_one_does_not_end_it() -> None:
    week = Leave(UUID(int=1), at("2026-03-23T00:00"), at("2026-03-28T00:00"))
    dentist = Leave(UUID(int=2), at("2026-03-24T09:00"), at("2026-03-24T11:00"))
    found = availability(an_agent(leaves=(week, dentist)), at("2026-03-23T10:00"))
    assert (found.gate, found.until) == (Gate.ABSENT, week.ends)


def test_presence_is_asked_only_where_it_is_needed_and_expires() -> None:
    online = Presence("online", NOW + 5 * MINUTE)
    assert availability(an_agent(presence=Presence("offline", NOW + MINUTE)), NOW).available
    agent = an_agent(needs_presence=True, presence=online)
    assert availability(agent, NOW).until == online.expires
    assert availability(agent, online.expires).text == "has not said to be online"
    away = availability(an_agent(needs_presence=True, presence=Presence("away", NOW + MINUTE)), NOW)
    assert (away.gate, away.text) == (Gate.PRESENCE, "is away")


def test_a_pause_until_then_and_one_without_end() -> None:
    found = availability(an_agent(pause=Pause(NOW + 30 * MINUTE, "in a meeting")), NOW)
    assert found.text == "is paused until 2026-03-28 22:45 (Europe/Berlin) (in a meeting)"
    assert found.until == NOW + 30 * MINUTE
    assert next_available(an_agent(pause=Pause()), NOW) is None


def test_the_first_gate_is_the_one_that_is_named() -> None:
    everything = {
        "pause": Pause(),
        "leaves": (Leave(UUID(int=1), NOW - MINUTE, NOW + MINUTE),),
        "days_off": {"2026-03-28": "a day off"},
        "hours": every_weekday(*WEEKDAYS),
        "needs_presence": True,
        "caps": Caps(0, 0, 0, 0, 0),
    }
    seen = []
    agent = an_agent(active=False, **everything)
    for change in ({"active": True}, "pause", "leaves", "days_off", "hours", "needs_presence", "caps"):
        seen.append(availability(agent, NOW).gate)
        if isinstance(change, str):
            del everything[change]
        agent = an_agent(**everything)
    assert seen == [Gate.INACTIVE, Gate.PAUSED, Gate.ABSENT, Gate.HOLIDAY, Gate.OFF_HOURS, Gate.PRESENCE, Gate.OPEN_CAP]
    assert list(Gate)[: len(seen)] == seen


@few
@given(st.sampled_from(PLACES), st.integers(0, 5 * 24 * 60))
def test_hours_days_weeks_and_months_are_partitions_of_time(place: tuple[str, datetime], minutes: int) -> None:
    zone, start = place
    now = start + minutes * MINUTE
    found = periods_at(zone, now)
    for name, most in (("hour", 1), ("day", 49), ("week", 8 * 24), ("month", 32 * 24)):
        period = getattr(found, name)
        assert now < period.ends <= now + timedelta(hours=most)
        assert getattr(periods_at(zone, period.ends - timedelta(microseconds=1)), name) == period
        assert getattr(periods_at(zone, period.ends), name).key > period.key
    assert found.hour.key == f"{found.day.key}T{found.number:02d}"
    assert found.hour.ends <= found.day.ends <= min(found.week.ends, found.month.ends)


@pytest.mark.parametrize("text", ["", "9-12", "09:00", "25:00-26:00", "09:00-09:00", "12:00-24:01", "09:00–12:00", "24:00-09:00"])
def test_what_is_no_block(text: str) -> None:
    with pytest.raises(ValueError, match=r"block|same time"):
        read_block(text)
