"""A pool's load: arrival rate, service rate, utilisation, expected wait and alerts."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, Settings
from services.router.domain.agent import Caps, Leave, Pause, Week
from services.router.domain.load import MONTH_HOURS, Alert, Load, Turnover, member_rate, pool_rate

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFFICE: Week = (("09:00-12:00", "13:00-18:00"),) * 5 + ((), ())
LEAVE = Leave(UUID(int=1), NOON - HOUR, NOON + HOUR)


def agent(open: int = 0, **settings: object) -> Agent:
    return Agent(Settings(**settings), open=open)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("caps", "hours", "rate"),
    [
        (Caps(), None, None),
        (Caps(), OFFICE, None),
        (Caps(), ((),) * 7, 0.0),
        (Caps(day=24), None, 7 * 24 / 168),
        (Caps(day=24), OFFICE, 5 * 24 / 168),
        (Caps(hour=2), None, 2.0),
        (Caps(hour=2), OFFICE, 2 * 40 / 168),
        (Caps(week=84), OFFICE, 0.5),
        (Caps(month=100), None, 100 / MONTH_HOURS),
        (Caps(hour=2, day=8, week=84), OFFICE, min(2 * 40, 8 * 5, 84) / 168),
        (Caps(day=0), None, 0.0),
    ],
)
def test_what_a_member_can_take_is_the_lowest_of_its_caps_over_its_week(
    caps: Caps, hours: Week | None, rate: float | None
) -> None:
    assert member_rate(agent(caps=caps, hours=hours), NOON, Turnover()) == (None if rate is None else pytest.approx(rate))


def test_a_cap_on_open_work_lets_in_as_many_as_end() -> None:
    """Four at a time, each held for two hours: two an hour, by Little's law."""
    assert member_rate(agent(4, caps=Caps(open=4)), NOON, Turnover(50, 100 * HOUR)) == pytest.approx(2.0)


def test_room_that_is_there_counts_and_who_is_full_and_ends_nothing_takes_nothing() -> None:
    assert member_rate(agent(4, caps=Caps(open=4)), NOON, Turnover(0, 100 * HOUR)) == 0.0
    assert member_rate(agent(1, caps=Caps(open=43)), NOON, Turnover()) == pytest.approx(42 / 168)
    assert member_rate(agent(9, caps=Caps(open=4)), NOON, Turnover()) == 0.0, "a cap that was lowered"


@pytest.mark.parametrize(
    "away",
    [agent(active=False), Agent(Settings(), pause=Pause()), Agent(Settings(), leaves=(LEAVE,))],
    ids=["out", "pause", "leave"],
)
def test_who_is_away_takes_nothing(away: Agent) -> None:
    assert member_rate(away, NOON, Turnover()) == 0.0


def test_outside_working_hours_is_not_away() -> None:
    assert member_rate(agent(caps=Caps(day=24), hours=OFFICE), NOON + 10 * HOUR, Turnover()) == pytest.approx(5 * 24 / 168)


def test_a_pool_takes_what_its_members_do() -> None:
    assert pool_rate([0.5, 0.25]) == 0.75
    assert pool_rate([]) == 0.0
    assert pool_rate([0.5, None]) is None


rates = st.floats(0.001, 1e4)


@given(arriving=st.floats(0, 1e4), service=st.none() | st.floats(0, 1e4), waiting=st.integers(0, 10**6))
def test_utilisation_and_wait_fit_together(arriving: float, service: float | None, waiting: int) -> None:
    load = Load(arriving, arriving, service, waiting)
    assert load.utilisation >= 0
    assert (Alert.OVERLOADED in load.alerts) == (service is not None and arriving > 0 and arriving >= service)
    if service and load.expected_wait is not None:
        assert load.expected_wait / HOUR * service == pytest.approx(waiting, abs=1e-3 * service)  # L = λW
    if not waiting:
        assert load.expected_wait == timedelta()


@given(service=rates, waiting=st.integers(1, 1000), more=st.integers(0, 1000))
def test_who_is_further_back_waits_no_less(service: float, waiting: int, more: int) -> None:
    load = Load(0, 0, service)
    nearer, further = load.wait_at(waiting), load.wait_at(waiting + more)
    assert further is None or (nearer is not None and nearer <= further)


@given(arriving=rates, members=st.lists(rates, min_size=1, max_size=20), more=rates)
def test_another_member_never_makes_it_worse(arriving: float, members: list[float], more: float) -> None:
    before, after = pool_rate(members), pool_rate([*members, more])
    assert Load(arriving, arriving, after).utilisation <= Load(arriving, arriving, before).utilisation


@given(
    caps=st.builds(Caps, *(st.none() | st.integers(0, 100) for _ in range(5))),
    lower=st.sampled_from(["hour", "day", "week", "month", "open"]),
    ended=st.integers(0, 500),
    held=st.integers(1, 5000),
)
def test_a_lower_cap_never_lets_in_more(caps: Caps, lower: str, ended: int, held: int) -> None:
    turnover = Turnover(ended, held * HOUR)
    rate = member_rate(agent(caps=caps), NOON, turnover)
    cap = getattr(caps, lower)
    lowered = member_rate(agent(caps=replace(caps, **{lower: 100 if cap is None else cap // 2})), NOON, turnover)
    assert lowered is not None
    assert lowered >= 0
    assert rate is None or lowered <= rate + 1e-9


def test_nobody_takes_what_comes() -> None:
    load = Load(1, 1, 0.0, 3)
    assert load.utilisation == math.inf
    assert load.expected_wait is None
    assert load.alerts == (Alert.OVERLOADED,)
    assert Load(0, 0, 0.0).alerts == ()


def test_a_promise_is_broken_or_will_be() -> None:
    promise = timedelta(minutes=30)
    calm = Load(1, 1, 4.0, 1, timedelta(minutes=10), promise)
    assert calm.alerts == ()
    assert replace(calm, waiting=3).alerts == (Alert.WILL_BREAK,)
    late = replace(calm, oldest_wait=timedelta(minutes=31))
    assert late.alerts == (Alert.BROKEN,)
    assert late.breach == timedelta(minutes=1)
    assert replace(late, promise=None).alerts == ()
