"""Leave and fairness, in a group's state: what a leave costs and pays follows from the ledger and the time, however it is looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import (
    PARTS,
    Entry,
    GroupState,
    InvalidPolicy,
    Leave,
    Member,
    Pause,
    Pool,
    Presence,
    agent_changed,
    credited,
    decide_in_pool,
    leave_changed,
    pause_changed,
    presence_changed,
    read_draft,
    to_document,
)
from services.router.domain.policy import Strategy, StrategyKind
from tests.unit.router.documents import FACTS, a_document
from tests.unit.router.worlds import ALead, an_agent

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
ANN, BEN, CYD, DEE = (UUID(int=number) for number in (1, 2, 3, 4))
EVERYBODY = (ANN, BEN, CYD, DEE)


@dataclass
class Office:
    """A pool at work: leads come, people go on leave. `ledger` is what happened."""

    state: GroupState
    opening: dict[str, Any] = field(init=False)
    ledger: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.opening = self.state.snapshot()

    def append(self, entry: Entry) -> None:
        self.state.apply(entry)
        self.ledger.append(entry)

    def lead(self, at: datetime) -> UUID | None:
        decision = decide_in_pool(ALead(UUID(int=1_000 + self.state.number)), "pool", self.state, at)
        if decision.winner:
            self.append(decision.entry(self.state.number + 1))
        return decision.agent_id

    def leads(self, at: datetime, count: int) -> Counter[UUID]:
        return Counter(winner for _ in range(count) if (winner := self.lead(at)))

    def tell(self, kind: Any, at: datetime, agent_id: UUID, **data: Any) -> None:
        self.append(kind(self.state.number + 1, at, agent_id=agent_id, **data))

    def leave(self, agent_id: UUID, *leaves: Leave, at: datetime = NOW) -> None:
        self.tell(leave_changed, at, agent_id, leaves=leaves)

    def difference(self, agent_id: UUID) -> float:
        return self.state.statement("pool", agent_id).difference / PARTS

    def to_come(self, agent_id: UUID) -> float:
        return self.state.statement("pool", agent_id).to_come / PARTS


def office(*members: UUID, kind: str = "rotation", most: int = 20, weights: Iterable[int] = (1, 1, 1, 1), **agent: Any) -> Office:
    of = tuple(Member(one, weight, percent=weight) for one, weight in zip(members, weights, strict=False))
    pool = Pool("pool", of, strategy=Strategy(StrategyKind(kind)), catch_up=most)
    return Office(GroupState([pool], {one: an_agent(zone="UTC", **agent) for one in members}, now=NOW, carried={}))


def away(starts: float, ends: float, *, catch_up: bool = True, id: int = 1) -> Leave:
    """From so many hours after NOW to so many."""
    return Leave(UUID(int=id), NOW + starts * HOUR, NOW + ends * HOUR, catch_up)


# -- What a leave is worth -------------------------------------------------------------------------------------------------------


def test_leave_begins_and_ends_by_time_alone_and_is_credited_once() -> None:
    desk = office(ANN, BEN, CYD)
    desk.leave(ANN, away(1, 5))
    assert desk.leads(NOW + 2 * HOUR, 12) == {BEN: 6, CYD: 6}
    assert (desk.difference(ANN), desk.to_come(ANN)) == (0, pytest.approx(4))
    desk.state.roll(NOW + 5 * HOUR)
    assert (desk.difference(ANN), desk.to_come(ANN)) == (pytest.approx(4), 0)
    assert desk.leads(NOW + 6 * HOUR, 30)[ANN] == 14


def test_leave_without_catch_up_is_worth_nothing() -> None:
    desk = office(ANN, BEN)
    desk.leave(ANN, away(1, 5, catch_up=False))
    desk.leads(NOW + 2 * HOUR, 12)
    assert desk.difference(ANN) == 0
    assert desk.leads(NOW + 6 * HOUR, 10) == {ANN: 5, BEN: 5}


def test_only_what_that_leave_alone_stops_is_caught_up() -> None:
    desk = office(ANN, BEN, hours=(("08:00-16:00",),) * 7)  # NOW is 06:00
    desk.leave(ANN, away(0, 200))
    desk.tell(agent_changed, NOW, BEN, settings=an_agent(zone="UTC").settings, calendars={})
    desk.leads(NOW + 1 * HOUR, 4)
    assert desk.to_come(ANN) == 0, "07:00 is before her hours"
    desk.leads(NOW + 3 * HOUR, 4)
    assert desk.to_come(ANN) == 2
    desk.leads(NOW + 12 * HOUR, 4)
    assert desk.to_come(ANN) == 2, "18:00 is behind them"
    desk.tell(pause_changed, NOW + 12 * HOUR, ANN, pause=Pause())
    desk.leads(NOW + 27 * HOUR, 4)
    assert desk.to_come(ANN) == 2, "nor while she is paused as well"
    desk.tell(pause_changed, NOW + 27 * HOUR, ANN, pause=None)
    desk.leads(NOW + 27 * HOUR, 4)
    assert desk.to_come(ANN) == 4


def test_a_leave_without_catch_up_that_covers_another_stops_it() -> None:
    desk = office(ANN, BEN)
    desk.leave(ANN, away(0, 9), away(3, 6, catch_up=False, id=2))
    for hour in range(9):
        desk.leads(NOW + (hour + 0.5) * HOUR, 2)
    desk.state.roll(NOW + 9 * HOUR)
    assert desk.difference(ANN) == 6


def test_an_agent_who_needs_presence_catches_up_too_and_does_not_for_being_offline() -> None:
    desk = office(ANN, BEN, kind="fewest", needs_presence=True)
    desk.tell(presence_changed, NOW, BEN, presence=Presence("online", NOW + 100 * HOUR))
    desk.leads(NOW, 30)
    desk.leave(ANN, away(1, 5))
    desk.leads(NOW + 2 * HOUR, 10)
    assert desk.to_come(ANN) == 5
    desk.tell(presence_changed, NOW + 6 * HOUR, ANN, presence=Presence("online", NOW + 100 * HOUR))
    assert desk.leads(NOW + 6 * HOUR, 20) == {ANN: 15, BEN: 5}


def test_leave_that_is_cancelled_or_cut_short_is_credited_up_to_then() -> None:
    desk = office(ANN, BEN)
    desk.leave(ANN, away(1, 50))
    desk.leads(NOW + 2 * HOUR, 6)
    desk.leave(ANN, at=NOW + 3 * HOUR)
    assert desk.difference(ANN) == 3


def test_leaves_that_meet_are_one_and_those_with_a_gap_are_two() -> None:
    for starts, credited_ in ((3, 4), (4, 8)):
        desk = office(ANN, BEN, most=4)
        desk.leave(ANN, away(1, 3), away(starts, 6, id=2))
        desk.leads(NOW + 2 * HOUR, 12)
        desk.leads(NOW + 5 * HOUR, 12)  # nobody looked in between
        desk.state.roll(NOW + 6 * HOUR)
        assert desk.difference(ANN) == credited_


def test_leave_ends_also_for_one_who_is_paused_or_inactive_meanwhile() -> None:
    desk = office(ANN, BEN)
    desk.leave(ANN, away(1, 5))
    desk.leads(NOW + 2 * HOUR, 6)
    desk.tell(agent_changed, NOW + 3 * HOUR, ANN, settings=an_agent(zone="UTC", active=False).settings, calendars={})
    desk.leads(NOW + 4 * HOUR, 6)
    desk.state.roll(NOW + 5 * HOUR)
    assert desk.difference(ANN) == 3


def test_leave_goes_on_through_a_change_of_policy() -> None:
    desk = office(ANN, BEN)
    desk.leave(ANN, away(1, 5))
    desk.leads(NOW + 2 * HOUR, 6)
    for opened in (NOW + 3 * HOUR, NOW + 5 * HOUR):
        agents = {one: an_agent(zone="UTC") for one in (ANN, BEN)}
        agents[ANN].leaves = (away(1, 5),)
        pools = [Pool("pool", (Member(ANN, 2), Member(BEN)))]
        after = GroupState(pools, agents, now=opened, carried=desk.state.counters(), stood=desk.state.standings())
        after.roll(NOW + 5 * HOUR)
        assert after.statement("pool", ANN).difference == 3 * PARTS, opened


def test_a_pause_is_not_made_up_for_in_any_strategy() -> None:
    for kind in ("rotation", "fewest", "share"):
        desk = office(ANN, BEN, CYD, kind=kind)
        desk.leads(NOW, 9)
        for one in (ANN, BEN):
            desk.tell(pause_changed, NOW, one, pause=Pause(NOW + 2 * HOUR))
        assert desk.leads(NOW + HOUR, 30) == {CYD: 30}
        assert desk.leads(NOW + 3 * HOUR, 12) == {ANN: 4, BEN: 4, CYD: 4}, kind


def test_a_snapshot_without_books_is_still_read_and_its_books_begin_there() -> None:
    desk = office(ANN, BEN)
    desk.leads(NOW, 3)
    older = json.loads(json.dumps(desk.state.snapshot()))
    for pool in older["pools"].values():
        del pool["book"], pool["catch_up"]
    again = GroupState.restore({**older, "version": 3})
    assert again.counters() == desk.state.counters()
    assert [line.text for line in again.statement("pool", ANN).lines] == [
        "Carried from before: entitled to 1.50 turns, received 2.",
        "Its share of the leads given out while it could receive: 0.00 turns; received 0.",
    ]
    again.apply(credited(4, NOW, agent_id=BEN, pool="pool", turns=1, reason="made up for a fault", by="ops"))
    assert again.statement("pool", BEN).difference == 3 * PARTS // 2


def test_a_policy_says_how_much_is_caught_up() -> None:
    pools = {"north": {"members": []}, "south": {"members": [], "catch_up": 0}}
    policy = read_draft(a_document(pools=pools), FACTS, version=1).policy
    assert {name: pool.catch_up for name, pool in policy.pools.items()} == {"north": 20, "south": 0}
    written = to_document(policy)["pools"]
    assert ("catch_up" in written["north"], written["south"]["catch_up"]) == (False, 0)
    with pytest.raises(InvalidPolicy) as refused:
        read_draft(a_document(pools={**pools, "north": {"catch_up": -1}}), FACTS, version=1)
    assert [problem.path for problem in refused.value.problems] == ["/pools/north/catch_up"]


# -- Properties ------------------------------------------------------------------------------------------------------------------

kinds = st.sampled_from(["rotation", "rotation", "fewest", "share", "waterfall"])
leaves_of = st.lists(
    st.builds(
        lambda starts, length, catch_up: (starts, starts + length, catch_up),
        st.integers(0, 40),
        st.integers(1, 30),
        st.booleans(),
    ),
    max_size=3,
)
weight_lists = st.lists(st.integers(1, 5), min_size=4, max_size=4)
hours_lists = st.sampled_from([None, None, (("05:00-22:00",),) * 7, (("09:00-12:00", "13:00-17:00"),) * 5 + ((), ())])


@st.composite
def lives(draw: st.DrawFn) -> Office:
    """Three days of a pool, with leave of everybody but Dee, and a lead every so often."""
    kind, most = draw(kinds), draw(st.integers(0, 8))
    desk = office(*EVERYBODY, kind=kind, most=most, weights=draw(weight_lists), hours=draw(hours_lists))
    for one in (ANN, BEN, CYD):
        drawn = draw(leaves_of)
        desk.leave(one, *(away(starts, ends, catch_up=up, id=id) for id, (starts, ends, up) in enumerate(drawn)))
    for step in draw(st.lists(st.integers(1, 9), min_size=10, max_size=60)):
        at = desk.state.last_now + step * HOUR / 2
        desk.lead(at)
        if step == 9:
            desk.tell(credited, at, BEN, pool="pool", turns=2, reason="made up for a fault", by="ops")
    return desk


@deterministic
@given(lives(), st.lists(st.integers(0, 200), max_size=20), st.integers(0, 80), st.integers(0, 60))
def test_a_replayed_ledger_gives_the_same_statements_whenever_it_is_looked_at(
    desk: Office, looks: list[int], cut: int, later: int
) -> None:
    moments = sorted(NOW + look * HOUR / 2 for look in looks)
    whole = GroupState.restore(json.loads(json.dumps(desk.opening)))
    for entry in desk.ledger:
        while moments and moments[0] <= entry.at:
            whole.roll(moments.pop(0))
        if whole.number == cut:
            whole = GroupState.restore(json.loads(json.dumps(whole.snapshot())))
        whole.apply(entry)
    end = desk.state.last_now + later * HOUR
    for moment in moments:
        whole.roll(min(moment, end))
    assert whole.roll(end) == desk.state.roll(end)
    assert whole.snapshot() == desk.state.snapshot()
    assert [whole.statement("pool", one) for one in EVERYBODY] == [desk.state.statement("pool", one) for one in EVERYBODY]
    again = GroupState.restore(json.loads(json.dumps(whole.snapshot())))
    assert again.snapshot() == whole.snapshot()


@deterministic
@given(lives())
def test_differences_sum_to_nought_through_all_leave(desk: Office) -> None:
    statements = [desk.state.statement("pool", one) for one in EVERYBODY]
    assert sum(statement.difference for statement in statements) == 0
    for statement in statements:
        assert sum(line.entitled for line in statement.lines) == statement.entitled
        assert sum(line.received for line in statement.lines) == statement.received


@deterministic
@given(
    kinds,
    weight_lists,
    st.integers(0, 8),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 120),
    st.integers(0, 20),
    st.integers(1, 60),
)
def test_who_returns_receives_a_share_and_no_more_than_the_stated_policy(
    kind: str, of: list[int], most: int, catch_up: tuple[bool, bool, bool], missed: int, before: int, after: int
) -> None:
    """Whatever the strategy, and whoever else is away: what they are due must not fall to whoever comes back first."""
    desk = office(*EVERYBODY, kind=kind, most=most, weights=of)
    desk.leads(NOW, before)
    for one, up, ends in zip((ANN, BEN, CYD), catch_up, (2, 3, 4), strict=True):
        desk.leave(one, away(1, ends, catch_up=up))
    desk.leads(NOW + 1.5 * HOUR, missed)
    back = NOW + 2 * HOUR  # of Ann; the others are away still
    owed, allowed = max(0.0, desk.difference(ANN)), min(desk.to_come(ANN), most)
    assert allowed <= (most if catch_up[0] else 0)
    received = desk.leads(back, after)[ANN]
    share = after * of[0] / (of[0] + of[3])
    assert received <= share + allowed + owed + 1
    if allowed == 0:
        assert received >= share - 2
