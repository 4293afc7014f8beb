"""The fairness book: every statement adds up, people's corrections move turns and make none, leave is worth what was said."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import fairness
from services.router.domain.availability import Gate
from services.router.domain.fairness import Reason, Statement, open_counters
from services.router.domain.ledger import Entry, LedgerError
from services.router.domain.policy import CATCH_UP, Member, Pool, Strategy, StrategyKind
from services.router.domain.pool_state import PoolState
from services.router.domain.rotation import PARTS, Counters

deterministic = settings(derandomize=True, deadline=None, max_examples=80)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


class Desk:
    """A pool and its book, told what happens as a group's state would tell them."""

    def __init__(self, of: list[int], kind: str = "rotation", *, most: int = CATCH_UP, stood: PoolState | None = None) -> None:
        members = tuple(Member(agent(rank), weight, percent=10) for rank, weight in enumerate(of))
        pool = Pool("pool", members, strategy=Strategy(StrategyKind(kind)), catch_up=most)
        carried = {one: stood.turns.counters(one) for one in stood.turns.members} if stood else {}
        self.pool = PoolState(pool, carried, stood and json.loads(json.dumps(stood.snapshot())))
        self.turns, self.book = self.pool.turns, self.pool.book
        self.away: dict[UUID, bool] = {}
        for one in self.turns.members:
            self.pool.enter(one, None)

    def give(self) -> UUID | None:
        winner = self.turns.peek(NOW)
        if isinstance(winner, UUID):
            self.pool.take(winner)
            return winner
        return None

    def give_among(self, among: frozenset[UUID]) -> UUID:
        winner = self.turns.peek(NOW, among=among)
        assert isinstance(winner, UUID)
        self.pool.take(winner, of=self.turns.name(among))
        return winner

    def give_many(self, count: int) -> Counter[UUID]:
        return Counter(winner for _ in range(count) if (winner := self.give()))

    def tell(self, make: Any, rank: int, **data: Any) -> None:
        self.book.apply(make(1, NOW, agent_id=agent(rank), pool="pool", **data))

    def credit(self, rank: int, turns: int) -> None:
        self.tell(fairness.credited, rank, turns=turns, reason="made up for a fault", by="ops")

    def debit(self, rank: int, turns: int) -> None:
        self.tell(fairness.debited, rank, turns=turns, reason="made up for a fault", by="ops")

    def leave(self, rank: int, *, catch_up: bool) -> None:
        self.pool.leave(agent(rank), None)
        self.enter_absent(rank, catch_up=catch_up)

    def enter_absent(self, rank: int, *, catch_up: bool) -> None:
        self.pool.enter(agent(rank), Gate.ABSENT)
        self.book.catch_up(agent(rank), catch_up)
        self.away[agent(rank)] = catch_up

    def come_back(self, rank: int) -> None:
        self.book.catch_up(agent(rank), False)
        self.pool.leave(agent(rank), Gate.ABSENT)
        self.pool.enter(agent(rank), None)
        self.book.come_back(agent(rank))
        self.book.settle()
        del self.away[agent(rank)]

    def statement(self, rank: int) -> Statement:
        return self.book.statement(agent(rank))

    def statements(self) -> list[Statement]:
        return [self.book.statement(one) for one in self.turns.members]

    def step(self, verb: str, rank: int, number: int) -> None:
        rank %= len(self.turns.members)
        match verb:
            case "give":
                self.give()
            case "credit" | "debit":
                getattr(self, verb)(rank, number)
            case "leave" if agent(rank) not in self.away:
                self.leave(rank, catch_up=number % 2 == 0)
            case "leave":
                self.come_back(rank)
            case "return" if self.turns.counters(agent(rank)).received:
                self.pool.give_back(agent(rank), of=0)
            case "reweight":
                self.tell(fairness.reweighted, rank, weight=number)


