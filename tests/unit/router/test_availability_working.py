"""Working time: adding and measuring agree with counting it by the minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, Gate, Settings, add_working, working_between
from tests.unit.router.test_availability import MINUTE, WEEKDAYS, agents, an_agent, at, every_weekday, few, gates_by_the_minute

AWAY = {Gate.ABSENT, Gate.HOLIDAY, Gate.OFF_HOURS}
DAYS = 4


def working_minutes(agent: Agent, start: datetime) -> list[bool]:
    """Whether each minute is working time: pause and presence have no say in it."""
    without = Agent(Settings(zone=agent.zone, hours=agent.settings.hours), leaves=agent.leaves, days_off=agent.days_off)
    return [gate not in AWAY for gate in gates_by_the_minute(without, start, DAYS * 24 * 60)]


@few
@given(agents(), st.integers(0, DAYS * 24 * 60), st.integers(0, DAYS * 24 * 60))
def test_time_between_is_the_number_of_working_minutes(drawn: tuple[Agent, datetime], one: int, other: int) -> None:
    agent, start = drawn
    first, last = min(one, other), max(one, other)
    wanted = sum(working_minutes(agent, start)[first:last]) * MINUTE
    assert working_between(agent, start + first * MINUTE, start + last * MINUTE) == wanted


@few
@given(agents(), st.integers(0, 24 * 60), st.integers(1, 20 * 60))
def test_a_deadline_falls_when_so_many_working_minutes_have_passed(
    drawn: tuple[Agent, datetime], begins: int, minutes: int
) -> None:
    agent, start = drawn
    passed = 0
    wanted = None
    for number, works in enumerate(working_minutes(agent, start)[begins:], begins):
        passed += works
        if passed == minutes:
            wanted = start + (number + 1) * MINUTE
            break
    found = add_working(agent, start + begins * MINUTE, minutes * MINUTE)
    if wanted:
        assert found == wanted
    else:
        assert found is None or found > start + DAYS * 24 * 60 * MINUTE


@few
@given(agents(), st.integers(0, 3 * 24 * 60), st.integers(1, 100 * 60))
def test_adding_and_measuring_invert_each_other(drawn: tuple[Agent, datetime], begins: int, minutes: int) -> None:
    agent, start = drawn
    start += begins * MINUTE
    found = add_working(agent, start, minutes * MINUTE)
    if found is not None:
        assert working_between(agent, start, found) == minutes * MINUTE
        assert working_between(agent, start, found - MINUTE) < minutes * MINUTE


def test_a_deadline_of_two_hours_on_friday_evening_is_monday_morning() -> None:
    agent = an_agent(hours=every_weekday(*WEEKDAYS))
    assert add_working(agent, at("2026-03-27T17:30"), timedelta(hours=2)) == at("2026-03-30T10:30")
    assert working_between(agent, at("2026-03-27T17:30"), at("2026-03-30T10:30")) == timedelta(hours=2)


def test_who_has_no_hours_works_always_and_who_never_works_has_no_deadline() -> None:
    now = datetime(2026, 3, 28, tzinfo=UTC)
    assert add_working(an_agent(), now, timedelta(days=2)) == now + timedelta(days=2)
    assert add_working(an_agent(hours=((),) * 7), now, MINUTE) is None
    assert add_working(an_agent(hours=((),) * 7), now, timedelta()) == now
    assert working_between(an_agent(), now, now - MINUTE) == timedelta()
