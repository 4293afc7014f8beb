"""Qualification: the shared, versioned definition of a lead that sales takes, and what it says of a lead. Pure."""

from services.scoring.domain.qualification.approval import Approval, Side, missing_sides
from services.scoring.domain.qualification.default import DEFAULT
from services.scoring.domain.qualification.definition import (
    SCORE_NAMES,
    Clue,
    Definition,
    Dimension,
    Disqualifier,
    Level,
    confidence_of,
)
from services.scoring.domain.qualification.document import from_document, load
from services.scoring.domain.qualification.evidence import Evidence, Statement
from services.scoring.domain.qualification.forecast import next_judgement_change
from services.scoring.domain.qualification.gap import SCORE
from services.scoring.domain.qualification.judge import Judgement, Outcome, Scored, judge
from services.scoring.domain.qualification.lint import lint
from services.scoring.domain.qualification.marks import ScoreMarks, score_marks

__all__ = [
    "DEFAULT",
    "SCORE",
    "SCORE_NAMES",
    "Approval",
    "Clue",
    "Definition",
    "Dimension",
    "Disqualifier",
    "Evidence",
    "Judgement",
    "Level",
    "Outcome",
    "ScoreMarks",
    "Scored",
    "Side",
    "Statement",
    "confidence_of",
    "from_document",
    "judge",
    "lint",
    "load",
    "missing_sides",
    "next_judgement_change",
    "score_marks",
]
