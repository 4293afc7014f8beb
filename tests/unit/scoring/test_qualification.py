"""What a definition says of a lead: one of three outcomes, the level or what is missing, and why. Nothing is ever guessed."""

from __future__ import annotations

from typing import Any

import pytest

from services.scoring.domain import qualification
from services.scoring.domain.qualification import Approval, Outcome, Side, missing_sides
from tests.unit.scoring.qualifying import BANT, DAY, FACTS, NOW, Points, defined, dimension, document, judged, said

SALES: dict[str, Any] = {
    "name": "sales_qualified",
    "label": "SQL",
    "when": "points >= 60",
    "floors": {"budget": 50, "need": 50},
}
MARKETING: dict[str, Any] = {"name": "marketing_qualified", "label": "MQL", "when": "points >= 20"}
READY = {"budget": 20_000, "product": "pro"}


# -- Qualified ---------------------------------------------------------------------------------------------------------------------


def test_the_first_level_that_is_met_holds() -> None:
    both = defined(SALES, MARKETING)
    sql, mql = judged(both, READY, points=6000), judged(both, READY, points=5999)
    assert (sql.outcome, sql.qualification, sql.level, sql.label) == ("qualified", "sales_qualified", "sales_qualified", "SQL")
    assert (mql.outcome, mql.qualification, mql.label) == ("qualified", "marketing_qualified", "MQL")
    assert (sql.missing, sql.reasons) == ((), ())


def test_a_level_needs_all_of_its_floors() -> None:
    assert judged(defined(SALES, MARKETING), {"budget": 20_000}, points=9000).qualification == "marketing_qualified"
    assert judged(defined(SALES, MARKETING), {**READY, "budget": 5}, points=9000).qualification == "marketing_qualified"


def test_a_total_counts_every_dimension() -> None:
    level = {"name": "ready", "total": 230}
    assert judged(defined(level), {**READY, "job_title": "CEO"}).outcome is Outcome.QUALIFIED
    assert judged(defined({**level, "total": 241}), {**READY, "job_title": "CEO"}).outcome is Outcome.INSUFFICIENT


def test_levels_and_disqualifying_rules_may_ask_the_score_the_confidences_and_what_is_defined() -> None:
    asks = (
        "points == 61.25 && fit == 50 && engagement == 11.25 && letter == 'B' && number == 2 && grade == 'B2' && 'hot' in thresholds "
        "&& budget.confidence == 90 && rich"
    )
    definition = defined({"name": "ready", "when": asks}, define={"rich": "budget > 15000"})
    score = Points(6125, engagement=1125, thresholds=("warm", "hot"))
    judgement = qualification.judge(definition, READY, facts_at=NOW, told_by="website", score=score, now=NOW)
    assert judgement.qualification == "ready"


# -- Insufficient ------------------------------------------------------------------------------------------------------------------


def test_what_the_nearest_level_needs_and_nobody_told_is_missing() -> None:
    judgement = judged(defined(SALES), {"budget": 20_000}, points=9000)
    assert (judgement.outcome, judgement.qualification) == ("insufficient", "insufficient")
    assert (judgement.level, judgement.missing) == ("sales_qualified", ("need",))
    assert judgement.reasons == ("SQL needs to know need",)


def test_a_total_needs_whatever_is_unknown() -> None:
    assert judged(defined({"name": "ready", "total": 240}), {"product": "pro"}).missing == ("budget", "authority", "timeline")


def test_the_nearest_level_is_the_one_that_lacks_least() -> None:
    far, near = {"name": "far", "floors": {"budget": 50, "authority": 50}}, {"name": "near", "floors": {"timeline": 50}}
    assert judged(defined(far, near)).missing == ("timeline",)
    assert judged(defined(far, near), {"budget": 20_000}).level == "far", "of equals the better one"


def test_a_level_that_only_lacks_knowledge_is_nearer_than_one_that_is_refused_by_what_is_known() -> None:
    weak, open_ = {"name": "weak", "floors": {"budget": 50, "need": 50}}, {"name": "open", "floors": dict.fromkeys(BANT[1:], 50)}
    assert judged(defined(weak, open_), {"budget": 5}).level == "open"


def test_a_lead_below_a_level_of_points_alone_may_still_rise() -> None:
    judgement = judged(defined(SALES, MARKETING), points=1999)
    assert (judgement.outcome, judgement.level, judgement.missing) == ("insufficient", "marketing_qualified", ("score",))
    assert judgement.reasons == ('MQL asks "points >= 20", and the score is 19.99, grade B2',)


def test_dimensions_are_missing_before_points_are() -> None:
    assert judged(defined(SALES), points=100).missing == ("budget", "need")


def test_a_fact_that_a_level_asks_and_the_lead_does_not_have_is_missing() -> None:
    near = {"name": "near", "when": "country in ['DE', 'AT'] && points >= 10"}
    assert judged(defined(near), points=2000).missing == ("country",)
    assert judged(defined(near), {"country": 49}, points=2000).missing == ("country",), "of another kind is as good as not there"


