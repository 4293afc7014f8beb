"""The proof of an erasure: put together from copies in any order, and what it promises of the topics."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any
from uuid import UUID

from services.tracker.domain import SERVICES, Confirmation, Erasure, clean_at, joined
from tests.unit.tracker.stories import START

LEAD, CONTACT = UUID(int=1), UUID(int=2)
WEEK, DAY = timedelta(days=7), timedelta(days=1)


def told(service: str, sequence: int, minutes: int = 0, *, own: dict[str, int] | None = None, **changes: Any) -> Erasure:
    at = START + timedelta(minutes=minutes)
    received = {
        service: Confirmation(sequence, at, at, {"leads": sequence}),
        "tracker": Confirmation(0, at, at, own or {}),
    }
    return Erasure(**{**vars(Erasure(LEAD, CONTACT, "request", "grace", START, received)), **changes})


def test_in_whatever_order_copies_come() -> None:
    again = {"erased_at": START + DAY, "reason": "retention", "by": "handoff"}
    copies = [
        told("intake", 3),
        told("scoring", 2, 1, own={"leads": 1, "timeline": 4}),
        told("router", 5, 2, own={"dead_letters": 2, "timeline": 1}),
        told("intake", 9, 3, **again),
        told("intake", 3),
    ]
    results = [reduce(joined, order, None) for order in permutations(copies)]
    for result in results:
        assert result is not None
        assert result.complete
        assert (result.erased_at, result.reason, result.by) == (START, "request", "grace")
        assert {name: said.sequence for name, said in result.received.items() if name != "tracker"} == {
            "intake": 3,
            "scoring": 2,
            "router": 5,
        }
        assert result.received["tracker"].removed == {"leads": 1, "timeline": 5, "dead_letters": 2}


def test_it_is_complete_once_every_service_confirmed() -> None:
    known: Erasure | None = None
    for n, service in enumerate(SERVICES[:-1]):
        assert known is None or not known.complete
        known = joined(known, told(service, n + 1))
    assert known is not None
    assert known.complete


def test_a_topic_is_clean_when_what_lay_before_the_last_copy_has_been_dropped() -> None:
    first, second = told("scoring", 2, 10), told("scoring", 2, 30, lead_id=UUID(int=3))
    assert clean_at([first, second], "scoring", kept=WEEK) == START + timedelta(minutes=30) + WEEK + DAY
    assert clean_at([first, second], "router", kept=WEEK) is None
    assert clean_at([first, told("intake", 1)], "scoring", kept=WEEK) is None, "one of the leads is not confirmed"


def test_a_copy_that_was_long_on_its_way_counts_from_when_it_came() -> None:
    late = Confirmation(2, START, START + DAY, {})
    erasure = Erasure(LEAD, CONTACT, "request", "grace", START, {"scoring": late})
    assert clean_at([erasure], "scoring", kept=WEEK) == START + DAY + WEEK + DAY