def assert_adds_up(statement: Statement, counters: Counters) -> None:
    assert (statement.entitled, statement.received) == (counters.entitled, counters.received)
    assert sum(line.entitled for line in statement.lines) == counters.entitled
    assert sum(line.received for line in statement.lines) == counters.received
    assert statement.difference == counters.difference


def line_of(statement: Statement, reason: Reason) -> tuple[int, int]:
    return next(((line.entitled, line.received) for line in statement.lines if line.reason is reason), (0, 0))


kinds = st.sampled_from(["rotation", "rotation", "fewest", "least_open", "share"])
of_weights = st.lists(st.integers(1, 9), min_size=1, max_size=6)
steps = st.lists(
    st.tuples(
        st.sampled_from(["give", "give", "give", "credit", "debit", "leave", "return", "reweight"]),
        st.integers(0, 5),
        st.integers(1, 9),
    ),
    max_size=60,
)


@deterministic
@given(kinds, of_weights, steps)
def test_every_statement_adds_up_and_nothing_is_made_of_nothing(
    kind: str, of: list[int], history: list[tuple[str, int, int]]
) -> None:
    desk = Desk(of, kind)
    for step in history:
        desk.step(*step)
        differences = 0
        for rank in range(len(of)):
            counters = desk.turns.counters(agent(rank))
            assert_adds_up(desk.statement(rank), counters)
            differences += counters.difference
        assert differences == 0


@deterministic
@given(kinds, of_weights, steps, st.integers(0, 60))
def test_a_book_goes_on_from_its_snapshot(kind: str, of: list[int], history: list[tuple[str, int, int]], cut: int) -> None:
    desk, again = Desk(of, kind), Desk(of, kind)
    for step in history[:cut]:
        desk.step(*step)
    again.pool = PoolState.restore("pool", json.loads(json.dumps(desk.pool.snapshot())))
    again.turns, again.book = again.pool.turns, again.pool.book
    for one in again.turns.members:
        if one in desk.away:
            again.enter_absent(one.int - 1, catch_up=desk.away[one])
        else:
            again.pool.enter(one, None)
    for step in history[cut:]:
        desk.step(*step)
        again.step(*step)
    assert again.pool.snapshot() == desk.pool.snapshot()
    assert again.statements() == desk.statements()


@deterministic
@given(kinds, of_weights, steps, st.integers(1, 6))
def test_differences_sum_to_nought_when_the_policy_changes_who_is_in_a_pool(
    kind: str, of: list[int], history: list[tuple[str, int, int]], size: int
) -> None:
    desk = Desk(of, kind)
    for step in history:
        desk.step(*step)
    opened = Desk([3] * size, kind, stood=desk.pool)  # some leave or some join, and weights change
    assert sum(statement.difference for statement in opened.statements()) == 0
    for rank, statement in enumerate(opened.statements()):
        assert_adds_up(statement, opened.turns.counters(agent(rank)))
        if size == len(of):
            assert statement.difference == desk.statement(rank).difference
            assert [line for line in statement.lines if line.times] == [line for line in desk.statement(rank).lines if line.times]


@deterministic
@given(kinds, of_weights, steps, st.integers(0, 5), st.integers(1, 9))
def test_a_debit_undoes_a_credit(kind: str, of: list[int], history: list[tuple[str, int, int]], rank: int, turns: int) -> None:
    desk = Desk(of, kind)
    for step in history:
        desk.step(*step)
    before, answer = desk.turns.snapshot(), desk.turns.peek(NOW)
    desk.credit(rank % len(of), turns)
    desk.debit(rank % len(of), turns)
    assert desk.turns.snapshot() == before
    assert desk.turns.peek(NOW) == answer