def test_a_dimension_that_a_rule_asks_by_its_confidence_is_missing_like_a_floor() -> None:
    assert judged(defined({"name": "near", "when": "need.confidence >= 50"})).missing == ("need",)


def test_a_definition_without_any_level_that_can_be_read_says_nothing() -> None:
    broken, problems = qualification.load(document({"name": "bad", "when": "no_such_fact > 1"}), FACTS)
    assert problems
    judgement = judged(broken, READY, points=9000)
    assert (judgement.outcome, judgement.missing) == ("insufficient", ())


# -- Disqualified ------------------------------------------------------------------------------------------------------------------


def test_a_disqualifying_rule_ends_the_matter() -> None:
    definition = defined(MARKETING, disqualify=[{"when": "'student' in tags", "reason": "is studying"}])
    judgement = judged(definition, {**READY, "tags": ["student"]}, points=9000)
    assert (judgement.outcome, judgement.qualification, judgement.reasons) == ("disqualified", "disqualified", ("is studying",))
    assert judged(definition, {**READY, "tags": ["press"]}, points=9000).outcome is Outcome.QUALIFIED


def test_one_that_cannot_be_answered_disqualifies_nobody() -> None:
    definition = defined(MARKETING, disqualify=[{"when": "'student' in tags", "reason": "is studying"}])
    assert judged(definition, points=9000).outcome is Outcome.QUALIFIED


def test_where_everything_is_known_and_not_enough_the_reason_says_by_how_much() -> None:
    judgement = judged(defined(SALES), {"budget": 5, "product": "pro"}, points=9000)
    assert (judgement.outcome, judgement.missing) == ("disqualified", ())
    assert judgement.reasons == ("budget is known with 40 of 50 per cent",)


def test_a_total_out_of_reach_disqualifies() -> None:
    told = {"budget": 5, "product": "pro", "job_title": "CEO", "timeframe": "now"}
    judgement = judged(defined({"name": "ready", "total": 300}), told)
    assert judgement.reasons == ("all that is known together is 270 of 300 per cent",)


def test_where_only_points_are_missing_of_a_level_that_knows_all_it_needs_the_reason_says_so() -> None:
    judgement = judged(defined(SALES), READY, points=4050)
    assert (judgement.outcome, judgement.missing) == ("disqualified", ())
    assert judgement.reasons == ('SQL asks "points >= 60", and the score is 40.5, grade B2',)


def test_a_level_that_the_facts_refuse_is_not_waited_for() -> None:
    german = {"name": "german", "when": "country == 'DE' && points >= 10", "floors": {"budget": 50}}
    judgement = judged(defined(german), {"country": "FR"})
    assert (judgement.outcome, judgement.missing) == ("disqualified", ())
    assert judgement.reasons == ("german asks \"country == 'DE' && points >= 10\", and the facts say otherwise",)


# -- Evidence ----------------------------------------------------------------------------------------------------------------------


def test_the_first_clue_that_matches_is_the_evidence() -> None:
    evidence = judged(defined(SALES), READY).dimensions["budget"]
    assert (evidence.value, evidence.confidence, evidence.source, evidence.at) == ("because budget >= 10000", 90, "website", NOW)
    assert judged(defined(SALES), {"budget": 5}).dimensions["budget"].confidence == 40
    assert judged(defined(SALES)).dimensions == {}


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (20_000, "enough (20,000)"),
        (12_000.5, "enough (12,000.5)"),
        (True, "enough (yes)"),
        (["a", "b"], "enough (a, b)"),
        ("x" * 500, f"enough ({'x' * 100})"),
        (10**400, "enough"),
        (float("nan"), "enough"),
        ({"no": "fact"}, "enough"),
        (None, "enough"),
    ],
)
def test_a_clue_may_show_what_a_fact_says(fact: object, shown: str) -> None:
    clue = {"value": "enough", "confidence": 50, "fact": "budget"}
    definition = defined(SALES, dimensions={"budget": {"evidence": [clue]}, "need": {}})
    assert judged(definition, {"budget": fact}).dimensions["budget"].value == shown


@pytest.mark.parametrize(("days", "left"), [(-5, 90), (0, 90), (45, 64), (90, 45), (180, 22), (270, 11), (100_000, 0)])
def test_confidence_halves_with_its_half_life_and_is_rounded_half_to_even(days: int, left: int) -> None:
    definition = defined(SALES, dimensions={"budget": dimension(("budget > 0", 90), half_life_days=90), "need": {}})
    evidence = judged(definition, {"budget": 1}, now=NOW + days * DAY).dimensions["budget"]
    assert (evidence.confidence, evidence.stated) == (left, 90)
    assert evidence.age == max(days, 0) * DAY


