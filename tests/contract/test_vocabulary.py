"""The facts that rules may ask are those that intake's normal form writes, each of its kind."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain import normalise
from services.intake.domain.fields import CLICK_FIELDS, FACT_FIELDS, NUMBER_FIELDS
from shared.contracts.vocabulary import DESCRIPTIONS, FACTS, declared
from shared.rules import Kind, compile_rule
from shared.rules.vocabulary import reader

CLICK = "Cj0KCQiA5rGuBhCnARIsAN11vgR8d1"
EVERYTHING: dict[str, Any] = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "phone": "+1 202 555 0101",
    "country": "United States",
    "region": "California",
    "city": "Sample City",
    "postcode": "94016",
    "language": "English",
    "timezone": "America/Los_Angeles",
    "product": "pro",
    "job_title": "Head of Sales",
    "company_size": "51-200 employees",
    "website": "https://www.example.com/about",
    "budget": "$ 25k",
    "currency": "USD",
    "timeframe": "this quarter",
    "tags": "vip, trade-show",
    "campaign": "spring",
    "medium": "cpc",
    "utm_source": "google",
    "utm_term": "lead router",
    "utm_content": "banner-a",
    **dict.fromkeys(CLICK_FIELDS, CLICK),
    "landing_page": "https://www.example.com/pricing?utm_campaign=spring",
    "referrer": "https://www.google.com/",
    "form_id": 17,
    "ad_id": "23",
    "adset_id": "42",
    "campaign_id": "4711",
}
LEADS: dict[str, dict[str, Any]] = {
    "everything": EVERYTHING,
    "a desk at a company": {"email": "info@example.com", "tags": ["a", "b"], "budget": 12.5, "company_size": 3},
    "a free provider": {"email": "ada@gmail.com", "company_size": "12"},
    "a phone alone": {"phone": "+49 30 901820", "country": "DE", "budget": "12.000 €"},
    "only what an address says": {
        "email": "ada@example.com",
        "landing_page": f"https://example.com/?utm_source=google&utm_medium=cpc&utm_campaign=x&utm_term=y&utm_content=z&gclid={CLICK}",
    },
    "an address that does not work": {"email": "nobody", "phone": "+12025550101"},
}


def facts_of(lead: dict[str, Any]) -> dict[str, Any]:
    """As intake emits them: with the id of the person (services/intake/handlers/reception.py)."""
    normal = normalise(lead, {}, source="website", region="US", defaults={}, fact_keys=())
    return {"contact_id": "019509f2-6c00-7a11-8b1c-3d5f7a9b1c2d", **normal.facts}


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_every_fact_of_a_lead_is_in_the_vocabulary_and_of_its_kind(lead: dict[str, Any]) -> None:
    facts = facts_of(lead)
    assert facts.keys() <= FACTS.names.keys()
    assert reader(FACTS, FACTS)(facts) == (facts, ())


def test_every_name_of_the_vocabulary_is_a_fact_that_leads_have() -> None:
    seen = {name for lead in LEADS.values() for name in facts_of(lead)}
    assert seen == FACTS.names.keys()


def test_every_fact_field_is_in_the_vocabulary_and_numbers_are_numbers() -> None:
    assert FACTS.names.keys() >= set(FACT_FIELDS)
    assert {name for name, kind in FACTS.names.items() if kind is Kind.NUMBER} == NUMBER_FIELDS


def test_what_could_not_be_read_as_a_number_is_not_known_to_a_rule() -> None:
    facts = facts_of({"email": "ada@example.com", "budget": "ask me", "company_size": "many"})
    assert compile_rule("budget >= 0 || company_size >= 0", FACTS).verdict(facts) == "`company_size` is not a number"


def test_every_name_is_described_in_a_sentence() -> None:
    assert DESCRIPTIONS.keys() == FACTS.names.keys()
    for said in DESCRIPTIONS.values():
        assert said
        assert not said.endswith(".")


def test_a_document_declares_facts_beside_these() -> None:
    facts, problems = declared({"team_size": "number", "budget": "number"}, "/facts")
    assert facts == {"team_size": Kind.NUMBER}
    assert [(problem.path, problem.message) for problem in problems] == [
        ("/facts/budget", "`budget` is a fact of every lead already (number)")
    ]
