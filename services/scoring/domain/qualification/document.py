"""A qualification definition as plain data, the form in which it is written, approved and kept.

    {"name": …, "facts": {"team_size": "number"}, "define": {"enterprise": "company_size >= 500"},
     "dimensions": {"budget": {"evidence": [{"when", "value", "confidence", "fact"}], "half_life_days": 90}, …},
     "disqualify": [{"when", "reason"}],
     "levels": [{"name", "label", "when", "floors": {"budget": 50}, "total": 240}]}

`dimensions` and `levels` must be there, and of each item `value` and `confidence`, `when` and `reason`, `name`. A `when` that is missing
always holds. Clues ask the facts and what is defined of them; levels and disqualifying rules may also ask the score, and how sure we are of
a dimension as `budget.confidence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.scoring.domain.qualification.definition import (
    CONFIDENCE,
    SCORE_NAMES,
    Clue,
    Definition,
    Dimension,
    Disqualifier,
    Level,
    confidence_of,
)
from services.scoring.domain.qualification.evidence import CERTAIN
from services.scoring.domain.qualification.gap import SCORE
from services.scoring.domain.shape import WORD, Shape, nearby, pointer
from shared.rules import Definitions, DocumentError, Kind, Problem, Vocabulary

MAX_DEFINED = 100
MAX_DIMENSIONS = 20
MAX_CLUES = 50
MAX_DISQUALIFY = 50
MAX_LEVELS = 20
MIN_HALF_LIFE, MAX_HALF_LIFE = 0.01, 3_650.0  # days
# A level of one of these names could not be told from an outcome.
OUTCOMES = frozenset({"qualified", "disqualified", "insufficient", "unqualified"})


def from_document(document: object, vocabulary: Vocabulary) -> Definition:
    """Compiles a definition; `vocabulary` are the facts that every lead may have. Raises DocumentError with all that cannot be read.

    Reads what is written; whether it makes sense is judged by `lint`.
    """
    definition, problems = load(document, vocabulary)
    if problems:
        raise DocumentError(problems)
    return definition


def load(document: object, vocabulary: Vocabulary) -> tuple[Definition, list[Problem]]:
    """Compiles what can be read of a definition, and says what was left out and why. Never raises.

    What is left out neither qualifies nor disqualifies anybody: a level, a clue or a rule that cannot be read is not there, and of a
    condition in `define` that cannot be read it is never known whether it holds.
    """
    reader = _Reader(vocabulary)
    return reader.read(document), reader.shape.problems


class _Reader:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.shape = Shape()
        self.facts = vocabulary

    def read(self, document: object) -> Definition:
        needed, allowed = ("dimensions", "levels"), ("name", "facts", "define", "disqualify")
        parts = self.shape.object(document, "", required=needed, optional=allowed)
        name = self.shape.text(parts, "name", "")
        self.facts = self.shape.declared(parts.get("facts"), "/facts", self.facts)
        define = self.shape.defined(parts.get("define"), self.facts, most=MAX_DEFINED)
        self._check_names(parts)
        dimensions = {one.name: one for one in self._dimensions(parts.get("dimensions"), define)}
        confidences = {confidence_of(one): Kind.NUMBER for one in dimensions}
        asks = define.vocabulary.plus({**SCORE_NAMES, **confidences})
        disqualify = tuple(self._disqualifiers(parts.get("disqualify"), asks))
        levels = tuple(self._levels(parts.get("levels"), asks, dimensions))
        own = frozenset({*SCORE_NAMES, *confidences, *(define.vocabulary.names.keys() - self.facts.names.keys())})
        return Definition(name, define, dimensions, disqualify, levels, asks, own)

    def _check_names(self, parts: Mapping[str, Any]) -> None:
        """What the document names must not be what the definition knows itself."""
        for block in ("facts", "define"):
            named = parts.get(block)
            for name in named if isinstance(named, Mapping) else ():
                if name in SCORE_NAMES or str(name).endswith(CONFIDENCE):
                    self.shape.complain(
                        f"/{block}/{pointer(str(name))}", "is the name of something that the definition knows itself"
                    )

    # -- Dimensions --------------------------------------------------------------------------------------------------------------

    def _dimensions(self, block: object, define: Definitions) -> Iterator[Dimension]:
        for name, found in self.shape.entries(block, "/dimensions", most=MAX_DIMENSIONS):
            path = f"/dimensions/{pointer(name)}"
            if not WORD.fullmatch(name):
                self.shape.complain(path, "must be lower case letters, digits and underscores, such as budget")
            elif name == SCORE:
                self.shape.complain(path, "is what is missing of a lead that needs more points; no dimension can be called so")
            else:
                parts = self.shape.object(found, path, optional=("evidence", "half_life_days"))
                clues = tuple(self._clues(parts.get("evidence"), f"{path}/evidence", define))
                yield Dimension(name, clues, self.shape.number(parts, "half_life_days", path, MIN_HALF_LIFE, MAX_HALF_LIFE))

    def _clues(self, block: object, at: str, define: Definitions) -> Iterator[Clue]:
        for path, found in self.shape.items(block, at, most=MAX_CLUES):
            parts = self.shape.object(found, path, required=("value", "confidence"), optional=("when", "fact"))
            value = self.shape.text(parts, "value", path)
            confidence = self.shape.whole(parts, "confidence", path, 1, CERTAIN)
            when = self.shape.rule(parts, path, define.vocabulary)
            if when and value and confidence:
                yield Clue(path, when, value, confidence, self._fact(parts, path))

    def _fact(self, parts: Mapping[str, Any], path: str) -> str | None:
        fact = parts.get("fact")
        if isinstance(fact, str) and fact in self.facts:
            return fact
        if fact is not None:
            self.shape.complain(f"{path}/fact", f"there is no fact `{fact}`{nearby(str(fact), self.facts.names)}")
        return None

    # -- What is made of them ----------------------------------------------------------------------------------------------------

    def _disqualifiers(self, block: object, vocabulary: Vocabulary) -> Iterator[Disqualifier]:
        for path, found in self.shape.items(block, "/disqualify", most=MAX_DISQUALIFY):
            parts = self.shape.object(found, path, required=("when", "reason"))
            reason = self.shape.text(parts, "reason", path)
            when = self.shape.rule(parts, path, vocabulary)
            if when and reason and "when" in parts:
                yield Disqualifier(path, when, reason)

    def _levels(self, block: object, vocabulary: Vocabulary, dimensions: Mapping[str, Dimension]) -> Iterator[Level]:
        taken: set[str] = set()
        for path, found in self.shape.items(block, "/levels", least=1, most=MAX_LEVELS):
            before = len(self.shape.problems)
            parts = self.shape.object(found, path, required=("name",), optional=("label", "when", "floors", "total"))
            name = self._level_name(parts, path, taken)
            label = self.shape.text(parts, "label", path) or name
            floors = self._floors(parts.get("floors"), f"{path}/floors", dimensions)
            total = self.shape.whole(parts, "total", path, 1, CERTAIN * MAX_DIMENSIONS)
            when = self.shape.rule(parts, path, vocabulary)
            # With a part of what it asks left out, the level would take whom it should not.
            if name and label and when and len(self.shape.problems) == before:
                yield Level(path, name, label, when, floors, total)

    def _level_name(self, parts: Mapping[str, Any], path: str, taken: set[str]) -> str | None:
        name = self.shape.text(parts, "name", path)
        if name is None:
            return None
        if not WORD.fullmatch(name):
            self.shape.complain(f"{path}/name", "must be lower case letters, digits and underscores, such as sales_qualified")
        elif name in OUTCOMES:
            self.shape.complain(f"{path}/name", "is the name of an outcome")
        elif name in taken:
            self.shape.complain(f"{path}/name", "is the name of an earlier level")
        taken.add(name)
        return name

    def _floors(self, block: object, path: str, dimensions: Mapping[str, Dimension]) -> dict[str, int]:
        floors = {}
        for name, floor in self.shape.entries(block, path, most=MAX_DIMENSIONS):
            place = f"{path}/{pointer(name)}"
            if name not in dimensions:
                self.shape.complain(place, f"there is no dimension `{name}`{nearby(name, dimensions)}")
            elif (least := self.shape.whole_number(floor, place, 1, CERTAIN)) is not None:
                floors[name] = least
        return floors
