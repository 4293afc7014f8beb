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
from services.router.domain.fairness import Book, Reason, Statement, open_counters
from services.router.domain.ledger import Entry, LedgerError
from services.router.domain.rotation import PARTS, Counters
from services.router.domain.strategies import Seat, Turns, Way

deterministic = settings(derandomize=True, deadline=None, max_examples=80)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
LEAD = UUID(int=9_000)


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


class Pool:
    """A pool and its book, told what happens as a group's state would tell them."""

    def __init__(self, of: list[int], kind: str = "rotation", carried: dict[UUID, Counters] | None = None) -> None:
        seats = [Seat(agent(rank), weight, percent=10) for rank, weight in enumerate(of)]
        self.turns = Turns("pool", Way(kind), seats, carried)
        self.book = Book("pool", self.turns)
        self.away: set[UUID] = set()
        for one in self.turns.members:
            self.turns.admit(one)

    def give(self) -> UUID | None:
        winner = self.turns.peek(NOW)
        if winner is not None:
            assert isinstance(winner, UUID)
            self.turns.take(winner)
        return winner if isinstance(winner, UUID) else None

    def give_many(self, count: int) -> Counter[UUID]:
        return Counter(winner for _ in range(count) if (winner := self.give()))

    def tell(self, make: Any, rank: int, **data: Any) -> None:
        self.book.apply(make(1, NOW, agent_id=agent(rank), pool="pool", **data))

    def credit(self, rank: int, turns: int) -> None:
        self.tell(fairness.credited, rank, turns=turns, reason="made up for a fault", by="ops")

    def debit(self, rank: int, turns: int) -> None:
        self.tell(fairness.debited, rank, turns=turns, reason="made up for a fault", by="ops")

    def leave(self, rank: int, *, catch_up: bool, limit: int | None = None) -> None:
        self.tell(fairness.leave_began, rank, catch_up=catch_up, limit=limit)
        self.turns.withdraw(agent(rank), earning=catch_up)
        self.away.add(agent(rank))

    def come_back(self, rank: int) -> None:
        self.tell(fairness.leave_ended, rank)
        self.turns.admit(agent(rank))
        self.away.discard(agent(rank))

    def statement(self, rank: int) -> Statement:
        return self.book.statement(agent(rank))

    def step(self, verb: str, rank: int, number: int) -> None:
        rank %= len(self.turns.members)
        match verb:
            case "give":
                self.give()
            case "credit" | "debit":
                getattr(self, verb)(rank, number)
            case "leave" if agent(rank) not in self.away:
                self.leave(rank, catch_up=number % 2 == 0, limit=number if number % 4 == 0 else None)
            case "leave":
                self.come_back(rank)
            case "return" if self.turns.counters(agent(rank)).received:
                self.tell(fairness.returned, rank, lead_id=LEAD, of=0)
            case "reweight":
                self.tell(fairness.reweighted, rank, weight=number)
            case "left":
                self.tell(fairness.left, rank)


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
        st.sampled_from(["give", "give", "give", "credit", "debit", "leave", "return", "reweight", "left"]),
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
    pool = Pool(of, kind)
    for step in history:
        pool.step(*step)
        differences = 0
        for rank in range(len(of)):
            counters = pool.turns.counters(agent(rank))
            assert_adds_up(pool.statement(rank), counters)
            differences += counters.difference
        assert differences == 0


@deterministic
@given(kinds, of_weights, steps, st.integers(0, 60))
def test_a_book_goes_on_from_its_snapshot(kind: str, of: list[int], history: list[tuple[str, int, int]], cut: int) -> None:
    pool = Pool(of, kind)
    for step in history[:cut]:
        pool.step(*step)
    again = Pool(of, kind)
    again.turns = Turns.restore("pool", Way(kind), json.loads(json.dumps(pool.turns.snapshot())))
    again.book = Book.restore("pool", again.turns, json.loads(json.dumps(pool.book.snapshot())))
    again.away = set(pool.away)
    for one in again.turns.members:
        if one not in pool.away:
            again.turns.admit(one)
        elif pool.book.snapshot()[str(one)]["limit"] != 0:
            again.turns.withdraw(one, earning=True)
    for step in history[cut:]:
        pool.step(*step)
        again.step(*step)
    assert again.turns.snapshot() == pool.turns.snapshot()
    assert again.book.snapshot() == pool.book.snapshot()
    assert [again.statement(rank) for rank in range(len(of))] == [pool.statement(rank) for rank in range(len(of))]