def test_without_a_half_life_nothing_fades() -> None:
    assert judged(defined(SALES), READY, now=NOW + 3650 * DAY).dimensions["budget"].confidence == 90


def test_the_surer_of_a_person_and_the_facts_counts() -> None:
    weaker, stronger = (
        judged(defined(SALES), READY, manual={"budget": said(80)}),
        judged(defined(SALES), READY, manual={"budget": said(95, value="told by phone")}),
    )
    assert (weaker.dimensions["budget"].confidence, weaker.dimensions["budget"].manual) == (90, False)
    evidence = stronger.dimensions["budget"]
    assert (evidence.value, evidence.confidence, evidence.source, evidence.manual) == ("told by phone", 95, "robin", True)


def test_of_equals_the_newer_counts_and_of_those_the_persons() -> None:
    def budget(at: Any) -> Any:
        return judged(defined(SALES), READY, manual={"budget": said(90, at=at)}, now=NOW + 9 * DAY).dimensions["budget"]

    assert budget(NOW + DAY).manual
    assert budget(NOW).manual
    assert not budget(NOW - DAY).manual


def test_what_was_surer_once_gives_way_when_it_has_faded() -> None:
    definition = defined(SALES, dimensions={"budget": dimension(("budget > 0", 90), half_life_days=90), "need": {}})
    later = NOW + 90 * DAY
    assert (
        judged(definition, {"budget": 1}, manual={"budget": said(50, at=later)}, now=later).dimensions["budget"].source == "robin"
    )


def test_a_person_makes_a_dimension_known_that_the_facts_do_not() -> None:
    manual = {"budget": said(60), "need": said(60), "horoscope": said(100)}
    judgement = judged(defined(SALES), manual=manual, points=6000)
    assert judgement.qualification == "sales_qualified"
    assert set(judgement.dimensions) == {"budget", "need"}, "what the definition does not know is passed over"


def test_evidence_that_has_faded_below_a_floor_is_to_be_asked_for_again() -> None:
    budget = dimension(("budget > 0", 90), half_life_days=90)
    definition = defined(SALES, dimensions={"budget": budget, "need": dimension(("product != ''", 70))})
    assert judged(definition, READY, points=6000).outcome is Outcome.QUALIFIED
    faded = judged(definition, READY, points=6000, now=NOW + 90 * DAY)
    assert (faded.outcome, faded.missing) == ("insufficient", ("budget",))
    assert faded.reasons == ("SQL needs to know budget (of 90 per cent, 45 are left)",)


def test_so_is_what_has_faded_below_a_total_or_below_what_a_rule_asks() -> None:
    dimensions = {"budget": dimension(("budget > 0", 90), half_life_days=90), "need": dimension(("product != ''", 70))}
    for level in ({"name": "sure", "total": 150}, {"name": "sure", "when": "budget.confidence >= 80"}):
        definition = defined(level, dimensions=dimensions)
        assert judged(definition, READY).outcome is Outcome.QUALIFIED
        assert judged(definition, READY, now=NOW + 90 * DAY).missing == ("budget",)


# -- What a lead may not do --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ("budget.confidence >= 50", {"budget.confidence": 100}),
        ("points >= 60", {"points": 100}),
        ("rich", {"rich": True}),
        ("'hot' in thresholds", {"thresholds": ["hot"]}),
    ],
)
def test_a_lead_cannot_qualify_by_sending_what_the_definition_knows_itself(when: str, facts: dict[str, Any]) -> None:
    definition = defined({"name": "ready", "when": when}, define={"rich": "budget > 15000"})
    assert judged(definition, facts).outcome is not Outcome.QUALIFIED


# -- Approval ----------------------------------------------------------------------------------------------------------------------


def test_both_sides_must_have_approved() -> None:
    marketing, sales = Approval(Side.MARKETING, "ada", NOW), Approval(Side.SALES, "bo", NOW)
    assert missing_sides([]) == (Side.MARKETING, Side.SALES)
    assert missing_sides([marketing, marketing]) == (Side.SALES,)
    assert missing_sides([sales, marketing]) == ()


# -- The default -------------------------------------------------------------------------------------------------------------------


def test_the_default_definition_has_no_problem() -> None:
    assert qualification.lint(qualification.DEFAULT, FACTS) == []


DEFAULT = qualification.from_document(qualification.DEFAULT, FACTS)


def test_by_default_whoever_can_be_reached_is_marketing_qualified() -> None:
    assert judged(DEFAULT, {"email_kind": "free"}, points=2000).qualification == "marketing_qualified"


def test_by_default_points_alone_are_not_enough_for_sales() -> None:
    assert judged(DEFAULT, {"email_kind": "company"}, points=9000).qualification == "marketing_qualified"
    lead = {"email_kind": "company", "product": "pro", "budget": 20_000}
    assert judged(DEFAULT, lead, points=6000).qualification == "sales_qualified"
    assert judged(DEFAULT, lead, points=5900).qualification == "marketing_qualified"
