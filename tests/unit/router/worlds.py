"""Small groups and what happens to them, drawn by hypothesis and played on a live state.

The play keeps its own books of who holds what (`Books`), counted without the code under test, and holds every
assignment against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from services.router.domain import (
    Agent,
    Decision,
    Entry,
    GroupState,
    Member,
    Outcome,
    Pool,
    agent_changed,
    assigned,
    decide_in_pool,
    ended,
    restore,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

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


@dataclass
class Books:
    """What the group really holds: owner and day of each open lead, and counts by agent and local date."""

    open: dict[UUID, tuple[UUID, str]] = field(default_factory=dict)
    counted: Counter[tuple[UUID, date]] = field(default_factory=Counter)

    def open_of(self, agent_id: UUID) -> int:
        return sum(owner == agent_id for owner, _ in self.open.values())


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
            assert all(self.state.availability(one, self.now) for one in self.state.counters()[pool])

    def force(self, number: int, _: Agent) -> None:
        agent_id, lead_id = self.pick(number), UUID(int=5_000 + len(self.ledger))
        self.now = self.state.roll(self.now)
        period = self.state.today(agent_id).key
        self.append(self.entry(assigned, agent_id=agent_id, lead_id=lead_id, pool=None, turn=False, period=period))
        self.keep(agent_id, lead_id, period)

    def restore(self, number: int, _: Agent) -> None:
        """Gives a lead back to somebody: within the caps, and without a turn for anybody."""
        pools, agent_id, before = sorted(self.state.counters()), self.pick(number), self.state.counters()
        pool, lead = pools[number % len(pools)], ALead(UUID(int=9_000 + len(self.ledger)))
        decision = restore(lead, agent_id, pool, self.state, self.now)
        if decision is None:
            assert agent_id not in before[pool] or self.state.availability(agent_id, self.now)
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
        to = {"active": agent.active, "daily_cap": agent.daily_cap, "open_cap": agent.open_cap, "zone": agent.zone}
        self.append(self.entry(agent_changed, agent_id=self.pick(number), **to))

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

    def keep(self, agent_id: UUID, lead_id: UUID, period: str) -> None:
        assert period == self.local_date(agent_id).isoformat()
        self.books.open[lead_id] = (agent_id, period)
        self.books.counted[agent_id, self.local_date(agent_id)] += 1

    def hold_against_caps(self, agent_id: UUID) -> None:
        """Before a winner is assigned: it is active, and below its caps by the books."""
        agent = self.state.agent(agent_id)
        assert agent.active
        assert agent.open_cap is None or self.books.open_of(agent_id) < agent.open_cap
        assert agent.daily_cap is None or self.books.counted[agent_id, self.local_date(agent_id)] < agent.daily_cap

    def local_date(self, agent_id: UUID) -> date:
        return self.now.astimezone(ZoneInfo(self.state.agent(agent_id).zone)).date()


agents = st.builds(
    Agent,
    active=st.sampled_from([True, True, True, False]),
    daily_cap=st.none() | st.integers(0, 3),
    open_cap=st.none() | st.integers(0, 3),
    zone=st.sampled_from(ZONES),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["decide", "decide", "decide", "decide", "force", "restore", "end", "change", "wait", "wait"]),
        st.integers(0, 200),
        agents,
    ),
    min_size=8,
    max_size=60,
)


@st.composite
def pool_lists(draw: st.DrawFn, *, agents_at_most: int = 6) -> list[Pool]:
    """One to three pools over a few agents, who may be in several of them."""
    ids = [UUID(int=number + 1) for number in range(draw(st.integers(1, agents_at_most)))]
    members = st.lists(st.builds(Member, st.sampled_from(ids), st.integers(1, 1_000)), unique_by=lambda one: one.agent_id)
    return [Pool(f"pool-{number}", tuple(draw(members))) for number in range(draw(st.integers(1, 3)))]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """A group that just opened."""
    pools = draw(pool_lists().filter(lambda drawn: any(pool.members for pool in drawn)))
    ids = sorted({member.agent_id for pool in pools for member in pool.members})
    now = draw(st.sampled_from(STARTS))
    return Play(GroupState(pools, {one: draw(agents) for one in ids}, now=now, carried={}), now)
