"""The dry run of a mapping."""

from __future__ import annotations

import json
from typing import Any

from services.intake.domain import Mapping, parse_mapping, preview

ANSWERS = {
    "mail": "Ada@Example.com",
    "tel": "555-0101",
    "rating": 5,
    "shoe": "42",
    "consent": "on",
    "form": {"name": "Contact"},
}


def previewed(answers: dict[str, Any], **mapping: Any) -> dict[str, Any]:
    return preview(
        answers, parse_mapping(mapping), base=Mapping({"tel": "phone"}), source="website", region="US", warnings=["sender: old"]
    )


def test_it_shows_the_normal_form_and_what_was_mapped_to_nothing() -> None:
    shown = previewed(ANSWERS, facts=["rating"], defaults={"country": "USA"})
    assert shown["contact"] == {
        "email": "Ada@example.com",
        "phone": "555-0101",
        "extra": {"shoe": "42", "form.name": "Contact"},
    }
    assert (shown["facts"]["rating"], shown["facts"]["country"]) == (5, "US")
    assert shown["mapped"] == {"email": "mail", "phone": "tel", "consent": "consent"}
    assert shown["unmapped"] == ["shoe", "form.name"]
    assert shown["warnings"] == ["sender: old", "phone: cannot be read without its country or area; kept as it was sent"]
    assert [change["field"] for change in shown["changes"]] == ["email"]
    assert shown["identifiers"] == ["email"]
    assert shown["consents"] == [{"purpose": "contact", "granted": True, "text": None}]
    assert shown["rejected"] is None


def test_it_says_why_a_lead_would_be_refused() -> None:
    shown = previewed({"mail": "nobody", "shoe": "42"})
    assert shown["rejected"]["field"] == "email"
    assert "does not look like an address" in shown["rejected"]["detail"]
    assert (shown["contact"], shown["facts"], shown["unmapped"]) == ({}, {}, ["shoe"])


def test_it_is_json() -> None:
    assert json.loads(json.dumps(previewed(ANSWERS))) == previewed(ANSWERS)
