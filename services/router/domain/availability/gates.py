"""The gates that stop an agent, in the order in which they are asked, each with the moment at which time alone may change its answer.

Asked apart are `duty`, which depends on settings, absence and the time, and `caps_gate`, which changes with each assignment: so that an
assignment costs a few comparisons, and hours and holidays are looked up only when they may have changed.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.router.domain.agent import Agent, Leave
from services.router.domain.availability.hours import schedule_of
from services.router.domain.period import Period, Periods, later_keys, midnight, period_at

ONLINE = "online"


class Gate(StrEnum):
    """Why an agent cannot receive. A closed list, in the order in which they are asked."""

    INACTIVE = "inactive"
    PAUSED = "paused"
    ABSENT = "absent"
    HOLIDAY = "holiday"
    OFF_HOURS = "off_hours"
    PRESENCE = "presence"
    OPEN_CAP = "open_cap"
    HOUR_CAP = "hour_cap"
    DAY_CAP = "day_cap"
    WEEK_CAP = "week_cap"
    MONTH_CAP = "month_cap"
    REQUIREMENT = "requirement"  # of a decision: may receive, but not this lead
    REFUSED = "refused"  # of a decision: had this lead, or was offered it, and does not get it again

    @property
    def phrase(self) -> str:
        """What is said of those whom it stops: "2 inactive"."""
        return _PHRASES[self]


AWAY = frozenset((Gate.INACTIVE, Gate.PAUSED, Gate.ABSENT, Gate.PRESENCE))
"""The gates of somebody who is not there, unlike one who is there at other hours or has had its fill."""

_PHRASES = {
    Gate.INACTIVE: "inactive",
    Gate.PAUSED: "paused",
    Gate.ABSENT: "on leave",
    Gate.HOLIDAY: "on a holiday",
    Gate.OFF_HOURS: "outside working hours",
    Gate.PRESENCE: "not online",
    Gate.OPEN_CAP: "at the cap of open leads",
    Gate.HOUR_CAP: "at the cap of the hour",
    Gate.DAY_CAP: "at the cap of the day",
    Gate.WEEK_CAP: "at the cap of the week",
    Gate.MONTH_CAP: "at the cap of the month",
    Gate.REQUIREMENT: "not meeting what is asked",
    Gate.REFUSED: "who had this lead already",
}


class Duty(NamedTuple):
    """The gate that stops an agent, or None; and until when that holds if nobody does anything, None for ever."""

    gate: Gate | None
    until: datetime | None


_FREE = Duty(None, None)
_FULL = Duty(Gate.OPEN_CAP, None)


def duty(agent: Agent, at: datetime) -> Duty:
    """The first gate but for the caps."""
    if not agent.active:
        return Duty(Gate.INACTIVE, None)
    if agent.pause and (agent.pause.until is None or at < agent.pause.until):
        return Duty(Gate.PAUSED, agent.pause.until)
    away = at_work(agent, at)
    if away.gate or not agent.settings.needs_presence:
        return away
    known = agent.presence
    if known is None or at >= known.expires:
        return Duty(Gate.PRESENCE, away.until)
    return Duty(None if known.status == ONLINE else Gate.PRESENCE, earliest(away.until, known.expires))


def at_work(agent: Agent, at: datetime) -> Duty:
    """The first gate of leave, holiday and hours: whether it is the agent's working time."""
    until = None
    if agent.leaves:
        absent, until = absence(agent.leaves, at)
        if absent:
            return Duty(Gate.ABSENT, until)
    gate, changes = scheduled(agent, at)
    return Duty(gate, earliest(until, changes))


def scheduled(agent: Agent, at: datetime) -> Duty:
    """The first gate of holiday and hours."""
    until = None
    if agent.days_off:
        off, until = holiday(agent, at)
        if off:
            return Duty(Gate.HOLIDAY, until)
    if agent.settings.hours is not None:
        works, changes = schedule_of(agent.settings.hours, agent.zone).at(at)
        until = earliest(until, changes)
        if not works:
            return Duty(Gate.OFF_HOURS, until)
    return Duty(None, until)


