"""A lead in normal form: its blocks, its marks, its changes, and who it is from."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain import NormalLead, Unreachable, identify, normalise
from services.intake.domain.identity import Identifier, Kind
from services.intake.domain.senders.shape import Consent

ADA = {"name": "Ada Example", "email": "ada@example.com", "phone": "+1 202 555 0101", "country": "US"}


def normal(custom: dict[str, Any] | None = None, *, source_region: str | None = None, **given: Any) -> NormalLead:
    """A lead with these fields; `defaults` and `fact_keys` are the source's."""
    defaults, fact_keys = given.pop("defaults", {}), given.pop("fact_keys", ())
    return normalise(given, custom or {}, source="website", region=source_region, defaults=defaults, fact_keys=fact_keys)


def test_a_lead_has_two_blocks_and_facts_derived_from_both() -> None:
    lead = normal(**ADA, company="Example Freight", product="pro", budget=24_000, message="Please call.\nThanks")
    assert lead.contact == {
        "name": "Ada Example",
        "company": "Example Freight",
        "message": "Please call.\nThanks",
        "email": "ada@example.com",
        "phone": "+12025550101",
    }
    assert lead.facts == {
        "source": "website",
        "country": "US",
        "product": "pro",
        "budget": 24_000,
        "has_phone": True,
        "has_email": True,
        "email_kind": "company",
        "company_domain": "example.com",
        "phone_kind": "valid",
        "phone_type": "unknown",
        "phone_country": "US",
    }
    assert lead.warnings == []
    assert lead.changes == [{"field": "phone", "sent": "+1 202 555 0101", "kept": "+12025550101", "why": "E.164"}]


def test_an_invalid_field_is_marked_and_not_dropped() -> None:
    lead = normal(email="pete.nowhere", phone="+12025550101")
    assert lead.contact["email"] == "pete.nowhere"
    assert (lead.facts["email_kind"], lead.facts["has_email"], lead.facts["has_phone"]) == ("invalid", True, True)
    assert lead.warnings == ["email: does not look like an address"]
    lead = normal(email="ada@example.com", phone="call me")
    assert lead.contact["phone"] == "call me"
    assert (lead.facts["phone_kind"], lead.facts["has_phone"]) == ("invalid", False)
    assert lead.warnings == ["phone: does not look like a phone number"]
    assert lead.identifiers == (Identifier(Kind.EMAIL, "ada@example.com"),)


@pytest.mark.parametrize(
    ("given", "field", "reasons"),
    [
        ({}, "email", {}),
        ({"name": "Ada", "email": " ", "phone": ""}, "email", {}),
        ({"email": "nobody"}, "email", {"email": "does not look like an address"}),
        ({"phone": "call me"}, "phone", {"phone": "does not look like a phone number"}),
        (
            {"email": "nobody", "phone": "1.41556E+10"},
            "email",
            {"email": "does not look like an address", "phone": "was ruined by a spreadsheet: its last digits are lost"},
        ),
    ],
)
def test_a_lead_that_nobody_can_reach_is_refused_with_every_reason(
    given: dict[str, Any], field: str, reasons: dict[str, str]
) -> None:
    with pytest.raises(Unreachable) as caught:
        normal(**given)
    assert (caught.value.field, caught.value.reasons) == (field, reasons)
    assert all(f"{name} {reason}" in str(caught.value) for name, reason in reasons.items())
    assert not any(str(value) in str(caught.value) for value in given.values() if str(value).strip())


@pytest.mark.parametrize("given", [{"phone": "+1 555 123 4567"}, {"phone": "(415) 555-2671"}, {"email": "a@mailinator.com"}])
def test_whom_somebody_might_reach_is_taken(given: dict[str, Any]) -> None:
    assert normal(**given).facts["source"] == "website"


def test_the_country_of_the_lead_comes_before_the_region_of_its_source() -> None:
    assert normal(phone="030 23125 017", country="Germany", source_region="US").contact["phone"] == "+493023125017"
    assert normal(phone="(202) 555-0101", source_region="US").contact["phone"] == "+12025550101"
    assert normal(phone="(202) 555-0101", country="Atlantis", source_region="US").contact["phone"] == "+12025550101"
    assert normal(phone="030 23125 017", defaults={"country": "Germany"}, source_region="US").contact["phone"] == "+493023125017"


