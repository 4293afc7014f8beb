"""Small groups and what happens to them, drawn by hypothesis and played on a live state.

The play keeps its own books of who holds what (`Books`), counted without the code under test, and holds every
assignment against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from services.router.domain import (
    Agent,
    Caps,
    Decision,
    Entry,
    GroupState,
    Leave,
    Member,
    Outcome,
    Pause,
    Pool,
    Presence,
    Settings,
    agent_changed,
    assigned,
    credited,
    debited,
    decide_in_pool,
    ended,
    leave_changed,
    pause_changed,
    place,
    presence_changed,
    reweighted,
)
from services.router.domain.policy import Strategy, StrategyKind

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

KINDS = [StrategyKind.ROTATION, *(kind for kind in StrategyKind if kind is not StrategyKind.CLAIM)]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Beirut", "Pacific/Kiritimati", "Pacific/Honolulu"]
# Hours before a change of clocks somewhere in ZONES: forwards and backwards, at and around midnight.
STARTS = [datetime(2026, *day, 20, tzinfo=UTC) for day in [(3, 28), (10, 24), (3, 7), (10, 31), (6, 1)]]


@dataclass(frozen=True)
class ALead:
    lead_id: UUID
    facts: Mapping[str, Any] = field(default_factory=dict)
    points: int = 50
    grade: str = "B"
    qualification: str = "sales"
    scored: Mapping[str, Any] = field(default_factory=dict)


def an_agent(
    *,
    open: int = 0,
    counts: Mapping[str, int] | None = None,
    hour: int | None = None,
    day: int | None = None,
    week: int | None = None,
    month: int | None = None,
    open_cap: int | None = None,
    **settings: Any,
) -> Agent:
    """An agent in Berlin without caps, or with these settings."""
    caps = Caps(hour, day, week, month, open_cap)
    return Agent(Settings(**{"zone": "Europe/Berlin", "caps": caps, **settings}), open, dict(counts or {}))


@dataclass
class Books:
    """What the group really holds: owner and day of each open lead, and counts by agent and local date."""

    open: dict[UUID, tuple[UUID, str]] = field(default_factory=dict)
    counted: Counter[tuple[UUID, date]] = field(default_factory=Counter)

    def open_of(self, agent_id: UUID) -> int:
        return sum(owner == agent_id for owner, _ in self.open.values())

    def of_period(self, agent_id: UUID, holds: Callable[[date], bool]) -> int:
        return sum(count for (owner, day), count in self.counted.items() if owner == agent_id and holds(day))


@dataclass
class Play:
    """A live state, the snapshot it opened with, its ledger, its decisions with the entry they stand on, the books."""

    state: GroupState
    now: datetime
    opening: dict[str, Any] = field(init=False)
    ledger: list[Entry] = field(default_factory=list)
    decisions: list[tuple[int, Decision]] = field(default_factory=list)
    books: Books = field(default_factory=Books)

    def __post_init__(self) -> None:
        self.opening = self.state.snapshot()

    def step(self, verb: str, number: int, agent: Agent) -> None:
        getattr(self, verb)(number, agent)

    def decide(self, number: int, _: Agent) -> None:
        pools = sorted(self.state.counters())
        pool = pools[number % len(pools)]
        decision = decide_in_pool(ALead(UUID(int=1_000 + len(self.decisions))), pool, self.state, self.now)
        self.decisions.append((self.state.number, decision))
        if decision.winner:
            self.hold_against_caps(decision.winner.agent_id)
            self.append(decision.entry(self.state.number + 1))
            self.keep(decision.winner.agent_id, decision.lead_id, decision.winner.period)
        else:
            assert decision.outcome is Outcome.QUEUED
            assert not any(self.state.availability(one, self.now).available for one in self.state.counters()[pool])

    def force(self, number: int, _: Agent) -> None:
        agent_id, lead_id = self.pick(number), UUID(int=5_000 + len(self.ledger))
        self.now = self.state.roll(self.now)
        today = self.state.today(agent_id)
        period, counted = today.day.key, {"period": today.day.key, "hour": today.number}
        self.append(self.entry(assigned, agent_id=agent_id, lead_id=lead_id, pool=None, turn=False, **counted))
        self.keep(agent_id, lead_id, period)

    def restore(self, number: int, _: Agent) -> None:
        """Gives a lead back to somebody: within the caps, and without a turn for anybody."""
        self.now = self.state.roll(self.now)  # by time alone, leave ends and is credited
        pools, agent_id, before = sorted(self.state.counters()), self.pick(number), self.state.counters()
        pool, lead = pools[number % len(pools)], ALead(UUID(int=9_000 + len(self.ledger)))
        decision = place(lead, agent_id, pool, self.state, self.now, how=Outcome.RESTORED)
        if decision is None:
            assert agent_id not in before[pool] or not self.state.availability(agent_id, self.now).available
            return
        assert decision.winner
        self.hold_against_caps(agent_id)
        self.append(decision.entry(self.state.number + 1))
        assert self.state.counters() == before
        self.keep(agent_id, lead.lead_id, decision.winner.period)

    def end(self, number: int, _: Agent) -> None:
        if not self.books.open:
            return
        lead_id = sorted(self.books.open)[number % len(self.books.open)]
        agent_id, period = self.books.open.pop(lead_id)
        gives_back = number % 2 == 0
        closing = {"reason": "declined", "gives_back": gives_back, "period": period}
        self.append(self.entry(ended, agent_id=agent_id, lead_id=lead_id, pool=None, **closing))
        if gives_back:
            self.books.counted[agent_id, date.fromisoformat(period)] -= 1

    def change(self, number: int, agent: Agent) -> None:
        self.append(self.entry(agent_changed, agent_id=self.pick(number), settings=agent.settings, calendars={}))

    def leave(self, number: int, _: Agent) -> None:
        """Leave that begins and ends some time around now, at times with more of it before or after a gap, or none at all any more."""
        starts = self.now + timedelta(minutes=7 * (number - 50))
        ends = starts + timedelta(minutes=11 * number)
        leaves = [Leave(UUID(int=1), starts, ends, catch_up=number % 2 == 0)] if number % 3 else []
        if number % 5 == 0:
            again = ends + timedelta(minutes=number - 100)
            leaves.append(Leave(UUID(int=2), again, again + timedelta(minutes=9 * number), catch_up=number % 4 < 2))
        leaves = [leave for leave in leaves if leave.ends > self.now]
        self.append(self.entry(leave_changed, agent_id=self.pick(number), leaves=leaves))

    def credit(self, number: int, _: Agent) -> None:
        kind, pool, agent_id = (credited, debited)[number % 2], *self.pick_member(number)
        self.append(self.entry(kind, agent_id=agent_id, pool=pool, turns=number % 7 + 1, reason="made up for a fault", by="ops"))

    def reweight(self, number: int, _: Agent) -> None:
        pool, agent_id = self.pick_member(number)
        self.append(self.entry(reweighted, agent_id=agent_id, pool=pool, weight=number % 9 + 1))

    def pause(self, number: int, _: Agent) -> None:
        pause = Pause(self.now + timedelta(minutes=number) if number % 2 else None) if number % 3 else None
        self.append(self.entry(pause_changed, agent_id=self.pick(number), pause=pause))

    def presence(self, number: int, _: Agent) -> None:
        presence = Presence(("online", "online", "away")[number % 3], self.now + timedelta(minutes=3 * number))
        self.append(self.entry(presence_changed, agent_id=self.pick(number), presence=presence))

    def wait(self, number: int, _: Agent) -> None:
        self.now += timedelta(minutes=number * 7)

    def entry(self, kind: Any, **data: Any) -> Entry:
        entry: Entry = kind(self.state.number + 1, self.now, **data)
        return entry

    def append(self, entry: Entry) -> None:
        self.state.apply(entry)
        self.ledger.append(entry)

    def pick(self, number: int) -> UUID:
        agents = sorted({one for pool in self.state.counters().values() for one in pool})
        return agents[number % len(agents)]

    def pick_member(self, number: int) -> tuple[str, UUID]:
        members = [(pool, one) for pool, counters in sorted(self.state.counters().items()) for one in sorted(counters)]
        return members[number % len(members)]

    def keep(self, agent_id: UUID, lead_id: UUID, period: str) -> None:
        assert period == self.local_date(agent_id).isoformat()
        self.books.open[lead_id] = (agent_id, period)
        self.books.counted[agent_id, self.local_date(agent_id)] += 1

    def hold_against_caps(self, agent_id: UUID) -> None:
        """Before a winner is assigned: it is active, and below its caps by the books."""
        agent = self.state.agent(agent_id)
        assert agent.active
        assert agent.caps.open is None or self.books.open_of(agent_id) < agent.caps.open
        today = self.local_date(agent_id)
        assert agent.caps.day is None or self.books.counted[agent_id, today] < agent.caps.day
        week = self.books.of_period(agent_id, lambda day: day.isocalendar()[:2] == today.isocalendar()[:2])
        assert agent.caps.week is None or week < agent.caps.week
        month = self.books.of_period(agent_id, lambda day: (day.year, day.month) == (today.year, today.month))
        assert agent.caps.month is None or month < agent.caps.month
        assert not agent.pause or (agent.pause.until and agent.pause.until <= self.state.last_now)
        assert not any(leave.starts <= self.state.last_now < leave.ends for leave in agent.leaves)

    def local_date(self, agent_id: UUID) -> date:
        return self.now.astimezone(ZoneInfo(self.state.agent(agent_id).zone)).date()


small_caps = st.none() | st.integers(0, 3)
agents = st.builds(
    an_agent,
    active=st.sampled_from([True, True, True, False]),
    hour=st.none() | st.none() | small_caps,
    day=small_caps,
    week=st.none() | st.none() | small_caps,
    month=st.none() | st.none() | small_caps,
    open_cap=small_caps,
    zone=st.sampled_from(ZONES),
    hours=st.sampled_from([None, None, (("09:00-12:00", "13:00-18:00"),) * 7, (("22:00-02:00",),) * 7]),
    holidays=st.sampled_from([(), (), ("2026-03-29", "2026-10-25", "2026-11-01")]),
    needs_presence=st.sampled_from([False, False, True]),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["decide"] * 6
            + [
                "force",
                "restore",
                "end",
                "change",
                "leave",
                "leave",
                "credit",
                "reweight",
                "pause",
                "presence",
                "presence",
                "wait",
                "wait",
                "wait",
            ]
        ),
        st.integers(0, 200),
        agents,
    ),
    min_size=8,
    max_size=45,
)


@st.composite
def pool_lists(draw: st.DrawFn, *, agents_at_most: int = 6) -> list[Pool]:
    """One to three pools over a few agents, who may be in several of them."""
    ids = [UUID(int=number + 1) for number in range(draw(st.integers(1, agents_at_most)))]
    member = st.builds(Member, st.sampled_from(ids), st.integers(1, 1_000), st.integers(1, 3), st.integers(1, 50))
    members = st.lists(member, unique_by=lambda one: one.agent_id)
    return [
        Pool(f"pool-{number}", tuple(draw(members)), strategy=Strategy(draw(st.sampled_from(KINDS))))
        for number in range(draw(st.integers(1, 3)))
    ]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """A group that just opened."""
    pools = draw(pool_lists().filter(lambda drawn: any(pool.members for pool in drawn)))
    ids = sorted({member.agent_id for pool in pools for member in pool.members})
    now = draw(st.sampled_from(STARTS))
    return Play(GroupState(pools, {one: draw(agents) for one in ids}, now=now, carried={}), now)