def catches_up(agent: Agent, periods: Periods, at: datetime) -> tuple[bool, datetime | None]:
    """Whether nothing but leave with catch-up stops an agent who is on leave at `at`, and when time alone may change that.

    Presence is not asked: nobody on leave says to be there.
    """
    until = min((edge for leave in agent.leaves for edge in (leave.starts, leave.ends) if edge > at), default=None)
    if not all(leave.catch_up for leave in agent.leaves if leave.starts <= at < leave.ends):
        return False, until
    stopped, changes = scheduled(agent, at)
    if stopped is None:
        stopped, ends = caps_gate(agent, periods)
        changes = earliest(changes, ends)
    return stopped is None, earliest(until, changes)


def absence(leaves: tuple[Leave, ...], at: datetime) -> tuple[bool, datetime | None]:
    """Whether a leave covers `at`, and when that changes: leaves that meet or overlap are one."""
    until: datetime | None = None
    for leave in sorted(leaves, key=lambda one: one.starts):
        if leave.ends <= at:
            continue
        if leave.starts > (until or at):
            return (True, until) if until else (False, leave.starts)
        until = max(until, leave.ends) if until else leave.ends
    return until is not None, until


def holiday(agent: Agent, at: datetime) -> tuple[str | None, datetime | None]:
    """The holiday that `at` falls on, from its own midnight to the next, and when that changes."""
    today = period_at(agent.zone, at)
    if today.key in agent.days_off:
        return agent.days_off[today.key], today.ends
    following = _following(tuple(agent.days_off), today.key)
    return None, midnight(agent.zone, date.fromisoformat(following)) if following else None


def _following(days: tuple[str, ...], today: str) -> str | None:
    """The first of these dates, which are in order, from `today` on."""
    place = bisect_left(days, today)
    return days[place] if place < len(days) else None


def caps_gate(agent: Agent, periods: Periods) -> Duty:
    """The first cap that is reached."""
    settings = agent.settings
    caps, counts = settings.caps, agent.counts
    if caps_leave(agent, periods):  # what is true of nearly everybody, asked without a loop: each assignment asks it
        return _FREE
    if caps.open is not None and agent.open + settings.lightest > caps.open:
        return _FULL
    counted_later = agent.latest > periods.hour.key
    until = None
    for gate, cap, period in (
        (Gate.HOUR_CAP, caps.hour, periods.hour),
        (Gate.DAY_CAP, caps.day, periods.day),
        (Gate.WEEK_CAP, caps.week, periods.week),
        (Gate.MONTH_CAP, caps.month, periods.month),
    ):
        if cap is None:
            continue
        if counts.get(period.key, 0) >= cap:
            return Duty(gate, earliest(until, period.ends if cap else None))
        if counted_later and _was_reached(agent, period, cap):
            until = earliest(until, period.ends)
    return Duty(None, until)


def caps_leave(agent: Agent, periods: Periods, leads: int = 0, work: int = 0) -> bool:
    """Whether no cap stops the agent, now or later, nor would after so many more leads, of so much work together, in these periods."""
    caps, counts = agent.caps, agent.counts
    return (
        (caps.open is None or agent.open + work + agent.settings.lightest <= caps.open)
        and agent.latest <= periods.hour.key
        and (caps.hour is None or counts.get(periods.hour.key, 0) + leads < caps.hour)
        and (caps.day is None or counts.get(periods.day.key, 0) + leads < caps.day)
        and (caps.week is None or counts.get(periods.week.key, 0) + leads < caps.week)
        and (caps.month is None or counts.get(periods.month.key, 0) + leads < caps.month)
    )


def _was_reached(agent: Agent, period: Period, cap: int) -> bool:
    """Whether a later period begins at its cap: it was counted in before a change of zone."""
    return any(agent.counts[key] >= cap for key in later_keys(agent.counts, period))


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two moments, of which either may be never (None)."""
    if one is None or other is None:
        return one or other
    return min(one, other)
