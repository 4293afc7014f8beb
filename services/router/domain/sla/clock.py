"""Clocks: how much of a promise's time has passed for one lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent
from services.router.domain.availability import add_working, working_between
from services.router.domain.sla.calendars import Calendars
from services.router.domain.sla.levels import WORKING, Origin, Sla, SlaClock

NOUGHT = timedelta()
FOR_EVER = timedelta(days=366)  # of leave
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Holding:
    """Who has a lead, as clocks must know it. Without an owner there is no assignment.

    `responded_at` is when the lead was contacted for the first time, if it was. `hops` is how often it was moved on, by whatever clock.
    """

    received_at: datetime
    assignment_id: UUID | None = None
    assigned_at: datetime | None = None
    responded_at: datetime | None = None
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise for one lead, under the terms it began with.

    `spent` is the time that had passed at `since`; what passed after is measured by the calendar of whoever owns the lead since. `taken`
    counts the steps that were done or overtaken, in their order. No move happens before `held_until`. An ended clock stands still:
    `ended_by` is what ended it, and `kept` whether that was what it waited for.
    """

    sla: Sla
    began_at: datetime
    since: datetime
    assignment_id: UUID | None = None
    spent: timedelta = NOUGHT
    taken: int = 0
    hops: int = 0
    held_until: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    kept: bool = False

    @property
    def name(self) -> str:
        return self.sla.name

    @property
    def runs(self) -> bool:
        return self.ended_at is None

    @property
    def waits(self) -> bool:
        """Whether it goes by the time of an owner whom there is not: the next one's will measure what passes meanwhile."""
        return self.runs and self.assignment_id is None and self.sla.time == WORKING

    def to_document(self) -> dict[str, Any]:
        """As data that JSON can carry, `spent` in microseconds. No contact data."""
        return {
            "sla": self.sla.to_document(),
            "began_at": self.began_at.isoformat(),
            "since": self.since.isoformat(),
            "assignment_id": self.assignment_id and str(self.assignment_id),
            "spent": self.spent // _TICK,
            "taken": self.taken,
            "hops": self.hops,
            "held_until": self.held_until and self.held_until.isoformat(),
            "ended_at": self.ended_at and self.ended_at.isoformat(),
            "ended_by": self.ended_by,
            "kept": self.kept,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Clock:
        """Reads what `to_document` made."""
        return cls(
            sla=Sla.from_document(document["sla"]),
            began_at=datetime.fromisoformat(document["began_at"]),
            since=datetime.fromisoformat(document["since"]),
            assignment_id=UUID(document["assignment_id"]) if document["assignment_id"] else None,
            spent=document["spent"] * _TICK,
            taken=document["taken"],
            hops=document["hops"],
            held_until=_moment(document["held_until"]),
            ended_at=_moment(document["ended_at"]),
            ended_by=document["ended_by"],
            kept=document["kept"],
        )


class State(StrEnum):
    """How a promise stands. A closed list."""

    RUNNING = "running"
    WARNED = "warned"  # it runs, and the first warning's time has passed
    BREACHED = "breached"  # its time was up before it was kept or stopped, whether it still runs or not
    MET = "met"
    STOPPED = "stopped"  # ended in time by something else than what it waited for


@dataclass(frozen=True, slots=True)
class Status:
    """`remaining` is in seconds of the clock's own time, rounded up; nought or less once it is breached."""

    state: State
    remaining: int
    ended_at: datetime | None


def start(slas: Iterable[Sla], holding: Holding, calendars: Calendars) -> tuple[Clock, ...]:
    """The clocks that begin for a lead that has just got an owner, or that waits for one: then only those for its first response."""
    once = {sla.name: sla for sla in slas}  # a rule and its pool may name the same
    return tuple(clock for sla in once.values() if (clock := _begin(sla, holding, calendars)))


def _begin(sla: Sla, holding: Holding, calendars: Calendars) -> Clock | None:
    answered = sla.clock is SlaClock.FIRST_RESPONSE and holding.responded_at is not None
    from_receipt = sla.clock is SlaClock.FIRST_RESPONSE and sla.origin is Origin.RECEIPT
    origin = holding.received_at if from_receipt else holding.assigned_at
    if answered or origin is None:
        return None
    clock = Clock(sla, origin, origin, holding.assignment_id, hops=holding.hops)
    came_late = holding.assigned_at is not None and origin < holding.assigned_at
    return welcome(clock, holding, calendars) if came_late else clock


def welcome(clock: Clock, holding: Holding, calendars: Calendars) -> Clock:
    """The clock with the lead's present owner, who has some time at least before the lead moves on."""
    clock = replace(clock, assignment_id=holding.assignment_id, hops=holding.hops, held_until=None)
    if holding.assigned_at is None:
        return clock
    chance = min(timedelta(seconds=clock.sla.grace), clock.sla.allowed)
    return replace(clock, held_until=later(clock, calendars, holding.assigned_at, chance))


def carry(clock: Clock, calendars: Calendars, now: datetime) -> Clock:
    """The clock with all that has passed until `now` counted by these calendars: to be called before the owner, its hours or its leave
    change. An ended clock, and one that waits for an owner, stays as it is."""
    if not clock.runs or clock.waits or now <= clock.since:
        return clock
    return replace(clock, spent=passed(clock, calendars, now), since=now)


def status(clock: Clock, calendars: Calendars, now: datetime) -> Status:
    """How the promise stands at `now`. A breach that was told stays one."""
    spent = passed(clock, calendars, now) if clock.runs else clock.spent
    remaining = -((spent - clock.sla.allowed) // _SECOND)
    return Status(_state(clock, spent), remaining, clock.ended_at)


def _state(clock: Clock, spent: timedelta) -> State:
    if spent >= clock.sla.allowed or is_told(clock):
        return State.BREACHED
    if clock.ended_at:
        return State.MET if clock.kept else State.STOPPED
    warned = any(spent >= part_of(clock.sla, percent) for percent in clock.sla.warn)
    return State.WARNED if warned else State.RUNNING


def is_told(clock: Clock) -> bool:
    """Whether its breach was told."""
    return clock.taken > breach_place(clock.sla)


def breach_place(sla: Sla) -> int:
    """How many steps come before the breach; of those at 100 per cent it is the first."""
    return len(sla.warn) + sum(rung.at < 100 for rung in sla.ladder)


def passed(clock: Clock, calendars: Calendars, now: datetime) -> timedelta:
    """The time of a running clock that has passed at `now`."""
    if clock.waits:
        return clock.spent
    calendar = _measure(clock, calendars)
    gone = max(now - clock.since, NOUGHT) if calendar is None else working_between(calendar, clock.since, now)
    return clock.spent + gone


def deadline(clock: Clock, calendars: Calendars) -> datetime | None:
    """When its time is up if nobody does anything. None for one that has ended, waits for an owner, or had its time up before `since`."""
    left = clock.sla.allowed - clock.spent
    return later(clock, calendars, clock.since, left) if clock.runs and not clock.waits and left > NOUGHT else None


def later(clock: Clock, calendars: Calendars, at: datetime, duration: timedelta) -> datetime:
    """The moment that much of the clock's time after `at`."""
    calendar = _measure(clock, calendars)
    moment = None if calendar is None else add_working(calendar, at, duration)
    return at + duration if moment is None else moment


def part_of(sla: Sla, percent: int) -> timedelta:
    """So many per cent of the time, in whole seconds."""
    return timedelta(seconds=sla.seconds * percent // 100)


def _measure(clock: Clock, calendars: Calendars) -> Agent | None:
    """Whose time the clock goes by; None is all the time.

    Who has no hours at all, or is away for longer than a year, would keep a lead for ever: that clock goes by all the time.
    """
    calendar = calendars.of(clock.sla)
    if calendar is None:
        return None
    hours = calendar.settings.hours
    if hours is not None and not any(hours):
        return None
    return None if any(leave.ends > clock.since + FOR_EVER for leave in calendar.leaves) else calendar


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
