"""Decisions: who gets a lead, and why; made of the lead, the policy, the group's state and a few terms, and of nothing else."""

from services.router.domain.decision.deciding import (
    decide,
    decide_in_pool,
    decide_matched,
    facts_of,
    hindrance,
    match_lead,
    place,
    reject,
)
from services.router.domain.decision.outcome import GIVEN, PLACED, Outcome, Winner
from services.router.domain.decision.terms import PLAIN, Former, Terms
from services.router.domain.decision.values import Decision, Lead

__all__ = [
    "GIVEN",
    "PLACED",
    "PLAIN",
    "Decision",
    "Former",
    "Lead",
    "Outcome",
    "Terms",
    "Winner",
    "decide",
    "decide_in_pool",
    "decide_matched",
    "facts_of",
    "hindrance",
    "match_lead",
    "place",
    "reject",
]
