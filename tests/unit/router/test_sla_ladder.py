"""Steps: each in its order, none twice, none lost, whenever somebody looks; and the ladder has an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, Settings
from services.router.domain.sla import (
    WALL,
    WORKING,
    Calendars,
    Clock,
    Escalation,
    Holding,
    Look,
    Rung,
    Sla,
    SlaClock,
    Step,
    StepKind,
    accepted,
    act,
    due,
    hand_over,
    look,
    soonest,
    start,
    status,
)
from tests.unit.router.worlds import deterministic

T = datetime(2026, 3, 27, 9, tzinfo=UTC)  # a Friday before clocks change
OFFICE = Calendars(Agent(Settings(zone="Europe/Berlin", hours=(("08:00-12:00", "13:00-18:00"),) * 7)))
ALWAYS = Calendars(Agent(Settings()))
LADDER = (
    Rung(90, Escalation.REMIND),
    Rung(100, Escalation.NEXT_AGENT),
    Rung(200, Escalation.MANAGER),
    Rung(300, Escalation.POOL, "global"),
)
ACCEPT = Sla("accept", SlaClock.ACCEPT, 600, time=WALL, warn=(50, 80), ladder=LADDER)
RESPOND = Sla("respond", SlaClock.FIRST_RESPONSE, 3_600, time=WALL, warn=(50,), ladder=LADDER[1:])


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@dataclass
class Desk:
    """A lead and its clocks, played as a service would: whatever says to move it gives it to another agent."""

    slas: Sequence[Sla]
    calendars: Calendars
    alone: bool = False  # nobody else may receive
    restarts: bool = False
    owner: int = 1
    hops: int = 0
    clocks: tuple[Clock, ...] = ()
    told: list[tuple[int, Step]] = field(default_factory=list)
    late: list[tuple[int, str]] = field(default_factory=list)  # breaches told at a hand-over

    def __post_init__(self) -> None:
        self.clocks = start(self.slas, self.holding(T), self.calendars)

    def holding(self, at: datetime) -> Holding:
        return Holding(T, UUID(int=self.owner), at, hops=self.hops)

    def look(self, now: datetime, outage: timedelta = timedelta()) -> Look:
        looked = look(self.clocks, self.calendars, now, outage=outage)
        self.clocks = looked.clocks
        self.told += [(self.owner, step) for step in looked.steps]
        if looked.steps and looked.steps[-1].moves and not self.alone:
            self.move(now)
        if self.restarts:
            self.clocks = tuple(Clock.from_document(json.loads(json.dumps(clock.to_document()))) for clock in self.clocks)
        return looked

    def move(self, now: datetime) -> None:
        self.owner, self.hops = self.owner + 1, self.hops + 1
        change = hand_over(
            self.clocks, self.slas, holding=self.holding(now), before=self.calendars, after=self.calendars, now=now
        )
        self.clocks = change.clocks
        self.late += [(self.owner - 1, clock.name) for clock in change.breached]

    def play(self, until: datetime = T + timedelta(days=400)) -> Desk:
        """Looks exactly when something is due, until nothing is."""
        for _ in range(1_000):
            at = soonest(self.clocks, self.calendars)
            if at is None or at > until:
                return self
            self.look(at)
        raise AssertionError("the ladder has no end")

    @property
    def story(self) -> list[tuple[int, str, float]]:
        return [(owner, step.kind.value, (step.at - T) / minutes(1)) for owner, step in self.told]


def test_the_ladder_is_climbed_from_owner_to_owner_and_ends_at_the_hop_limit() -> None:
    sla = replace(ACCEPT, max_hops=2)
    assert Desk([sla], ALWAYS).play().story == [
        (1, "warn", 5),
        (1, "warn", 8),
        (1, "remind", 9),
        (1, "breach", 10),
        (1, "next_agent", 10),
        (2, "warn", 15),
        (2, "warn", 18),
        (2, "remind", 19),
        (2, "breach", 20),
        (2, "next_agent", 20),
        (3, "warn", 25),
        (3, "warn", 28),
        (3, "remind", 29),
        (3, "breach", 30),
        (3, "manager", 30),
        (3, "manager", 40),
        (3, "manager", 50),
    ]


def test_a_manager_who_is_told_instead_of_a_move_knows_why() -> None:
    desk = Desk([replace(ACCEPT, max_hops=0)], ALWAYS).play()
    assert [step.instead for _, step in desk.told if step.kind is StepKind.MANAGER] == [
        Escalation.NEXT_AGENT,
        None,
        Escalation.POOL,
    ]


def test_the_ladder_is_climbed_on_where_nobody_else_may_receive() -> None:
    story = Desk([ACCEPT], ALWAYS, alone=True).play().story
    assert story[-4:] == [(1, "breach", 10), (1, "next_agent", 10), (1, "manager", 20), (1, "pool", 30)]


def test_a_pool_that_a_rung_names_is_told() -> None:
    assert due(Desk([ACCEPT], ALWAYS).clocks[0], ALWAYS)[-1].pool == "global"


def test_two_clocks_at_once_keep_their_own_steps_and_a_move_of_one_restarts_the_acceptance_only() -> None:
    desk = Desk([replace(ACCEPT, ladder=(), seconds=3_000), replace(RESPOND, max_hops=9)], ALWAYS).play(T + minutes(130))
    assert [(owner, step.clock, step.kind.value, (step.at - T) / minutes(1)) for owner, step in desk.told] == [
        (1, "accept", "warn", 25),
        (1, "respond", "warn", 30),
        (1, "accept", "warn", 40),
        (1, "accept", "breach", 50),
        (1, "respond", "breach", 60),
        (1, "respond", "next_agent", 60),
        (2, "accept", "warn", 85),
        (2, "accept", "warn", 100),
        (2, "accept", "breach", 110),
        (2, "respond", "manager", 120),
    ]


def test_one_look_moves_a_lead_once_though_two_clocks_say_so() -> None:
    both = [
        Sla("accept", SlaClock.ACCEPT, 600, time=WALL, ladder=(Rung(100, Escalation.NEXT_AGENT),)),
        Sla("respond", SlaClock.FIRST_RESPONSE, 600, time=WALL, ladder=(Rung(100, Escalation.NEXT_AGENT),)),
    ]
    desk = Desk(both, ALWAYS)
    assert [(step.clock, step.kind.value) for step in desk.look(T + minutes(10)).steps] == [
        ("accept", "breach"),
        ("accept", "next_agent"),
    ]
    assert [(step.clock, step.kind.value) for step in desk.look(T + minutes(10)).steps] == [("respond", "breach")]
    assert desk.look(T + minutes(14)).steps == ()  # the new owner has its chance
    assert [(step.clock, step.kind.value) for step in desk.look(T + minutes(15)).steps] == [("respond", "next_agent")]


def test_who_gets_a_lead_late_has_some_time_before_it_moves_on() -> None:
    sla = replace(RESPOND, warn=(), ladder=(Rung(100, Escalation.NEXT_AGENT),), grace=300)
    assigned = T + minutes(75)
    clocks = start([sla], Holding(T, UUID(int=1), assigned), ALWAYS)
    assert [(step.kind, step.at - T) for step in due(clocks[0], ALWAYS)] == [
        (StepKind.BREACH, minutes(60)),
        (StepKind.NEXT_AGENT, minutes(80)),
    ]


def test_a_warning_that_was_overtaken_is_not_sent() -> None:
    assert [step.kind for step in Desk([ACCEPT], ALWAYS).look(T + minutes(8.5)).steps] == [StepKind.WARN]
    assert [step.percent for step in Desk([ACCEPT], ALWAYS).look(T + minutes(8.5)).steps] == [80]
    assert [step.kind.value for step in Desk([ACCEPT], ALWAYS).look(T + minutes(9)).steps] == ["warn", "remind"]
    desk = Desk([ACCEPT], ALWAYS)
    assert [step.kind.value for step in desk.look(T + minutes(10)).steps] == ["remind", "breach", "next_agent"]


def test_what_fell_due_while_nothing_ran_is_told_at_once_but_moves_only_after_the_grace() -> None:
    desk = Desk([ACCEPT], ALWAYS)
    back = T + minutes(47)
    assert [step.kind.value for step in desk.look(back, outage=minutes(45)).steps] == ["remind", "breach"]
    assert soonest(desk.clocks, ALWAYS) == back + minutes(5)
    assert desk.look(back + minutes(4)).steps == ()
    spared = act(desk.clocks, accepted(back + minutes(4), UUID(int=1)), ALWAYS)
    assert spared.clocks[0].kept
    assert spared.breached == ()  # told already
    assert [(step.kind.value, step.at) for step in due(desk.clocks[0], ALWAYS)] == [
        ("next_agent", back + minutes(5)),
        ("manager", back + minutes(5)),  # what comes behind the move waits with it
        ("pool", back + minutes(5)),
    ]
    assert [step.kind.value for step in desk.look(back + minutes(5)).steps] == ["next_agent"]
    assert soonest(desk.clocks, ALWAYS) == back + minutes(10)  # the new owner's first warning


def test_what_is_merely_late_is_done_at_once() -> None:
    assert [step.kind.value for step in Desk([ACCEPT], ALWAYS).look(T + minutes(47)).steps] == ["remind", "breach", "next_agent"]


def test_steps_of_a_clock_without_an_owner_are_told_and_nobody_is_reminded_or_moved() -> None:
    clocks = start([RESPOND], Holding(T), Calendars())
    steps = look(clocks, Calendars(), T + timedelta(days=1)).steps
    assert [step.kind.value for step in steps] == ["breach", "manager"]


def test_at_the_same_moment_the_breach_comes_before_its_consequences() -> None:
    sla = Sla(
        "x", SlaClock.ACCEPT, 1, time=WALL, warn=(99,), ladder=(Rung(100, Escalation.REMIND), Rung(100, Escalation.MANAGER))
    )
    assert [step.kind.value for step in due(start([sla], Holding(T, UUID(int=1), T), ALWAYS)[0], ALWAYS)] == [
        "warn",
        "breach",
        "remind",
        "manager",
    ]


# -- Whatever the level, and whenever somebody looks

rungs = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from(list(Escalation))).map(
        lambda one: Rung(
            max(one[0], 100) if one[1] in (Escalation.NEXT_AGENT, Escalation.POOL) else one[0],
            one[1],
            "global" if one[1] is Escalation.POOL else None,
        )
    ),
    max_size=5,
).map(lambda rungs: tuple(sorted(rungs, key=lambda rung: rung.at)))


def levels(kind: SlaClock) -> st.SearchStrategy[Sla]:
    return st.builds(
        Sla,
        st.just(kind.value),
        st.just(kind),
        st.integers(1, 100_000),
        st.sampled_from([WALL, WORKING]),
        warn=st.lists(st.integers(1, 99), unique=True, max_size=3).map(tuple),
        ladder=rungs,
        max_hops=st.integers(0, 3),
        grace=st.integers(0, 900),
    )


both = st.tuples(levels(SlaClock.ACCEPT), levels(SlaClock.FIRST_RESPONSE))
looks = st.lists(st.integers(0, 2_000_000), max_size=15).map(
    lambda moments: [T + timedelta(seconds=at) for at in sorted(moments)]
)


def look_at(desk: Desk, moments: list[datetime], after_look: Callable[[Look, datetime], None] | None = None) -> Desk:
    for now in moments:
        looked = desk.look(now)
        if after_look:
            after_look(looked, now)
    return desk.play()


@deterministic
@given(both, looks)
def test_steps_come_in_order_not_before_their_moment_none_twice_and_none_is_lost(
    slas: tuple[Sla, Sla], moments: list[datetime]
) -> None:
    def in_time_and_order(looked: Look, now: datetime) -> None:
        assert all(step.at <= now for step in looked.steps)
        assert all(one.at <= other.at for one, other in pairwise(looked.steps))
        assert not any(step.moves for step in looked.steps[:-1])

    desk = look_at(Desk(slas, OFFICE), moments, in_time_and_order)
    assert desk.hops <= max(sla.max_hops for sla in slas)
    for sla in slas:
        once_an_owner = sla.clock is SlaClock.ACCEPT
        for owner in range(1, desk.owner + 1) if once_an_owner else [None]:
            told = [step for by, step in desk.told if step.clock == sla.name and owner in (by, None)]
            places = [step.place for step in told]
            assert places == sorted(set(places))
            steps = len(sla.warn) + 1 + len(sla.ladder)
            last = owner in (desk.owner, None)
            loud = {place for place in range(steps) if place >= len(sla.warn) + sum(rung.at < 100 for rung in sla.ladder)}
            if last:  # whoever has it at the end sees the whole ladder, but for warnings that were overtaken
                assert loud <= set(places)
    breaches = [(by, step.clock) for by, step in desk.told if step.kind is StepKind.BREACH] + desk.late
    assert len(breaches) == len(set(breaches))
    assert breaches.count((desk.owner, "accept")) == 1
    assert sum(name == "first_response" for _, name in breaches) == 1
    assert {status(clock, OFFICE, T + timedelta(days=90)).state.value for clock in desk.clocks} == {"breached"}


@deterministic
@given(both, looks)
def test_a_restart_between_any_two_looks_changes_nothing(slas: tuple[Sla, Sla], moments: list[datetime]) -> None:
    never, always = look_at(Desk(slas, OFFICE), moments), look_at(Desk(slas, OFFICE, restarts=True), moments)
    assert (never.told, never.late, never.clocks) == (always.told, always.late, always.clocks)


@deterministic
@given(levels(SlaClock.ACCEPT), looks)
def test_looking_more_often_or_in_vain_changes_no_moment(sla: Sla, moments: list[datetime]) -> None:
    desk, exact = Desk([sla], OFFICE), Desk([sla], OFFICE).play()
    for now in moments:
        desk.play(now)
        assert desk.look(now).steps == ()
    assert desk.play().told == exact.told


@deterministic
@given(levels(SlaClock.ACCEPT), st.integers(1, 2_000_000))
def test_after_an_outage_no_step_is_lost_and_no_lead_moves_before_its_grace(sla: Sla, down: int) -> None:
    desk, back = Desk([sla], ALWAYS), T + timedelta(seconds=down)
    looked = desk.look(back, outage=timedelta(seconds=down))
    assert not any(step.moves for step in looked.steps)
    first_move = next((step for clock in desk.clocks for step in due(clock, ALWAYS) if step.moves), None)
    if first_move:
        assert first_move.at > back or not sla.grace
        assert first_move.at >= T + timedelta(seconds=sla.seconds)
    again = desk.play()
    assert [step.kind for owner, step in again.told if owner == 1 and step.kind is not StepKind.WARN] == [
        step.kind for owner, step in Desk([sla], ALWAYS).play().told if owner == 1 and step.kind is not StepKind.WARN
    ]


@pytest.mark.parametrize("hops", range(4))
def test_a_lead_moves_as_often_as_it_may_and_no_more(hops: int) -> None:
    desk = Desk([replace(ACCEPT, max_hops=hops), replace(RESPOND, max_hops=hops)], ALWAYS).play()
    assert desk.hops == hops
