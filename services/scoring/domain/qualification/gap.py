"""How far a lead is from a level that it does not meet: what is not known, and what is known and is not enough.

Rules are asked in three values, as CEL has them: true, false, or open because something that they ask is absent. A rule that is false by
the facts alone, the score left open, refuses the lead whatever else may come; any other may yet hold.

Evidence that reached a floor when it was told, and has faded below it since, is not known any more: to have been told long ago is not the
same as to have been told too little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.scoring.domain.qualification.definition import CONFIDENCE, SCORE_NAMES, Level, confidence_of
from services.scoring.domain.qualification.evidence import CERTAIN, Evidence
from shared.rules import Facts, Kind, Rule

SCORE = "score"
MAX_QUOTED = 200
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.TRUTH: (bool,),
    Kind.TEXTS: (list, tuple),
}


class Known(NamedTuple):
    """All that is known of a lead at one moment: `facts` alone, `asked` with score and confidences, the evidence itself.

    `holding` is where the conditions stand that hold.
    """

    facts: Facts
    asked: Facts
    evidence: Mapping[str, Evidence]
    dimensions: Collection[str]
    holding: frozenset[str]

    def confidence(self, dimension: str) -> int:
        """Per cent; 0 where nothing is known, which counts for nothing in a total."""
        found = self.evidence.get(dimension)
        return found.confidence if found else 0

    @property
    def total(self) -> int:
        return sum([one.confidence for one in self.evidence.values()])


@dataclass(frozen=True, slots=True)
class Gap:
    """Between a lead and a level. `missing` would have to be known, `short` says what is not enough; `closed` by the facts alone."""

    level: Level
    missing: tuple[str, ...]
    short: tuple[str, ...]
    closed: bool = False

    def distance(self) -> tuple[int, int]:
        """Nearest first: what only lacks knowledge; what lacks more than that; what is known and not enough; what is closed.

        Within these, what lacks less. Of equals the earlier level is taken, which is the better one.
        """
        if self.closed:
            return 3, 0
        kind = (1 if self.short else 0) if self.missing else 2
        return kind, len(self.missing) + len(self.short)


def is_met(level: Level, known: Known) -> bool:
    if level.path not in known.holding or (level.total is not None and known.total < level.total):
        return False
    return not level.floors or all(known.confidence(dimension) >= floor for dimension, floor in level.floors.items())


def gap_of(level: Level, known: Known) -> Gap:
    """What stands between the lead and this level, which it does not meet."""
    if level.when.verdict(known.facts) is False:
        return Gap(level, (), (f"{level.label} asks {_quoted(level.when)}, and the facts say otherwise",), closed=True)
    missing: dict[str, None] = {}  # in order, each once
    short: list[str] = []
    for part in (_of_floors, _of_total, _of_condition):
        lacks, falls = part(level, known)
        missing.update(dict.fromkeys(lacks))
        short.extend(falls)
    return Gap(level, tuple(missing), tuple(short))


def reasons_of(gap: Gap, known: Known) -> tuple[str, ...]:
    """The gap in sentences for a person."""
    if gap.missing == (SCORE,):
        return (_falls_of_score(gap.level, known),)
    if not gap.missing:
        return gap.short
    return (f"{gap.level.label} needs to know {', '.join(_described(name, known) for name in gap.missing)}", *gap.short)


def _described(name: str, known: Known) -> str:
    one = known.evidence.get(name)
    return f"{name} (of {one.peak} per cent, {one.confidence} are left)" if one else name


Part = tuple[Iterable[str], Iterable[str]]
NOTHING: Part = ((), ())


def _of_floors(level: Level, known: Known) -> Part:
    missing, short = [], []
    for dimension, floor in level.floors.items():
        evidence = known.evidence.get(dimension)
        if evidence is None or evidence.confidence < floor <= evidence.peak:
            missing.append(dimension)
        elif evidence.confidence < floor:
            short.append(f"{dimension} is known with {evidence.confidence} of {floor} per cent")
    return missing, short


def _of_total(level: Level, known: Known) -> Part:
    if level.total is None or known.total >= level.total:
        return NOTHING
    unknown = [name for name in known.dimensions if name not in known.evidence]
    peak = sum(one.peak for one in known.evidence.values())
    if peak + CERTAIN * len(unknown) < level.total:
        return unknown, (f"all that is known together is {known.total} of {level.total} per cent",)
    return unknown or _faded(known.dimensions, known), ()


def _of_condition(level: Level, known: Known) -> Part:
    rule = level.when
    if level.path in known.holding:
        return NOTHING
    if rule.verdict(known.asked) is not False:
        return _unanswered(rule, known), ()
    named = [name for name in known.dimensions if confidence_of(name) in rule.names]
    unknown = [name for name in named if name not in known.evidence]
    if SCORE_NAMES.keys() & rule.names:
        if not (named or level.floors or level.total):
            return (SCORE,), ()
        return unknown, (_falls_of_score(level, known),)
    if not unknown and rule(_at_peak(known)):
        return _faded(named, known), ()
    return unknown, () if unknown else (f"{level.label} asks {_quoted(rule)}, which is not so",)


def _falls_of_score(level: Level, known: Known) -> str:
    return f"{level.label} asks {_quoted(level.when)}, and the score is {known.asked['points']:g}, grade {known.asked['grade']}"


def _unanswered(rule: Rule, known: Known) -> list[str]:
    """What the lead would have to tell before the rule can be answered: what is not there or is of another kind, or else all it asks."""
    names = sorted(rule.names)
    untold = [name for name in names if not _is_told(known.asked.get(name), rule.vocabulary.names[name])]
    return [name.removesuffix(CONFIDENCE) for name in untold or names]


def _is_told(fact: object, kind: Kind) -> bool:
    return isinstance(fact, _TYPES[kind]) and (kind is Kind.TRUTH or not isinstance(fact, bool))


def _faded(dimensions: Iterable[str], known: Known) -> list[str]:
    return [name for name in dimensions if (one := known.evidence.get(name)) and one.confidence < one.peak]


def _at_peak(known: Known) -> dict[str, object]:
    return {**known.asked, **{confidence_of(name): one.peak for name, one in known.evidence.items()}}


def _quoted(rule: Rule) -> str:
    text = rule.text
    return f'"{text}"' if len(text) <= MAX_QUOTED else f'"{text[:MAX_QUOTED]}…"'
