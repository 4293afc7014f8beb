"""The qualification definition as values: what marketing and sales mean by "qualified", and what a rule of it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shared.rules import Definitions, Facts, Kind, Rule, RuleSet, Vocabulary

# What a level and a disqualifying rule may ask of the score. Points are points here, not hundredths.
SCORE_NAMES: dict[str, Kind] = {
    "points": Kind.NUMBER,
    "fit": Kind.NUMBER,
    "engagement": Kind.NUMBER,
    "letter": Kind.TEXT,
    "number": Kind.NUMBER,
    "grade": Kind.TEXT,
    "thresholds": Kind.TEXTS,
}
CONFIDENCE = ".confidence"


def confidence_of(dimension: str) -> str:
    """The name by which a rule asks how sure we are of a dimension."""
    return dimension + CONFIDENCE


@dataclass(frozen=True, slots=True)
class Clue:
    """What the facts may say of a dimension: where `when` holds, it is known with `confidence` per cent when it is told.

    `value` is for a person; where `fact` is named and the lead has it, what it says is shown beside. `path` is where it stands.
    """

    path: str
    when: Rule
    value: str
    confidence: int
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing to know of a lead, such as its budget. The first clue that matches counts; without a half-life nothing fades."""

    name: str
    clues: tuple[Clue, ...] = ()
    half_life_days: float | None = None


@dataclass(frozen=True, slots=True)
class Disqualifier:
    """Ends the matter where it matches, whatever else is known."""

    path: str
    when: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Level:
    """What a lead is called where `when` holds, each floor is reached, and all dimensions together reach `total` (per cent)."""

    path: str
    name: str
    label: str
    when: Rule
    floors: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None


@dataclass(frozen=True)
class Definition:
    """Dimensions to know, rules that disqualify, and levels of which the first that is met holds.

    `asks` is what levels and disqualifiers may ask. `own` are the names that the definition gives a meaning to itself: a lead's fact of
    such a name is not seen, so that nobody qualifies by sending one.
    """

    name: str | None
    define: Definitions
    dimensions: Mapping[str, Dimension]
    disqualify: tuple[Disqualifier, ...]
    levels: tuple[Level, ...]
    asks: Vocabulary
    own: frozenset[str]

    def clues_of(self, facts: Facts) -> dict[str, Clue]:
        """The first clue of each dimension that matches these facts, which hold what is defined of them."""
        found: dict[str, Clue] = {}
        for place in self._clue_rules.matching(facts):
            name, clue = self._clues[place]
            found.setdefault(name, clue)
        return found

    def holding(self, asked: Facts) -> frozenset[str]:
        """Where the conditions stand, of disqualifiers and levels, that hold of all that is known of a lead."""
        return frozenset([self._conditioned[place].path for place in self._condition_rules.matching(asked)])

    @property
    def conditions(self) -> tuple[Rule, ...]:
        """The rules that ask the score or confidences, and so may change their answer with time."""
        return tuple(one.when for one in self._conditioned)

    @cached_property
    def _clues(self) -> tuple[tuple[str, Clue], ...]:
        return tuple((dimension.name, clue) for dimension in self.dimensions.values() for clue in dimension.clues)

    @cached_property
    def _clue_rules(self) -> RuleSet:
        return RuleSet([clue.when for _, clue in self._clues])

    @cached_property
    def _conditioned(self) -> tuple[Disqualifier | Level, ...]:
        return (*self.disqualify, *self.levels)

    @cached_property
    def _condition_rules(self) -> RuleSet:
        return RuleSet(self.conditions)
