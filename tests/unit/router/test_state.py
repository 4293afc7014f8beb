"""The group's state: caps hold, the fold is exact, the indexes are what a fresh look would find."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.router.domain import (
    PARTS,
    Agent,
    Caps,
    Counters,
    Entry,
    Gate,
    GroupState,
    Leave,
    LedgerError,
    LedgerGap,
    Member,
    NotInGroup,
    Pause,
    Pool,
    Presence,
    agent_changed,
    assigned,
    decide_in_pool,
    ended,
    leave_changed,
    pause_changed,
    presence_changed,
)
from services.router.domain.policy import Strategy, StrategyKind
from tests.unit.router.worlds import ALead, Play, an_agent, deterministic, plays, pool_lists, steps

NOW = datetime(2026, 3, 28, 22, tzinfo=UTC)
ANN, BEN, CYD = (UUID(int=number) for number in (1, 2, 3))
LEAD = UUID(int=100)
TODAY: dict[str, Any] = {"period": "2026-03-28", "hour": 23}  # in Berlin
COUNTED = {"2026-03-28T00": 1, "2026-03-28": 1, "2026-W13": 1, "2026-03": 1}


def changed(number: int, agent: Agent, agent_id: UUID = ANN) -> Entry:
    return agent_changed(number, NOW, agent_id=agent_id, settings=agent.settings, calendars={})


def a_group(**agents: Agent) -> GroupState:
    """A pool "all" of Ann and Ben, and a pool "some" of Ann."""
    by_id = {ANN: agents.get("ann", an_agent()), BEN: agents.get("ben", an_agent())}
    pools = [Pool("all", (Member(ANN), Member(BEN))), Pool("some", (Member(ANN),))]
    return GroupState(pools, by_id, now=NOW, carried={})


def a_turn(number: int, agent_id: UUID, *, at: datetime = NOW, pool: str = "all", turn: bool = True) -> object:
    return assigned(number, at, agent_id=agent_id, lead_id=LEAD, pool=pool, turn=turn, period="2026-03-28")


parts = st.lists(st.integers(1, 30), min_size=1, max_size=5)


def assert_indexes_are_fresh(state: GroupState) -> None:
    fresh = GroupState.restore(json.loads(json.dumps(state.snapshot())))
    for name, members in state.counters().items():
        pool, gates = state.pool(name), [state.availability(one, state.last_now).gate for one in members]
        assert pool.turns.eligible == tuple(one for one, gate in zip(members, gates, strict=True) if gate is None)
        assert sum(pool.stopped.values()) == sum(gate is not None for gate in gates)
        assert pool.stopped == fresh.pool(name).stopped
        assert pool.turns.eligible == fresh.pool(name).turns.eligible
        assert pool.turns.peek(NOW) == fresh.pool(name).turns.peek(NOW)
        if pool.turns.way.kind == "rotation":
            assert sum(pool.turns.share(one) for one in members) == (PARTS if pool.turns.eligible else 0)


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
@given(plays(), steps, parts)
def test_what_is_folded_together_is_as_if_folded_one_by_one(
    play: Play, happens: list[tuple[str, int, Agent]], lengths: list[int]
) -> None:
    for step in happens:
        play.step(*step)
    assert_folds_alike(play.opening, play.ledger, lengths)


turns = st.tuples(
    st.integers(0, 9), st.integers(0, 9), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5), max_size=2), st.booleans()
)
rooms = st.sampled_from([None, None, None, 50, 12, 3])


@deterministic
@given(pool_lists(), st.lists(st.tuples(rooms, rooms), min_size=6, max_size=6), st.lists(turns, min_size=5, max_size=90), parts)
def test_turns_of_any_class_and_strategy_are_folded_alike(
    pools: list[Pool], caps: list[tuple[int | None, int | None]], drawn: list[tuple[Any, ...]], lengths: list[int]
) -> None:
    """Some of the agents come to a cap among them, and then turns are taken all the same."""
    members = {pool.name: sorted(member.agent_id for member in pool.members) for pool in pools}
    ids = sorted({one for several in members.values() for one in several})
    assume(ids)
    roomy = {one: an_agent(day=day, open_cap=open) for one, (day, open) in zip(ids, caps, strict=False)}
    live = GroupState(pools, roomy, now=NOW, carried={})
    opening, ledger = live.snapshot(), []
    for number, who, among, without, turn in drawn:
        name = sorted(members)[number % len(members)]
        if not (those := members[name]):
            continue
        agent_id = those[who % len(those)]
        asked = frozenset({those[one % len(those)] for one in among} | {agent_id}) if among else None
        of = live.pool(name).turns.name(asked)
        out = {those[one % len(those)] for one in without} - {agent_id}
        ledger.append(
            assigned(
                live.number + 1,
                NOW,
                agent_id=agent_id,
                lead_id=LEAD,
                pool=name,
                turn=turn,
                of=of,
                without=out,
                work=1 + who % 2,
                **TODAY,
            )
        )
        live.apply(ledger[-1])
    assert_folds_alike(opening, ledger, lengths)
    assert live.snapshot() == folded(opening, ledger).snapshot()


def folded(opening: dict[str, Any], ledger: list[Entry]) -> GroupState:
    state = GroupState.restore(opening)
    state.apply_all(ledger)
    return state


def assert_folds_alike(opening: dict[str, Any], ledger: list[Entry], lengths: list[int]) -> None:
    """One by one, and in parts of these lengths, again and again."""
    one_by_one, together, left = GroupState.restore(opening), GroupState.restore(opening), list(ledger)
    for entry in ledger:
        one_by_one.apply(entry)
    for length in itertools.cycle(lengths):
        together.apply_all(left[:length])
        if not (left := left[length:]):
            break
    assert together.snapshot() == one_by_one.snapshot()
    assert together.next_change == one_by_one.next_change
    assert_indexes_are_fresh(together)
    for name in together.counters():
        assert together.pool(name).stopped == one_by_one.pool(name).stopped
        assert together.pool(name).turns.peek(NOW) == one_by_one.pool(name).turns.peek(NOW)


def test_assignments_below_all_caps_are_taken_together_and_others_one_by_one() -> None:
    state = a_group(ann=an_agent(day=5))
    entries = [assigned(n, NOW, agent_id=ANN, lead_id=LEAD, pool="all", turn=True, **TODAY) for n in range(1, 7)]
    with mock.patch.object(GroupState, "apply", autospec=True, side_effect=GroupState.apply) as one_by_one:
        state.apply_all(entries[:4])
        assert (one_by_one.call_count, state.number, state.agent(ANN).received("2026-03-28")) == (0, 4, 4)
        state.apply_all(entries[4:])
        assert (one_by_one.call_count, state.number, state.pool("all").stopped) == (2, 6, {Gate.DAY_CAP: 1})


def test_a_gap_is_found_among_entries_that_are_taken_together() -> None:
    gap = [assigned(n, NOW, agent_id=ANN, lead_id=LEAD, pool="all", turn=True, **TODAY) for n in (1, 2, 4)]
    with pytest.raises(LedgerGap, match="entry 4 cannot follow entry 2"):
        a_group().apply_all(gap)


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


@deterministic
@given(plays(), steps)
def test_time_alone_changes_nothing_before_the_next_change(play: Play, happens: list[tuple[str, int, Agent]]) -> None:
    for step in happens:
        play.step(*step)
    state, names = play.state, sorted(play.state.counters())
    for _ in range(5):
        if (change := state.next_change) is None:
            return
        assert change > state.last_now
        before = [(state.pool(name).turns.eligible, state.pool(name).stopped) for name in names]
        state.roll(change - timedelta(microseconds=1))
        assert [(state.pool(name).turns.eligible, state.pool(name).stopped) for name in names] == before
        state.roll(change)
        assert_indexes_are_fresh(state)


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
        (a_turn(1, ANN)._replace(kind="renamed"), LedgerError),
        (
            ended(1, NOW, agent_id=ANN, lead_id=LEAD, pool="all", reason="won", gives_back=True, period="2026-03-28"),
            LedgerError,
        ),
        (changed(1, an_agent(zone="Mars/Olympus")), LedgerError),
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
    assert (state.agent(ANN).open, state.agent(ANN).counts) == (1, COUNTED)
    assert state.pool("all").stopped == {Gate.OPEN_CAP: 1}
    assert state.pool("some").turns.eligible == ()


def test_a_new_day_in_the_agents_zone_lifts_the_daily_cap_by_itself() -> None:
    state = a_group(ann=an_agent(day=1), ben=an_agent(active=False))
    state.apply(a_turn(1, ANN))
    stopped = state.availability(ANN, NOW)
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert (stopped.gate, stopped.until) == (Gate.DAY_CAP, midnight)
    assert stopped.text == "received 1 leads on 2026-03-28 (Europe/Berlin) and may receive 1"
    state.roll(midnight - timedelta(microseconds=1))
    assert state.pool("all").turns.peek(NOW) is None
    state.roll(midnight)
    assert state.pool("all").turns.peek(NOW) == ANN
    assert state.availability(ANN, midnight).available


def test_a_daily_cap_of_nought_has_no_next_change() -> None:
    stopped = a_group(ann=an_agent(day=0)).availability(ANN, NOW)
    assert stopped.until is None


def test_lowering_a_cap_takes_no_work_away() -> None:
    state = a_group()
    state.apply(a_turn(1, ANN))
    state.apply(a_turn(2, ANN))
    state.apply(changed(3, an_agent(open_cap=1)))
    assert state.agent(ANN).open == 2
    stopped = state.availability(ANN, NOW)
    assert stopped.text == "holds 2 open leads and may hold 1"


@pytest.mark.parametrize(("gives_back", "left"), [(True, {}), (False, COUNTED)])
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
    assert state.agent(ANN).counts == {"2026-04-08T00": 1, "2026-04-08": 1, "2026-W15": 1, "2026-04": 1}


def test_time_never_goes_back() -> None:
    state = a_group(ann=an_agent(day=1))
    state.apply(a_turn(1, ANN))
    state.roll(NOW + timedelta(hours=2))
    assert state.availability(ANN, NOW).available
    assert state.roll(NOW) == NOW + timedelta(hours=2)
    assert state.today(ANN).day.key == "2026-03-29"


def test_a_day_may_begin_at_its_cap_after_a_change_of_zone() -> None:
    state = a_group(ann=an_agent(day=1, zone="Pacific/Kiritimati"))
    state.apply(assigned(1, NOW, agent_id=ANN, lead_id=LEAD, pool="all", turn=True, period="2026-03-29"))
    state.apply(changed(2, an_agent(day=1, zone="Pacific/Honolulu")))
    assert state.availability(ANN, NOW).available
    state.roll(datetime(2026, 3, 29, 10, tzinfo=UTC))
    assert state.pool("all").stopped == {Gate.DAY_CAP: 1}


def test_a_group_that_follows_carries_the_counters_and_lets_the_new_start_level() -> None:
    old = a_group()
    for number in range(1, 4):
        old.apply(a_turn(number, ANN))
    pools = [Pool("all", (Member(ANN), Member(CYD))), Pool("new", (Member(CYD),))]
    agents = {ANN: an_agent(open=3, counts={"2026-03-28": 3}), CYD: an_agent()}
    opened = GroupState(pools, agents, now=NOW, carried=old.counters())
    assert opened.counters()["all"] == {ANN: Counters(3 * PARTS, 3), CYD: Counters()}, "what Ben was owed went to Ann"
    assert opened.counters()["new"] == {CYD: Counters()}
    assert opened.number == 0
    assert opened.agent(ANN).open == 3
    assert opened.pool("all").turns.peek(NOW) == CYD, "both are level, and the older one is not preferred"


def test_a_group_does_not_open_without_the_settings_of_a_member() -> None:
    with pytest.raises(NotInGroup, match="no settings"):
        GroupState([Pool("all", (Member(ANN),))], {}, now=NOW, carried={})


def test_the_agents_given_at_opening_are_not_touched() -> None:
    ann = an_agent(counts={"2026-03-28": 1})
    a_group(ann=ann).apply(a_turn(1, ANN))
    assert ann == an_agent(counts={"2026-03-28": 1})


# -- Time, absence and weights ---------------------------------------------------------------------------------------------------


def test_hours_presence_and_leave_decide_who_is_eligible_as_time_passes() -> None:
    state = a_group(ann=an_agent(hours=(("09:00-17:00",),) * 7), ben=an_agent(needs_presence=True))
    assert state.pool("all").stopped == {Gate.OFF_HOURS: 1, Gate.PRESENCE: 1}
    morning = datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert state.next_change == morning
    state.roll(morning)
    assert state.pool("all").turns.eligible == (ANN,)
    state.apply(presence_changed(1, morning, agent_id=BEN, presence=Presence("online", morning + timedelta(minutes=5))))
    assert state.pool("all").turns.eligible == (ANN, BEN)
    leave = Leave(UUID(int=7), morning + timedelta(minutes=2), morning + timedelta(minutes=3))
    state.apply(leave_changed(2, morning, agent_id=ANN, leaves=[leave]))
    state.roll(leave.starts)
    assert state.pool("all").stopped == {Gate.ABSENT: 1}
    state.roll(leave.ends)
    assert state.pool("all").stopped == {}
    state.roll(morning + timedelta(minutes=5))
    assert state.pool("all").stopped == {Gate.PRESENCE: 1}
    state.apply(pause_changed(3, morning, agent_id=ANN, pause=Pause()))
    assert state.pool("all").stopped == {Gate.PAUSED: 1, Gate.PRESENCE: 1}


def test_newer_dates_of_a_calendar_are_for_all_who_keep_it() -> None:
    keeper = an_agent(holidays=("DE",))
    state = a_group(ann=keeper, ben=keeper)
    assert state.pool("all").stopped == {}
    dates = {"DE": {"2026-03-28": "Lost Hour's Eve"}}
    state.apply(agent_changed(1, NOW, agent_id=ANN, settings=keeper.settings, calendars=dates))
    assert state.pool("all").stopped == {Gate.HOLIDAY: 2}
    assert state.next_change == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert_indexes_are_fresh(state)
    assert state.snapshot()["calendars"] == dates


def test_a_lead_too_heavy_for_whose_turn_it_is_goes_to_the_next_with_room() -> None:
    weighted = {"open_cap": 3, "open_weights": {"B": 2}}
    state = a_group(ann=an_agent(open=1, **weighted), ben=an_agent(open=2, **weighted))
    before = state.snapshot()
    assert state.pool("all").turns.peek(NOW) == BEN
    decision = decide_in_pool(ALead(LEAD), "all", state, NOW)
    assert state.snapshot() == before
    assert decision.winner is not None
    assert (decision.agent_id, decision.winner.open, decision.winner.work) == (ANN, 3, 2)
    state.apply(decision.entry(1))
    assert decide_in_pool(ALead(UUID(int=101)), "all", state, NOW).winner is None, "two would be four of three"
    light = decide_in_pool(ALead(UUID(int=102), grade="C"), "all", state, NOW)
    assert (light.agent_id, light.winner and light.winner.open) == (BEN, 3)
    given = {"lead_id": LEAD, "pool": "all", "reason": "won", "gives_back": False, "period": "2026-03-28", "work": 2}
    state.apply(ended(2, NOW, agent_id=ANN, **given))
    assert state.agent(ANN).open == 1


def test_an_hour_is_given_back_to_the_hour_it_was_counted_in() -> None:
    state = a_group(ann=an_agent(hour=1), ben=an_agent(active=False))
    decision = decide_in_pool(ALead(LEAD), "all", state, NOW)
    state.apply(decision.entry(1))
    assert (state.today(ANN).number, state.pool("all").stopped) == (23, {Gate.INACTIVE: 1, Gate.HOUR_CAP: 1})
    back = {"lead_id": LEAD, "pool": "all", "reason": "declined", "gives_back": True, "period": "2026-03-28", "hour": 23}
    state.apply(ended(2, NOW, agent_id=ANN, **back))
    assert state.pool("all").turns.eligible == (ANN,)


@pytest.mark.parametrize("capacity", range(1, 15))
def test_a_capacity_of_a_few_leads_a_month_is_used(capacity: int) -> None:
    """Odoo rounds capacity / 30 to a daily quota, so that 1 to 14 a month receive nothing for ever."""
    state = a_group(ann=an_agent(month=capacity), ben=an_agent())
    received = Counter()
    for number in range(120):
        decision = decide_in_pool(ALead(UUID(int=1_000 + number)), "all", state, NOW + timedelta(hours=6 * number))
        state.apply(decision.entry(number + 1))
        received[decision.agent_id, f"{decision.now.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m}"] += 1
    assert received[ANN, "2026-04"] == min(capacity, received[BEN, "2026-04"])


def test_snapshots_and_entries_of_the_first_version_are_still_read() -> None:
    agents = {
        str(ANN): {
            "active": True,
            "daily_cap": 2,
            "open_cap": None,
            "zone": "Europe/Berlin",
            "open": 1,
            "counts": {"2026-03-28": 1},
        },
        str(BEN): {"active": False, "daily_cap": None, "open_cap": 5, "zone": "UTC", "open": 0, "counts": {}},
    }
    members = [{"agent_id": str(one), "weight": 1, "received": 1, "difference": 0} for one in (ANN, BEN)]
    document = {"number": 4, "last_now": NOW.isoformat(), "agents": agents, "pools": {"all": {"members": members}}}
    state = GroupState.restore(document)
    assert (state.agent(ANN).caps, state.agent(ANN).counts) == (Caps(day=2), {"2026-03-28": 1, "2026-W13": 1, "2026-03": 1})
    assert state.pool("all").turns.eligible == (ANN,)
    state.apply(Entry(5, "assigned", NOW, ANN, LEAD, "all", {"turn": True, "period": "2026-03-28"}))
    assert state.pool("all").stopped == {Gate.INACTIVE: 1, Gate.DAY_CAP: 1}
    settings = {"active": True, "daily_cap": None, "open_cap": 2, "zone": "UTC"}
    state.apply(Entry(6, "agent_changed", NOW, ANN, None, None, settings))
    assert (state.agent(ANN).caps, state.pool("all").stopped) == (Caps(open=2), {Gate.INACTIVE: 1, Gate.OPEN_CAP: 1})
    gone = {"reason": "won", "gives_back": True, "period": "2026-03-28"}
    state.apply(Entry(7, "ended", NOW, ANN, LEAD, "all", gone))
    assert state.pool("all").turns.eligible == (ANN,)
    assert GroupState.restore(json.loads(json.dumps(state.snapshot()))).snapshot() == state.snapshot()


# -- Strategies ------------------------------------------------------------------------------------------------------------------


def a_pool_by(kind: str, *members: Member, **agents: Agent) -> GroupState:
    by_id = {ANN: agents.get("ann", an_agent()), BEN: agents.get("ben", an_agent()), CYD: agents.get("cyd", an_agent())}
    return GroupState([Pool("all", members, strategy=Strategy(StrategyKind(kind)))], by_id, now=NOW, carried={})


def give_out(state: GroupState, times: int) -> Counter[UUID]:
    got: Counter[UUID] = Counter()
    for _ in range(times):
        decision = decide_in_pool(ALead(UUID(int=1_000 + state.number)), "all", state, NOW)
        assert decision.agent_id
        state.apply(decision.entry(state.number + 1))
        got[decision.agent_id] += 1
    return got


def test_least_open_gives_to_whoever_holds_least_and_learns_of_ends() -> None:
    state = a_pool_by("least_open", Member(ANN), Member(BEN), ann=an_agent(open=2), ben=an_agent())
    decision = decide_in_pool(ALead(LEAD), "all", state, NOW)
    assert decision.reason == "Least open work: pool all, 2 of 2 members can receive, and this one held 0."
    assert give_out(state, 2) == {BEN: 2}
    closing = {"reason": "won", "gives_back": False, "period": "2026-03-28", "lead_id": LEAD, "pool": "all"}
    for _ in range(2):
        state.apply(ended(state.number + 1, NOW, agent_id=ANN, **closing))
    assert give_out(state, 2) == {ANN: 2}


def test_most_spare_learns_of_a_cap_that_changes() -> None:
    state = a_pool_by("most_spare", Member(ANN), Member(BEN), ann=an_agent(open_cap=3), ben=an_agent(open_cap=5))
    assert give_out(state, 1) == {BEN: 1}
    state.apply(changed(2, an_agent(open_cap=9)))
    assert give_out(state, 2) == {ANN: 2}


def test_a_waterfall_falls_to_the_next_level_and_says_so() -> None:
    members = Member(ANN), Member(BEN, level=2), Member(CYD, level=2)
    state = a_pool_by("waterfall", *members, ann=an_agent(open_cap=1))
    assert give_out(state, 1) == {ANN: 1}
    assert "this one is of level 2" in decide_in_pool(ALead(LEAD), "all", state, NOW).reason
    assert give_out(state, 4) == {BEN: 2, CYD: 2}


def test_shares_are_kept_by_percentage() -> None:
    state = a_pool_by("share", Member(ANN, percent=60), Member(BEN, percent=30), Member(CYD, percent=10))
    assert give_out(state, 20) == {ANN: 12, BEN: 6, CYD: 2}


def test_fewest_goes_on_in_the_next_group_and_a_newcomer_starts_level() -> None:
    old = a_pool_by("fewest", Member(ANN), Member(BEN))
    give_out(old, 10)
    everyone = tuple(Member(one) for one in (ANN, BEN, CYD))
    agents = {one: an_agent() for one in (ANN, BEN, CYD)}
    for _ in range(2):  # what a newcomer was taken to have received is kept too
        pool = Pool("all", everyone, strategy=Strategy(StrategyKind.FEWEST))
        old = GroupState([pool], agents, now=NOW, carried=old.counters(), stood=old.standings())
        assert give_out(old, 6) == {ANN: 2, BEN: 2, CYD: 2}


def test_a_weight_that_changes_between_groups_is_no_debt() -> None:
    old = a_pool_by("fewest", Member(ANN), Member(BEN))
    give_out(old, 20)
    pool = Pool("all", (Member(ANN, 3), Member(BEN)), strategy=Strategy(StrategyKind.FEWEST))
    agents = {one: an_agent() for one in (ANN, BEN)}
    state = GroupState([pool], agents, now=NOW, carried=old.counters(), stood=old.standings())
    assert give_out(state, 8) == {ANN: 6, BEN: 2}