@deterministic
@given(kinds, of_weights, steps, st.integers(0, 5), st.integers(1, 9))
def test_a_debit_undoes_a_credit(kind: str, of: list[int], history: list[tuple[str, int, int]], rank: int, turns: int) -> None:
    pool = Pool(of, kind)
    for step in history:
        pool.step(*step)
    before, answer = pool.turns.snapshot(), pool.turns.peek(NOW)
    pool.credit(rank % len(of), turns)
    pool.debit(rank % len(of), turns)
    assert pool.turns.snapshot() == before
    assert pool.turns.peek(NOW) == answer


def test_a_credit_is_paid_by_the_pool_by_weight() -> None:
    pool = Pool([1, 1, 2])
    pool.credit(0, 3)
    assert [pool.statement(rank).difference // PARTS for rank in range(3)] == [3, -1, -2]
    assert line_of(pool.statement(0), Reason.CREDITED) == (3 * PARTS, 0)
    assert line_of(pool.statement(1), Reason.OTHERS) == (-PARTS, 0)
    got = pool.give_many(40)
    assert got == {agent(0): 13, agent(1): 9, agent(2): 18}


@pytest.mark.parametrize("kind", ["rotation", "fewest", "share"])
def test_after_a_credit_so_many_more_are_received(kind: str) -> None:
    pool = Pool([1, 1, 1, 1], kind)
    pool.credit(0, 6)
    got = pool.give_many(40)
    assert got == {agent(0): 16, agent(1): 8, agent(2): 8, agent(3): 8}
    assert pool.statement(0).difference == 0


@pytest.mark.parametrize("kind", ["rotation", "share", "fewest"])
def test_who_returns_without_catch_up_gets_a_share_and_no_more(kind: str) -> None:
    pool = Pool([1, 1, 1, 1], kind)
    pool.give_many(8)
    pool.leave(0, catch_up=False)
    assert agent(0) not in pool.give_many(90)
    pool.come_back(0)
    for count in range(1, 41):
        got = pool.turns.counters(agent(0)).received - 2
        assert abs(4 * got - (count - 1)) <= 4, count  # a share, to within a turn, at every moment
        pool.give()
    assert pool.turns.counters(agent(0)).received == 12


@pytest.mark.parametrize("kind", ["rotation", "fewest"])
@pytest.mark.parametrize(("limit", "made_up"), [(None, 9), (3, 3), (50, 9), (0, 0)])
def test_who_returns_with_catch_up_gets_what_was_said(kind: str, limit: int | None, made_up: int) -> None:
    pool = Pool([1, 1, 1], kind)
    pool.leave(0, catch_up=True, limit=limit)
    pool.give_many(27)
    assert line_of(pool.statement(0), Reason.CAUGHT_UP)[0] == pytest.approx(9 * PARTS, abs=27)
    pool.come_back(0)
    assert pool.statement(0).difference == pytest.approx(made_up * PARTS, abs=27)
    assert pool.give_many(60)[agent(0)] == 20 + made_up  # its third, and what was said
    assert line_of(pool.statement(0), Reason.FORFEITED)[0] == pytest.approx((made_up - 9) * PARTS, abs=27)


def test_a_credit_during_leave_is_not_earned_by_it() -> None:
    pool = Pool([1, 1])
    pool.leave(0, catch_up=True, limit=0)
    pool.credit(0, 6)
    pool.give_many(10)
    pool.come_back(0)
    assert line_of(pool.statement(0), Reason.CAUGHT_UP) == (5 * PARTS, 0)
    assert line_of(pool.statement(0), Reason.FORFEITED) == (-5 * PARTS, 0)
    assert pool.statement(0).difference == 6 * PARTS


def test_a_returned_turn_counts_for_nobody() -> None:
    pool = Pool([1, 1, 1])
    pool.give_many(5)
    before, answer = pool.turns.snapshot()["everyone"], pool.turns.peek(NOW)
    winner = pool.give()
    assert winner is not None
    pool.tell(fairness.returned, winner.int - 1, lead_id=LEAD, of=0)
    assert pool.turns.snapshot()["everyone"] == before
    assert pool.turns.peek(NOW) == answer
    assert line_of(pool.statement(winner.int - 1), Reason.RETURNED) == (0, -1)


def test_reweighting_keeps_differences_and_changes_shares() -> None:
    pool = Pool([1, 1])
    pool.give_many(7)
    before = [pool.statement(rank).difference for rank in range(2)]
    pool.tell(fairness.reweighted, 0, weight=3)
    assert [pool.statement(rank).difference for rank in range(2)] == before
    assert pool.give_many(40)[agent(0)] in (29, 30, 31)


def test_a_new_member_starts_level_or_with_what_was_said() -> None:
    carried = open_counters(
        {agent(0): Counters(50 * PARTS, 50), agent(1): Counters(50 * PARTS, 50)}, dict.fromkeys(map(agent, range(3)), 1)
    )
    pool = Pool([1, 1, 1], carried=carried)
    assert pool.statement(2).difference == 0
    assert line_of(pool.statement(0), Reason.OPENING) == (50 * PARTS, 50)
    pool.tell(fairness.joined, 2, turns=3)
    assert pool.give_many(30)[agent(2)] == 13  # its third, and three more
    level = Pool([1, 1, 1], carried=carried)
    level.tell(fairness.joined, 2, turns=0)
    assert level.give_many(30)[agent(2)] == 10


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


def test_who_left_is_level_and_the_others_share_what_was_owed() -> None:
    pool = Pool([1, 1, 2])
    pool.credit(0, 4)
    pool.tell(fairness.left, 0)
    assert [pool.statement(rank).difference for rank in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, "assigned", NOW, agent(0), None, "pool", {}),
        fairness.credited(1, NOW, agent_id=agent(9), pool="pool", turns=1, reason="", by=""),
        fairness.credited(1, NOW, agent_id=agent(0), pool="pool", turns=0, reason="", by=""),
        fairness.debited(1, NOW, agent_id=agent(0), pool="pool", turns=-1, reason="", by=""),
        fairness.reweighted(1, NOW, agent_id=agent(0), pool="pool", weight=0),
        fairness.returned(1, NOW, agent_id=agent(0), pool="pool", lead_id=LEAD, of=0),
        fairness.leave_ended(1, NOW, agent_id=agent(0), pool="pool"),
    ],
    ids=["kind", "agent", "nought", "negative", "weight", "nothing to return", "no leave"],
)
def test_an_entry_that_does_not_fit_is_refused_and_changes_nothing(entry: Entry) -> None:
    pool = Pool([1, 1])
    before = pool.turns.snapshot(), pool.book.snapshot()
    with pytest.raises(LedgerError):
        pool.book.apply(entry)
    assert (pool.turns.snapshot(), pool.book.snapshot()) == before


def test_a_leave_does_not_begin_twice() -> None:
    pool = Pool([1])
    pool.leave(0, catch_up=True)
    with pytest.raises(LedgerError, match="on one already"):
        pool.leave(0, catch_up=False)


def test_a_statement_says_why_in_words() -> None:
    pool = Pool([1, 1])
    pool.give_many(3)
    pool.credit(0, 1)
    statement = pool.statement(0)
    assert statement.text == "Was entitled to 2.50 turns and received 2: is owed 0.50 turns."
    assert [line.text for line in statement.lines] == [
        "Carried from before: entitled to 0.00 turns, received 0.",
        "Its share of the leads given out while it could receive: 1.50 turns; received 2.",
        "Credits (1): 1.00 turns.",
    ]
    assert pool.statement(1).text == "Was entitled to 0.50 turns and received 1: is 0.50 turns ahead."
    assert pool.statement(1).lines[-1].text == "Its part in what others were credited, debited or left behind: -1.00 turns."
