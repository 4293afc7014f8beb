"""Scenarios: what is wrong in one is said with its place, what does not come true is found, and equal input gives an equal result."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.router.domain import Settings
from services.router.domain.scenario import BUNDLE, Base, InvalidScenario, Person, Result, play, read
from services.router.domain.scenario.moments import NoMoment, read_duration, read_moment, shown
from services.router.domain.scenario.reading import patched
from shared.contracts.vocabulary import FACTS

BASE = Base(FACTS)
START = datetime(2026, 3, 27, 9, tzinfo=UTC)
GIVEN: dict[str, Any] = {
    "clock": "2026-03-27T09:00",
    "agents": {"Ann": {}, "Ben": {"caps": {"open": 2}}, "Eve": {"hours": {"mon": ["09:00-17:00"]}}},
    "pools": {
        "emea": {"members": [{"agent": "Ann"}, {"agent": "Ben"}], "sla": "fast"},
        "late": {"members": [{"agent": "Eve"}]},
        "open": {"members": [{"agent": "Ann"}, {"agent": "Ben"}], "strategy": {"kind": "claim"}},
    },
    "rules": [
        {"name": "late", "when": "product == 'late'", "pool": "late"},
        {"name": "open", "when": "product == 'open'", "pool": "open"},
    ],
    "default": "emea",
    "slas": {"fast": {"clock": "accept", "minutes": 10, "time": "wall"}},
}
WHEN: list[dict[str, Any]] = [
    {"leads": [{"name": "A"}, {"name": "B"}]},
    {"lead": {"name": "W", "product": "late"}},
    {"lead": {"name": "O", "product": "open"}},
    {"lead": {"name": "R", "qualification": "insufficient"}},
    {"at": "+1m", "accept": "A"},
]
# Each expectation as it is, and as it is not.
EXPECTED: dict[str, tuple[Any, Any]] = {
    "owners": ({"A": ["Ann", "Ben"], "W": None}, {"W": "Ann"}),
    "status": ({"A": "assigned", "O": "offered"}, {"O": "queued"}),
    "counts": ({"Ann": 1, "Ben": {"min": 1, "max": 1, "open": 1}}, {"Ann": {"min": 2}}),
    "waits": (["W"], ["A"]),
    "queue": ({"late": ["W"], "emea": []}, {"late": []}),
    "offered_to": ({"O": ["Ben", "Ann"], "A": []}, {"O": "Ann"}),
    "rejected": ({"R": "insufficient are not routed", "A": False}, {"R": "for another reason"}),
    "deadlines": (
        {"A": {"fast": {"due": "09:10", "status": "met"}, "slow": None}, "B": {"fast": "+10m"}},
        {"A": {"fast": {"due": "09:11"}}},
    ),
    "happened": (["A assigned", {"what": "accepted", "lead": "A", "at": "+1m"}], ["A accepted", "A assigned"]),
    "never": ([{"what": "breached"}], [{"what": "accepted", "lead": "A"}]),
    "why_not": (
        [
            {"lead": "W", "agent": "Eve", "verdict": "stopped", "gate": "off_hours"},
            {"lead": "W", "agent": "Ann", "verdict": "not_a_member"},
        ],
        [{"lead": "A", "agent": "Eve", "verdict": "not_in_turn"}],
    ),
    "availability": (
        [
            {"agent": "Eve", "available": False, "until": "mon 09:00"},
            {"agent": "Eve", "at": "mon 10:00", "available": True, "gate": None},
        ],
        [{"agent": "Eve", "available": True}],
    ),
    "statement": (
        [
            {
                "agent": "Ann",
                "pool": "emea",
                "entitled": 1,
                "received": 1,
                "difference": {"min": -0.1, "max": 0.1},
                "text": "is level",
            }
        ],
        [{"agent": "Ann", "pool": "emea", "received": 2}],
    ),
    "decisions": (
        {
            "W": {"rule": "late", "pool": "late", "outcome": "queued", "stopped": {"off_hours": 1}, "eligible": 0},
            "A": {"number": 1, "rule": None},
        },
        {"W": {"rule": "open"}},
    ),
}


def a_scenario(**parts: Any) -> dict[str, Any]:
    return {"name": "a scenario", "given": copy.deepcopy(GIVEN), "when": copy.deepcopy(WHEN), **parts}


def played(document: Any, base: Base = BASE) -> Result:
    [scenario] = read(document, FACTS)
    return play(scenario, base)


def refused(document: Any) -> dict[str, str]:
    """Why it cannot be read or played, by place."""
    try:
        result = played(document)
    except InvalidScenario as error:
        return {one.path: one.message for one in error.problems}
    return {one.path: one.message for one in result.problems}


# -- Expectations ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", EXPECTED)
def test_what_is_so_passes(what: str) -> None:
    result = played(a_scenario(then={what: EXPECTED[what][0]}))
    assert result.passed, (result.problems, result.failures)
    assert result.checks


@pytest.mark.parametrize("what", EXPECTED)
def test_what_is_not_so_is_found_with_its_place(what: str) -> None:
    result = played(a_scenario(then={what: EXPECTED[what][1]}))
    assert not result.passed
    assert result.failures
    assert all(one.path.startswith(f"/then/{what}") and one.expected != one.found for one in result.failures)


def test_every_expectation_that_the_schema_knows_is_tried_here() -> None:
    assert EXPECTED.keys() == BUNDLE["$defs"]["then"]["properties"].keys()


def test_a_refusal_that_nobody_expected_fails_and_an_expected_one_that_did_not_come_does() -> None:
    assert not played(a_scenario(when=[*WHEN, {"accept": "W"}])).passed
    assert played(a_scenario(when=[*WHEN, {"accept": "W", "refused": "has no owner"}])).passed
    assert not played(a_scenario(when=[*WHEN, {"accept": "W", "refused": "something else"}])).passed
    assert not played(a_scenario(when=[*WHEN, {"accept": "B", "refused": True}])).passed


def test_what_is_expected_in_between_is_asked_then() -> None:
    steps = [{"lead": {"name": "A"}}, {"expect": {"status": {"A": "assigned"}}}, {"close": "A"}]
    assert played(a_scenario(when=steps, then={"status": {"A": "closed"}})).passed
    wrong = [steps[0], {"expect": {"status": {"A": "closed"}}}, steps[2]]
    [failure] = played(a_scenario(when=wrong)).failures
    assert (failure.path, failure.expected, failure.found) == ("/when/1/expect/status/A", "closed", "assigned")


# -- Reading ---------------------------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a field": ({"then": {"owner": {}}}, "/then/owner", "is no field here; did you mean `owners`?"),
    "a step": ({"when": [{"acept": "A"}]}, "/when/0/acept", "is no field here; did you mean `accept`?"),
    "a fact": (
        {"when": [{"lead": {"name": "A", "countri": "DE"}}]},
        "/when/0/lead/countri",
        "is no fact that a rule may ask; did you mean `country`?",
    ),
    "a moment": ({"when": [{"at": "soon", "lead": {}}]}, "/when/0/at", "must be a moment such as"),
    "a time that goes back": (
        {"when": [{"at": "+2m", "lead": {}}, {"at": "+1m", "lead": {}}]},
        "/when/1/at",
        "is before the step above; say `clock: back` where the clock itself goes back",
    ),
    "a duration": ({"when": [{"wait": "long"}]}, "/when/0/wait", "must be a duration such as 5m, 1h 30m or 2d"),
    "a lead": ({"then": {"owners": {"Z": "Ann"}}}, "/then/owners/Z", "there is no lead Z by then"),
    "an agent": ({"then": {"owners": {"A": "Anne"}}}, "/then/owners/A", "there is no agent Anne; did you mean `Ann`?"),
    "a lead twice": (
        {"when": [{"lead": {"name": "A"}}, {"lead": {"name": "A"}}]},
        "/when/1/lead",
        "there is a lead A already; say `score` where it is scored again",
    ),
    "an agent's setting": (
        {"given": {**GIVEN, "agents": {"Ann": {"zone": "Mars"}, "Ben": {}, "Eve": {}}}},
        "/given/agents/Ann/zone",
        "Mars is no IANA time zone, such as Europe/Paris",
    ),
    "a member": (
        {"given": {**GIVEN, "agents": ["Ann", "Eve"]}},
        "/given/pools/emea/members/1/agent",
        "there is no agent Ben",
    ),
    "a rule": (
        {"given": {**GIVEN, "rules": [{"name": "x", "when": "countri == 'DE'", "pool": "emea"}]}},
        "/given/rules/0/when",
        "there is no fact `countri`; did you mean `country`?",
    ),
    "a zone": ({"given": {**GIVEN, "zone": "Mars"}}, "/given/zone", "Mars is no IANA time zone"),
    "an earlier assignment": (
        {"given": {**GIVEN, "earlier": [{"agent": "Ann", "at": "+1h"}]}},
        "/given/earlier/0/at",
        "must not be after the start",
    ),
    "who is in no pool": (
        {"given": {**GIVEN, "agents": {**GIVEN["agents"], "Zoe": {}}, "earlier": [{"agent": "Zoe"}]}},
        "/given/earlier/0/pool",
        "Zoe is in no pool",
    ),
    "a policy twice": ({"given": {**GIVEN, "policy": {}}}, "/given/pools", "is a part of a policy"),
    "no policy": ({"given": {}}, "/given", "names no policy"),
    "too many leads": (
        {"when": [{"leads": {"count": 9999}}] * 3},
        "/when/2/leads",
        "are more than",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_with_its_place(fault: str) -> None:
    parts, path, message = FAULTS[fault]
    found = refused(a_scenario(**parts))
    assert path in found, found
    assert found[path].startswith(message)


def test_a_name_is_needed_and_the_place_is_within_the_document() -> None:
    assert refused([{"name": "x", "given": GIVEN}, {}]) == {"/1/name": "is missing"}
    assert refused({"given": GIVEN, "scenarios": [{"name": "x", "then": {"owners": 3}}]}) == {
        "/scenarios/0/then/owners": "must be an object"
    }


def test_what_is_given_to_all_is_laid_under_what_is_given_to_one() -> None:
    bundle = {
        "given": GIVEN,
        "scenarios": [
            {"name": "as it is", "when": [{"leads": {"count": 2}}], "then": {"counts": {"Ann": 1, "Ben": 1}}},
            {
                "name": "ben away",
                "given": {"agents": {"Ben": {"active": False}}},
                "when": [{"leads": {"count": 2}}],
                "then": {"counts": {"Ann": 2}},
            },
            {
                "name": "another policy",
                "given": {"policy": {"pools": {"x": {"members": [{"agent": "Eve"}]}}, "default": "x"}},
                "when": [{"lead": {"name": "A"}}],
                "then": {"waits": {"A": "x"}},
            },
        ],
    }
    assert [play(one, BASE).passed for one in read(bundle, FACTS)] == [True, True, True]


def test_a_patch_takes_out_what_is_null_and_replaces_what_says_its_kind() -> None:
    before = {"a": {"b": 1, "c": 2}, "strategy": {"kind": "claim", "seconds": 60}}
    assert patched(before, {"a": {"b": None, "d": 3}}) == {"a": {"c": 2, "d": 3}, "strategy": before["strategy"]}
    assert patched(before, {"strategy": {"kind": "fewest"}})["strategy"] == {"kind": "fewest"}


# -- What is tested --------------------------------------------------------------------------------------------------------------

TESTED = {"pools": {"all": {"members": [{"agent": "Ann"}, {"agent": "Ben"}]}}, "default": "all"}


def test_without_a_policy_of_its_own_it_plays_the_one_that_is_tested() -> None:
    document = {"name": "x", "when": [{"leads": {"count": 4}}], "then": {"counts": {"Ann": 2, "Ben": 2}}}
    assert played(document, Base(FACTS, TESTED)).passed
    assert refused(document) == {"/given": "names no policy: give `policy` or `pools`, or say which policy is tested"}


def test_its_agents_take_the_places_of_those_of_the_same_name() -> None:
    there_are = (Person(UUID(int=1), Settings(name="Ann")), Person(UUID(int=2), Settings(name="Ben")))
    policy = {"pools": {"all": {"members": [{"agent_id": str(UUID(int=1))}, {"agent": "Ben"}]}}, "default": "all"}
    document = {
        "name": "x",
        "given": {"agents": {"Ann": {"caps": {"day": 1}}}},
        "when": [{"leads": {"count": 4}}],
        "then": {"counts": {"Ann": 1, "Ben": 3}},
    }
    assert played(document, Base(FACTS, policy, there_are)).passed
    assert not played({**document, "given": {}}, Base(FACTS, policy, there_are)).passed


# -- Moments ---------------------------------------------------------------------------------------------------------------------

MOMENTS = {
    "+5m": START + timedelta(minutes=5),
    "+2d 3h": START + timedelta(days=2, hours=3),
    "-1h30m": START - timedelta(minutes=90),
    "09:00": datetime(2026, 3, 28, 8, tzinfo=UTC),  # in Berlin it is ten already
    "10:00": START,
    "sun 03:00": datetime(2026, 3, 29, 1, tzinfo=UTC),  # the hour before was skipped
    "2026-10-25T02:30": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the first of two
    "2026-10-25T02:30+01:00": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    "2026-12-24": datetime(2026, 12, 23, 23, tzinfo=UTC),
    "2026-03-27 10:00:30": START + timedelta(seconds=30),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_read(text: str) -> None:
    assert read_moment(text, zone="Europe/Berlin", start=START, before=START) == MOMENTS[text]


@pytest.mark.parametrize("text", ["", "5m", "+", "25:00", "2026-02-30", "2026-03-27T09", "noon", "+1y", "9999-12-31T24:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(NoMoment):
        read_moment(text, zone="Europe/Berlin", start=START, before=START)


def test_durations_add_up_and_moments_are_shown_in_the_zone() -> None:
    assert read_duration("1w 1d 1h 1m 1s") == timedelta(days=8, hours=1, minutes=1, seconds=1)
    assert read_duration("1.5h") == timedelta(minutes=90)
    assert shown(START, "Europe/Berlin") == "Fri 2026-03-27 10:00"


# -- Playing ---------------------------------------------------------------------------------------------------------------------


def test_equal_input_gives_an_equal_result_and_the_account_tells_all() -> None:
    document = a_scenario(then={"owners": {"W": None}})
    result = played(document)
    assert result == played(copy.deepcopy(document))
    assert result.account[0].startswith("Fri 2026-03-27 09:00  A assigned to ")
    assert "Fri 2026-03-27 09:01  > accept A" in result.account


def test_leads_that_come_one_after_the_other_come_between_other_steps() -> None:
    steps = [
        {"leads": {"count": 4, "every": "10m", "name": "n"}},
        {"at": "+15m", "agent": {"name": "Ann", "active": False}},
        {"expect": {"counts": {"Ann": 1, "Ben": 1}}},
    ]
    result = played(a_scenario(when=steps, then={"counts": {"Ann": 1, "Ben": 2}, "waits": ["n 4"]}))
    assert result.passed, result.failures


def test_the_schema_is_data_that_json_can_carry() -> None:
    assert json.loads(json.dumps(BUNDLE)) == BUNDLE
