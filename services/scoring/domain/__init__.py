"""Scoring's rules: the scorecard, what it says of a lead and why, and what can be wrong with it. Pure."""

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.first import (
    DEFAULT,
    Grade,
    Qualification,
    Reason,
    Rule,
    Score,
    Scorecard,
    evaluate,
    from_document,
    lint,
)
from services.scoring.domain.stage import outcome_of

__all__ = [
    "DEFAULT",
    "Grade",
    "Qualification",
    "Reason",
    "Rule",
    "Score",
    "Scorecard",
    "evaluate",
    "from_document",
    "lint",
    "outcome_of",
    "qualification",
    "scorecard",
]