def test_a_credit_is_paid_by_the_pool_by_weight() -> None:
    desk = Desk([1, 1, 2])
    desk.credit(0, 3)
    assert [desk.statement(rank).difference // PARTS for rank in range(3)] == [3, -1, -2]
    assert line_of(desk.statement(0), Reason.CREDITED) == (3 * PARTS, 0)
    assert line_of(desk.statement(1), Reason.OTHERS) == (-PARTS, 0)
    got = desk.give_many(40)
    assert got == {agent(0): 13, agent(1): 9, agent(2): 18}


@pytest.mark.parametrize("kind", ["rotation", "fewest", "share"])
def test_after_a_credit_so_many_more_are_received(kind: str) -> None:
    desk = Desk([1, 1, 1, 1], kind)
    desk.credit(0, 6)
    got = desk.give_many(40)
    assert got == {agent(0): 16, agent(1): 8, agent(2): 8, agent(3): 8}
    assert desk.statement(0).difference == 0


@pytest.mark.parametrize("kind", ["rotation", "share", "fewest", "waterfall"])
@pytest.mark.parametrize("others", [[], [1], [1, 2]], ids=["one away", "two away", "all but one away"])
def test_who_returns_without_catch_up_gets_a_share_and_no_more(kind: str, others: list[int]) -> None:
    desk = Desk([1, 1, 1, 1], kind)
    desk.give_many(8)
    for rank in (0, *others):
        desk.leave(rank, catch_up=False)
    assert agent(0) not in desk.give_many(90)
    desk.come_back(0)
    there = 4 - len(others)
    for count in range(1, 41):
        got = desk.turns.counters(agent(0)).received - 2
        assert abs(there * got - (count - 1)) <= there, count  # a share, to within a turn, at every moment
        desk.give()
    before = desk.turns.counters(agent(0)).received
    for rank in others:
        desk.come_back(rank)
    got = desk.give_many(40)
    assert set(got.values()) <= {9, 10, 11}
    assert desk.turns.counters(agent(0)).received == before + got[agent(0)]


@pytest.mark.parametrize("kind", ["rotation", "fewest", "share", "waterfall"])
@pytest.mark.parametrize(("most", "made_up"), [(CATCH_UP, 9), (3, 3), (50, 9), (0, 0)])
def test_who_returns_with_catch_up_gets_what_was_said(kind: str, most: int, made_up: int) -> None:
    desk = Desk([1, 1, 1], kind, most=most)
    desk.leave(0, catch_up=True)
    desk.give_many(27)
    assert desk.statement(0).difference == 0, "nothing is owed before the leave is over"
    assert desk.statement(0).to_come == pytest.approx(made_up * PARTS, abs=1_000)
    desk.come_back(0)
    assert line_of(desk.statement(0), Reason.CAUGHT_UP)[0] == pytest.approx(9 * PARTS, abs=1_000)
    assert line_of(desk.statement(0), Reason.FORFEITED)[0] == pytest.approx((made_up - 9) * PARTS, abs=1_000)
    assert desk.statement(0).difference == pytest.approx(made_up * PARTS, abs=1_000)
    assert desk.give_many(60)[agent(0)] == 20 + made_up  # its third, and what was said


@pytest.mark.parametrize("kind", ["rotation", "fewest", "share"])
def test_who_returns_gets_nothing_of_what_another_on_leave_is_due(kind: str) -> None:
    desk = Desk([1, 1, 1], kind, most=5)
    desk.leave(0, catch_up=True)
    desk.leave(1, catch_up=True)
    desk.give_many(90)  # all to the third
    desk.come_back(0)
    assert desk.give_many(40)[agent(0)] == 24, "half, and the five more less what the one who is still away has to pay of them"


def test_only_who_misses_a_lead_of_its_class_is_credited_it() -> None:
    desk = Desk([1, 1, 1])
    desk.leave(0, catch_up=True)
    desk.leave(1, catch_up=True)
    among = desk.turns.name(frozenset((agent(1), agent(2))))
    desk.pool.take(agent(2), of=among)
    assert [desk.statement(rank).to_come for rank in range(3)] == [0, PARTS // 2, 0]
    desk.pool.take(agent(2))
    assert [desk.statement(rank).to_come for rank in range(3)] == [PARTS // 3, PARTS // 2 + PARTS // 3, 0]
    desk.pool.take(agent(2), without=(agent(1),))
    assert desk.statement(1).to_come == PARTS // 2 + PARTS // 3


def test_a_credit_is_paid_by_the_kind_of_leads_that_the_pool_gives_out() -> None:
    desk, speak_it = Desk([1, 1, 1, 1]), frozenset(map(agent, range(3)))
    desk.give_many(4)
    for _ in range(2):
        got = Counter(desk.give_among(speak_it) for _ in range(9))
        assert got == {agent(0): 3, agent(1): 3, agent(2): 3}
    desk.credit(0, 6)
    got = Counter(desk.give_among(speak_it) for _ in range(40))
    assert got[agent(0)] in range(16, 20), "a third, and six more less what the one pays of it who cannot be asked"
    assert abs(desk.statement(0).difference) <= 2 * PARTS


def test_a_credit_is_not_paid_anew_by_each_kind_of_leads() -> None:
    desk = Desk([1, 1, 1, 1, 1])
    desk.credit(0, 10)
    kinds = [frozenset((agent(0), agent(one), agent(other))) for one, other in ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))]
    got = Counter(desk.give_among(among) for _ in range(30) for among in kinds)
    assert got[agent(0)] <= 60 + 10 + len(kinds), "a third of all, what was credited, and a turn for each kind at most"


def test_a_credit_during_leave_is_not_earned_by_it() -> None:
    desk = Desk([1, 1], most=0)
    desk.leave(0, catch_up=True)
    desk.credit(0, 6)
    desk.give_many(10)
    desk.come_back(0)
    assert line_of(desk.statement(0), Reason.CAUGHT_UP) == (5 * PARTS, 0)
    assert line_of(desk.statement(0), Reason.FORFEITED) == (-5 * PARTS, 0)
    assert desk.statement(0).difference == 6 * PARTS


def test_a_returned_turn_counts_for_nobody() -> None:
    desk = Desk([1, 1, 1])
    desk.give_many(5)
    before, answer = desk.turns.snapshot()["everyone"], desk.turns.peek(NOW)
    winner = desk.give()
    assert winner is not None
    desk.pool.give_back(winner, of=0)
    assert desk.turns.snapshot()["everyone"] == before
    assert desk.turns.peek(NOW) == answer
    assert line_of(desk.statement(winner.int - 1), Reason.RETURNED) == (0, -1)


def test_reweighting_keeps_differences_and_changes_shares() -> None:
    desk = Desk([1, 1])
    desk.give_many(7)
    before = [desk.statement(rank).difference for rank in range(2)]
    desk.tell(fairness.reweighted, 0, weight=3)
    assert [desk.statement(rank).difference for rank in range(2)] == before
    assert desk.give_many(40)[agent(0)] in (29, 30, 31)


def test_weights_in_the_policy_change_without_a_reset() -> None:
    desk = Desk([1, 1])
    desk.credit(0, 3)
    desk.give_many(2)
    opened = Desk([3, 1], stood=desk.pool)
    assert (
        [one.difference for one in opened.statements()]
        == [one.difference for one in desk.statements()]
        == [2 * PARTS, -2 * PARTS]
    )
    assert opened.give_many(40)[agent(0)] == 32  # three of four, and what it was owed
    assert opened.statement(0).notes == desk.statement(0).notes


@pytest.mark.parametrize("kind", ["rotation", "fewest"])
def test_a_new_member_starts_level_even_with_somebody_long_away(kind: str) -> None:
    desk = Desk([1, 1], kind)
    desk.give_many(10)
    desk.leave(1, catch_up=False)
    desk.give_many(50)
    opened = Desk([1, 1, 1], kind, stood=desk.pool)
    assert opened.statement(2).difference == 0
    assert line_of(opened.statement(0), Reason.TURNS) == (55 * PARTS, 55)
    assert opened.give_many(30) == {agent(0): 10, agent(1): 10, agent(2): 10}
    opened.credit(2, 3)  # for one who shall begin with more than that
    assert opened.give_many(30)[agent(2)] == 13


@deterministic
@given(
    st.dictionaries(st.integers(0, 9), st.integers(-3 * PARTS, 3 * PARTS), max_size=10),
    st.dictionaries(st.integers(0, 12), st.integers(1, 50), min_size=1, max_size=12),
)
def test_what_leavers_leave_goes_to_those_who_stay(owed: dict[int, int], weights: dict[int, int]) -> None:
    carried = {agent(rank): Counters(7 * PARTS + difference, 7) for rank, difference in owed.items()}
    opened = open_counters(carried, {agent(rank): weight for rank, weight in weights.items()})
    assert set(opened) == {agent(rank) for rank in owed.keys() & weights.keys()}
    assert all(one.received == 7 for one in opened.values())
    if opened:
        assert sum(one.difference for one in opened.values()) == sum(owed.values())


@pytest.mark.parametrize("kind", ["rotation", "fewest"])
def test_those_who_stay_share_what_a_leaver_owed(kind: str) -> None:
    desk = Desk([1, 1, 2], kind)
    desk.debit(2, 4)
    opened = Desk([1, 1], kind, stood=desk.pool)
    assert [one.difference for one in opened.statements()] == [0, 0]
    assert line_of(opened.statement(0), Reason.OTHERS) == (0, 0), "two turns that the leaver owed are owed by nobody any more"
    assert opened.give_many(10) == {agent(0): 5, agent(1): 5}


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, "assigned", NOW, agent(0), None, "pool", {}),
        fairness.credited(1, NOW, agent_id=agent(9), pool="pool", turns=1, reason="", by=""),
        fairness.credited(1, NOW, agent_id=agent(0), pool="pool", turns=0, reason="", by=""),
        fairness.debited(1, NOW, agent_id=agent(0), pool="pool", turns=-1, reason="", by=""),
        fairness.reweighted(1, NOW, agent_id=agent(0), pool="pool", weight=0),
    ],
    ids=["kind", "agent", "nought", "negative", "weight"],
)
def test_an_entry_that_does_not_fit_is_refused_and_changes_nothing(entry: Entry) -> None:
    desk = Desk([1, 1])
    before = desk.turns.snapshot(), desk.book.snapshot()
    with pytest.raises(LedgerError):
        desk.book.apply(entry)
    assert (desk.turns.snapshot(), desk.book.snapshot()) == before


