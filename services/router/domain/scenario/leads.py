"""Leads as a scenario writes them, and as they go to the desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.lead import Case
from services.router.domain.policy import Policy
from services.router.domain.policy.schema import ROUTED

OF_LEAD = frozenset(
    (
        "name",
        "points",
        "grade",
        "qualification",
        "fit",
        "engagement",
        "thresholds",
        "received",
        "facts",
        "contact",
        "account",
        "company",
    )
)
"""What a lead may say beside its facts."""
UNDER_ANY = ("contact_id", "account_id", "company_domain")
"""Facts by which owners are known, whatever the rules may ask."""
_SHORT = {"contact": "contact_id", "account": "account_id", "company": "company_domain"}
_SCORED = ("fit", "engagement", "letter", "number", "thresholds")


def describe(lead: Case, parts: Mapping[str, Any], *, others: Iterable[str] = ()) -> None:
    """Gives the lead what is written of it; what is not stays as it is. `others` are words that are not about the lead itself."""
    skipped = OF_LEAD.union(others, _SCORED)
    told = {_SHORT[name]: parts[name] for name in _SHORT if name in parts}
    said = {**parts.get("facts", {}), **told, **{name: value for name, value in parts.items() if name not in skipped}}
    lead.facts = {name: value for name, value in {**(lead.facts or {}), **said}.items() if value is not None}
    lead.points = parts.get("points", lead.points)
    lead.grade = parts.get("grade", lead.grade)
    lead.qualification = parts.get("qualification", lead.qualification)
    lead.scored = {**(lead.scored or {}), **_scored(lead.grade), **{name: parts[name] for name in _SCORED if name in parts}}


def usual_qualification(policy: Policy) -> str:
    """What a lead is qualified as that does not say: something that the policy routes."""
    return next((one for one in ROUTED if one in policy.routed), min(policy.routed, default=ROUTED[0]))


def lead_id(number: int) -> UUID:
    """Ids in the order in which leads come, as those of production are."""
    return UUID(int=(number << 80) | (0x7 << 76) | (0b10 << 62))


def begun(number: int, received_at: datetime) -> Case:
    return Case(lead_id(number), received_at=received_at, facts={})


def _scored(grade: str) -> dict[str, Any]:
    """What the grade says by itself: B2 is the letter B and the number 2."""
    if len(grade) >= 2 and grade[0].isalpha() and grade[1:].isdigit():
        return {"letter": grade[0], "number": int(grade[1:])}
    return {}
