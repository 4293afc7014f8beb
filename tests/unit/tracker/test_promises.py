"""What became of a lead's offers and promises, in whatever order the router's events come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.tracker.domain import Entry, accepted, breaches, first_offered
from tests.unit.tracker.stories import START, Story, ids

GRACE, ALAN = ids.uuid7(), ids.uuid7()
STEPS = st.lists(st.sampled_from(["offered", "assigned", "accepted", "breach", "manager", "warned"]), max_size=9)


def entries_of(story: Story) -> list[Entry]:
    """As the tracker reads them back: the event is JSON."""
    return [
        Entry(m.lead_id, "router", m.sequence, m.id, type(m.data).__name__, m.time, msgspec.to_builtins(m.data), "", "")
        for m in story.messages
    ]


def a_story(steps: Sequence[str]) -> Story:
    story = Story().assigned(GRACE)
    for n, step in enumerate(steps):
        match step:
            case "assigned":
                story.assigned([ALAN, GRACE][n % 2])
            case "offered":
                story.offered(GRACE, ALAN)
            case "accepted":
                story.accepted(seconds=n)
            case "warned":
                story.warned()
            case _:
                story.breached(step, sla=f"promise {n}")
    return story


@given(STEPS, st.randoms())
def test_no_order_of_arrival_makes_a_difference(steps: list[str], random: Any) -> None:
    entries = entries_of(a_story(steps))
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert first_offered(shuffled) == first_offered(entries)
    assert breaches(shuffled) == breaches(entries)
    for entry in entries:
        if entry.type == "LeadAssigned":
            assert accepted(shuffled, entry.data["assignment_id"]) == accepted(entries, entry.data["assignment_id"])
    assert [one.sla for one in breaches(shuffled)] == [f"promise {n}" for n, step in enumerate(steps) if step == "breach"]


def test_an_acceptance_is_of_its_assignment() -> None:
    story = Story().assigned(GRACE).accepted("grace", seconds=4).assigned(ALAN).accepted("alan", seconds=-0.5).assigned(GRACE)
    first, second, third = (m.data.assignment_id for m in story.messages if type(m.data).__name__ == "LeadAssigned")  # type: ignore[attr-defined]
    entries = entries_of(story)
    assert accepted(entries, first) == (START + timedelta(seconds=1), "grace", 4)
    assert accepted(entries, second) == (START + timedelta(seconds=3), "alan", 0.0), "clocks that disagree"
    assert accepted(entries, third) is None
    assert accepted(entries, None) is None


def test_the_first_offer_counts_and_what_was_not_promised_is_not_broken() -> None:
    assert (first_offered([]), breaches([])) == (None, [])
    story = Story().offered(GRACE).queued().offered(ALAN)
    assert first_offered(entries_of(story)) == START


def test_a_breach_names_who_had_the_lead() -> None:
    story = Story().breached(clock="accept").assigned(GRACE).breached("manager", manager_id=ALAN).breached()
    assert [(one.clock, one.agent_id) for one in breaches(entries_of(story))] == [("accept", None), ("first_response", GRACE)]
