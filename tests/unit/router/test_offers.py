"""Offers: shown to several, given to the first, decided another way when nobody wants it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, Availability, Gate, Pause, Settings
from services.router.domain.availability import availability
from services.router.domain.offers import Answer, Offer, Ruling, claim, decline, expire, offer, refusal, without
from tests.unit.router.worlds import deterministic

T = datetime(2026, 6, 1, 9, tzinfo=UTC)
ANNA, BEN, CARA, DAVE = (UUID(int=number) for number in range(1, 5))
FREE = availability(Agent(Settings(name="Anna")), T)
PAUSED = availability(Agent(Settings(name="Anna"), pause=Pause(None, "lunch")), T)


@dataclass(frozen=True)
class Way:
    to: int | None = None
    seconds: int | None = None
    fallback: str | None = None


def offered(*agents: UUID, seconds: int = 60) -> Offer:
    found = offer(agents, Way(seconds=seconds), T)
    assert found
    return found


def asked(
    one: Offer | None, agent: UUID, *, owner: UUID | None = None, at: timedelta = timedelta(), gate: Availability = FREE
) -> Ruling:
    return claim(one, agent, owner=owner, availability=gate, now=T + at)


def test_it_is_offered_to_all_who_can_receive_or_to_the_first_few() -> None:
    everybody = offer([ANNA, BEN, CARA], Way(), T)
    few = offer([ANNA, BEN, CARA], Way(to=2, seconds=30, fallback="fewest"), T)
    assert everybody
    assert (everybody.agents, everybody.until, everybody.fallback) == ((ANNA, BEN, CARA), T + timedelta(seconds=120), "rotation")
    assert few
    assert (few.agents, few.until, few.fallback) == ((ANNA, BEN), T + timedelta(seconds=30), "fewest")


def test_nothing_is_offered_where_nobody_can_receive() -> None:
    assert offer([], Way(), T) is None


def test_the_first_wins_and_the_others_learn_why_not() -> None:
    one = offered(ANNA, BEN)
    assert asked(one, ANNA).granted
    assert asked(None, BEN, owner=ANNA).answer is Answer.TAKEN
    assert asked(None, ANNA, owner=ANNA).answer is Answer.YOURS


@pytest.mark.parametrize(
    ("one", "agent", "owner", "gate", "answer"),
    [
        (offered(ANNA), BEN, None, FREE, Answer.NOT_OFFERED),
        (decline(offered(ANNA, BEN), BEN), BEN, None, FREE, Answer.DECLINED),
        (None, ANNA, None, FREE, Answer.OVER),
        (offered(ANNA), ANNA, None, PAUSED, Answer.CANNOT_RECEIVE),
        (offered(ANNA), ANNA, BEN, FREE, Answer.TAKEN),
    ],
)
def test_a_claim_that_is_refused_says_why(
    one: Offer | None, agent: UUID, owner: UUID | None, gate: Availability, answer: Answer
) -> None:
    ruling = asked(one, agent, owner=owner, gate=gate)
    assert ruling.answer is answer
    assert not ruling.granted
    assert ruling.text.endswith(".")


def test_a_claim_passes_the_same_gates_as_an_assignment() -> None:
    assert PAUSED.gate is Gate.PAUSED
    assert asked(offered(ANNA), ANNA, gate=PAUSED).text == "The agent is paused (lunch)."


def test_a_claim_after_the_offer_s_time_counts_as_long_as_the_lead_has_not_moved_on() -> None:
    one = offered(ANNA)
    assert asked(one, ANNA, at=timedelta(seconds=59)) == Ruling(Answer.GRANTED, "The lead was free to be claimed.")
    late = asked(one, ANNA, at=timedelta(days=1))
    assert (late.granted, late.late) == (True, True)
    assert asked(None, ANNA, owner=BEN, at=timedelta(days=1)).answer is Answer.TAKEN


def test_it_stands_until_its_time_is_up_and_then_another_way_decides() -> None:
    one = offered(ANNA)
    assert expire(one, one.until - timedelta(microseconds=1)) == one
    assert expire(one, one.until) is None


def test_when_everybody_has_declined_another_way_decides_at_once() -> None:
    one = decline(offered(ANNA, BEN), ANNA)
    assert (one.open_to, one.is_hopeless, expire(one, T)) == ((BEN,), False, one)
    one = decline(one, BEN)
    assert (one.is_hopeless, expire(one, T)) == (True, None)


def test_a_refusal_of_one_who_was_not_asked_changes_nothing() -> None:
    one = offered(ANNA)
    assert decline(one, BEN) == one
    assert decline(decline(one, ANNA), ANNA) == decline(one, ANNA)


def test_who_left_is_not_waited_for() -> None:
    one = without(decline(offered(ANNA, BEN, CARA), BEN), ANNA)
    assert one.open_to == (CARA,)
    assert without(one, CARA).is_hopeless


def test_what_ran_out_while_nothing_ran_stands_once_more() -> None:
    one, back = offered(ANNA), T + timedelta(hours=3)
    extended = expire(one, back, outage=timedelta(hours=2))
    assert extended
    assert (extended.until, extended.offered_at) == (back + timedelta(seconds=60), T)
    assert expire(extended, extended.until) is None


def test_an_offer_survives_being_written_as_json() -> None:
    one = decline(offered(CARA, ANNA, BEN), BEN)
    assert Offer.from_document(json.loads(json.dumps(one.to_document()))) == one


@deterministic
@given(
    st.lists(st.sampled_from([ANNA, BEN, CARA]), unique=True, min_size=1),
    st.lists(st.tuples(st.sampled_from(["claim", "decline", "tick"]), st.sampled_from([ANNA, BEN, CARA, DAVE])), max_size=12),
)
def test_whatever_happens_a_lead_has_at_most_one_owner_and_only_one_who_was_asked(
    agents: list[UUID], events: list[tuple[str, UUID]]
) -> None:
    one: Offer | None = offered(*agents)
    owner: UUID | None = None
    grants, declined, now = 0, set[UUID](), T
    for event, agent in events:
        now += timedelta(seconds=7)
        if event == "decline" and one:
            one = decline(one, agent)
            declined.add(agent)
        elif event == "tick" and one:
            one = expire(one, now)
        elif event == "claim":
            ruling = claim(one, agent, owner=owner, availability=FREE, now=now)
            assert ruling.granted == (one is not None and agent in set(agents) - declined)
            if ruling.granted:
                grants, owner, one = grants + 1, agent, None
        if one and set(agents) <= declined:
            assert one.is_hopeless
    assert grants <= 1
    assert owner is None or owner in agents


def test_an_offer_is_refused_by_whom_it_was_made_to_and_while_it_stands() -> None:
    one = offered(ANNA, BEN)
    assert refusal(one, ANNA, owner=None).answer is Answer.DECLINED
    assert refusal(decline(one, ANNA), ANNA, owner=None).answer is Answer.DECLINED, "twice is as once"
    assert refusal(one, CARA, owner=None).answer is Answer.NOT_OFFERED
    assert refusal(None, ANNA, owner=None).answer is Answer.OVER
    assert refusal(None, ANNA, owner=BEN).answer is Answer.TAKEN
    assert refusal(None, ANNA, owner=ANNA).answer is Answer.YOURS
