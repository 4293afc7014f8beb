"""Whether an agent can receive at a moment, why not in words, and until when that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.router.domain.agent import Agent
from services.router.domain.availability.gates import Gate, absence, caps_gate, duty, earliest, holiday
from services.router.domain.period import Periods, clock_of, periods_at

HORIZON = timedelta(days=800)
STEPS = 4_000


@dataclass(frozen=True, slots=True)
class Availability:
    """The answer, for a person too: `text` reads on from the agent's name.

    `until` is the next moment at which time alone may change it; None where only somebody's doing can.
    """

    available: bool
    gate: Gate | None
    text: str
    until: datetime | None


def availability(agent: Agent, at: datetime) -> Availability:
    """Asks every gate. From `at` to before `until` the answer is the same, if nobody does anything."""
    stopped, until = duty(agent, at)
    periods = periods_at(agent.zone, at)
    if stopped is None:
        stopped, ends = caps_gate(agent, periods)
        until = earliest(until, ends)
    return Availability(stopped is None, stopped, _text(agent, stopped, at, periods), until)


def next_available(agent: Agent, at: datetime) -> datetime | None:
    """The first moment from `at` on at which time alone lets the agent receive; None for one that needs somebody's doing, or is far off."""
    moment, last = at, at + HORIZON
    for _ in range(STEPS):
        found = availability(agent, moment)
        if found.available:
            return moment
        if found.until is None or found.until > last:
            return None
        moment = found.until
    return None


def _text(agent: Agent, gate: Gate | None, at: datetime, periods: Periods) -> str:
    match gate:
        case None:
            return "can receive"
        case Gate.INACTIVE:
            return "is not active"
        case Gate.PAUSED:
            assert agent.pause
            reason = f" ({agent.pause.reason})" if agent.pause.reason else ""
            return f"is paused{_until(agent, agent.pause.until)}{reason}"
        case Gate.ABSENT:
            return f"is on leave{_until(agent, absence(agent.leaves, at)[1])}"
        case Gate.HOLIDAY:
            return f"has a holiday on {periods.day.key} ({holiday(agent, at)[0]})"
        case Gate.OFF_HOURS:
            return "is outside working hours" if agent.settings.hours and any(agent.settings.hours) else "has no working hours"
        case Gate.PRESENCE:
            known = agent.presence
            return f"is {known.status}" if known and at < known.expires else "has not said to be online"
        case Gate.OPEN_CAP:
            return f"holds {_holds(agent)} and may hold {agent.caps.open}"
    return _counted(agent, gate, periods)


def _counted(agent: Agent, gate: Gate, periods: Periods) -> str:
    cap, period, words = {
        Gate.HOUR_CAP: (agent.caps.hour, periods.hour, "in the hour"),
        Gate.DAY_CAP: (agent.caps.day, periods.day, "on"),
        Gate.WEEK_CAP: (agent.caps.week, periods.week, "in the week"),
        Gate.MONTH_CAP: (agent.caps.month, periods.month, "in"),
    }[gate]
    return f"received {agent.received(period.key)} leads {words} {period.key} ({agent.zone}) and may receive {cap}"


def _holds(agent: Agent) -> str:
    return f"work of {agent.open}" if agent.settings.open_weights else f"{agent.open} open leads"


def _until(agent: Agent, at: datetime | None) -> str:
    """Such as " until 2026-03-30 09:00 (Europe/Berlin)", in the agent's zone."""
    return f" until {at.astimezone(clock_of(agent.zone)):%Y-%m-%d %H:%M} ({agent.zone})" if at else ""
