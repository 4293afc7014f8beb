"""The rotation under change: every decision and every counter equal to the rule done naively, member by member."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.rotation import PARTS, Counters, Rotation, shares, split

deterministic = settings(derandomize=True, deadline=None, max_examples=80)


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


class Naive:
    """Tijdeman's rule as DESIGN states it, with a pass over all members for each turn and no memory but the counters."""

    def __init__(self, weights: list[int], differences: list[int]) -> None:
        self.weights, self.owed = weights, list(differences)
        self.received = [0] * len(weights)
        self.sharing: set[int] = set()
        self.receiving: set[int] = set()

    def split(self) -> dict[int, int]:
        present = sorted(self.sharing)
        return dict(zip(present, shares([self.weights[one] for one in present]), strict=True)) if present else {}

    def next(self) -> int | None:
        if not self.receiving:
            return None
        split, scale = self.split(), 2 * len(self.sharing) - 2
        present = sorted(self.receiving)
        if scale == 0:
            return present[0]
        s = {one: self.owed[one] + split[one] for one in present}
        candidates = [one for one in present if scale * s[one] >= PARTS] or present
        best = candidates[0]
        for one in candidates[1:]:
            if ((scale - 1) * PARTS - scale * s[one]) * split[best] < ((scale - 1) * PARTS - scale * s[best]) * split[one]:
                best = one
        return best

    def take(self, rank: int, turns: int = 1) -> None:
        for one, share in self.split().items():
            self.owed[one] += turns * share
        self.owed[rank] -= turns * PARTS
        self.received[rank] += turns


VERBS = ["next", "next", "next", "take", "admit", "admit", "withdraw", "earn", "give_back", "adjust", "reweight", "settle"]
histories = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 40), st.integers(1, 9)), max_size=80)
weights = st.one_of(
    st.lists(st.integers(1, 3), min_size=1, max_size=40),
    st.lists(st.sampled_from([1, 1, 1, 1, 1, 997]), min_size=1, max_size=20),
    st.lists(st.integers(1, 1_000), min_size=1, max_size=12),
)
owed = st.lists(st.integers(-2 * PARTS, 2 * PARTS), min_size=40, max_size=40)


def play(naive: Naive, rotation: Rotation, verb: str, rank: int, number: int) -> None:
    match verb:
        case "next":
            if (turn := naive.next()) is not None:
                naive.take(turn)
                rotation.take(agent(turn))
        case "take":
            naive.take(rank)
            rotation.take(agent(rank))
        case "admit":
            naive.sharing.add(rank)
            naive.receiving.add(rank)
            rotation.admit(agent(rank))
        case "withdraw" | "earn":
            naive.receiving.discard(rank)
            (naive.sharing.add if verb == "earn" else naive.sharing.discard)(rank)
            rotation.withdraw(agent(rank), earning=verb == "earn")
        case "give_back":
            if naive.received[rank]:
                naive.take(rank, -1)
                rotation.give_back(agent(rank))
        case "adjust":
            naive.owed[rank] += (number - 5) * PARTS // 3
            rotation.adjust(agent(rank), (number - 5) * PARTS // 3)
        case "reweight":
            naive.weights[rank] = number
            rotation.reweight(agent(rank), number)


@deterministic
@given(weights, owed, st.booleans(), histories)
def test_any_history_gives_the_turns_and_counters_of_the_naive_rule(
    of: list[int], owed: list[int], level: bool, history: list[tuple[str, int, int]]
) -> None:
    differences = [0] * len(of) if level else owed[: len(of)]
    naive = Naive(list(of), differences)
    rotation = Rotation(
        {agent(rank): weight for rank, weight in enumerate(of)},
        {agent(rank): Counters(difference, 0) for rank, difference in enumerate(differences)},
    )
    for rank in range(0, len(of), 2):
        play(naive, rotation, "admit", rank, 0)
    for verb, number, other in history:
        play(naive, rotation, verb, number % len(of), other)
        turn = naive.next()
        assert rotation.next() == (None if turn is None else agent(turn))
        assert rotation.eligible == tuple(agent(rank) for rank in sorted(naive.receiving))
        for rank in range(len(of)):
            assert rotation.counters(agent(rank)) == Counters(
                PARTS * naive.received[rank] + naive.owed[rank], naive.received[rank]
            )


@deterministic
@given(weights, st.integers(1, 150))
def test_when_each_turn_removes_somebody_it_is_still_the_naive_rule(of: list[int], turns: int) -> None:
    naive = Naive(list(of), [0] * len(of))
    rotation, out = Rotation({agent(rank): weight for rank, weight in enumerate(of)}, {}), []
    for rank in range(len(of)):
        play(naive, rotation, "admit", rank, 0)
    for _ in range(turns):
        turn = naive.next()
        assert rotation.next() == (None if turn is None else agent(turn))
        if turn is not None:
            play(naive, rotation, "next", 0, 0)
            play(naive, rotation, "withdraw", turn, 0)
            out.append(turn)
        if turn is None or len(out) > len(of) // 3:
            play(naive, rotation, "admit", out.pop(0), 0)
    assert [rotation.counters(agent(rank)).difference for rank in range(len(of))] == naive.owed


@deterministic
@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=40), st.integers(0, 39), st.integers(0, 60))
def test_giving_back_undoes_a_turn_exactly(of: list[int], rank: int, before: int) -> None:
    rotation = Rotation({agent(one): weight for one, weight in enumerate(of)}, {})
    for one in range(len(of)):
        rotation.admit(agent(one))
    for _ in range(before):
        rotation.take(rotation.next() or agent(0))
    counters, turn = [rotation.counters(one) for one in rotation.members], rotation.next()
    rotation.take(agent(rank % len(of)))
    rotation.give_back(agent(rank % len(of)))
    assert [rotation.counters(one) for one in rotation.members] == counters
    assert rotation.next() == turn


def test_no_turn_can_be_given_back_by_one_who_has_none() -> None:
    rotation = Rotation({agent(0): 1}, {})
    with pytest.raises(ValueError, match="no turn"):
        rotation.give_back(agent(0))


def test_ties_are_broken_in_the_order_given() -> None:
    order = [agent(2), agent(0), agent(1)]
    rotation = Rotation(dict.fromkeys(order, 1), {}, order=order)
    for one in order:
        rotation.admit(one)
    turns = []
    for _ in range(6):
        turns.append(rotation.next())
        rotation.take(turns[-1] or order[0])
    assert turns == order * 2


def test_one_who_earns_while_away_catches_up_and_one_who_does_not_is_level() -> None:
    for earning, expected in [(True, 10), (False, 0)]:
        rotation = Rotation({agent(0): 1, agent(1): 1}, {})
        rotation.admit(agent(1))
        rotation.withdraw(agent(0), earning=earning)
        for _ in range(20):
            rotation.take(rotation.next() or agent(0))
        assert rotation.counters(agent(0)) == Counters(expected * PARTS, 0)
        rotation.admit(agent(0))
        got = 0
        for _ in range(20):
            turn = rotation.next()
            assert turn is not None
            got += turn == agent(0)
            rotation.take(turn)
        assert got == 10 + expected


@deterministic
@given(st.integers(-(10**15), 10**15), st.lists(st.integers(1, 1_000), min_size=1, max_size=50))
def test_a_split_sums_exactly_and_a_debt_is_split_as_a_credit(parts: int, of: list[int]) -> None:
    assert sum(split(parts, of)) == parts
    assert split(-parts, of) == [-part for part in split(parts, of)]
    assert all(abs(part * sum(of) - parts * weight) < sum(of) for part, weight in zip(split(parts, of), of, strict=True))
