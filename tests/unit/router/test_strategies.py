"""All strategies: nobody who is not admitted, the same answer for the same history, and what each of them promises."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.rotation import PARTS, Counters
from services.router.domain.strategies import STRATEGIES, Offer, Seat, Turns, Way

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
KINDS = sorted(STRATEGIES)
WAYS = [
    *(Way(kind) for kind in KINDS),
    Way("claim", to=2, seconds=30, fallback="fewest"),
    Way("waterfall", within="least_open"),
    Way("claim", fallback="share"),
]
ways = st.sampled_from(WAYS)


def agent(rank: int) -> UUID:
    return UUID(int=rank + 1)


def seats(of: list[int], *, percent: list[int] | None = None, levels: list[int] | None = None) -> list[Seat]:
    return [
        Seat(agent(rank), weight, levels[rank] if levels else rank % 3 + 1, percent[rank] if percent else 1 + rank % 4)
        for rank, weight in enumerate(of)
    ]


def turns_of(way: Way, of: list[int], **more: Any) -> Turns:
    """A pool in which everyone may receive."""
    turns = Turns("pool", way, seats(of, **more))
    for one in turns.members:
        turns.admit(one)
    return turns


def named(answer: UUID | Offer | None) -> tuple[UUID, ...]:
    return answer.agents if isinstance(answer, Offer) else () if answer is None else (answer,)


def give_next(turns: Turns, **asked: Any) -> UUID:
    """Gives the next lead out; what is offered is claimed by nobody."""
    winner = turns.peek(NOW, offered=True, **asked)
    assert isinstance(winner, UUID)
    turns.take(winner, of=turns.name(asked.get("among")), without=asked.get("without", ()))
    return winner


VERBS = ["take", "take", "take", "claim", "admit", "withdraw", "earn", "open", "give_back", "adjust", "reweight"]
steps = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 30), st.sets(st.integers(0, 7), max_size=8)), max_size=50)
of_weights = st.lists(st.integers(1, 6), min_size=1, max_size=8)


class Play:
    """A history of one pool. `ledger` is what was given out, as the ledger would tell it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.admitted: set[UUID] = set()
        self.parts: dict[UUID, str] = {}
        self.open: Counter[UUID] = Counter()
        self.given: list[tuple[UUID, int]] = []

    def step(self, verb: str, number: int, chosen: set[int]) -> None:
        one = self.turns.members[number % len(self.turns.members)]
        among = frozenset(self.turns.members[rank % len(self.turns.members)] for rank in chosen) if chosen else None
        match verb:
            case "take" | "claim":
                self.give(verb, among, without={one} if number % 3 == 0 else set())
            case "admit":
                self.turns.admit(one)
                self.parts[one] = verb
            case "withdraw" | "earn":
                self.turns.withdraw(one, earning=verb == "earn")
                self.parts[one] = verb
            case "open":
                self.hold(one, number % 5)
            case "give_back" if self.given:
                winner, of = self.given.pop(number % len(self.given))
                self.turns.give_back(winner, of=of)
            case "adjust":
                self.turns.adjust(one, (number - 15) * PARTS // 7)
            case "reweight":
                self.turns.reweight(one, number % 9 + 1)

    def give(self, verb: str, among: frozenset[UUID] | None, without: set[UUID]) -> None:
        may = {one for one, part in self.parts.items() if part == "admit"} & (among or set(self.turns.members)) - without
        answer = self.turns.peek(NOW, among=among, without=without, offered=verb == "take")
        assert set(named(answer)) <= may
        assert answer == self.turns.peek(NOW, among=among, without=without, offered=verb == "take")
        if winners := named(answer):
            self.given.append((winners[-1], self.turns.take(winners[-1], of=self.turns.name(among), without=without)))
            self.hold(winners[-1], self.open[winners[-1]] + 1)

    def hold(self, one: UUID, open_work: int) -> None:
        self.open[one] = open_work
        self.turns.changed(one, open=open_work, capacity=None if one.int % 3 == 0 else 6)

    def restored(self) -> Turns:
        """The pool read back from its snapshot, with the same members admitted and holding the same work."""
        document = json.loads(json.dumps(self.turns.snapshot()))
        turns = Turns.restore("pool", self.turns.way, document)
        assert turns.snapshot() == document
        for one in turns.members:
            turns.changed(one, open=self.open[one], capacity=None if one.int % 3 == 0 else 6)
            if (part := self.parts.get(one)) == "admit":
                turns.admit(one)
            elif part == "earn":
                turns.withdraw(one, earning=True)
        return turns


def play_of(way: Way, of: list[int]) -> Play:
    play = Play(Turns("pool", way, seats(of)))
    for one in play.turns.members:
        play.step("admit", one.int - 1, set())
        play.hold(one, 0)
    return play


@deterministic
@given(ways, of_weights, steps)
def test_nobody_is_chosen_who_is_not_admitted_asked_for_or_shall_not(
    way: Way, of: list[int], history: list[tuple[str, int, set[int]]]
) -> None:
    play = play_of(way, of)
    for step in history:
        play.step(*step)
        assert set(play.turns.eligible) == {one for one, part in play.parts.items() if part == "admit"}
        answer = play.turns.peek(NOW)
        assert set(named(answer)) <= set(play.turns.eligible)
        assert (answer is None) == (play.turns.eligible_count() == 0)


@deterministic
@given(ways, of_weights, steps, st.integers(0, 50))
def test_a_snapshot_goes_on_as_the_pool_itself(
    way: Way, of: list[int], history: list[tuple[str, int, set[int]]], cut: int
) -> None:
    play = play_of(way, of)
    for step in history[:cut]:
        play.step(*step)
    again = Play(play.restored())
    again.parts, again.open, again.given = dict(play.parts), Counter(play.open), list(play.given)
    for step in history[cut:]:
        play.step(*step)
        again.step(*step)
        assert again.given == play.given
        assert again.turns.peek(NOW) == play.turns.peek(NOW)
    assert again.turns.snapshot() == play.turns.snapshot()


@deterministic
@given(ways, of_weights, steps)
def test_asking_changes_nothing(way: Way, of: list[int], history: list[tuple[str, int, set[int]]]) -> None:
    play, asked = play_of(way, of), play_of(way, of)
    for step in history:
        play.step(*step)
        asked.step(*step)
        among = frozenset(asked.turns.members[rank % len(of)] for rank in step[2])
        asked.turns.peek(NOW, among=among or None, without=set(asked.turns.members[:1]))
        asked.turns.eligible_count(among)
        asked.turns.share(asked.turns.members[0], among=among or None)
        assert asked.turns.snapshot() == play.turns.snapshot()
        assert asked.turns.peek(NOW) == play.turns.peek(NOW)


@deterministic
@given(ways, of_weights, steps, st.integers(0, 7), st.booleans())
def test_giving_back_restores_exactly(
    way: Way, of: list[int], history: list[tuple[str, int, set[int]]], rank: int, in_class: bool
) -> None:
    play = play_of(way, of)
    for step in history:
        play.step(*step)
    one = play.turns.members[rank % len(of)]
    among = frozenset([one, play.turns.members[0]]) if in_class else None
    play.turns.take(one, of=play.turns.name(among))  # so that the class is there
    before, answer = play.turns.snapshot(), play.turns.peek(NOW, among=among)
    number = play.turns.take(one, of=play.turns.name(among))
    play.turns.withdraw(one)  # at its cap
    if play.parts[one] == "admit":
        play.turns.admit(one)
    elif play.parts[one] == "earn":
        play.turns.withdraw(one, earning=True)
    play.turns.give_back(one, of=number)
    after = play.turns.snapshot()
    for held in (before, after, *before["classes"], *after["classes"]):
        held.pop("used")  # when a class was last used is no part of a turn
    trimmed = [member.pop("turns") for document in (before, after) for member in document["members"]]
    assert [turns[-1] for turns in trimmed[: len(of)]] == [turns[-1] for turns in trimmed[len(of) :]]
    assert after == before
    assert play.turns.peek(NOW, among=among) == answer


@pytest.mark.parametrize("kind", KINDS)
def test_thirty_leads_do_not_go_to_the_oldest(kind: str) -> None:
    turns = turns_of(Way(kind), [1] * 6, percent=[10] * 6, levels=[1] * 6)
    got = Counter(give_next(turns) for _ in range(30))  # each is closed before the next one comes: nobody holds anything
    assert set(got.values()) == {5}


def test_whoever_is_first_of_equals_depends_on_the_pool() -> None:
    firsts = {Turns(f"pool {number}", Way("fewest"), seats([1] * 6)) for number in range(60)}
    for turns in firsts:
        for one in turns.members:
            turns.admit(one)
    assert {turns.peek(NOW) for turns in firsts} == {agent(rank) for rank in range(6)}


@deterministic
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 200))
def test_percentages_add_up_within_a_turn(percent: list[int], count: int) -> None:
    turns, got = turns_of(Way("share"), [1] * len(percent), percent=percent), Counter()
    for given_out in range(1, count + 1):
        got[give_next(turns)] += 1
        for rank, part in enumerate(percent):
            assert abs(got[agent(rank)] - Fraction(given_out * part, sum(percent))) <= 1


