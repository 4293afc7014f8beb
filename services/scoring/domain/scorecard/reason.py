"""Why a score is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["fit", "engagement"]
CAP = "cap:"  # no rule's name has a colon, so that a cap's is its own


@dataclass(slots=True)  # frozen, it would cost four times as much to make, and a score makes dozens
class Reason:
    """A sentence for a person, and the hundredths of a point that it stands for. `count` is how often, of a behaviour.

    Nobody changes one: scores share those of their card's rules.
    """

    name: str
    part: Part
    text: str
    points: int
    count: int | None = None
