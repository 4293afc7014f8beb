"""A lead's stages, who owns it, how far it has got, how long things took, and how its timeline reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracker.domain import (
    CLOSED,
    SENTENCES,
    Entry,
    Lead,
    LeadClosed,
    Routing,
    Stage,
    Until,
    advance,
    in_order,
    is_young,
    reached,
    seconds_between,
    span,
    summary,
)
from shared.contracts.events import PUBLISHED, Evidence, FirstResponded, LeadMerged, LeadQueued, StageChanged
from tests.unit.tracker.stories import START, Story, ids

AGENT = ids.uuid7()
moments = st.integers(-(10**9), 10**9).map(lambda seconds: START + timedelta(seconds=seconds))
NUMBERS = dict.fromkeys(("sequence", "received_seq", "scored_seq", "routed_seq", "owner_seq", "contact_seq", "merged_seq"), 0)
NEW = Lead(
    **{**dict.fromkeys(Lead.__dataclass_fields__), **NUMBERS, "lead_id": ids.uuid7(), "routing": "pending", "stage": "new"}
)


@pytest.mark.parametrize("current", sorted(set(Stage) - CLOSED))
@pytest.mark.parametrize("wanted", sorted(set(Stage) - {Stage.NEW}))
def test_from_any_open_stage_to_any_other(current: Stage, wanted: Stage) -> None:
    assert advance(current, wanted) is (current != wanted)


@pytest.mark.parametrize("current", sorted(CLOSED))
def test_a_closed_stage_is_final_and_may_be_said_again(current: Stage) -> None:
    assert advance(current, current) is False
    for wanted in set(Stage) - {current}:
        with pytest.raises(LeadClosed, match=current):
            advance(current, wanted)


@pytest.mark.parametrize(
    ("routing", "reason", "owned"),
    [
        (Routing.PENDING, None, False),
        (Routing.QUEUED, None, False),
        (Routing.ASSIGNED, None, True),
        (Routing.ENDED, "closed", True),
        (Routing.ENDED, "returned", False),
        (Routing.ENDED, "expired", False),
        (Routing.REJECTED, None, False),
    ],
)
def test_a_lead_is_its_agents_while_assigned_and_when_closed_by_them(routing: Routing, reason: str | None, owned: bool) -> None:
    lead = replace(NEW, routing=routing, ended_reason=reason, agent_id=AGENT)
    assert lead.owner == (AGENT if owned else None)


def test_how_far_a_lead_has_got() -> None:
    stub = replace(NEW, scored_seq=1, routed_seq=1, routing=Routing.ASSIGNED)
    assert not any(reached(stub, until) for until in Until), "its receipt has not come"
    queued = replace(NEW, received_seq=1, scored_seq=1, routed_seq=1, routing=Routing.QUEUED)
    assert {until for until in Until if reached(queued, until)} == {Until.VISIBLE, Until.SCORED, Until.ROUTED, Until.QUEUED}
    assigned = replace(queued, routed_seq=2, routing=Routing.ASSIGNED)
    assert reached(assigned, Until.ASSIGNED)
    merged = replace(NEW, received_seq=1, merged_into=ids.uuid7())
    assert all(reached(merged, until) for until in Until), "it gets no further"
    assert not reached(assigned, Until.QUEUED)


@given(moments, moments)
def test_a_duration_is_never_negative(begin: datetime, end: datetime) -> None:
    seconds = seconds_between(begin, end)
    assert seconds == max(0.0, (end - begin).total_seconds())
    assert seconds_between(begin, None) is None
    assert seconds_between(None, end) is None


@pytest.mark.parametrize(("age", "young"), [(0, True), (59, True), (61, False), (-30, True), (-61, False)])
def test_only_a_young_lead_may_be_on_its_way(age: int, young: bool) -> None:
    assert is_young(START - timedelta(seconds=age), START) is young
    assert is_young(None, START) is False


def entry(service: str, sequence: int, at: datetime) -> Entry:
    return Entry(NEW.lead_id, service, sequence, ids.uuid7(), "LeadScored", at, {}, "", "")


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["intake", "scoring", "router", "tracker", "later"]),
        st.integers(1, 9),
        st.integers(0, 3).map(lambda n: START + timedelta(seconds=n)),
    ),
    unique_by=lambda e: e[:2],
)


@given(ENTRIES, st.randoms())
def test_the_order_shown_does_not_depend_on_arrival(told: list[tuple[str, int, datetime]], random: object) -> None:
    entries = [entry(*one) for one in told]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(shuffled) == in_order(entries)
    assert [e.at for e in in_order(shuffled)] == sorted(e.at for e in entries)


def test_one_moment_is_ordered_by_the_way_a_lead_takes() -> None:
    way = [entry(service, n, START) for service in ("intake", "scoring", "router", "tracker") for n in (1, 2)]
    assert in_order(reversed(way)) == way


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "0.0123 s"),
        (45, "45 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (349_300, "4 d 1 h"),
    ],
)
def test_a_span_reads_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_every_event_has_a_sentence() -> None:
    into = ids.uuid7()
    story = Story().received().scored().queued().assigned(AGENT).ended("returned").rejected()
    story.touched().touched("recognised").active("page_view").unmerged(into).erased()
    story.offered(AGENT).offered(AGENT, into).assigned(AGENT, how="claimed").accepted(seconds=41.2).warned().warned("remind")
    story.breached().breached("manager").breached("manager", instead="next_agent").breached(clock="renewal")
    story.ended("declined", by="grace", why="no room before summer").ended("expired", why="Nobody accepted in time.")
    told = [message.data for message in story.messages]
    evidence = [Evidence("email", "equal", 9.5), Evidence("name", "similar", 2.0)]
    told.append(LeadMerged(lead_id=story.lead_id, into=into, contact_id=AGENT, merged_at=START, by="grace", evidence=evidence))
    won = {"changed_at": START, "by": "grace", "value": 1200.0, "currency": "EUR"}
    told += [
        StageChanged(lead_id=story.lead_id, stage="won", previous="qualified", **won),
        StageChanged(lead_id=story.lead_id, stage="lost", previous="new", changed_at=START, by="grace", reason="no budget"),
        FirstResponded(lead_id=story.lead_id, responded_at=START, by="grace", seconds=200),
        LeadQueued(
            lead_id=story.lead_id,
            pool="inbound",
            why="Nobody works now.",
            policy_version=1,
            queued_at=START,
            waits_until=START + timedelta(hours=23),
        ),
    ]
    kept = [(type(event).__name__, msgspec.to_builtins(event)) for event in told]
    assert list(dict.fromkeys(summary(*one) for one in kept)) == [
        "Received from website.",
        "Scored 40, grade B: sales-qualified (asks for pro +40).",
        "Waits in the queue of inbound: Nobody in inbound has room.",
        "Assigned to Grace in inbound: Grace is next in turn.",
        "The assignment ended: returned.",
        "Not routed (not-routed): The policy does not route spam.",
        "Came again, from fair.",
        "Recognised as a person whom we know already.",
        "Page view, from website.",
        f"The merge into lead {into} was undone by grace.",
        "Erased (request) by grace.",
        "Offered to 1 agent in inbound for 5 min: First to claim: both have room.",
        "Offered to 2 agents in inbound for 5 min: First to claim: both have room.",
        "Claimed by Grace in inbound: Grace is next in turn.",
        "Accepted by grace, 41 s after assignment.",
        "Warning: 50 % of the time of the promise call soon is up; it breaks in 5 min.",
        "Reminder: 50 % of the time of the promise call soon is up; it breaks in 5 min.",
        "The promise call soon is broken: no first response in time.",
        "A manager was told that the promise call soon is broken, no first response in time.",
        "A manager was told that the promise call soon is broken, no first response in time, since the lead has moved as often as it may.",
        "The promise call soon is broken: not kept in time.",
        "The assignment ended: declined by grace: no room before summer.",
        "The assignment ended: expired: Nobody accepted in time.",
        f"Merged into lead {into} by grace (email equal, name similar).",
        "From qualified to won, worth 1200 EUR, said grace.",
        "From new to lost, said grace: no budget.",
        "First response by grace, 3 min 20 s after receipt.",
        "Waits in the queue of inbound, for 23 h by the calendars: Nobody works now.",
    ]
    assert set(SENTENCES) == {kind.__name__ for kind in PUBLISHED}
    assert summary("LeadCalled", {}) == "LeadCalled."
