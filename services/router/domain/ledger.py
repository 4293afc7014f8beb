"""Entries of a group's append-only ledger: everything that changed who may receive, in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.agent import Leave, Pause, Presence, Settings

ASSIGNED = "assigned"
ENDED = "ended"
AGENT_CHANGED = "agent_changed"
LEAVE = "leave"
PAUSE = "pause"
PRESENCE = "presence"


class LedgerError(ValueError):
    """A ledger that cannot be folded: written wrongly, or meant for another group.

    ├── LedgerGap       an entry that is not the next one
    └── NotInGroup      a pool or an agent that the group does not have
    """


class LedgerGap(LedgerError):
    """The entry is not the next one."""


class NotInGroup(LedgerError):
    """The group has no such pool or agent."""


class Entry(NamedTuple):
    """One row of a ledger, a tuple since many are made. Build it with the function of its kind (`assigned`, `ended`, `agent_changed` …).

    `number` counts 1, 2, 3 … without gaps in a group. `at` is aware and never earlier than the group's last `now`.
    `data` is plain data that JSON can carry.
    """

    number: int
    kind: str
    at: datetime
    agent_id: UUID | None
    lead_id: UUID | None
    pool: str | None
    data: Mapping[str, Any]


def assigned(
    number: int,
    at: datetime,
    *,
    agent_id: UUID,
    lead_id: UUID,
    pool: str | None,
    turn: bool,
    period: str,
    hour: int = 0,
    work: int = 1,
    of: int | str = 0,
    without: Collection[UUID] = (),
    forced: bool = False,
) -> Entry:
    """An agent became a lead's owner; `forced`: an admin said so, whatever the gates.

    `turn` tells whether it is a turn of the pool; a sticky, forced or claimed assignment is none. `of` is the requirement class that it is
    a turn of, 0 for everyone's, and `without` are those who got no part of it (`Turns.take`). `period` and `hour` are
    the key of the agent's day and the number of its hour (`GroupState.today`) that it counts in, `work` is what it adds to the agent's
    open work: an assignment's row keeps the three for its end.
    """
    data = assignment(turn, period, hour, work, of, without, forced)
    return Entry(number, ASSIGNED, at, agent_id, lead_id, pool, data)


def assignment(
    turn: bool,
    period: str,
    hour: int,
    work: int,
    of: int | str,
    without: Collection[UUID],
    forced: bool,
) -> dict[str, Any]:
    """The data of an `assigned` entry, by place: one is made for each lead."""
    data: dict[str, Any] = {"turn": turn, "period": period, "hour": hour, "work": work}
    if of:
        data["of"] = of
    if without:
        data["without"] = sorted(str(one) for one in without)
    if forced:
        data["forced"] = True
    return data


def ended(
    number: int,
    at: datetime,
    *,
    agent_id: UUID,
    lead_id: UUID,
    pool: str | None,
    reason: str,
    gives_back: bool,
    period: str,
    hour: int = 0,
    work: int = 1,
    turn: int | None = None,
) -> Entry:
    """An assignment was closed; with `gives_back` the counts of the periods it was counted in are given back.

    So is its turn, where it was one: of the requirement class of that number (`Turns.give_back`).
    """
    data: dict[str, Any] = {"reason": reason, "gives_back": gives_back, "period": period, "hour": hour, "work": work}
    if gives_back and turn is not None:
        data["turn"] = turn
    return Entry(number, ENDED, at, agent_id, lead_id, pool, data)


def agent_changed(
    number: int, at: datetime, *, agent_id: UUID, settings: Settings, calendars: Mapping[str, Mapping[str, str]]
) -> Entry:
    """An agent's settings, all of them, as they are from now on, and the dates of the calendars that they name."""
    data = {"settings": settings.to_document(), "calendars": {name: dict(dates) for name, dates in calendars.items()}}
    return Entry(number, AGENT_CHANGED, at, agent_id, None, None, data)


def leave_changed(number: int, at: datetime, *, agent_id: UUID, leaves: Sequence[Leave]) -> Entry:
    """All of an agent's leave that is not over, as it is from now on."""
    return Entry(number, LEAVE, at, agent_id, None, None, {"leaves": [leave.to_document() for leave in leaves]})


def pause_changed(number: int, at: datetime, *, agent_id: UUID, pause: Pause | None) -> Entry:
    """An agent pauses from now on; with None it goes on."""
    return Entry(number, PAUSE, at, agent_id, None, None, {"pause": pause and pause.to_document()})


def presence_changed(number: int, at: datetime, *, agent_id: UUID, presence: Presence) -> Entry:
    """An agent's presence is known anew."""
    return Entry(number, PRESENCE, at, agent_id, None, None, {"presence": presence.to_document()})
