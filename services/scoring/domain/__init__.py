"""Scoring's rules: the scorecard, what it says of a lead and why, and what can be wrong with it. Pure."""

from services.scoring.domain.default import DEFAULT
from services.scoring.domain.document import from_document
from services.scoring.domain.lint import lint
from services.scoring.domain.scorecard import Grade, Qualification, Reason, Rule, Score, Scorecard, evaluate
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
]
