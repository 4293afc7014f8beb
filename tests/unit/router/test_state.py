"""The group's state: caps hold, the fold is exact, the indexes are what a fresh look would find."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import (
    PARTS,
    Agent,
    Counters,
    Gate,
    GroupState,
    LedgerError,
    LedgerGap,
    Member,
    NotInGroup,
    Pool,
    agent_changed,
    assigned,
    decide_in_pool,
    ended,
)
from tests.unit.router.worlds import ALead, Play, deterministic, plays, steps

NOW = datetime(2026, 3, 28, 22, tzinfo=UTC)
ANN, BEN, CYD = (UUID(int=number) for number in (1, 2, 3))
LEAD = UUID(int=100)


def an_agent(**settings: object) -> Agent:
    defaults = {"active": True, "daily_cap": None, "open_cap": None, "zone": "Europe/Berlin"}
    return Agent(**{**defaults, **settings})  # type: ignore[arg-type]


def a_group(**agents: Agent) -> GroupState:
    """A pool "all" of Ann and Ben, and a pool "some" of Ann."""
    by_id = {ANN: agents.get("ann", an_agent()), BEN: agents.get("ben", an_agent())}
    pools = [Pool("all", (Member(ANN), Member(BEN))), Pool("some", (Member(ANN),))]
    return GroupState(pools, by_id, now=NOW, carried={})


def a_turn(number: int, agent_id: UUID, *, at: datetime = NOW, pool: str = "all", turn: bool = True) -> object:
    return assigned(number, at, agent_id=agent_id, lead_id=LEAD, pool=pool, turn=turn, period="2026-03-28")


def assert_indexes_are_fresh(state: GroupState) -> None:
    fresh = GroupState.restore(json.loads(json.dumps(state.snapshot())))
    for name, members in state.counters().items():
        pool, gates = state.pool(name), [state.availability(one, state.last_now) for one in members]
        assert pool.rotation.eligible == tuple(one for one, gate in zip(members, gates, strict=True) if gate is None)
        assert sum(pool.stopped.values()) == sum(gate is not None for gate in gates)
        assert pool.stopped == fresh.pool(name).stopped
        assert pool.rotation.eligible == fresh.pool(name).rotation.eligible
        assert pool.rotation.next() == fresh.pool(name).rotation.next()
        assert sum(pool.rotation.share(one) for one in members) == (PARTS if pool.rotation.eligible else 0)


@deterministic
@given(plays(), steps)
def test_caps_hold_the_inactive_get_nothing_and_indexes_stay_fresh(play: Play, happens: list[tuple[str, int, Agent]]) -> None:
    for step in happens:
        play.step(*step)  # every assignment is held against the play's own books
        assert_indexes_are_fresh(play.state)
    for agent_id in {one for pool in play.state.counters().values() for one in pool}:
        assert play.state.agent(agent_id).open == play.books.open_of(agent_id)


@deterministic
@given(plays(), steps, st.integers(0, 50))
def test_the_ledger_folds_to_the_live_state_from_any_snapshot(
    play: Play, happens: list[tuple[str, int, Agent]], cut: int
) -> None:
    for step in happens:
        play.step(*step)
    whole = GroupState.restore(play.opening)
    cut = min(cut, len(play.ledger))
    for entry in play.ledger[:cut]:
        whole.apply(entry)
    resumed = GroupState.restore(json.loads(json.dumps(whole.snapshot())))
    for entry in play.ledger[cut:]:
        whole.apply(entry)
        resumed.apply(entry)
    assert resumed.snapshot() == whole.snapshot()
    whole.roll(play.state.last_now)  # time passes without entries too, when a decision queues a lead
    assert whole.snapshot() == play.state.snapshot()


@deterministic
@given(plays(), steps)
def test_equal_input_gives_equal_decisions_and_deciding_changes_nothing(
    play: Play, happens: list[tuple[str, int, Agent]]
) -> None:
    for step in happens:
        play.step(*step)
    again = GroupState.restore(play.opening)
    for number, decision in play.decisions:
        for entry in play.ledger[again.number : number]:
            again.apply(entry)
        lead, pool = ALead(decision.lead_id), str(decision.pool)
        assert decide_in_pool(lead, pool, again, decision.now) == decision
        before = again.snapshot()
        assert decide_in_pool(lead, pool, again, decision.now) == decision
        assert again.snapshot() == before


def test_entries_follow_each_other_without_gaps() -> None:
    state = a_group()
    with pytest.raises(LedgerGap, match="entry 2 cannot follow entry 0"):
        state.apply(a_turn(2, ANN))
    state.apply(a_turn(1, ANN))
    with pytest.raises(LedgerGap, match="entry 1 cannot follow entry 1"):
        state.apply(a_turn(1, ANN))


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (a_turn(1, CYD), NotInGroup),
        (a_turn(1, BEN, pool="some"), NotInGroup),
        (a_turn(1, ANN, pool="none"), NotInGroup),
        (replace(a_turn(1, ANN), kind="renamed"), LedgerError),  # type: ignore[type-var]
        (
            ended(1, NOW, agent_id=ANN, lead_id=LEAD, pool="all", reason="won", gives_back=True, period="2026-03-28"),
            LedgerError,
        ),
        (agent_changed(1, NOW, agent_id=ANN, active=True, daily_cap=None, open_cap=None, zone="Mars/Olympus"), LedgerError),
    ],
    ids=["agent", "agent of the pool", "pool", "kind", "nothing open", "zone"],
)
def test_an_entry_that_does_not_fit_is_refused_and_changes_nothing(entry: object, error: type[Exception]) -> None:
    state = a_group()
    before = state.snapshot()
    with pytest.raises(error):
        state.apply(entry)
    assert state.snapshot() == before


def test_an_assignment_that_is_no_turn_counts_for_caps_but_not_for_the_rotation() -> None:
    state = a_group(ann=an_agent(open_cap=1))
    state.apply(a_turn(1, ANN, turn=False))
    assert state.counters()["all"][ANN] == Counters(0, 0)
    assert (state.agent(ANN).open, state.agent(ANN).counts) == (1, {"2026-03-28": 1})
    assert state.pool("all").stopped == {Gate.OPEN_CAP: 1}
    assert state.pool("some").rotation.eligible == ()


def test_a_new_day_in_the_agents_zone_lifts_the_daily_cap_by_itself() -> None:
    state = a_group(ann=an_agent(daily_cap=1), ben=an_agent(active=False))
    state.apply(a_turn(1, ANN))
    stopped = state.availability(ANN, NOW)
    assert stopped is not None
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert (stopped.gate, stopped.until) == (Gate.DAILY_CAP, midnight)
    assert stopped.text == "received 1 leads on 2026-03-28 (Europe/Berlin) and may receive 1"
    state.roll(midnight - timedelta(microseconds=1))
    assert state.pool("all").rotation.next() is None
    state.roll(midnight)
    assert state.pool("all").rotation.next() == ANN
    assert state.availability(ANN, midnight) is None


def test_a_daily_cap_of_nought_has_no_next_change() -> None:
    stopped = a_group(ann=an_agent(daily_cap=0)).availability(ANN, NOW)
    assert stopped is not None
    assert stopped.until is None


def test_lowering_a_cap_takes_no_work_away() -> None:
    state = a_group()
    state.apply(a_turn(1, ANN))
    state.apply(a_turn(2, ANN))
    state.apply(agent_changed(3, NOW, agent_id=ANN, active=True, daily_cap=None, open_cap=1, zone="Europe/Berlin"))
    assert state.agent(ANN).open == 2
    stopped = state.availability(ANN, NOW)
    assert stopped is not None
    assert stopped.text == "holds 2 open leads and may hold 1"


@pytest.mark.parametrize(("gives_back", "left"), [(True, {}), (False, {"2026-03-28": 1})])
def test_an_end_gives_the_days_count_back_only_when_it_says_so(gives_back: bool, left: dict[str, int]) -> None:
    state = a_group()
    state.apply(a_turn(1, ANN))
    state.apply(
        ended(2, NOW, agent_id=ANN, lead_id=LEAD, pool="all", reason="declined", gives_back=gives_back, period="2026-03-28")
    )
    assert (state.agent(ANN).open, state.agent(ANN).counts) == (0, left)


def test_counts_of_days_long_past_are_dropped() -> None:
    state = a_group()
    state.apply(a_turn(1, ANN))
    later = NOW + timedelta(days=10)
    state.apply(assigned(2, later, agent_id=ANN, lead_id=LEAD, pool="all", turn=True, period="2026-04-08"))
    assert state.agent(ANN).counts == {"2026-04-08": 1}


def test_time_never_goes_back() -> None:
    state = a_group(ann=an_agent(daily_cap=1))
    state.apply(a_turn(1, ANN))
    state.roll(NOW + timedelta(hours=2))
    assert state.availability(ANN, NOW) is None
    assert state.roll(NOW) == NOW + timedelta(hours=2)
    assert state.today(ANN).key == "2026-03-29"


def test_a_day_may_begin_at_its_cap_after_a_change_of_zone() -> None:
    state = a_group(ann=an_agent(daily_cap=1, zone="Pacific/Kiritimati"))
    state.apply(assigned(1, NOW, agent_id=ANN, lead_id=LEAD, pool="all", turn=True, period="2026-03-29"))
    state.apply(agent_changed(2, NOW, agent_id=ANN, active=True, daily_cap=1, open_cap=None, zone="Pacific/Honolulu"))
    assert state.availability(ANN, NOW) is None
    state.roll(datetime(2026, 3, 29, 10, tzinfo=UTC))
    assert state.pool("all").stopped == {Gate.DAILY_CAP: 1}


def test_a_group_that_follows_carries_the_counters_and_lets_the_new_start_level() -> None:
    old = a_group()
    for number in range(1, 4):
        old.apply(a_turn(number, ANN))
    pools = [Pool("all", (Member(ANN), Member(CYD))), Pool("new", (Member(CYD),))]
    agents = {ANN: an_agent(open=3, counts={"2026-03-28": 3}), CYD: an_agent()}
    opened = GroupState(pools, agents, now=NOW, carried=old.counters())
    assert opened.counters()["all"] == {ANN: old.counters()["all"][ANN], CYD: Counters()}
    assert opened.counters()["new"] == {CYD: Counters()}
    assert opened.number == 0
    assert opened.agent(ANN).open == 3
    assert opened.pool("all").rotation.next() == CYD


def test_a_group_does_not_open_without_the_settings_of_a_member() -> None:
    with pytest.raises(NotInGroup, match="no settings"):
        GroupState([Pool("all", (Member(ANN),))], {}, now=NOW, carried={})


def test_the_agents_given_at_opening_are_not_touched() -> None:
    ann = an_agent(counts={"2026-03-28": 1})
    a_group(ann=ann).apply(a_turn(1, ANN))
    assert ann == an_agent(counts={"2026-03-28": 1})