def test_nought_per_cent_receives_nothing() -> None:
    turns = turns_of(Way("share"), [1, 1], percent=[0, 100])
    assert {give_next(turns) for _ in range(5)} == {agent(1)}
    turns.withdraw(agent(1))
    assert turns.peek(NOW) is None
    assert turns.eligible_count() == 0


@deterministic
@given(st.lists(st.sampled_from([1, 8, 17, 100]), min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=30))
def test_a_waterfall_never_passes_a_level_in_which_somebody_may(levels: list[int], toggles: list[int]) -> None:
    turns = turns_of(Way("waterfall"), [1] * len(levels), levels=levels)
    for toggle in toggles:
        one = agent(toggle % len(levels))
        (turns.withdraw if one in turns.eligible else turns.admit)(one)
        if turns.eligible:
            assert levels[give_next(turns).int - 1] == min(levels[free.int - 1] for free in turns.eligible)


@deterministic
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=40))
def test_least_open_goes_by_work_for_the_weight(of: list[int], closes: list[int]) -> None:
    turns, open_work = turns_of(Way("least_open"), of), Counter()
    for close in closes:
        winner = give_next(turns)
        load = {agent(rank): Fraction(open_work[agent(rank)], weight) for rank, weight in enumerate(of)}
        assert load[winner] == min(load.values())
        open_work[winner] += 1
        turns.changed(winner, open=open_work[winner], capacity=None)
        if open_work[one := agent(close % len(of))] and close % 2:
            open_work[one] -= 1
            turns.changed(one, open=open_work[one], capacity=None)


