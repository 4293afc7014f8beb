"""Clocks: what begins when, what stops which, and how a promise stands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.router.domain import Agent, Leave, Settings
from services.router.domain.sla import (
    WALL,
    WORKING,
    Absent,
    Action,
    Calendars,
    Clock,
    Escalation,
    Holding,
    Origin,
    Rung,
    Sla,
    SlaClock,
    State,
    StepKind,
    accepted,
    act,
    carry,
    contacted,
    deadline,
    due,
    hand_over,
    lint_sla,
    look,
    named_calendar,
    next_step,
    soonest,
    stage_changed,
    start,
    status,
    stop,
)

T = datetime(2026, 6, 1, 9, tzinfo=UTC)  # a Monday
ANNA, BEN = UUID(int=1), UUID(int=2)
ACCEPT = Sla("accept", SlaClock.ACCEPT, 600, time=WALL, warn=(50, 80))
RESPOND = Sla("respond", SlaClock.FIRST_RESPONSE, 3_600, time=WALL)
FOLLOW = Sla("follow", SlaClock.FOLLOW_UP, 86_400, time=WALL)
ALWAYS = Calendars(Agent(Settings()))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def holding(assignment: UUID = ANNA, *, at: datetime = T, waited: timedelta = timedelta(), hops: int = 0) -> Holding:
    return Holding(at - waited, assignment, at, hops=hops)


def begun(*slas: Sla, calendars: Calendars = ALWAYS) -> tuple[Clock, ...]:
    return start(slas, holding(), calendars)


def states(clocks: tuple[Clock, ...], now: datetime) -> list[State]:
    return [status(clock, ALWAYS, now).state for clock in clocks]


def test_several_clocks_run_at_once_and_each_is_stopped_by_its_own_actions() -> None:
    clocks = begun(ACCEPT, RESPOND, FOLLOW)
    changed = act(clocks, accepted(T + minutes(3), ANNA), ALWAYS)
    assert states(changed.clocks, T + minutes(5)) == [State.MET, State.RUNNING, State.RUNNING]
    assert [clock.name for clock in changed.ended] == ["accept", "follow"]
    assert changed.breached == ()
    changed = act(changed.clocks, contacted(T + minutes(50)), ALWAYS)
    assert states(changed.clocks, T + minutes(55)) == [State.MET, State.MET, State.RUNNING]
    assert changed.clocks[1].ended_by == "contacted"
    assert soonest(changed.clocks, ALWAYS) == T + minutes(50) + timedelta(days=1)


def test_an_untouched_lead_is_warned_of_and_breaches_at_its_moment() -> None:
    clocks = begun(ACCEPT)
    assert [(step.kind, step.at - T) for step in due(clocks[0], ALWAYS)] == [
        (StepKind.WARN, minutes(5)),
        (StepKind.WARN, minutes(8)),
        (StepKind.BREACH, minutes(10)),
    ]
    instant = timedelta(microseconds=1)
    assert states(clocks, T + minutes(5) - instant) == [State.RUNNING]
    assert states(clocks, T + minutes(5)) == [State.WARNED]
    assert states(clocks, T + minutes(10) - instant) == [State.WARNED]
    assert states(clocks, T + minutes(10)) == [State.BREACHED]


def test_remaining_seconds_are_more_than_nought_until_the_breach() -> None:
    (clock,) = begun(ACCEPT)
    left = [status(clock, ALWAYS, T + timedelta(seconds=at)).remaining for at in (0, 0.5, 599.5, 600, 661)]
    assert left == [600, 600, 1, 0, -61]


def test_the_first_response_counts_from_receipt_or_from_assignment_as_it_says() -> None:
    from_assignment = Sla("from assignment", SlaClock.FIRST_RESPONSE, 3_600, time=WALL, origin=Origin.ASSIGNMENT)
    clocks = start([RESPOND, from_assignment], holding(waited=minutes(40)), ALWAYS)
    assert [step.at - T for clock in clocks if (step := next_step(clock, ALWAYS))] == [minutes(20), minutes(60)]


def test_a_lead_that_waits_for_an_owner_breaches_its_first_response_too() -> None:
    waiting = start([ACCEPT, RESPOND, FOLLOW], Holding(T), Calendars())
    assert [clock.name for clock in waiting] == ["respond"]
    assert [step.kind for step in look(waiting, Calendars(), T + minutes(60)).steps] == [StepKind.BREACH]


def test_a_lead_that_was_answered_begins_no_clock_for_its_first_response() -> None:
    answered = Holding(T, ANNA, T, responded_at=T)
    assert [clock.name for clock in start([ACCEPT, RESPOND], answered, ALWAYS)] == ["accept"]


def test_a_level_that_is_named_by_a_rule_and_by_its_pool_is_one_clock() -> None:
    assert len(begun(ACCEPT, ACCEPT)) == 1


def test_an_acceptance_counts_after_its_time_as_long_as_the_lead_has_not_moved_on() -> None:
    looked = look(begun(ACCEPT), ALWAYS, T + minutes(10))
    changed = act(looked.clocks, accepted(T + minutes(30), ANNA), ALWAYS)
    (clock,) = changed.clocks
    assert (clock.ended_by, clock.kept) == ("accepted", True)
    assert states(changed.clocks, T + minutes(40)) == [State.BREACHED]
    assert changed.breached == ()  # it was told when it happened
    moved = hand_over(
        looked.clocks, [ACCEPT], holding=holding(BEN, at=T + minutes(11)), before=ALWAYS, after=ALWAYS, now=T + minutes(11)
    )
    assert act(moved.clocks, accepted(T + minutes(12), ANNA), ALWAYS).clocks == moved.clocks
    assert act(moved.clocks, accepted(T + minutes(12), BEN), ALWAYS).ended


def test_a_breach_is_told_once_though_the_action_came_before_the_timer() -> None:
    changed = act(begun(ACCEPT), accepted(T + minutes(11), ANNA), ALWAYS)
    assert changed.breached == changed.ended == changed.clocks
    assert look(changed.clocks, ALWAYS, T + timedelta(days=1)).steps == ()
    assert stop(changed.clocks, "closed", ALWAYS, T + minutes(20)).breached == ()


def test_a_breach_that_was_told_stays_one_though_news_of_an_action_in_time_comes_later() -> None:
    looked = look(begun(RESPOND), ALWAYS, T + minutes(60))
    changed = act(looked.clocks, contacted(T + minutes(55)), ALWAYS)
    assert (changed.clocks[0].kept, changed.breached) == (True, ())
    assert states(changed.clocks, T + minutes(61)) == [State.BREACHED]


@pytest.mark.parametrize(
    ("counts", "action", "kept"),
    [
        (frozenset[str](), stage_changed("qualified", T + minutes(1), ANNA), True),
        (frozenset({"accepted"}), stage_changed("qualified", T + minutes(1), ANNA), False),
        (frozenset({"qualified"}), stage_changed("qualified", T + minutes(1), ANNA), True),
        (frozenset({"qualified"}), stage_changed("contacted", T + minutes(1), ANNA), False),
        (frozenset({"stage"}), stage_changed("contacted", T + minutes(1), ANNA), True),
        (frozenset({"contacted"}), accepted(T + minutes(1), ANNA), False),
        (frozenset({"contacted"}), contacted(T + minutes(1)), True),
        (frozenset({"contacted"}), contacted(T - minutes(1)), False),  # before this owner had it
        (frozenset({"contacted"}), contacted(T + minutes(1), BEN), False),
    ],
)
def test_what_keeps_an_acceptance_is_what_it_counts(counts: frozenset[str], action: Action, kept: bool) -> None:
    sla = Sla("accept", SlaClock.ACCEPT, 600, time=WALL, counts=counts)
    assert bool(act(begun(sla), action, ALWAYS).ended) is kept


def test_following_up_begins_anew_with_each_action_and_ends_with_the_lead() -> None:
    clocks = begun(FOLLOW)
    for hour in (20, 40, 60):
        changed = act(clocks, stage_changed("contacted", T + timedelta(hours=hour)), ALWAYS)
        assert [status(clock, ALWAYS, T).state for clock in changed.ended] == [State.MET]
        clocks = changed.clocks
        assert soonest(clocks, ALWAYS) == T + timedelta(hours=hour + 24)
    assert act(clocks, contacted(T + timedelta(hours=30)), ALWAYS).clocks == clocks  # heard of late
    breached = look([carry(clock, ALWAYS, T + timedelta(hours=70)) for clock in clocks], ALWAYS, T + timedelta(hours=84)).clocks
    again = act(breached, contacted(T + timedelta(hours=90)), ALWAYS)
    assert soonest(again.clocks, ALWAYS) == T + timedelta(hours=114)
    assert states(again.clocks, T + timedelta(hours=91)) == [State.RUNNING]
    ended = stop(again.clocks, "closed", ALWAYS, T + timedelta(hours=92))
    assert [(clock.ended_by, clock.kept) for clock in ended.clocks] == [("closed", False)]
    assert states(ended.clocks, T + timedelta(days=9)) == [State.STOPPED]


def test_a_new_owner_has_the_whole_time_to_accept_and_the_rest_of_the_time_to_respond() -> None:
    now = T + minutes(10)
    moved = hand_over(
        begun(ACCEPT, RESPOND), [ACCEPT, RESPOND], holding=holding(BEN, at=now, hops=1), before=ALWAYS, after=ALWAYS, now=now
    )
    by_name = {clock.name: clock for clock in moved.clocks}
    assert [clock.name for clock in moved.ended] == ["accept"]
    assert due(by_name["accept"], ALWAYS)[-1].at == T + minutes(20)
    assert due(by_name["respond"], ALWAYS)[-1].at == T + minutes(60)
    assert {clock.hops for clock in moved.clocks} == {1}
    assert [clock.name for clock in moved.breached] == ["accept"]  # its time was up, and nobody had looked


def test_a_first_response_is_promised_once_whoever_owns_the_lead() -> None:
    answered = act(begun(RESPOND, FOLLOW), contacted(T + minutes(5)), ALWAYS)
    now = T + minutes(30)
    moved = hand_over(
        answered.clocks, [RESPOND, FOLLOW, ACCEPT], holding=holding(BEN, at=now), before=ALWAYS, after=ALWAYS, now=now
    )
    assert sorted((clock.name, clock.runs) for clock in moved.clocks) == [("accept", True), ("follow", True), ("respond", False)]
    assert {clock.name: clock.began_at for clock in moved.clocks}["follow"] == T + minutes(5)


def test_a_clock_that_the_new_place_does_not_have_ends() -> None:
    now = T + minutes(5)
    moved = hand_over(begun(RESPOND), [ACCEPT], holding=holding(BEN, at=now), before=ALWAYS, after=ALWAYS, now=now)
    assert [clock.name for clock in moved.clocks] == ["accept"]
    assert [(clock.name, clock.ended_by) for clock in moved.ended] == [("respond", "reassigned")]


def test_a_lead_that_goes_back_to_the_queue_keeps_the_promise_of_a_response_only() -> None:
    now = T + minutes(5)
    clocks = begun(ACCEPT, RESPOND, FOLLOW)
    released = hand_over(clocks, [ACCEPT, RESPOND, FOLLOW], holding=Holding(T), before=ALWAYS, after=Calendars(), now=now)
    assert [clock.name for clock in released.clocks] == ["respond"]
    assert soonest(released.clocks, Calendars()) == T + minutes(60)


def test_a_promise_keeps_the_terms_it_was_given_under() -> None:
    now = T + minutes(5)
    shorter = Sla("respond", SlaClock.FIRST_RESPONSE, 60, time=WALL)
    moved = hand_over(begun(RESPOND), [shorter], holding=holding(BEN, at=now), before=ALWAYS, after=ALWAYS, now=now)
    assert moved.clocks[0].sla == RESPOND


def test_a_clock_survives_being_written_as_json() -> None:
    ladder = (Rung(100, Escalation.NEXT_AGENT), Rung(200, Escalation.POOL, "global"))
    calendar = {"support": named_calendar("Europe/Berlin", None, {})}
    sla = Sla(
        "all",
        SlaClock.FOLLOW_UP,
        90,
        "support",
        Origin.ASSIGNMENT,
        Absent.RUN,
        (20,),
        ladder,
        frozenset({"won", "accepted"}),
        2,
        7,
    )
    calendars = Calendars(Agent(Settings()), calendar)
    (clock,) = start([sla], holding(hops=1), calendars)
    for one in (
        clock,
        carry(clock, calendars, T + timedelta(microseconds=1)),
        *stop([clock], "closed", calendars, T + minutes(9)).clocks,
    ):
        assert Clock.from_document(json.loads(json.dumps(one.to_document()))) == one
    queued = start([RESPOND], Holding(T), Calendars())[0]
    assert Clock.from_document(json.loads(json.dumps(queued.to_document()))) == queued


def test_leave_stops_the_clocks_that_say_so() -> None:
    away = Calendars(Agent(Settings(), leaves=(Leave(UUID(int=9), T + minutes(5), T + minutes(65)),)))
    taken = {
        (time, absent): due(start([Sla("x", SlaClock.ACCEPT, 600, time, absent=absent)], holding(), away)[0], away)[-1].at - T
        for time in ("working", WALL)
        for absent in (None, Absent.PAUSE, Absent.RUN)
    }
    assert taken == {
        ("working", None): minutes(70),
        ("working", Absent.PAUSE): minutes(70),
        ("working", Absent.RUN): minutes(10),
        (WALL, None): minutes(10),
        (WALL, Absent.PAUSE): minutes(70),
        (WALL, Absent.RUN): minutes(10),
    }


@pytest.mark.parametrize(
    ("sla", "path"),
    [
        (Sla("x", SlaClock.ACCEPT, 0), "/slas/x/minutes"),
        (Sla("x", SlaClock.ACCEPT, 60, warn=(50, 100)), "/slas/x/warn/1"),
        (Sla("x", SlaClock.ACCEPT, 60, warn=(50, 50)), "/slas/x/warn/1"),
        (Sla("x", SlaClock.ACCEPT, 60, ladder=(Rung(90, Escalation.NEXT_AGENT),)), "/slas/x/ladder/0/at"),
        (
            Sla("x", SlaClock.ACCEPT, 60, ladder=(Rung(200, Escalation.MANAGER), Rung(100, Escalation.REMIND))),
            "/slas/x/ladder/1/at",
        ),
        (Sla("x", SlaClock.ACCEPT, 60, ladder=(Rung(100, Escalation.POOL),)), "/slas/x/ladder/0/pool"),
        (Sla("x", SlaClock.ACCEPT, 60, ladder=(Rung(100, Escalation.MANAGER, "global"),)), "/slas/x/ladder/0/pool"),
        (Sla("x", SlaClock.ACCEPT, 60, max_hops=-1), "/slas/x/max_hops"),
        (Sla("x", SlaClock.ACCEPT, 60, grace=-1), "/slas/x/grace_minutes"),
        (Sla("x", SlaClock.ACCEPT, 60, warn=tuple(range(1, 22))), "/slas/x/ladder"),
    ],
)
def test_a_level_that_cannot_be_is_refused_with_its_place(sla: Sla, path: str) -> None:
    assert [problem.path for problem in lint_sla(sla, "/slas/x")] == [path]


def test_a_level_as_people_write_them_is_accepted() -> None:
    ladder = (Rung(80, Escalation.REMIND), Rung(100, Escalation.NEXT_AGENT), Rung(300, Escalation.POOL, "global"))
    assert lint_sla(Sla("x", SlaClock.ACCEPT, 600, warn=(50, 80), ladder=ladder)) == []


def test_the_deadline_that_is_shown_is_the_moment_of_the_breach() -> None:
    office = Calendars(Agent(Settings(zone="Europe/Berlin", hours=(("09:00-11:30",), ("09:00-17:00",), (), (), (), (), ()))))
    for sla, calendars in ((ACCEPT, ALWAYS), (replace(RESPOND, time=WORKING), office), (FOLLOW, office)):
        [clock] = begun(sla, calendars=calendars)
        for one in (clock, carry(clock, calendars, T + minutes(7))):
            [breach] = [step for step in due(one, calendars) if step.kind is StepKind.BREACH]
            assert deadline(one, calendars) == breach.at > T


def test_what_has_ended_waits_or_is_broken_has_no_deadline() -> None:
    [clock] = begun(ACCEPT)
    assert deadline(carry(clock, ALWAYS, T + minutes(11)), ALWAYS) is None
    assert deadline(stop((clock,), "closed", ALWAYS, T + minutes(1)).clocks[0], ALWAYS) is None
    waiting = start([replace(RESPOND, time=WORKING)], Holding(T), Calendars(None))
    assert [deadline(one, Calendars(None)) for one in waiting] == [None]
