"""What touches add to a lead, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.tracker.domain import completed, fill, times_active, times_touched
from tests.unit.tracker.stories import START
from tests.unit.tracker.test_lead_life import NEW, entry

values = st.none() | st.sampled_from(["", "a", "b"]) | st.integers(0, 1) | st.booleans()
blocks = st.dictionaries(st.sampled_from(["contact", "extra", "facts"]), st.dictionaries(st.sampled_from("xyz"), values))


@given(st.lists(blocks, max_size=5), st.randoms())
def test_the_earliest_touch_with_a_value_counts_in_whatever_order_they_come(said: list[dict[str, Any]], random: Any) -> None:
    numbered = list(enumerate(said, 2))
    shuffled = [*numbered, *random.sample(numbered, k=len(numbered) // 2)]
    random.shuffle(shuffled)
    filled: Any = None
    for sequence, one in shuffled:
        filled = fill(filled, sequence, one)
    expected: dict[str, dict[str, Any]] = {}
    for sequence, one in numbered:
        for block, fields in one.items():
            for name, value in fields.items():
                if value is not None and value != "":
                    expected.setdefault(block, {}).setdefault(name, (sequence, value))
    assert (filled or {}) == expected


def test_a_touch_fills_what_was_missing_and_changes_nothing() -> None:
    filled = fill(None, 3, {"contact": {"email": "other@example.com", "phone": "+12025550101", "name": ""}, "facts": {"n": 0}})
    assert completed({"email": "ada@example.com", "phone": None}, filled["contact"]) == {
        "email": "ada@example.com",
        "phone": "+12025550101",
    }
    assert completed({"n": False}, filled["facts"]) == {"n": False}
    assert completed(None, filled["facts"]) == {"n": 0}
    assert completed(None, None) is None


def test_a_lead_shows_its_contact_completed_and_the_contact_that_holds() -> None:
    said = {"name": "Ada Example", "extra": {"colour": "blue"}}
    filled = fill(
        None, 2, {"contact": {"phone": "+12025550101"}, "extra": {"colour": "red", "size": 3}, "facts": {"country": "US"}}
    )
    lead = replace(NEW, contact=said, facts={"contact_id": "old", "source": "website"}, filled=filled)
    assert lead.known_contact == {"name": "Ada Example", "phone": "+12025550101", "extra": {"colour": "blue", "size": 3}}
    assert lead.known_facts == {"contact_id": "old", "source": "website", "country": "US"}
    recognised = replace(lead, contact_id=UUID(int=7))
    assert recognised.known_facts == {**(lead.known_facts or {}), "contact_id": str(UUID(int=7))}
    assert (NEW.known_contact, NEW.known_facts) == (None, None)


def test_a_lead_without_touches_is_shown_as_it_came() -> None:
    for contact in ({}, {"email": "ada@example.com"}, {"extra": {"a": 1}}):
        assert replace(NEW, contact=contact).known_contact == contact


def test_times_come_from_the_timeline() -> None:
    entries = [
        entry("intake", n, START.replace(hour=9 + hour))._replace(type=type_, data={"kind": kind})
        for n, (hour, type_, kind) in enumerate(
            [(5, "LeadTouched", "submission"), (2, "LeadTouched", "submission"), (7, "LeadTouched", "recognised")], 1
        )
    ]
    entries.append(entry("intake", 9, START)._replace(type="ActivityRecorded", data={"kind": "reply"}))
    assert [at.hour for at in times_touched(entries)] == [11, 14]
    assert times_active(entries) == [START]