@pytest.mark.parametrize(
    ("sent", "kept"), [(12025550101, "+12025550101"), (12025550101.0, "+12025550101"), (["+12025550101", "x"], "+12025550101")]
)
def test_a_phone_number_may_be_a_number(sent: Any, kept: str) -> None:
    assert normal(phone=sent, country="US").contact["phone"] == kept


def test_numbers_on_two_lines_are_two_numbers() -> None:
    assert normal(phone="202 555 0101\r\n202 555 0102", country="US").contact["phone"] == "+12025550101"


def test_a_disposable_address_gives_no_company() -> None:
    facts = normal(email="ada@mailinator.com", website="https://mailinator.com").facts
    assert facts["email_kind"] == "disposable"
    assert "company_domain" not in facts


def test_a_website_gives_the_company_where_the_address_does_not() -> None:
    assert normal(email="ada@gmail.com", website="www.shop.example.org/contact?x=1").facts["company_domain"] == "example.org"
    assert normal(email="ada@example.com", website="www.example.org").facts["company_domain"] == "example.com"


def test_a_desks_address_is_told_from_a_persons() -> None:
    assert normal(email="info@example.com").facts["email_role"] is True
    assert "email_role" not in normal(email="ada@example.com").facts


def test_a_name_is_put_together_from_its_parts() -> None:
    assert normal(email="a@example.com", first_name="ADA", last_name="VAN DER EXAMPLE").contact["name"] == "Ada van der Example"
    assert normal(email="a@example.com", first_name=" Ada ").contact["name"] == "Ada"
    assert normal(email="a@example.com", name="Ada E.", first_name="Ada").contact["name"] == "Ada E."


def test_placeholders_are_dropped_with_a_warning() -> None:
    lead = normal(email="a@example.com", name="n/a", last_name="-", company="None", job_title="test", city="?")
    assert set(lead.contact) == {"email"}
    assert not {"job_title", "city"} & lead.facts.keys()
    assert sorted(lead.warnings) == [
        f"{f}: a placeholder, not kept" for f in ("city", "company", "job_title", "last_name", "name")
    ]
    assert {"field": "name", "sent": "n/a", "kept": None, "why": "a placeholder"} in lead.changes


def test_places_become_codes() -> None:
    facts = normal(email="a@example.com", country="United States", region="California", postcode=2139).facts
    assert (facts["country"], facts["region"], facts["postcode"]) == ("US", "CA", "02139")
    facts = normal(email="a@example.com", country="Atlantis", region="Coast", postcode="ab 1").facts
    assert (facts["country"], facts["region"], facts["postcode"]) == ("Atlantis", "Coast", "AB 1")


@pytest.mark.parametrize(
    ("field", "sent", "kept", "warns"),
    [
        ("budget", "25k", 25_000, False),
        ("budget", "10,000-50,000", 10_000, True),
        ("budget", "under 5000", "under 5000", True),
        ("budget", 0, 0, False),
        ("budget", float("nan"), "nan", True),
        ("company_size", "51-200 employees", 51, True),
        ("currency", "€", "EUR", False),
        ("currency", "shells", "SHELLS", True),
        ("language", "en_US", "en-us", False),
        ("language", "Klingonish", "klingonish", False),
        ("country", "Atlantis", "Atlantis", True),
        ("tags", "a, b ,", ["a", "b"], False),
        ("tags", ["a", 1, ""], ["a", "1"], False),
        ("product", 42, "42", False),
        ("timeframe", " this \n month ", "this month", False),
        ("utm_source", "{source}", None, True),
        ("campaign", "ada@example.com", None, True),
        ("gclid", "EAIaIQobChMI", "EAIaIQobChMI", False),
        ("referrer", "https://example.org/?q=ada@example.com", "https://example.org/", False),
        ("referrer", "javascript:x", None, True),
        ("city", "", None, False),
        ("tags", [], None, False),
        ("timezone", "Europe/Paris", "Europe/Paris", False),
    ],
)
def test_a_fact_is_brought_into_its_form(field: str, sent: Any, kept: Any, warns: bool) -> None:
    lead = normal(email="a@example.com", **{field: sent})
    assert lead.facts.get(field) == kept
    assert any(warning.startswith(f"{field}: ") for warning in lead.warnings) is warns


