"""Scoring's rules: the scorecard, what it says of a lead and why, and what marketing and sales call qualified. Pure."""

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.stage import outcome_of

__all__ = ["outcome_of", "qualification", "scorecard"]
