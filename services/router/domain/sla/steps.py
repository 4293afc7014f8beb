"""Steps: the warnings, the breach and the rungs of a clock's ladder, each with its moment, and those that are to be done now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from heapq import merge
from itertools import islice, takewhile

from services.router.domain.sla.calendars import Calendars
from services.router.domain.sla.clock import NOUGHT, Clock, later, part_of
from services.router.domain.sla.levels import MOVES, Escalation, Sla


class StepKind(StrEnum):
    """What a step does. A closed list."""

    WARN = "warn"
    BREACH = "breach"
    REMIND = "remind"
    NEXT_AGENT = "next_agent"
    MANAGER = "manager"
    POOL = "pool"


_OWNERS = frozenset({StepKind.REMIND, StepKind.NEXT_AGENT, StepKind.POOL})
_MOVES = frozenset({StepKind.NEXT_AGENT, StepKind.POOL})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the clock of this name. `place` is its number among the clock's steps, from 0.

    A MANAGER step with `instead` stands for the move that the hop limit forbids.
    """

    clock: str
    place: int
    kind: StepKind
    percent: int
    at: datetime
    pool: str | None = None
    instead: Escalation | None = None

    @property
    def moves(self) -> bool:
        return self.kind in _MOVES


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done now, in order, and the clocks once it is done. A step that moves the lead is the last one.

    Where the lead cannot be moved, since nobody else may receive it, the clocks hold all the same, and the ladder goes on.
    """

    clocks: tuple[Clock, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    percent: int
    kind: StepKind
    pool: str | None = None
    instead: Escalation | None = None


def due(clock: Clock, calendars: Calendars) -> tuple[Step, ...]:
    """All steps of a clock that are still to come, with the moments at which they do if nobody does anything."""
    return tuple(_coming(clock, calendars))


def next_step(clock: Clock, calendars: Calendars) -> Step | None:
    """The first step of a clock that is still to come; None for one that has ended, or whose ladder has."""
    return next(_coming(clock, calendars), None)


def soonest(clocks: Sequence[Clock], calendars: Calendars) -> datetime | None:
    """When one of the clocks has to be looked at again; None where nothing is to come."""
    steps = (next_step(clock, calendars) for clock in clocks)
    return min((step.at for step in steps if step), default=None)


def look(clocks: Sequence[Clock], calendars: Calendars, now: datetime, *, outage: timedelta = NOUGHT) -> Look:
    """What fell due until `now`, of all of a lead's clocks, up to the first step that moves the lead.

    `outage` is how long nobody had looked after timers when this fell due: see `catch_up`. Of warnings that were overtaken, by a later
    one or by the breach, nothing is said; nor is anybody reminded of a lead, or a lead moved on, that nobody owns.
    """
    caught = [catch_up(clock, calendars, now, outage) for clock in clocks]
    owned = {clock.name: clock.assignment_id is not None for clock in caught}
    coming = merge(*(_coming(clock, calendars) for clock in caught), key=lambda step: step.at)
    fallen = list(takewhile(lambda step: step.at <= now, coming))
    taken = _until_move(fallen, owned)
    places = {step.clock: step.place + 1 for step in taken}
    steps = tuple(step for step in taken if not _is_void(step, fallen, owned[step.clock]))
    return Look(tuple(replace(clock, taken=places.get(clock.name, clock.taken)) for clock in caught), steps)


def catch_up(clock: Clock, calendars: Calendars, now: datetime, outage: timedelta) -> Clock:
    """The clock with its grace where a move fell due while nothing ran.

    The breach is told and the manager too, but the move waits, so that the owner may still act: an owner could not have done so before.
    What comes behind the move waits with it. The grace is time of the clock: in working time it does not pass at night.
    """
    if not outage or not any(step.moves for step in takewhile(lambda step: step.at <= now, _coming(clock, calendars))):
        return clock
    return replace(clock, held_until=later(clock, calendars, now, timedelta(seconds=clock.sla.grace)))


def _until_move(steps: Sequence[Step], owned: dict[str, bool]) -> Sequence[Step]:
    first = next((index for index, step in enumerate(steps) if step.moves and owned[step.clock]), len(steps))
    return steps[: first + 1]


def _is_void(step: Step, fallen: Sequence[Step], is_owned: bool) -> bool:
    if step.kind is StepKind.WARN:
        loud = (StepKind.WARN, StepKind.BREACH)
        return any(one.clock == step.clock and one.place > step.place and one.kind in loud for one in fallen)
    return step.kind in _OWNERS and not is_owned


def _coming(clock: Clock, calendars: Calendars) -> Iterator[Step]:
    """Steps not yet taken, in order and each with its moment, which is never before that of the step before."""
    if not clock.runs or clock.waits:
        return
    reached, spent, earliest = clock.since, clock.spent, clock.since
    for place, planned in islice(enumerate(_plan(clock.sla, clock.hops >= clock.sla.max_hops)), clock.taken, None):
        part = part_of(clock.sla, planned.percent)
        if part > spent:
            reached, spent = later(clock, calendars, reached, part - spent), part
        held = clock.held_until if planned.kind in _MOVES and clock.held_until else reached
        earliest = max(earliest, reached, held)
        yield Step(clock.name, place, planned.kind, planned.percent, earliest, planned.pool, planned.instead)


@lru_cache(maxsize=1_024)
def _plan(sla: Sla, stays: bool) -> tuple[_Planned, ...]:
    """A clock's steps in order; `stays`: the lead was moved as often as it may be. At the same per cent the breach comes first."""
    steps = [_Planned(percent, StepKind.WARN) for percent in sla.warn]
    steps.append(_Planned(100, StepKind.BREACH))
    for rung in sla.ladder:
        if stays and rung.do in MOVES:
            steps.append(_Planned(rung.at, StepKind.MANAGER, instead=rung.do))
        else:
            steps.append(_Planned(rung.at, StepKind(rung.do.value), rung.pool))
    return tuple(sorted(steps, key=lambda step: step.percent))
