"""shared/contracts/topics.py, the drawing of the flow, against what the services really subscribe to and emit."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from services.commands.installation import SERVICES
from shared.auth import Tokens
from shared.contracts.events import PUBLISHED
from shared.contracts.topics import LEADS_RECEIVED, LEADS_ROUTED, LEADS_SCORED, LEADS_TRACKED, PASSED_ON, TAKES, TOPIC_OF, TOPICS
from shared.runtime import Platform
from shared.settings import PlatformSettings

ROOT = Path(__file__).parents[2]
NAMES = {event.__name__ for event in PUBLISHED}
NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/nowhere"  # a service is put together without connecting


def constructed(source: str) -> set[str]:
    """The events that a module makes: `LeadScored(…)`, but not `case LeadScored():`."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name) and call.func.id in NAMES}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_subscribes_to_what_is_drawn(name: str, tokens: Tokens) -> None:
    kind = SERVICES[name]
    service = kind.build(Platform(PlatformSettings(), tokens), kind.settings(dsn=NOWHERE))
    table = service.app.state.subscriptions.table
    assert Counter((on.topic.name, on.event) for on in table) == Counter((topic.name, event) for topic, event in TAKES[name])
    assert service.database.topic == TOPIC_OF[name].name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_emits_what_is_drawn(name: str) -> None:
    sources = [path.read_text() for path in (ROOT / "services" / name).rglob("*.py")]
    passed_on = set(PASSED_ON) & {event for _, event in TAKES[name]}  # as they came, not made anew
    assert set(chain.from_iterable(map(constructed, sources))) == {e.__name__ for e in set(TOPIC_OF[name].events) - passed_on}
    assert any(".emit(" in source for source in sources)


def test_the_scan_sees_calls_and_not_patterns() -> None:
    assert constructed("match e:\n    case LeadScored(): x = LeadQueued(a=1)") == {"LeadQueued"}


def test_each_event_has_one_topic_and_each_service_one() -> None:
    """But for what is passed on down the chain."""
    made = Counter(chain.from_iterable(topic.events for topic in TOPICS))
    assert made == Counter(PUBLISHED) + Counter([*PASSED_ON, *PASSED_ON])
    assert Counter(topic.owner for topic in TOPICS) == Counter(SERVICES.keys())
    assert set(TAKES) == set(SERVICES)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_what_is_taken_is_published_there_by_another() -> None:
    for name, taken in TAKES.items():
        for topic, event in taken:
            assert event in topic.events
            assert topic.owner != name


def test_what_is_passed_on_goes_down_the_chain_and_all_copies_to_the_tracker() -> None:
    way = [LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED]
    for event in PASSED_ON:
        takers = {name: [topic for topic, taken in takes if taken is event] for name, takes in TAKES.items()}
        assert takers == {"intake": [], "scoring": [LEADS_RECEIVED], "router": [LEADS_SCORED], "tracker": way}
        assert [topic for topic in TOPICS if event in topic.events] == way


def test_the_flow_runs_one_way_but_for_the_feedback() -> None:
    order = list(SERVICES)
    backwards = {
        (topic.name, name) for name, taken in TAKES.items() for topic, _ in taken if order.index(topic.owner) > order.index(name)
    }
    assert backwards == {(LEADS_TRACKED.name, "scoring"), (LEADS_TRACKED.name, "router")}
