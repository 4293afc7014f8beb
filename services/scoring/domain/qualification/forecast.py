"""When a judgement will change by itself, because what was told fades. The score is taken as it is: how it fades is the scorecard's.

Between two moments at which a confidence falls below a number that the definition asks for, nothing changes. So these moments are computed,
each from its exponential, and the lead is judged at them in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from services.scoring.domain.qualification.definition import CONFIDENCE, Definition, Level, confidence_of
from services.scoring.domain.qualification.evidence import TICK, Statement, falls_below, left_of
from services.scoring.domain.qualification.judge import NOBODY, Case, Judgement, Outcome, Scored, open_case
from services.scoring.domain.qualification.marks import marks_of
from shared.rules import Facts

HORIZON = timedelta(days=366)
MAX_STEPS = 64


def next_judgement_change(
    definition: Definition,
    facts: Facts,
    *,
    facts_at: datetime,
    told_by: str,
    score: Scored,
    manual: Mapping[str, Statement] = NOBODY,
    now: datetime,
) -> datetime | None:
    """The moment after `now` at which, with nothing else happening, the qualification changes; None where it will not within a year.

    May be earlier than that where very many moments come in question; whoever asks again at that moment gets on.
    """
    case = open_case(definition, facts, facts_at=facts_at, told_by=told_by, score=score, manual=manual)
    if not any(definition.dimensions[name].half_life_days for name in case.claims):
        return None
    before = case.judge(now)
    moments = sorted({moment for moment in _moments(case, before, now) if moment > now})
    for moment in moments[:MAX_STEPS]:
        if case.judge(moment).qualification != before.qualification:
            return moment
    return moments[MAX_STEPS] if len(moments) > MAX_STEPS else None


def _moments(case: Case, before: Judgement, now: datetime) -> Iterator[datetime]:
    """Every moment within the horizon at which something that the definition asks of a confidence changes its answer."""
    until = now + HORIZON
    for level in _watched(case.definition, before):
        for dimension, floor in level.floors.items():
            yield from _fall(case, dimension, floor, until)
        if level.total is not None:
            yield from _fall_of_total(case, level.total, now, until)
    for dimension, mark in _asked(case, now):
        yield from _fall(case, dimension, mark, until)


def _watched(definition: Definition, before: Judgement) -> tuple[Level, ...]:
    """The levels whose floors matter: of a qualified lead only its own, for what fades lifts it to no other."""
    if before.outcome is Outcome.QUALIFIED:
        return tuple(level for level in definition.levels if level.name == before.level)
    return definition.levels


def _asked(case: Case, now: datetime) -> Iterator[tuple[str, int]]:
    """Each number that a rule compares a confidence with; every whole per cent where a rule cannot be read as comparisons."""
    for rule in case.definition.conditions:
        for one in rule.conjuncts:
            if one.name.endswith(CONFIDENCE):
                yield from ((one.name.removesuffix(CONFIDENCE), mark) for mark in marks_of(one))
        rest = rule.rest.names if rule.rest else frozenset()
        for dimension, evidence in case.evidence(now).items() if rest else ():
            if confidence_of(dimension) in rest:
                yield from ((dimension, mark) for mark in range(1, evidence.confidence + 1))


def _fall(case: Case, dimension: str, mark: int, until: datetime) -> Iterator[datetime]:
    """When less than `mark` per cent is left of a dimension: once that is so of all that is said of it."""
    half_life = case.definition.dimensions[dimension].half_life_days
    enough = [claim for claim in case.claims.get(dimension, ()) if claim.confidence >= mark]
    falls = [falls_below(claim, half_life, mark, until) for claim in enough]
    known = [moment for moment in falls if moment is not None]
    if enough and len(known) == len(enough):
        yield max(known)


def _fall_of_total(case: Case, total: int, now: datetime, until: datetime) -> Iterator[datetime]:
    """When less than `total` per cent is left of all dimensions together: sought by halves, for a sum of powers has no closed form."""
    dimensions = case.definition.dimensions
    said = [
        [(claim.confidence, dimensions[name].half_life_days, (now - claim.at) // TICK) for claim in claims]
        for name, claims in case.claims.items()
    ]

    def is_left(ticks: int) -> bool:
        return sum([max([left_of(stated, half_life, age + ticks) for stated, half_life, age in one]) for one in said]) >= total

    low, high = 0, (until - now) // TICK
    if not is_left(low) or is_left(high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_left(middle) else (low, middle)
    yield now + high * TICK
