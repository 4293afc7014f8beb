"""Evidence: what is known of a dimension, who said so, how sure it was, and how sure it still is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from services.scoring.domain.qualification.definition import Clue
from shared.rules import Facts

CERTAIN = 100
MAX_SHOWN = 100
TICK = timedelta(microseconds=1)  # the clock's own step
_TICKS_A_DAY = timedelta(days=1) // TICK
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said of a dimension: `by` whom and when, and how sure they were, 0 to 100 per cent."""

    value: str
    confidence: int
    by: str
    at: datetime


class Claim(NamedTuple):
    """One thing said of a dimension. `source` is the lead's source or, where `manual`, the person who said it."""

    value: str
    confidence: int
    source: str
    at: datetime
    manual: bool


class Evidence(NamedTuple):
    """What counts of a dimension now: `confidence` is per cent now, `stated` per cent when it was said, `age` since then.

    `peak` is the most that anybody has stated, whoever counts now.
    """

    value: str
    confidence: int
    stated: int
    peak: int
    source: str
    at: datetime
    age: timedelta
    manual: bool


def claims_of(
    clue: Clue | None, facts: Facts, *, facts_at: datetime, told_by: str, statement: Statement | None
) -> tuple[Claim, ...]:
    """All that is said of a dimension, by the facts and by a person."""
    told = (Claim(_value(clue, facts), clue.confidence, told_by, facts_at, manual=False),) if clue else ()
    if statement is None:
        return told
    return (*told, Claim(statement.value, statement.confidence, statement.by, statement.at, manual=True))


def settle(claims: Sequence[Claim], half_life_days: float | None, now: datetime) -> Evidence:
    """Which of the claims counts: the surest after decay, of equals the newer, of those a person's. There is at least one."""
    if len(claims) == 1:  # as nearly always: nobody said anything beside the facts
        [claim] = claims
        left, age = decayed(claim, half_life_days, now), max(now - claim.at, _NONE)
        return Evidence(claim.value, left, claim.confidence, claim.confidence, claim.source, claim.at, age, claim.manual)
    ranked = [(decayed(claim, half_life_days, now), claim.at, claim.manual, place) for place, claim in enumerate(claims)]
    confidence, at, manual, place = max(ranked)
    claim, peak = claims[place], max([claim.confidence for claim in claims])
    return Evidence(claim.value, confidence, claim.confidence, peak, claim.source, at, max(now - at, _NONE), manual)


def decayed(claim: Claim, half_life_days: float | None, now: datetime) -> int:
    """What is left of a claim's confidence, in whole per cent rounded half to even. What is said in the future has not faded yet."""
    return left_of(claim.confidence, half_life_days, (now - claim.at) // TICK)


def left_of(confidence: int, half_life_days: float | None, ticks: int) -> int:
    """What is left of a confidence after so many ticks of the clock."""
    if half_life_days is None or ticks <= 0:
        return confidence
    return round(confidence * math.exp2(-ticks / (half_life_days * _TICKS_A_DAY)))


def falls_below(claim: Claim, half_life_days: float | None, mark: int, until: datetime) -> datetime | None:
    """The first moment at which less than `mark` per cent is left of a claim of at least that; None where that is after `until`.

    Solved from 2^(-age/half-life): `mark` is left as long as the rest is above mark - 1/2. To the microsecond, the clock's own step.
    """
    if half_life_days is None or mark <= 0:
        return None
    days = half_life_days * math.log2(claim.confidence / (mark - 0.5))
    if claim.at + _bounded(days) > until:
        return None
    moment = claim.at + timedelta(days=days)
    while decayed(claim, half_life_days, moment) >= mark:
        moment += TICK
    while decayed(claim, half_life_days, moment - TICK) < mark:
        moment -= TICK
    return moment


def _bounded(days: float) -> timedelta:
    """A timedelta has no room for more than about three million years."""
    return timedelta(days=min(days, 100_000.0))


def _value(clue: Clue, facts: Facts) -> str:
    shown = _shown(facts.get(clue.fact)) if clue.fact else ""
    return f"{clue.value} ({shown})" if shown else clue.value


def _shown(fact: object) -> str:
    """A fact as a person reads it, short; nothing for what is not one."""
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, (list, tuple)):
        fact = ", ".join(one for one in fact if isinstance(one, str))
    if isinstance(fact, (int, float)):
        return f"{fact:,.15g}" if abs(fact) < 10**15 else ""
    return fact[:MAX_SHOWN] if isinstance(fact, str) else ""
