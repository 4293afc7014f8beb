"""What is known of a lead by now, from its own submission and those that came later; and submissions as things that happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.scoring.domain.scorecard import Occurrence

SUBMISSION = "submission"
OWN = ("source", "contact_id")  # where the lead came from, and whose it is: no later submission changes that
# What a submission says of itself, by the names that a behaviour may ask.
TELLS = {"campaign": "campaign", "form_id": "form", "channel": "channel", "landing_page": "url"}


def overlay(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What was known, with what is said now in its place.

    A way to reach the person that was not given this time is not lost: `has_phone` false and a kind of "none" say nothing new.
    """
    news = {name: fact for name, fact in said.items() if name not in OWN and not _is_absence(name, fact)}
    return {**known, **news}


def _is_absence(name: str, fact: Any) -> bool:
    return (name.startswith("has_") and fact is False) or (name.endswith("_kind") and fact == "none")


def submission(id: UUID, at: datetime, source: str | None, facts: Mapping[str, Any]) -> Occurrence:
    return Occurrence(id, SUBMISSION, at, source, submitted(facts))


def submitted(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[fact] for fact, name in TELLS.items() if fact in facts}
