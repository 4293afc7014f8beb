"""What a definition says of a lead: qualified, disqualified or insufficient, and why. A closed list of three, and never a guess.

1. A disqualifying rule that matches ends the matter.
2. The first level that is met qualifies: its `when` holds, each floor is reached, and all dimensions together reach the total.
3. Otherwise, where something unknown stands between the lead and a level, the lead is insufficient, and `missing` names what the nearest
   level needs (nearness: `gap.py`).
4. Where all that the levels ask is known and is not enough, the lead is disqualified, and the reasons say what it falls short of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from services.scoring.domain.points import HUNDRED
from services.scoring.domain.qualification.definition import Definition, confidence_of
from services.scoring.domain.qualification.evidence import Claim, Evidence, Statement, claims_of, settle
from services.scoring.domain.qualification.gap import Gap, Known, gap_of, is_met, reasons_of
from shared.rules import Facts

NOBODY: Mapping[str, Statement] = MappingProxyType({})
NOTHING_KNOWN: Mapping[str, Evidence] = MappingProxyType({})


class Outcome(StrEnum):
    QUALIFIED = "qualified"
    DISQUALIFIED = "disqualified"
    INSUFFICIENT = "insufficient"


class Scored(Protocol):
    """What a level may ask of a lead's score. Points are integers in hundredths of a point."""

    @property
    def points(self) -> int: ...
    @property
    def fit(self) -> int: ...
    @property
    def engagement(self) -> int: ...
    @property
    def letter(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def grade(self) -> str: ...
    @property
    def thresholds(self) -> tuple[str, ...]: ...


class Judgement(NamedTuple):
    """What a lead is, and why.

    `qualification` is the level's name or the outcome, which is what a policy routes. `level` and `label` name the level that is met or,
    where none is, the nearest one. `missing` names dimensions, `score`, or facts that a rule asks. `reasons` are sentences for a person.
    """

    outcome: Outcome
    qualification: str
    level: str | None = None
    label: str | None = None
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    dimensions: Mapping[str, Evidence] = NOTHING_KNOWN


class Case(NamedTuple):
    """A lead before its definition: all that is said of it. Judged at any moment, it differs by what has faded until then."""

    definition: Definition
    facts: Facts
    score: Facts
    claims: Mapping[str, tuple[Claim, ...]]

    def evidence(self, now: datetime) -> dict[str, Evidence]:
        """What counts of each dimension of which anything is said."""
        dimensions = self.definition.dimensions
        return {name: settle(claims, dimensions[name].half_life_days, now) for name, claims in self.claims.items()}

    def judge(self, now: datetime) -> Judgement:
        definition, evidence = self.definition, self.evidence(now)
        asked = {**self.facts, **self.score}
        for name, one in evidence.items():
            asked[confidence_of(name)] = one.confidence
        known = Known(self.facts, asked, evidence, definition.dimensions.keys(), definition.holding(asked))
        return _disqualified(definition, known) or _qualified(definition, known) or _unmet(definition, known)


def judge(
    definition: Definition,
    facts: Facts,
    *,
    facts_at: datetime,
    told_by: str,
    score: Scored,
    manual: Mapping[str, Statement] = NOBODY,
    now: datetime,
) -> Judgement:
    """Judges a lead. `facts_at` is when its facts were told and `told_by` its source; `manual` is what people said, by dimension.

    Never raises for a definition in which `lint` found no error, whatever the facts.
    """
    return open_case(definition, facts, facts_at=facts_at, told_by=told_by, score=score, manual=manual).judge(now)


def open_case(
    definition: Definition,
    facts: Facts,
    *,
    facts_at: datetime,
    told_by: str,
    score: Scored,
    manual: Mapping[str, Statement] = NOBODY,
) -> Case:
    """Gathers what does not depend on when the lead is judged. What people said of dimensions that are not defined is passed over."""
    if not definition.own.isdisjoint(facts):
        facts = {name: fact for name, fact in facts.items() if name not in definition.own}
    facts = definition.define.extend(facts)
    clues = definition.clues_of(facts)
    claims = {
        name: claims_of(clues.get(name), facts, facts_at=facts_at, told_by=told_by, statement=manual.get(name))
        for name in definition.dimensions
        if name in clues or name in manual
    }
    return Case(definition, facts, _names_of(score), claims)


def _names_of(score: Scored) -> dict[str, object]:
    return {
        "points": score.points / HUNDRED,
        "fit": score.fit / HUNDRED,
        "engagement": score.engagement / HUNDRED,
        "letter": score.letter,
        "number": score.number,
        "grade": score.grade,
        "thresholds": score.thresholds,
    }


def _disqualified(definition: Definition, known: Known) -> Judgement | None:
    for one in definition.disqualify:
        if one.path in known.holding:
            return Judgement(Outcome.DISQUALIFIED, Outcome.DISQUALIFIED, reasons=(one.reason,), dimensions=known.evidence)
    return None


def _qualified(definition: Definition, known: Known) -> Judgement | None:
    for level in definition.levels:
        if is_met(level, known):
            return Judgement(Outcome.QUALIFIED, level.name, level.name, level.label, dimensions=known.evidence)
    return None


def _unmet(definition: Definition, known: Known) -> Judgement:
    """Of a definition of which no level could be read, nothing can be said: insufficient, without naming anything."""
    nearest = min((gap_of(level, known) for level in definition.levels), key=Gap.distance, default=None)
    if nearest is None:
        return Judgement(Outcome.INSUFFICIENT, Outcome.INSUFFICIENT, dimensions=known.evidence)
    outcome = Outcome.INSUFFICIENT if nearest.missing else Outcome.DISQUALIFIED
    return Judgement(
        outcome, outcome, nearest.level.name, nearest.level.label, nearest.missing, reasons_of(nearest, known), known.evidence
    )
