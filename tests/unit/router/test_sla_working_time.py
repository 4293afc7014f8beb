"""Clocks in working time: nights, week-ends, days on which clocks change, two owners, and nobody's time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, Leave, Settings
from services.router.domain.sla import (
    Calendars,
    Escalation,
    Holding,
    Origin,
    Rung,
    Sla,
    SlaClock,
    State,
    StepKind,
    carry,
    due,
    hand_over,
    look,
    named_calendar,
    next_step,
    soonest,
    start,
    status,
)
from tests.unit.router.worlds import deterministic

ANNA, BEN = UUID(int=1), UUID(int=2)
WEEKDAYS = (("09:00-17:00",),) * 5 + ((),) * 2
HOUR = timedelta(hours=1)


def works(*blocks: str, zone: str = "Europe/Berlin") -> Agent:
    return Agent(Settings(zone=zone, hours=(blocks,) * 7))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def breach(sla: Sla, agent: Agent, begins: str) -> datetime:
    calendars = Calendars(agent)
    (clock,) = start([sla], Holding(at(begins), ANNA, at(begins)), calendars)
    return due(clock, calendars)[-1].at


def accept(hours: float, **more: object) -> Sla:
    return replace(Sla("accept", SlaClock.ACCEPT, int(hours * 3600)), **more)


def test_a_night_and_a_week_end_do_not_count() -> None:
    office = Agent(Settings(zone="Europe/Berlin", hours=WEEKDAYS))
    assert breach(accept(2), office, "2026-06-05T16:00:00+02:00") == at("2026-06-08T10:00:00+02:00")


def test_an_hour_that_clocks_skip_or_repeat_is_counted_as_it_passes() -> None:
    nights = works("00:00-06:00")
    assert breach(accept(2), nights, "2026-03-29T01:00:00+01:00") == at("2026-03-29T04:00:00+02:00")
    assert breach(accept(3), nights, "2026-10-25T01:00:00+02:00") == at("2026-10-25T03:00:00+01:00")


def test_a_holiday_of_the_owner_does_not_count_and_of_others_does() -> None:
    bavarian = Agent(Settings(zone="Europe/Berlin", hours=WEEKDAYS), days_off={"2026-06-04": "Fronleichnam"})
    assert breach(accept(2), bavarian, "2026-06-03T16:00:00+02:00") == at("2026-06-05T10:00:00+02:00")
    assert breach(accept(2), replace(bavarian, days_off={}), "2026-06-03T16:00:00+02:00") == at("2026-06-04T10:00:00+02:00")


def test_a_named_calendar_counts_whoever_owns_the_lead_and_where_nobody_does() -> None:
    named = {"support": named_calendar("Europe/Berlin", WEEKDAYS, {"2026-06-04": "closed"})}
    sla = Sla("respond", SlaClock.FIRST_RESPONSE, 7_200, "support")
    received = at("2026-06-03T16:00:00+02:00")
    expected = at("2026-06-05T10:00:00+02:00")
    for calendars, holding in [
        (Calendars(None, named), Holding(received)),
        (Calendars(works("20:00-22:00"), named), Holding(received, ANNA, received)),
    ]:
        (clock,) = start([sla], holding, calendars)
        assert soonest([clock], calendars) == expected


def test_a_calendar_that_is_no_more_is_all_the_time() -> None:
    sla = Sla("respond", SlaClock.FIRST_RESPONSE, 7_200, "gone")
    assert breach(sla, works("09:00-10:00"), "2026-06-03T16:00:00+00:00") == at("2026-06-03T18:00:00+00:00")


def test_what_passed_is_counted_in_the_time_of_each_owner() -> None:
    early, late = Calendars(works("08:00-12:00")), Calendars(works("14:00-18:00"))
    sla = Sla("respond", SlaClock.FIRST_RESPONSE, 3 * 3_600, origin=Origin.ASSIGNMENT)
    begins, moves = at("2026-06-01T08:00:00+02:00"), at("2026-06-01T10:00:00+02:00")
    clocks = start([sla], Holding(begins, ANNA, begins), early)
    moved = hand_over(clocks, [sla], holding=Holding(begins, BEN, moves), before=early, after=late, now=moves).clocks
    assert soonest(moved, late) == at("2026-06-01T15:00:00+02:00")
    assert status(moved[0], late, at("2026-06-01T14:30:00+02:00")).remaining == 1_800


def test_leave_that_is_entered_later_changes_what_is_to_come_and_not_what_has_passed() -> None:
    agent = works("08:00-18:00")
    begins, now = at("2026-06-01T08:00:00+02:00"), at("2026-06-01T10:00:00+02:00")
    (clock,) = start([accept(3)], Holding(begins, ANNA, begins), Calendars(agent))
    carried = carry(clock, Calendars(agent), now)
    entered = replace(agent, leaves=(Leave(UUID(int=9), begins, at("2026-06-01T16:00:00+02:00")),))
    assert soonest([carried], Calendars(entered)) == at("2026-06-01T17:00:00+02:00")


def test_a_queued_lead_waits_for_an_owner_whose_time_then_counts_from_receipt() -> None:
    sla = Sla("respond", SlaClock.FIRST_RESPONSE, 2 * 3_600, warn=(50,))
    received, assigned = at("2026-06-01T07:00:00+02:00"), at("2026-06-01T08:30:00+02:00")
    waiting = start([sla], Holding(received), Calendars())
    assert soonest(waiting, Calendars()) is None
    assert look(waiting, Calendars(), received + 99 * HOUR).steps == ()
    owner = Calendars(works("08:00-12:00"))
    holding = Holding(received, ANNA, assigned)
    adopted = hand_over(waiting, [sla], holding=holding, before=Calendars(), after=owner, now=assigned).clocks
    assert adopted == start([sla], holding, owner)
    assert soonest(adopted, owner) == at("2026-06-01T09:00:00+02:00")


def test_nobody_can_keep_a_lead_for_ever_by_not_working() -> None:
    begins = at("2026-06-01T08:00:00+02:00")
    gone = Leave(UUID(int=9), begins + HOUR, begins + timedelta(days=9_999))
    for agent in (Agent(Settings(hours=((),) * 7)), Agent(Settings(), leaves=(gone,))):
        calendars = Calendars(agent)
        (clock,) = start([accept(2)], Holding(begins, ANNA, begins), calendars)
        assert [(step.kind, step.at) for step in due(clock, calendars)] == [(StepKind.BREACH, begins + 2 * HOUR)]
        assert status(clock, calendars, begins + 2 * HOUR).state is State.BREACHED


def test_a_grace_is_not_over_before_the_owner_works_again() -> None:
    office = Calendars(works("09:00-17:00"))
    begins = at("2026-06-01T16:00:00+02:00")
    clocks = start([accept(0.5, ladder=(Rung(100, Escalation.NEXT_AGENT),))], Holding(begins, ANNA, begins), office)
    looked = look(clocks, office, at("2026-06-02T03:00:00+02:00"), outage=11 * HOUR)
    assert [step.kind for step in looked.steps] == [StepKind.BREACH]
    step = next_step(looked.clocks[0], office)
    assert step
    assert (step.kind, step.at) == (StepKind.NEXT_AGENT, at("2026-06-02T09:05:00+02:00"))


@deterministic
@given(
    seconds=st.integers(1, 400_000),
    day=st.sampled_from(
        [datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)]
    ),
    passed=st.timedeltas(timedelta(), timedelta(days=4)),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Beirut", "Australia/Lord_Howe"]),
    cuts=st.lists(st.integers(0, 600_000), max_size=4),
)
def test_it_is_breached_from_the_step_s_moment_on_however_often_it_is_carried(
    seconds: int, day: datetime, passed: timedelta, zone: str, cuts: list[int]
) -> None:
    calendars = Calendars(works("00:00-03:00", "09:00-12:30", "22:00-02:00", zone=zone))
    origin = day + passed
    (clock,) = start([Sla("x", SlaClock.ACCEPT, seconds)], Holding(origin, ANNA, origin), calendars)
    moment = due(clock, calendars)[-1].at
    for cut in sorted(cuts):
        clock = carry(clock, calendars, origin + timedelta(seconds=cut, microseconds=7))
    if clock.spent < clock.sla.allowed:
        assert due(clock, calendars)[-1].at == moment
    assert status(clock, calendars, moment).state is State.BREACHED
    if moment - timedelta(microseconds=1) >= clock.since:
        assert status(clock, calendars, moment - timedelta(microseconds=1)).state is State.RUNNING
