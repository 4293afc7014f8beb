"""The scorecard: who a lead is and what it did, in points that are explained, capped and forgotten. Pure; points inside are hundredths."""

from services.scoring.domain.points import hundredths, shown, whole
from services.scoring.domain.scorecard.announce import Announced, announce
from services.scoring.domain.scorecard.card import Behaviour, FitRule, Group, Letter, Number, Scorecard, Threshold
from services.scoring.domain.scorecard.change import NO_MARKS, Marks, next_change
from services.scoring.domain.scorecard.decay import Occurrence
from services.scoring.domain.scorecard.default import DEFAULT
from services.scoring.domain.scorecard.document import from_document, load
from services.scoring.domain.scorecard.first_form import definition_from_v1, from_v1
from services.scoring.domain.scorecard.lint import lint
from services.scoring.domain.scorecard.reason import Reason
from services.scoring.domain.scorecard.scoring import Score, relaxed, score
from services.scoring.domain.scorecard.vocabulary import ACTIVITY, ACTIVITY_DESCRIPTIONS

__all__ = [
    "ACTIVITY",
    "ACTIVITY_DESCRIPTIONS",
    "DEFAULT",
    "NO_MARKS",
    "Announced",
    "Behaviour",
    "FitRule",
    "Group",
    "Letter",
    "Marks",
    "Number",
    "Occurrence",
    "Reason",
    "Score",
    "Scorecard",
    "Threshold",
    "announce",
    "definition_from_v1",
    "from_document",
    "from_v1",
    "hundredths",
    "lint",
    "load",
    "next_change",
    "relaxed",
    "score",
    "shown",
    "whole",
]
