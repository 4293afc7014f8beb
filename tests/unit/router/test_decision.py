"""The decision: outcomes, what it explains, and the order of the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import (
    PARTS,
    Counters,
    Decision,
    Gate,
    GroupState,
    Match,
    Member,
    NotInGroup,
    Outcome,
    Policy,
    Pool,
    Rule,
    Winner,
    decide,
    decide_in_pool,
    match_lead,
    place,
    reject,
)
from services.router.domain.lead import rank_of
from shared.rules import compile_rule
from tests.unit.router.documents import LEAD_FACTS
from tests.unit.router.worlds import ALead, an_agent

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN, BEN = UUID(int=1), UUID(int=2)
LEAD = ALead(UUID(int=100), {"country": "DE"})
NORTH, EMPTY, OTHER = Pool("north", (Member(ANN, 2), Member(BEN))), Pool("empty"), Pool("other")
POLICY = Policy(
    version=7,
    pools={pool.name: pool for pool in (NORTH, EMPTY, OTHER)},
    rules=(
        Rule("german", compile_rule("country == 'DE'", LEAD_FACTS), "north"),
        Rule("grade A", compile_rule("grade == 'A'", LEAD_FACTS), "empty"),
    ),
    default_pool="other",
    routed=frozenset({"sales"}),
)


def a_state(*, open_cap: int | None = None, daily_cap: int | None = None, ben_active: bool = True) -> GroupState:
    agents = {ANN: an_agent(day=daily_cap, open_cap=open_cap), BEN: an_agent(active=ben_active, zone="UTC")}
    return GroupState([NORTH, EMPTY], agents, now=NOW, carried={})


def test_a_decision_carries_all_that_explains_it() -> None:
    state = a_state(open_cap=5, daily_cap=3, ben_active=False)
    decision = decide(LEAD, POLICY, state, NOW)
    assert (decision.outcome, decision.rule, decision.pool) == (Outcome.ASSIGNED, "german", "north")
    assert decision.winner == Winner(
        ANN, Counters(), Counters(PARTS, 1), open=1, open_cap=5, daily=1, daily_cap=3, period="2026-06-01", hour=14
    )
    assert (decision.eligible, decision.stopped) == (1, {Gate.INACTIVE: 1})
    assert decision.facts == {"country": "DE", "points": 50, "grade": "B", "qualification": "sales"}
    assert decision.reason == (
        "Next in turn by weight: rule german chose pool north, 1 of 2 members can receive, "
        "and this one was entitled to 0.00 turns and had received 0."
    )


def test_its_entry_is_the_turn_that_the_ledger_takes() -> None:
    state = a_state()
    for number in range(1, 4):
        decision = decide(LEAD, POLICY, state, NOW + timedelta(minutes=number))
        entry = decision.entry(number)
        assert (entry.at, entry.pool, entry.agent_id, entry.lead_id) == (decision.now, "north", decision.agent_id, LEAD.lead_id)
        state.apply(entry)
        assert decision.winner is not None
        assert state.counters()["north"][decision.winner.agent_id] == decision.winner.after
        assert state.agent(decision.winner.agent_id).open == decision.winner.open
    received = {one: counters.received for one, counters in state.counters()["north"].items()}
    assert received == {ANN: 2, BEN: 1}


def test_a_lead_is_queued_when_no_member_is_free_with_the_count_per_gate() -> None:
    decision = decide(LEAD, POLICY, a_state(open_cap=0, ben_active=False), NOW)
    assert (decision.outcome, decision.agent_id, decision.eligible) == (Outcome.QUEUED, None, 0)
    assert decision.stopped == {Gate.INACTIVE: 1, Gate.OPEN_CAP: 1}
    assert decision.reason == (
        "Nobody can receive: rule german chose pool north, and of its members 1 inactive, 1 at the cap of open leads."
    )
    with pytest.raises(ValueError, match="was queued, which is no ledger entry"):
        decision.entry(1)


def test_a_pool_without_members_queues() -> None:
    decision = decide(ALead(LEAD.lead_id, grade="A"), POLICY, a_state(), NOW)
    assert decision.reason == "Nobody can receive: rule grade A chose pool empty, and it has no members."


def test_a_qualification_that_is_not_routed_is_rejected_without_a_group() -> None:
    lead = ALead(LEAD.lead_id, qualification="nurture")
    decision = reject(lead, POLICY, NOW)
    assert decision is not None
    assert (decision.outcome, decision.reason) == (Outcome.REJECTED, "Leads qualified as nurture are not routed.")
    assert decide(lead, POLICY, a_state(), NOW) == decision
    assert reject(LEAD, POLICY, NOW) is None


def test_a_pool_of_another_group_is_refused() -> None:
    lead = ALead(LEAD.lead_id, {"country": "FR"})
    assert match_lead(lead, POLICY) == Match(None, "other")
    with pytest.raises(NotInGroup, match="no pool other"):
        decide(lead, POLICY, a_state(), NOW)


def test_draining_a_queue_decides_in_the_pool_it_waited_for() -> None:
    decision = decide_in_pool(LEAD, "north", a_state(), NOW, rule="german")
    assert decision == decide(LEAD, POLICY, a_state(), NOW)
    assert decide_in_pool(LEAD, "north", a_state(), NOW).reason.startswith("Next in turn by weight: pool north,")


def test_a_fact_cannot_pass_itself_off_as_the_score() -> None:
    lead = ALead(LEAD.lead_id, {"country": "FR", "grade": "A"})
    assert match_lead(lead, POLICY) == Match(None, "other")


def test_time_that_went_back_counts_as_the_last_time() -> None:
    state = a_state()
    state.roll(NOW + timedelta(hours=1))
    assert decide(LEAD, POLICY, state, NOW).now == NOW + timedelta(hours=1)


@given(
    points=st.lists(st.integers(-100, 200), min_size=2, max_size=6),
    ages=st.lists(st.integers(0, 100_000), min_size=6, max_size=6),
    ageing=st.integers(0, 50),
    later=st.integers(0, 10**6),
)
def test_a_queue_is_in_the_order_of_points_and_of_what_waiting_is_worth_at_any_moment(
    points: list[int], ages: list[int], ageing: int, later: int
) -> None:
    waiting = [(one, NOW + timedelta(seconds=age)) for one, age in zip(points, ages, strict=False)]
    now = NOW + timedelta(seconds=100_000 + later)
    by_rank = sorted(waiting, key=lambda one: -rank_of(*one, ageing))
    worth = [one * 3600 + ageing * (now - since).total_seconds() for one, since in by_rank]
    assert all(a >= b - 0.001 * ageing for a, b in pairwise(worth))


def test_a_lead_that_waits_is_passed_only_by_better_ones_that_came_soon_enough() -> None:
    """The stated bound: a lead of p points is behind none that came (P - p) / ageing hours after it, P being the most points."""
    poor, ageing = rank_of(10, NOW, 5), 5
    assert rank_of(100, NOW + timedelta(hours=18, seconds=-1), ageing) > poor
    assert rank_of(100, NOW + timedelta(hours=18, seconds=1), ageing) < poor


# -- Restoring -------------------------------------------------------------------------------------------------------------------


def back(agent_id: UUID, pool: str, state: GroupState, now: datetime) -> Decision | None:
    return place(LEAD, agent_id, pool, state, now, how=Outcome.RESTORED)


def test_a_lead_goes_back_without_a_turn() -> None:
    state = a_state(open_cap=5)
    decision = back(ANN, "north", state, NOW)
    assert decision is not None
    assert (decision.outcome, decision.pool, decision.rule) == (Outcome.RESTORED, "north", None)
    assert decision.winner == Winner(
        ANN, Counters(), Counters(), open=1, open_cap=5, daily=1, daily_cap=None, period="2026-06-01", hour=14
    )
    assert decision.reason == "Back with the agent who had it in pool north: its merge into another lead was undone."
    turn = state.pool("north").turns.peek(NOW)
    entry = decision.entry(1)
    assert entry.data == {"turn": False, "period": "2026-06-01", "hour": 14, "work": 1}
    state.apply(entry)
    assert (state.agent(ANN).open, state.pool("north").turns.peek(NOW)) == (1, turn)


def test_it_does_not_go_back_to_one_who_may_not_receive() -> None:
    assert back(BEN, "north", a_state(ben_active=False), NOW) is None
    assert back(ANN, "north", a_state(open_cap=0), NOW) is None
    assert back(ANN, "north", a_state(daily_cap=0), NOW) is None
    assert back(UUID(int=3), "north", a_state(), NOW) is None, "nobody of that pool"
    assert back(ANN, "empty", a_state(), NOW) is None
    with pytest.raises(NotInGroup):
        back(ANN, "other", a_state(), NOW)