def test_a_statement_says_why_in_words() -> None:
    desk = Desk([1, 1])
    desk.give_many(3)
    desk.credit(0, 1)
    statement = desk.statement(0)
    assert statement.text == "Was entitled to 2.50 turns and received 2: is owed 0.50 turns."
    assert [line.text for line in statement.lines] == [
        "Carried from before: entitled to 0.00 turns, received 0.",
        "Its share of the leads given out while it could receive: 1.50 turns; received 2.",
        "Credits (1): 1.00 turns.",
    ]
    assert desk.statement(1).text == "Was entitled to 0.50 turns and received 1: is 0.50 turns ahead."
    assert (
        desk.statement(1).lines[-1].text
        == "Its part in what others were credited, debited, caught up or left behind: -1.00 turns."
    )
    [note] = statement.notes
    assert note.text == "Credited 1 turn by ops: made up for a fault"


def test_the_latest_notes_are_kept() -> None:
    desk = Desk([1, 1])
    for turns in range(1, 15):
        desk.credit(0, turns)
    assert [note.turns for note in desk.statement(0).notes] == list(range(5, 15))


def test_a_statement_is_rounded_for_people() -> None:
    desk = Desk([1, 1, 1])
    desk.give_many(3)
    assert {statement.text for statement in desk.statements()} == {"Was entitled to 1.00 turns and received 1: is level."}
    desk.credit(0, 1)
    assert desk.statement(0).text == "Was entitled to 2.00 turns and received 1: is owed 1.00 turns."
