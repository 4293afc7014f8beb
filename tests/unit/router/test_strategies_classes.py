"""Requirement classes: each fair in itself, all of them together fair, and cheap however many there are."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.rotation import PARTS
from services.router.domain.strategies import Seat, Turns, Way
from services.router.domain.strategies import classes as classes_module
from services.router.domain.strategies.requirement_class import Changes, MemberSets

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


def turns_of(of: list[int], kind: str = "rotation") -> Turns:
    turns = Turns("pool", Way(kind), [Seat(agent(rank), weight) for rank, weight in enumerate(of)])
    for one in turns.members:
        turns.admit(one)
    return turns


def give_next(turns: Turns, among: frozenset[UUID] | None) -> UUID:
    winner = turns.peek(NOW, among=among)
    assert isinstance(winner, UUID)
    turns.take(winner, of=turns.name(among))
    return winner


@deterministic
@given(st.lists(st.integers(1, 50), min_size=2, max_size=10), st.data())
def test_a_class_is_within_a_turn_of_its_weights(of: list[int], data: st.DataObject) -> None:
    turns = turns_of(of)
    among = frozenset(agent(rank) for rank in data.draw(st.sets(st.integers(0, len(of) - 1), min_size=1)))
    total = sum(of[one.int - 1] for one in among)
    got: Counter[UUID] = Counter()
    for given_out in range(1, 60):
        got[give_next(turns, among)] += 1
        assert all(abs(got[one] * total - given_out * of[one.int - 1]) <= total for one in among)


@deterministic
@given(st.lists(st.integers(1, 9), min_size=3, max_size=6), st.lists(st.sets(st.integers(0, 5), min_size=1), max_size=60))
def test_counters_are_sums_over_classes(of: list[int], leads: list[set[int]]) -> None:
    turns, entitled, received = turns_of(of), Counter(), Counter()
    for lead in leads:
        among = frozenset(agent(rank % len(of)) for rank in lead)
        for one in among:
            entitled[one] += turns.share(one, among=among)
        received[give_next(turns, among)] += 1
    for one in turns.members:
        assert (turns.counters(one).entitled, turns.counters(one).received) == (entitled[one], received[one])
    assert sum(turns.counters(one).difference for one in turns.members) == 0


def test_classes_used_once_do_not_all_go_to_the_first_or_the_heaviest() -> None:
    turns = turns_of([2, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    for members in list(combinations(turns.members, 3)) + list(combinations(turns.members, 2)):
        give_next(turns, frozenset(members))
    differences = [turns.counters(one).difference for one in turns.members]
    assert max(map(abs, differences)) < 3 * PARTS  # after 165 turns in as many classes


def test_a_class_knows_what_changed_since_it_was_used_last() -> None:
    turns, pair = turns_of([1, 1, 1]), frozenset([agent(0), agent(1)])
    first = give_next(turns, pair)
    other = next(one for one in pair if one != first)
    for _ in range(2_000):  # more changes than are remembered
        turns.withdraw(agent(2))
        turns.admit(agent(2))
    turns.withdraw(other)
    assert (turns.peek(NOW, among=pair), turns.eligible_count(pair)) == (first, 1)
    turns.withdraw(first)
    assert (turns.peek(NOW, among=pair), turns.eligible_count(pair)) == (None, 0)
    turns.admit(other)
    assert turns.peek(NOW, among=pair) == other


def test_what_is_held_counts_in_every_class() -> None:
    turns, pair = turns_of([1, 1, 1], "least_open"), frozenset([agent(0), agent(1)])
    give_next(turns, pair)
    turns.changed(agent(0), open=3, capacity=None)
    assert turns.peek(NOW, among=pair) == agent(1)
    turns.changed(agent(1), open=4, capacity=None)
    assert turns.peek(NOW, among=pair) == agent(0)


def test_everyone_by_name_is_the_class_of_everyone() -> None:
    turns = turns_of([1, 1])
    assert turns.name(frozenset(turns.members)) == turns.name(None) == 0


def test_too_many_classes_drop_the_one_unused_for_longest_and_no_counter() -> None:
    turns = turns_of([1] * 12)
    sets = [frozenset(members) for members in combinations(turns.members, 3)]  # 220
    sets += [frozenset(members) for members in combinations(turns.members, 4)][:60]
    for members in sets:
        give_next(turns, members)
    assert len(turns.snapshot()["classes"]) == classes_module._MOST
    assert turns.name(sets[0]) != 1  # dropped: its members again, not its number
    assert turns.name(sets[-1]) == len(sets)
    assert sum(turns.counters(one).received for one in turns.members) == len(sets)
    assert sum(turns.counters(one).difference for one in turns.members) == 0
    winner = next(one for one in sets[0] if turns.counters(one).received)
    before = turns.counters(winner).received
    turns.give_back(winner, of=1)
    assert turns.counters(winner).received == before - 1


@deterministic
@given(st.integers(1, 40), st.data())
def test_sets_of_members_are_read_back_from_text(count: int, data: st.DataObject) -> None:
    members = [agent(rank) for rank in range(count)]
    chosen = data.draw(st.frozensets(st.sampled_from(members)))
    sets = MemberSets(members)
    assert sets.from_text(sets.to_text(chosen)) == chosen


@deterministic
@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 6), st.sampled_from([False, False, False, True])), max_size=60))
def test_a_reader_of_changes_misses_none(keep: int, happens: list[tuple[int, bool]]) -> None:
    changes, read, missed = Changes(keep), 0, set()
    members = frozenset(range(5))
    for rank, reads in happens:
        changes.add(rank)
        missed |= {rank} & members
        if reads:
            told = list(changes.since(read, members))
            assert missed <= set(told) <= members
            assert len(told) == len(set(told))
            read, missed = changes.number, set()