def test_least_open_gives_weight_two_twice_as_much() -> None:
    turns, open_work = turns_of(Way("least_open"), [2, 1]), Counter()
    for _ in range(30):
        winner = give_next(turns)
        open_work[winner] += 1
        turns.changed(winner, open=open_work[winner], capacity=None)
    assert open_work == {agent(0): 20, agent(1): 10}


@deterministic
@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 12)), min_size=1, max_size=8))
def test_most_spare_has_the_most_room(holds: list[tuple[int, int | None]]) -> None:
    turns = turns_of(Way("most_spare"), [1] * len(holds))
    for rank, (open_work, capacity) in enumerate(holds):
        turns.changed(agent(rank), open=open_work, capacity=capacity)
    room = [float("inf") if capacity is None else capacity - open_work for open_work, capacity in holds]
    assert room[give_next(turns).int - 1] == max(room)


@deterministic
@given(of_weights, st.integers(1, 60))
def test_fewest_goes_by_leads_received_for_the_weight(of: list[int], count: int) -> None:
    turns, got = turns_of(Way("fewest"), of), Counter()
    for _ in range(count):
        winner = give_next(turns)
        so_far = {agent(rank): Fraction(got[agent(rank)], weight) for rank, weight in enumerate(of)}
        assert so_far[winner] == min(so_far.values())
        got[winner] += 1
    total = sum(of)
    for rank, weight in enumerate(of):
        assert turns.counters(agent(rank)).received == got[agent(rank)]
        assert abs(turns.counters(agent(rank)).entitled - PARTS * count * weight // total) <= count


@pytest.mark.parametrize("kind", ["fewest", "rotation"])
def test_a_new_member_starts_level_and_not_at_nought(kind: str) -> None:
    old = turns_of(Way(kind), [1, 1])
    for _ in range(100):
        give_next(old)
    carried = {one: old.counters(one) for one in old.members}
    turns = Turns("pool", Way(kind), seats([1, 1, 1]), carried, document=old.snapshot())
    for one in turns.members:
        turns.admit(one)
    got = Counter(give_next(turns) for _ in range(30))
    assert set(got.values()) == {10}
    assert turns.counters(agent(2)).received == 10


def test_a_snapshot_of_old_carries_counters_alone() -> None:
    carried = {agent(0): Counters(50 * PARTS, 50), agent(1): Counters(50 * PARTS, 50)}
    turns = Turns("pool", Way("fewest"), seats([1, 1, 1]), carried)
    for one in turns.members:
        turns.admit(one)
    assert set(Counter(give_next(turns) for _ in range(30)).values()) == {10}


def test_a_claim_is_offered_to_those_who_waited_longest_and_then_decided_otherwise() -> None:
    turns = turns_of(Way("claim", to=2, seconds=90, fallback="least_open"), [1, 1, 1])
    first = turns.peek(NOW)
    assert isinstance(first, Offer)
    assert (len(first.agents), first.until, first.fallback) == (2, NOW + timedelta(seconds=90), "least_open")
    turns.take(first.agents[0])
    second = turns.peek(NOW)
    assert isinstance(second, Offer)
    assert first.agents[0] not in second.agents
    others = [one for one in turns.members if one != first.agents[0]]
    for one in others:
        turns.changed(one, open=1, capacity=None)
    assert turns.peek(NOW, offered=True) == first.agents[0]
    assert turns.peek(NOW, offered=True, without={first.agents[0]}) in others


def test_a_claim_is_offered_to_all_who_may_and_to_nobody_else() -> None:
    turns = turns_of(Way("claim"), [1, 1, 1])
    turns.withdraw(agent(1))
    offer = turns.peek(NOW)
    assert isinstance(offer, Offer)
    assert set(offer.agents) == {agent(0), agent(2)}
    for one in turns.members:
        turns.withdraw(one)
    assert turns.peek(NOW) is None


def test_a_kind_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no strategy roulette; there are claim, fewest"):
        Turns("pool", Way("roulette"), seats([1]))


def test_a_turn_of_one_who_is_no_member_changes_nothing() -> None:
    turns = turns_of(Way("rotation"), [1, 1])
    before = turns.snapshot()
    with pytest.raises(KeyError):
        turns.take(agent(7))
    with pytest.raises(KeyError):
        turns.take(agent(0), of=turns.name(frozenset([agent(1)])))
    with pytest.raises(KeyError):
        turns.take(agent(0), of=3)
    assert turns.snapshot() == before


@pytest.mark.parametrize("kind", ["rotation", "fewest", "least_open", "most_spare"])
def test_the_first_turns_of_many_pools_do_not_favour_the_oldest_member(kind: str) -> None:
    firsts: Counter[UUID] = Counter()
    for number in range(200):
        turns = Turns(f"pool {number}", Way(kind), [Seat(agent(rank), 1) for rank in range(4)])
        for one in turns.members:
            turns.admit(one)
        firsts[give_next(turns)] += 1
    assert len(firsts) == 4
    assert max(firsts.values()) < 80, "each is first in about fifty of two hundred"
