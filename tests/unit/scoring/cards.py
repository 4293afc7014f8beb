"""Scorecards, leads and what they did, invented and generated."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from services.scoring.domain.scorecard import Occurrence, Scorecard, from_document
from shared.rules import Kind, Vocabulary

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
VOCABULARY = Vocabulary(
    {"country": Kind.TEXT, "budget": Kind.NUMBER, "tags": Kind.TEXTS, "has_phone": Kind.TRUTH, "product": Kind.TEXT}
)
ASKS = (
    "budget >= 10",
    "budget > 2.5 && has_phone",
    "country in ['DE', 'AT']",
    "country != 'US'",
    "'fair' in tags || budget < 0",
    "!has_phone",
    "known(product)",
    "tags.exists(t, t.startsWith('f'))",
    "german && product != ''",
    "size(tags) > 1",
)
ASKS_OF_ACTIVITY = (
    "page.contains('pricing')",
    "kind == 'call'",
    "source != 'web'",
    "percent >= 50 || page == '/'",
    "known(campaign)",
)
KINDS = ("page_view", "call", "submission")
GROUPS = ("one", "two")
DEFINE = {"german": "country == 'DE'"}


def small(**changes: Any) -> dict[str, Any]:
    """A small sound card with some of its fields changed."""
    card: dict[str, Any] = {
        "name": "Small",
        "define": dict(DEFINE),
        "fit": {
            "groups": {"reach": {"max": 30}},
            "rules": [
                {"name": "german", "when": "german", "points": 40, "reason": "is in Germany"},
                {"name": "phone", "when": "has_phone", "points": 20, "group": "reach", "reason": "has a phone"},
            ],
        },
        "engagement": {
            "groups": {"reading": {"max": 20}},
            "behaviours": [
                {
                    "name": "pages",
                    "on": ["page_view"],
                    "when": "page.contains('pricing')",
                    "points": 8,
                    "half_life_days": 10,
                    "times": 5,
                    "group": "reading",
                    "reason": "reads",
                },
                {"name": "calls", "on": ["call"], "points": 12, "half_life_days": 30, "reason": "talked with us"},
            ],
        },
        "letters": [{"letter": "A", "min": 50}, {"letter": "B", "min": 20}, {"letter": "C"}],
        "numbers": [{"number": 1, "min": 20}, {"number": 2, "min": 5}, {"number": 3}],
        "thresholds": [{"name": "hot", "min": 60}],
        "hysteresis": 2,
    }
    return {**card, **changes}


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document with one place of it set to something else."""
    document = copy.deepcopy(document)
    *steps, last = path.strip("/").split("/")
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return document


def card(document: dict[str, Any] | None = None) -> Scorecard:
    return from_document(document or small(), VOCABULARY)


def behaving(*behaviours: dict[str, Any], **changes: Any) -> Scorecard:
    """A card of these behaviours alone."""
    named = [{"name": f"b{n}", "on": ["call"], "reason": f"does {n}", **one} for n, one in enumerate(behaviours)]
    groups = changes.pop("groups", {})
    return card(small(fit={}, engagement={"groups": groups, "behaviours": named}, **changes))


def happened(
    kind: str = "call", *, ago: timedelta = timedelta(), id: int = 0, source: str | None = None, **data: Any
) -> Occurrence:
    return Occurrence(UUID(int=id), kind, NOW - ago, source, data)


def points(least: int, most: int) -> st.SearchStrategy[float]:
    """Points with at most two decimals, from hundredths."""
    return st.integers(least, most).map(lambda hundredths: hundredths / 100)


@st.composite
def documents(draw: st.DrawFn, *, behaviours: int = 5, signs: tuple[int, ...] = (1, -1)) -> dict[str, Any]:
    """Cards that lint accepts."""

    def worth() -> float:
        return draw(st.sampled_from(signs)) * draw(points(1, 3_000))

    def maybe(field: str, values: st.SearchStrategy[Any]) -> dict[str, Any]:
        return {field: draw(values)} if draw(st.booleans()) else {}

    groups = st.fixed_dictionaries({"max": points(0, 4_000), "min": points(-4_000, 0)})
    mins = st.lists(st.integers(-4_000, 8_000), max_size=3, unique=True).map(lambda found: sorted(found, reverse=True))
    steps = {label: [*draw(mins), None] for label in ("letter", "number")}
    return {
        "define": DEFINE,
        "fit": {
            "groups": {name: draw(groups) for name in GROUPS},
            "rules": [
                {
                    "name": f"rule {n}",
                    **maybe("when", st.sampled_from(ASKS)),
                    "points": worth(),
                    **maybe("group", st.sampled_from(GROUPS)),
                    "reason": f"rule {n}",
                }
                for n in range(draw(st.integers(0, 6)))
            ],
        },
        "engagement": {
            "groups": {name: draw(groups) for name in GROUPS},
            "behaviours": [
                {
                    "name": f"behaviour {n}",
                    "on": draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True)),
                    **maybe("when", st.sampled_from(ASKS_OF_ACTIVITY)),
                    "points": worth(),
                    **maybe("half_life_days", st.sampled_from([0.05, 0.5, 3, 14, 60, 400])),
                    **maybe("times", st.integers(1, 4)),
                    **maybe("group", st.sampled_from(GROUPS)),
                    "reason": f"behaviour {n}",
                }
                for n in range(draw(st.integers(0, behaviours)))
            ],
        },
        "letters": [_step("letter", "ABCD"[n], least) for n, least in enumerate(steps["letter"])],
        "numbers": [_step("number", n + 1, least) for n, least in enumerate(steps["number"])],
        "thresholds": [{"name": f"t{n}", "min": least / 100} for n, least in enumerate(draw(mins))],
        "hysteresis": draw(points(0, 500)),
    }


def _step(field: str, label: object, least: int | None) -> dict[str, Any]:
    return {field: label} if least is None else {field: label, "min": least / 100}


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["DE", "US", "fair"])
)
junk = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=3), scalars, max_size=2))
facts = st.fixed_dictionaries(
    {},
    optional={
        "country": st.one_of(st.sampled_from(["DE", "AT", "US"]), junk),
        "budget": st.one_of(st.integers(-20, 20), st.floats(-20, 20), junk),
        "tags": st.one_of(st.lists(st.sampled_from(["fair", "web", "fish"]), max_size=3), junk),
        "has_phone": st.one_of(st.booleans(), junk),
        "product": st.one_of(st.sampled_from(["", "pro"]), junk),
        "german": junk,
        "other": junk,
    },
)
activity_data = st.fixed_dictionaries(
    {},
    optional={
        "page": st.one_of(st.sampled_from(["/", "/pricing"]), junk),
        "percent": st.one_of(st.integers(0, 100), junk),
        "campaign": junk,
        "kind": junk,
    },
)
ages = st.one_of(
    st.floats(-300, 90 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from([timedelta(), timedelta(days=1), timedelta(days=3_000)]),
)
occurrences = st.lists(
    st.builds(
        lambda id, kind, ago, source, data: Occurrence(UUID(int=id), kind, NOW - ago, source, data),
        st.integers(0, 2**128 - 1),
        st.sampled_from((*KINDS, "other")),
        ages,
        st.sampled_from([None, "web", "fair"]),
        activity_data,
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)