def test_a_budget_tells_its_currency_where_nothing_else_does() -> None:
    assert normal(email="a@example.com", budget="€ 25 000").facts["currency"] == "EUR"
    assert normal(email="a@example.com", budget="€ 25 000", defaults={"currency": "USD"}).facts["currency"] == "EUR"
    assert normal(email="a@example.com", budget="€ 25 000", currency="chf").facts["currency"] == "CHF"


def test_what_the_landing_page_says_comes_after_what_was_sent_and_before_defaults() -> None:
    page = "https://example.com/?utm_source=google&utm_medium=cpc&utm_campaign=page&gclid=EAIaIQobChMI&name=Ada"
    lead = normal(email="a@example.com", landing_page=page, campaign="sent", defaults={"medium": "organic", "language": "DE"})
    facts = lead.facts
    assert (facts["utm_source"], facts["medium"], facts["campaign"], facts["gclid"]) == ("google", "cpc", "sent", "EAIaIQobChMI")
    assert facts["landing_page"] == page.removesuffix("&name=Ada")
    assert (facts["language"], facts["channel"]) == ("de", "paid_search")
    assert Identifier(Kind.CLICK, "gclid:EAIaIQobChMI") in lead.identifiers


def test_custom_answers_are_contact_data_unless_they_are_facts() -> None:
    lead = normal(
        {"shoe": 42, "rating": 5, "source": "forged", "has_email": False}, fact_keys={"rating", "source", "has_email"}, **ADA
    )
    assert lead.contact["extra"] == {"shoe": 42}
    assert (lead.facts["rating"], lead.facts["source"], lead.facts["has_email"]) == (5, "website", True)


def test_identifiers_are_what_the_person_is_recognised_by() -> None:
    lead = normal(
        email="Ada.E+x@Googlemail.com", phone="+1 202 555 0101 x5", visitor_id=" v-17 ", fbclid="IwAR0abcdefgh", gclid="test"
    )
    assert lead.identifiers == (
        Identifier(Kind.EMAIL, "adae@gmail.com"),
        Identifier(Kind.PHONE, "+12025550101;ext=5"),
        Identifier(Kind.CLICK, "fbclid:IwAR0abcdefgh"),
        Identifier(Kind.VISITOR, "v-17"),
    )
    assert "visitor_id" not in lead.facts | lead.contact


def test_a_person_is_identified_without_a_lead_too() -> None:
    lead = normal(**ADA, visitor_id="v-17", gclid="EAIaIQobChMI")
    assert identify({**lead.contact, **lead.facts, "visitor_id": "v-17"}) == lead.identifiers
    assert identify({"phone": "(202) 555-0101"}, region="US") == (Identifier(Kind.PHONE, "+12025550101"),)
    assert identify({"email": "nobody", "visitor_id": "undefined"}) == ()


@pytest.mark.parametrize(
    ("sent", "consents"),
    [
        ("on", (Consent("contact", True),)),
        ("no", (Consent("contact", False),)),
        ("Call me.", (Consent("contact", True, "Call me."),)),
        ("", ()),
    ],
)
def test_consent_is_kept_apart(sent: str, consents: tuple[Consent, ...]) -> None:
    lead = normal(**ADA, consent=sent)
    assert lead.consents == consents
    assert "consent" not in lead.facts | lead.contact


def test_changes_are_only_what_really_changed() -> None:
    lead = normal(
        email=" ada@example.com ", name="  Ada Example", budget="20000", company_size=" 50 ", postcode=10115, country="DE"
    )
    assert lead.changes == []
    assert lead.facts["budget"] == 20_000
    assert lead.facts["company_size"] == 50
