"""What a policy says of a lead that has an owner: its service levels and calendars, who keeps it, and when it moves on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.router.domain import Policy, from_document, lint, read_draft, to_document
from services.router.domain.policy import Hold, Sticky, Timetable, copy_holidays, with_holidays
from services.router.domain.sla import Calendars, Holding, start, status
from services.router.domain.strategies.sticky import Key, Owner, OwnerState, Verdict, stick
from tests.unit.router.documents import AGENTS, ANN, FACTS, a_document, a_rule

T = datetime(2026, 12, 24, 8, tzinfo=UTC)  # a Thursday
ACCEPT, ANSWER = {"clock": "accept", "minutes": 10}, {"clock": "first_response", "minutes": 60}
OFFICE = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def a_policy(*rules: dict[str, Any], **changes: Any) -> Policy:
    return from_document(1, a_document(*rules, **changes), facts=FACTS)


def with_south(**parts: Any) -> dict[str, Any]:
    return {"pools": {"south": {"members": [{"agent": "Cyd"}], **parts}}, "rules": []}


def errors(**changes: Any) -> list[tuple[str, str]]:
    problems = lint(read_draft(a_document(**changes), FACTS), AGENTS)
    return [(one.path, one.message) for one in problems if one.severity == "error" and "not supported yet" not in one.message]


# -- Service levels --------------------------------------------------------------------------------------------------------------


def test_a_lead_has_the_promises_of_its_rule_and_of_its_pool_each_once() -> None:
    rule = {"name": "r", "when": "has_email", "pool": "south", "sla": ["answer", "both"]}
    slas = {"accept": ACCEPT, "answer": ANSWER, "both": ACCEPT}
    policy = a_policy(slas=slas, **{**with_south(sla=["accept", "both"]), "rules": [rule]})
    assert [sla.name for sla in policy.promises("south", "r")] == ["answer", "both", "accept"]
    assert [sla.name for sla in policy.promises("south", None)] == ["accept", "both"]
    assert [sla.name for sla in policy.promises("gone", "r")] == ["answer", "both"]
    assert policy.promises("gone", "gone") == ()


def test_a_promise_counts_in_the_seconds_of_its_minutes() -> None:
    policy = a_policy(slas={"answer": {**ANSWER, "time": "wall", "grace_minutes": 2}}, **with_south(sla="answer"))
    (sla,) = policy.promises("south", None)
    (clock,) = start([sla], Holding(T, ANN.id, T), Calendars())
    assert status(clock, Calendars(), T).remaining == 3_600
    assert sla.grace == 120


@pytest.mark.parametrize(
    ("sla", "path", "message"),
    [
        ({"time": "suport"}, "/time", "there is no calendar suport; did you mean `support`?"),
        ({"warn": [50, 20], "ladder": [{"at": 99, "do": "next_agent"}]}, "/ladder/0/at", "moves only when its time is up"),
        ({"ladder": [{"at": 100, "do": "pool", "pool": "west"}]}, "/ladder/0/pool", "there is no pool west"),
        ({"warn": list(range(1, 11)), "ladder": [{"at": 100, "do": "remind"}] * 11}, "/ladder", "at most 20 steps"),
        ({"clock": "accept", "origin": "receipt"}, "/origin", "belongs to `first_response`"),
        ({"clock": "follow_up", "origin": "receipt"}, "/origin", "begins with an owner"),
    ],
)
def test_a_promise_that_cannot_be_kept_so_is_an_error_where_it_stands(sla: dict[str, Any], path: str, message: str) -> None:
    calendars = {"support": {"zone": "UTC"}}
    found = errors(slas={"s": {**ANSWER, **sla}}, calendars=calendars, **with_south(sla="s"))
    assert [one for one, _ in found] == [f"/slas/s{path}"]
    assert message in found[0][1]


def test_all_that_is_told_to_the_router_may_keep_a_promise() -> None:
    counts = ["accepted", "contacted", "stage", "qualified", "won", "lost", "disqualified"]
    policy = a_policy(slas={"s": {**ANSWER, "counts": counts}})
    assert all(policy.slas["s"].is_kept_by(frozenset({name})) for name in counts)


# -- Calendars -------------------------------------------------------------------------------------------------------------------

SUPPORT = {"zone": "Europe/Berlin", "hours": OFFICE, "holidays": ["DE-BY", "2026-12-24"]}


def test_a_service_level_goes_by_a_calendar_of_the_policy() -> None:
    policy = a_policy(slas={"s": {**ANSWER, "time": "support"}}, calendars={"support": SUPPORT}, **with_south(sla="s"))
    kept = with_holidays(policy, {"DE-BY": {"2026-12-25": "Christmas Day", "2026-12-26": "Second Day of Christmas"}})
    calendars = Calendars(named=kept.calendars)
    (clock,) = start(kept.promises("south", None), Holding(T, ANN.id, T), calendars)
    # The 24th is a date of its own, the 25th of Bavaria's; then a weekend.
    monday = datetime(2026, 12, 28, 8, tzinfo=UTC)
    assert status(clock, calendars, monday).remaining == 3_600
    assert status(clock, calendars, monday + timedelta(minutes=59)).remaining == 60


def test_the_dates_of_holidays_are_those_that_were_copied() -> None:
    policy = a_policy(calendars={"support": SUPPORT, "always": {"zone": "UTC"}})
    copied = copy_holidays(policy, policy, 2026)
    assert set(copied.holidays) == {"DE-BY"}
    assert copied.calendars["support"].days_off["2027-01-06"].endswith("DE-BY")  # Epiphany, in three of sixteen states
    assert "2027-10-31" not in copied.calendars["support"].days_off  # a holiday of others
    assert dict(policy.calendars["support"].days_off) == {"2026-12-24": "a day off"}
    kept = with_holidays(policy, {"DE-BY": {"2026-01-01": "a day that was copied"}})
    assert dict(kept.calendars["support"].days_off) == {"2026-01-01": "a day that was copied, DE-BY", "2026-12-24": "a day off"}
    assert kept.calendars["always"].settings.hours is None
    assert kept.calendars["support"].zone == "Europe/Berlin"


def test_a_calendar_of_holidays_that_is_no_more_keeps_the_dates_that_were_copied() -> None:
    draft = read_draft(a_document(calendars={"support": {"zone": "UTC", "holidays": ["ATLANTIS"]}}), FACTS)
    assert [one.path for one in draft.problems] == ["/calendars/support/holidays/0"]
    active = with_holidays(draft.policy, {"ATLANTIS": {"2026-02-03": "Founding Day"}, "gone": {"2026-02-04": "nobody's"}})
    again = copy_holidays(draft.policy, active, 2027)
    assert dict(again.calendars["support"].days_off) == {"2026-02-03": "Founding Day, ATLANTIS"}


def test_a_calendar_is_written_as_it_was_read() -> None:
    policy = a_policy(calendars={"support": SUPPORT, "plain": {"zone": "UTC"}})
    assert to_document(policy)["calendars"] == {"support": SUPPORT, "plain": {"zone": "UTC"}}
    assert policy.timetables["plain"] == Timetable("UTC")


@pytest.mark.parametrize(
    ("calendar", "path", "message"),
    [
        ({"zone": "Europe/Pariss"}, "/zone", "Europe/Pariss is no IANA time zone"),
        ({"zone": "UTC", "hours": {"mon": ["9-17"]}}, "/hours/mon/0", "must be a block such as 09:00-12:30"),
        ({"zone": "UTC", "holidays": ["XX"]}, "/holidays/0", "there is no calendar XX"),
        ({"zone": "UTC", "hours": {}}, "/hours", "would never fall due"),
        ({"zone": "UTC", "hours": {"mon": []}}, "/hours", "would never fall due"),
    ],
)
def test_a_wrong_calendar_is_named_with_its_place(calendar: dict[str, Any], path: str, message: str) -> None:
    found = errors(calendars={"support": calendar}, slas={"s": {**ANSWER, "time": "support"}})
    assert [one for one, _ in found] == [f"/calendars/support{path}"]
    assert message in found[0][1]


def test_a_calendar_has_a_name_of_its_own_and_is_used() -> None:
    calendars = {"wall": {"zone": "UTC"}, "unused": {"zone": "UTC"}}
    problems = lint(read_draft(a_document(calendars=calendars), FACTS), AGENTS)
    found = [(one.path, one.severity) for one in problems if "not supported yet" not in one.message]
    assert ("/calendars/wall", "error") in found
    assert ("/calendars/unused", "warning") in found


# -- Owners, re-routing ----------------------------------------------------------------------------------------------------------


def test_a_pool_says_how_it_keeps_owners_and_whether_that_is_a_turn() -> None:
    policy = a_policy(**with_south(sticky={"by": ["contact"], "days": 30, "absent": "wait", "counts": True}))
    kept = policy.stickiness("south")
    assert kept == Sticky(("contact",), 30, "wait", counts=True)
    owner = Owner(ANN.id, Key.CONTACT, T - timedelta(days=29), OwnerState.ABSENT)
    assert kept is not None
    assert stick(kept, [owner], came_at=T, now=T).verdict is Verdict.WAIT
    assert policy.pools["south"].sticky is not None
    assert policy.pools["south"].sticky.counts
    assert policy.stickiness("gone") is None
    assert a_policy().stickiness("south") is None


def test_a_lead_is_rerouted_by_the_first_rule_that_its_pool_has() -> None:
    reroute = [
        {"when": "changed_grade == 'up' && hot", "from": ["north"], "to": "south", "max_hops": 1},
        {"when": "changed_grade == 'up'", "to": "rules"},
    ]
    policy = a_policy(reroute=reroute, define={"hot": "points >= 50"})
    up = {"changed_grade": "up", "points": 60}
    first, second = policy.reroute
    assert policy.rerouted(up, "north") is first
    assert policy.rerouted(up, "south") is second
    assert policy.rerouted({**up, "points": 40}, "north") is second
    assert policy.rerouted({"changed_grade": "down"}, "north") is None
    assert (first.max_hops, second.max_hops) == (1, 3)


def test_a_rerouting_that_cannot_be_evaluated_moves_nothing() -> None:
    policy = a_policy(reroute=[{"when": "budget > 5 || !(budget > 5)", "to": "rules"}])
    assert policy.rerouted({"budget": "much"}, "north") is None
    assert policy.rerouted({}, "north") is None
    assert policy.rerouted({"budget": 1}, "north") is not None


# -- Pools -----------------------------------------------------------------------------------------------------------------------


def test_a_lead_ages_by_default_and_a_pool_may_say_that_it_does_not() -> None:
    assert a_policy().pools["south"].hold.ageing_points_per_hour == 10
    never = a_policy(**with_south(hold={"ageing_points_per_hour": 0}))
    assert never.pools["south"].hold == Hold(0)
    assert to_document(never)["pools"]["south"]["hold"] == {"ageing_points_per_hour": 0}
    assert "hold" not in to_document(a_policy(**with_south(hold={"ageing_points_per_hour": 10})))["pools"]["south"]


def test_rules_ask_fractions_of_points() -> None:
    policy = a_policy(a_rule("fit > 12.5 && engagement >= 0.25 && letter == 'B' && number <= 2"))
    found = {"fit": 12.75, "engagement": 0.25, "letter": "B", "number": 2}
    assert policy.match(found).pool == "north"
    assert policy.match({**found, "fit": 12.5}).rule is None
    warned = lint(read_draft(a_document(a_rule("fit > 12.5")), FACTS), AGENTS)
    assert [one.message for one in warned if one.path == "/rules"] == [
        "leads that no rule matches go to the default pool, south, such as one with fit 12.5"
    ]
