"""Working time: adding and measuring it by the same hours, holidays and leave that say whether an agent can receive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.router.domain.agent import Agent
from services.router.domain.availability.gates import at_work

HORIZON = timedelta(days=5 * 366)


def add_working(agent: Agent, start: datetime, duration: timedelta) -> datetime | None:
    """The moment at which that much of the agent's working time has passed since `start`; None for one who does not work so long
    within five years. An agent without hours works always, but for holidays and leave.

    No working time at all has passed at once, whether the agent works then or not.
    """
    left = duration
    if left <= timedelta():
        return start
    for begins, ends, works in _stretches(agent, start):
        if not works:
            continue
        if ends is None or ends - begins >= left:
            return begins + left
        left -= ends - begins
    return None


def working_between(agent: Agent, start: datetime, end: datetime) -> timedelta:
    """How much of the agent's working time lies from `start` to before `end`; nought where `end` is not later."""
    passed = timedelta()
    for begins, ends, works in _stretches(agent, start):
        if begins >= end:
            break
        if works:
            passed += (end if ends is None else min(ends, end)) - begins
    return passed


def _stretches(agent: Agent, start: datetime) -> Iterator[tuple[datetime, datetime | None, bool]]:
    """What follows `start` without a gap: from, until (None for ever), and whether the agent works then."""
    moment: datetime | None = start
    while moment is not None and moment - start < HORIZON:
        gate, until = at_work(agent, moment)
        yield moment, until, gate is None
        moment = until
