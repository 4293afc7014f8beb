"""What the others are told of a score: only its steps, and a step down only when it is surely lost.

A minimum is reached at once, and given up only below it by more than the card's hysteresis. So activity that moves a score to and fro
around a minimum is said once, and activity that moves no step is not said at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.scoring.domain.scorecard.card import Scorecard
from services.scoring.domain.scorecard.scoring import Score, relaxed

Label = TypeVar("Label", str, int)


@dataclass(frozen=True, slots=True)
class Announced:
    """What was last said of a lead."""

    letter: str
    number: int
    qualification: str
    thresholds: tuple[str, ...] = ()

    @property
    def grade(self) -> str:
        return f"{self.letter}{self.number}"


def announce(
    card: Scorecard, announced: Announced | None, score: Score, qualification: str, *, relaxed_qualification: str | None = None
) -> tuple[Announced, bool]:
    """What is to be said of a lead from now on, and whether that differs from what was said, which is None at first.

    `qualification` is what the definition says by this score. `relaxed_qualification` is what it says by `relaxed(card, score)`: where
    that is still what was announced, it is held. A step that the card no longer has is given up at once.
    """
    if announced is None:
        return Announced(score.letter, score.number, qualification, score.thresholds), True
    eased = relaxed(card, score)
    said = Announced(
        _held([one.letter for one in card.letters], announced.letter, score.letter, eased.letter),
        _held([one.number for one in card.numbers], announced.number, score.number, eased.number),
        announced.qualification if announced.qualification == relaxed_qualification else qualification,
        tuple([name for name in eased.thresholds if name in score.thresholds or name in announced.thresholds]),
    )
    return said, said != announced


def _held(best_first: Sequence[Label], announced: Label, reached: Label, eased: Label) -> Label:
    """The step that was announced, as far as it lies between the one that is reached and the one not yet lost."""
    if announced not in best_first:
        return reached
    place = max(best_first.index(announced), best_first.index(eased))
    return best_first[min(place, best_first.index(reached))]
