"""What a scorecard says of a lead: reasons that add up exactly, caps after decay, the same in whatever order things came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain import normalise
from services.scoring.domain.scorecard import DEFAULT, Occurrence, Reason, Score, from_document, lint, load, relaxed, score
from shared.contracts.vocabulary import FACTS
from tests.unit.scoring.cards import NOW, VOCABULARY, behaving, card, changed, documents, facts, happened, occurrences, small

DAY = timedelta(days=1)
examples = settings(max_examples=80, deadline=None)


def told(found: Score) -> list[tuple[str, int]]:
    return [(reason.name, reason.points) for reason in found.reasons]


# -- For any card and any lead -------------------------------------------------------------------------------------------------


@examples
@given(documents(), facts, occurrences)
def test_the_reasons_add_up_to_the_score_exactly(document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence]) -> None:
    assert [problem for problem in lint(document, VOCABULARY) if problem.severity == "error"] == []
    found = score(card(document), lead, did, NOW)
    assert found.fit == sum(reason.points for reason in found.reasons if reason.part == "fit")
    assert found.engagement == sum(reason.points for reason in found.reasons if reason.part == "engagement")
    assert found.points == found.fit + found.engagement == sum(reason.points for reason in found.reasons)
    assert all(type(reason.points) is int and reason.points and reason.text for reason in found.reasons)
    assert len({reason.name for reason in found.reasons if reason.part == "engagement"}) == len(
        [reason for reason in found.reasons if reason.part == "engagement"]
    )


@examples
@given(documents(), facts, occurrences, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter_and_a_replay_gives_the_same(
    document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence], random: Any
) -> None:
    shuffled = random.sample(did, len(did))
    once = score(card(document), lead, did, NOW)
    assert score(card(document), dict(reversed(lead.items())), shuffled, NOW) == once


@examples
@given(documents(), facts, occurrences)
def test_letter_number_and_thresholds_are_those_that_the_points_reach(
    document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence]
) -> None:
    found = score(card(document), lead, did, NOW)
    for label, points, steps in (("letter", found.fit, "letters"), ("number", found.engagement, "numbers")):
        reached = [one[label] for one in document[steps] if "min" not in one or points >= round(one["min"] * 100)]
        assert getattr(found, label) == reached[0]
    assert found.grade == f"{found.letter}{found.number}"
    assert found.thresholds == tuple(one["name"] for one in document["thresholds"] if found.points >= round(one["min"] * 100))


@examples
@given(documents(), facts, occurrences)
def test_no_group_is_beyond_its_bounds(document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence]) -> None:
    found = score(card(document), lead, did, NOW)
    for part, items in (("fit", "rules"), ("engagement", "behaviours")):
        groups = {one["name"]: one.get("group") for one in document[part][items]}
        for name, bounds in document[part]["groups"].items():
            total = sum(
                r.points for r in found.reasons if r.part == part and name in (groups.get(r.name), r.name.removeprefix("cap:"))
            )
            assert round(bounds["min"] * 100) <= total <= round(bounds["max"] * 100)


@examples
@given(documents(), facts, occurrences)
def test_relaxed_is_the_same_score_with_the_hysteresis_added(
    document: dict[str, Any], lead: dict[str, Any], did: list[Occurrence]
) -> None:
    found = score(card(document), lead, did, NOW)
    eased = relaxed(card(document), found)
    more = round(document["hysteresis"] * 100)
    assert (eased.points, eased.fit, eased.engagement) == (found.points + more, found.fit + more, found.engagement + more)
    assert set(eased.thresholds) >= set(found.thresholds)
    assert eased.letter <= found.letter
    assert eased.number <= found.number


# -- Rules and behaviours ------------------------------------------------------------------------------------------------------


def test_fit_and_engagement_are_apart() -> None:
    found = score(card(), {"country": "DE", "has_phone": True}, [happened("call", ago=30 * DAY)], NOW)
    assert told(found) == [("german", 4_000), ("phone", 2_000), ("calls", 600)]
    assert (found.fit, found.engagement, found.points, found.grade, found.thresholds) == (6_000, 600, 6_600, "A2", ("hot",))


def test_nothing_saturates() -> None:
    many = small(fit={"rules": [{"name": f"r{n}", "points": 900, "reason": "is a lead"} for n in range(30)]})
    assert score(card(many), {}, [], NOW).fit == 30 * 90_000
    fewer = small(fit={"rules": [{"name": "r", "points": -900, "reason": "is a lead"}]})
    assert score(card(fewer), {}, [], NOW).points == -90_000


def test_a_fact_that_is_missing_or_of_another_kind_matches_nothing() -> None:
    asks = [{"name": f"r{n}", "when": when, "points": 1, "reason": "r"} for n, when in enumerate(["budget >= 10", "budget < 10"])]
    compiled = card(small(fit={"rules": asks}))
    for lead in ({}, {"budget": None}, {"budget": "plenty"}, {"budget": float("nan")}, {"budget": True}, {"budget": [12]}):
        assert score(compiled, lead, [], NOW).reasons == ()


def test_a_behaviour_gives_one_reason_for_all_its_occurrences_and_says_how_many() -> None:
    found = score(card(), {}, [happened(id=1), happened(id=2, ago=30 * DAY)], NOW)
    assert found.reasons == (Reason("calls", "engagement", "talked with us (2 times)", 1_800, 2),)
    assert score(card(), {}, [happened()], NOW).reasons[0].text == "talked with us"


def test_only_the_newest_occurrences_count() -> None:
    compiled = behaving({"points": 1, "times": 2, "half_life_days": 1})
    found = score(compiled, {}, [happened(ago=n * DAY, id=n) for n in (3, 0, 1)], NOW)
    assert found.reasons == (Reason("b0", "engagement", "does 0 (2 times)", 150, 2),)


def test_a_behaviour_asks_what_is_known_of_what_happened() -> None:
    compiled = behaving(
        {"on": ["page_view"], "when": "page.contains('pricing') && source == 'site'", "points": 5},
        {"on": ["video"], "when": "percent >= 50", "points": 3},
        {"on": ["video"], "when": "rating > 3", "points": 2},
        activity_facts={"rating": "number"},
    )
    did = [
        happened("page_view", id=1, source="site", page="/pricing"),
        happened("page_view", id=2, source="shop", page="/pricing"),
        happened("page_view", id=3, source="site", page=7),
        happened("video", id=4, percent=80, rating=5),
        happened("video", id=5, percent="most"),
    ]
    assert told(score(compiled, {}, did, NOW)) == [("b0", 500), ("b1", 300), ("b2", 200)]


def test_data_cannot_say_of_what_kind_or_from_where_an_activity_is() -> None:
    compiled = behaving({"on": ["page_view"], "when": "kind == 'call' || source == 'fair'", "points": 5})
    forged = Occurrence(UUID(int=1), "page_view", NOW, None, {"kind": "call", "source": "fair"})
    assert score(compiled, {}, [forged], NOW).reasons == ()


def test_an_activity_ahead_of_our_clock_counts_in_full() -> None:
    assert told(score(card(), {}, [happened(ago=-DAY)], NOW)) == [("calls", 1_200)]
    assert told(score(card(), {}, [happened(ago=-DAY), happened(ago=30 * DAY, id=1)], NOW)) == [("calls", 1_800)]


def test_a_group_is_capped_after_decay_with_a_reason_of_its_own() -> None:
    four = [happened("page_view", id=n, page="/pricing") for n in range(4)]
    found = score(card(), {}, four, NOW)
    assert told(found) == [("pages", 3_200), ("cap:reading", -1_200)]
    assert found.reasons[1].text == "at most 20 for reading"
    assert found.engagement == 2_000
    later = score(card(), {}, four, NOW + 10 * DAY)
    assert told(later) == [("pages", 1_600)]


def test_a_group_has_a_least_too() -> None:
    compiled = behaving({"points": -12.5, "group": "bad"}, groups={"bad": {"min": -20.5}})
    found = score(compiled, {}, [happened(id=n) for n in range(3)], NOW)
    assert told(found) == [("b0", -3_750), ("cap:bad", 1_700)]
    assert found.reasons[1].text == "at least -20.5 for bad"


@pytest.mark.parametrize(("times", "expected"), [(1, 0), (2, 1), (3, 2), (5, 2), (6, 3), (7, 4)])
def test_a_reason_is_rounded_once_half_to_even(times: int, expected: int) -> None:
    compiled = behaving({"points": 0.01, "half_life_days": 1})
    found = score(compiled, {}, [happened(id=n, ago=DAY) for n in range(times)], NOW)
    assert found.points == expected
    assert bool(found.reasons) == bool(expected)


def test_definitions_are_asked_by_name() -> None:
    document = small(define={"german": "country == 'DE'", "big": "german && budget > 5"})
    document = changed(document, "/fit/rules/0/when", "big")
    assert told(score(card(document), {"country": "DE", "budget": 6}, [], NOW)) == [("german", 4_000)]
    assert score(card(document), {"country": "DE"}, [], NOW).reasons == ()
    assert score(card(document), {"big": True}, [], NOW).reasons == (), "a lead cannot say itself that it is big"


# -- What cannot be read ---------------------------------------------------------------------------------------------------------


def test_a_stored_rule_that_no_longer_compiles_is_left_out_and_the_rest_scores() -> None:
    broken = changed(changed(small(), "/fit/rules/0/when", "no_such_fact > 1"), "/engagement/behaviours/0/when", "page.")
    compiled, problems = load(broken, VOCABULARY)
    assert [problem.path for problem in problems] == ["/fit/rules/0/when", "/engagement/behaviours/0/when"]
    found = score(compiled, {"country": "DE", "has_phone": True}, [happened(), happened("page_view", page="/pricing")], NOW)
    assert told(found) == [("phone", 2_000), ("calls", 1_200)]


WORDS = ["fit", "rules", "groups", "letters", "numbers", "engagement", "behaviours", "define", "facts", "name", "when", "points"]
WORDS += ["min", "on", "letter", "number", "reason", "x/y~z"]
values = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8))
anything = st.recursive(
    values,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)),
    max_leaves=25,
)


@examples
@given(anything, facts, occurrences)
def test_whatever_is_stored_as_a_card_still_scores(document: Any, lead: dict[str, Any], did: list[Occurrence]) -> None:
    compiled, _ = load(document, VOCABULARY)
    found = score(compiled, lead, did, NOW)
    assert found.points == sum(reason.points for reason in found.reasons)
    lint(document, VOCABULARY)


# -- The default scorecard -----------------------------------------------------------------------------------------------------


def score_of(*did: Occurrence, **fields: Any) -> Score:
    """A lead by the default scorecard, its facts made as intake makes them."""
    lead = normalise(fields, {}, source="website", defaults={}, fact_keys=())
    return score(from_document(DEFAULT, FACTS), lead.facts, did, NOW)


def test_the_default_scorecard_has_no_problem() -> None:
    assert lint(DEFAULT, FACTS) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada@gmail.com"},
        {"email": "ada@example.com"},
        {"phone": "+14155552671"},
        {"email": "no address", "phone": "+14155552671"},
        {"email": "ada@gmail.com", "country": "US", "product": "pro", "company_size": 3, "budget": 0},
    ],
)
def test_whoever_can_be_reached_has_twenty_points(fields: dict[str, Any]) -> None:
    assert score_of(**fields).fit >= 2_000


def test_a_lead_with_a_company_and_a_budget_is_an_a() -> None:
    found = score_of(email="ada@example.com", phone="+14155552671", product="pro", budget="20,000")
    assert (found.fit, found.grade, found.thresholds) == (8_000, "A4", ("warm", "hot"))


def test_a_form_alone_is_no_engagement_yet_and_a_second_one_is() -> None:
    form = happened("submission", id=1)
    assert score_of(form, email="ada@gmail.com").grade == "C4"
    assert score_of(form, happened("submission", id=2), email="ada@gmail.com").grade == "C3"


def test_every_rule_and_behaviour_of_the_default_scorecard_can_match() -> None:
    lead = {
        "has_email": True,
        "has_phone": True,
        "product": "pro",
        "budget": 60_000,
        "company_size": 80,
        "timeframe": "asap",
        "medium": "partner",
    }
    leads = [{**lead, "email_kind": kind, "job_title": title} for kind, title in (("company", "CEO"), ("invalid", "Student"))]
    kinds = {kind for one in DEFAULT["engagement"]["behaviours"] for kind in one["on"]}
    did = [happened(kind, id=n, path="/pricing") for n, kind in enumerate(sorted(kinds))]
    compiled = from_document(DEFAULT, FACTS)
    seen = {reason.name for one in leads for reason in score(compiled, one, did, NOW).reasons}
    assert seen >= {rule.name for rule in (*compiled.fit, *compiled.behaviours)}
