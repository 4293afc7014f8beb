"""The rotation: Tijdeman's bound, exact sums, and the two heaps against the rule as it is written."""

from __future__ import annotations

from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import PARTS, Counters, Rotation, shares

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
weights = st.lists(st.integers(1, 1_000), min_size=1, max_size=12)


@st.composite
def lopsided(draw: st.DrawFn) -> list[int]:
    """Pools in which one member in ten is heavy: those in which smooth weighted round robin breaks the bound."""
    count = draw(st.integers(2, 30))
    return [draw(st.integers(200, 1_000)) if index % 10 == 0 else draw(st.integers(1, 20)) for index in range(count)]


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


def rotation_of(of: list[int]) -> Rotation:
    """A pool in which everyone is eligible."""
    rotation = Rotation({agent(rank): weight for rank, weight in enumerate(of)}, {})
    for rank in range(len(of)):
        rotation.admit(agent(rank))
    return rotation


def take_next(rotation: Rotation) -> UUID:
    winner = rotation.next()
    assert winner is not None
    rotation.take(winner)
    return winner


def next_by_the_book(rotation: Rotation, of: dict[UUID, int]) -> UUID:
    """Tijdeman's rule as the paper has it, in fractions, looking at every eligible member."""
    eligible = rotation.eligible
    count = len(eligible)
    split = dict(zip(eligible, shares([of[one] for one in eligible]), strict=True))
    if count == 1:
        return eligible[0]
    s = {one: Fraction(rotation.counters(one).difference + split[one], PARTS) for one in eligible}
    edge = Fraction(1, 2 * count - 2)
    candidates = [one for one in eligible if s[one] >= edge] or list(eligible)
    return min(candidates, key=lambda one: ((1 - edge - s[one]) / split[one], one))


@deterministic
@given(st.one_of(weights, lopsided()))
def test_with_constant_weights_nobody_is_a_turn_off_after_any_turn(of: list[int]) -> None:
    rotation, count = rotation_of(of), len(of)
    for _ in range(min(2 * sum(of), 300)):
        take_next(rotation)
        worst = max(abs(rotation.counters(agent(rank)).difference) for rank in range(count))
        assert worst <= PARTS
        assert (2 * count - 2) * worst <= (2 * count - 3) * PARTS or count == 1


@deterministic
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_after_a_full_cycle_everyone_has_received_their_weight(of: list[int]) -> None:
    rotation = rotation_of(of)
    for _ in range(sum(of)):
        take_next(rotation)
    assert [rotation.counters(agent(rank)).received for rank in range(len(of))] == of


@deterministic
@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=200))
def test_shares_of_a_turn_sum_to_it_exactly_and_follow_the_weights(of: list[int]) -> None:
    split = shares(of)
    assert sum(split) == PARTS
    assert all(0 <= share - PARTS * weight // sum(of) <= 1 for share, weight in zip(split, of, strict=True))


@deterministic
@given(weights, st.lists(st.tuples(st.sampled_from(["take", "give", "toggle"]), st.integers(0, 11)), max_size=60))
def test_every_turn_is_the_one_of_the_rule_as_written(of: list[int], steps: list[tuple[str, int]]) -> None:
    rotation, by_id = rotation_of(of), {agent(rank): weight for rank, weight in enumerate(of)}
    for verb, number in steps:
        one, eligible = agent(number % len(of)), rotation.eligible
        before = {other: rotation.counters(other) for other in rotation.members}
        if verb == "toggle":
            (rotation.withdraw if one in eligible else rotation.admit)(one)
            assert {other: rotation.counters(other) for other in rotation.members} == before
        elif verb == "give" or not eligible:
            rotation.take(one)
        else:
            assert rotation.next() == next_by_the_book(rotation, by_id)
            one = take_next(rotation)
        if verb != "toggle":
            assert_one_turn(rotation, before, one)


def assert_one_turn(rotation: Rotation, before: dict[UUID, Counters], winner: UUID) -> None:
    after = {one: rotation.counters(one) for one in rotation.members}
    accrued = {one: after[one].entitled - before[one].entitled for one in after}
    assert sum(accrued.values()) == (PARTS if rotation.eligible else 0)
    assert all(accrued[one] == rotation.share(one) for one in after)
    assert {one: after[one].received - before[one].received for one in after} == {one: int(one == winner) for one in after}


@deterministic
@given(weights, st.integers(0, 40), st.integers(1, 40))
def test_a_rotation_goes_on_from_its_counters(of: list[int], first: int, then: int) -> None:
    rotation = rotation_of(of)
    for _ in range(first):
        take_next(rotation)
    by_id = {agent(rank): weight for rank, weight in enumerate(of)}
    resumed = Rotation(by_id, {one: rotation.counters(one) for one in by_id})
    for one in by_id:
        resumed.admit(one)
    assert [take_next(resumed) for _ in range(then)] == [take_next(rotation) for _ in range(then)]


def test_equal_members_take_turns_by_id() -> None:
    rotation = rotation_of([1, 1, 1])
    assert [take_next(rotation).int for _ in range(6)] == [1, 2, 3, 1, 2, 3]


def test_nobody_eligible_is_nobody_next() -> None:
    rotation = rotation_of([5])
    rotation.withdraw(agent(0))
    assert rotation.next() is None
    assert rotation.share(agent(0)) == 0


def test_who_sits_out_accrues_nothing() -> None:
    rotation = rotation_of([1, 1, 1])
    rotation.withdraw(agent(1))
    for _ in range(10):
        take_next(rotation)
    assert rotation.counters(agent(1)) == Counters(0, 0)


@pytest.mark.parametrize("difference", [-(3 * PARTS), 3 * PARTS])
def test_a_pool_far_from_balance_comes_back_to_it(difference: int) -> None:
    carried = {agent(0): Counters(difference + 10 * PARTS, 10)}
    rotation = Rotation({agent(0): 1, agent(1): 1}, carried)
    for rank in range(2):
        rotation.admit(agent(rank))
    for _ in range(20):
        take_next(rotation)
    gap = rotation.counters(agent(0)).difference - rotation.counters(agent(1)).difference
    assert abs(gap) <= PARTS
