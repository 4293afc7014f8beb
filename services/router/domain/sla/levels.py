"""Service levels as values: what is measured, in which time, what keeps the promise, and the ladder of what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from shared.rules import Problem

WORKING, WALL = "working", "wall"
MAX_SECONDS = 366 * 86_400
MAX_PERCENT = 10_000
MAX_STEPS = 20
MAX_HOPS = 100
HOPS, GRACE = 3, 300  # where a service level does not say otherwise


class SlaClock(StrEnum):
    """What a service level measures. A closed list."""

    ACCEPT = "accept"  # from an assignment to its acceptance
    FIRST_RESPONSE = "first_response"  # until the lead is contacted for the first time
    FOLLOW_UP = "follow_up"  # from the assignment, and then from each action that counts, to the next


class Origin(StrEnum):
    """Where the time to the first response counts from. A closed list."""

    RECEIPT = "receipt"
    ASSIGNMENT = "assignment"


class Absent(StrEnum):
    """What the owner's leave does to a clock. A closed list."""

    PAUSE = "pause"
    RUN = "run"


class Escalation(StrEnum):
    """What a rung of the ladder does. A closed list."""

    REMIND = "remind"
    NEXT_AGENT = "next_agent"
    MANAGER = "manager"
    POOL = "pool"


MOVES = frozenset({Escalation.NEXT_AGENT, Escalation.POOL})

ACCEPTED, CONTACTED, STAGE = "accepted", "contacted", "stage"
"""What somebody can have done. STAGE is any change of stage; each stage's name counts as well."""

COUNTS: Mapping[SlaClock, frozenset[str]] = {
    SlaClock.ACCEPT: frozenset({ACCEPTED, CONTACTED, STAGE}),
    SlaClock.FIRST_RESPONSE: frozenset({CONTACTED, "qualified", "won"}),
    SlaClock.FOLLOW_UP: frozenset({ACCEPTED, CONTACTED, STAGE}),
}
"""What keeps a promise where it does not say so itself."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What is done at so many per cent of the time; `pool` is where a lead goes, for a rung that moves it to one."""

    at: int
    do: Escalation
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Sla:
    """A promise: what `clock` measures happens within `seconds`.

    `time` is WORKING (the owner's), WALL, or the name of a calendar. `absent` of None lets the owner's leave pause a clock of WORKING
    time and no other. `warn` are per cents of the time at which the owner is warned; `counts` is what keeps the promise, none is as
    `COUNTS` says. A lead that moved `max_hops` times stays, and the manager is told instead. `grace` are the seconds that an owner has
    at least before the lead moves on, where it came late in its time or nobody could act.
    """

    name: str
    clock: SlaClock
    seconds: int
    time: str = WORKING
    origin: Origin = Origin.RECEIPT
    absent: Absent | None = None
    warn: tuple[int, ...] = ()
    ladder: tuple[Rung, ...] = ()
    counts: frozenset[str] = frozenset()
    max_hops: int = HOPS
    grace: int = GRACE

    @property
    def allowed(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def pauses(self) -> bool:
        """Whether it stands still while the owner is on leave."""
        return self.absent is Absent.PAUSE or (self.absent is None and self.time == WORKING)

    def is_kept_by(self, names: frozenset[str]) -> bool:
        """Whether what somebody did, by all its names, is what was promised."""
        return not names.isdisjoint(self.counts or COUNTS[self.clock])

    def to_document(self) -> dict[str, Any]:
        """As data that JSON can carry; `from_document` reads it back."""
        return {
            "name": self.name,
            "clock": self.clock.value,
            "seconds": self.seconds,
            "time": self.time,
            "origin": self.origin.value,
            "absent": self.absent and self.absent.value,
            "warn": list(self.warn),
            "ladder": [{"at": rung.at, "do": rung.do.value, "pool": rung.pool} for rung in self.ladder],
            "counts": sorted(self.counts),
            "max_hops": self.max_hops,
            "grace": self.grace,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Sla:
        return cls(
            name=document["name"],
            clock=SlaClock(document["clock"]),
            seconds=document["seconds"],
            time=document["time"],
            origin=Origin(document["origin"]),
            absent=Absent(document["absent"]) if document["absent"] else None,
            warn=tuple(document["warn"]),
            ladder=tuple(Rung(rung["at"], Escalation(rung["do"]), rung["pool"]) for rung in document["ladder"]),
            counts=frozenset(document["counts"]),
            max_hops=document["max_hops"],
            grace=document["grace"],
        )


def lint_sla(sla: Sla, path: str = "") -> list[Problem]:
    """What is wrong with its numbers and its ladder, by JSON Pointers (RFC 6901) below `path`. Names of pools are judged elsewhere."""
    return [Problem(f"{path}/{field}", message) for field, message in _faults(sla)]


def _faults(sla: Sla) -> Iterator[tuple[str, str]]:
    if not 1 <= sla.seconds <= MAX_SECONDS:
        yield "minutes", "must be more than nought and at most a year"
    if not 0 <= sla.grace <= MAX_SECONDS:
        yield "grace_minutes", "must be from nought to a year"
    if not 0 <= sla.max_hops <= MAX_HOPS:
        yield "max_hops", f"must be from 0 to {MAX_HOPS}"
    if len(sla.warn) + len(sla.ladder) > MAX_STEPS:
        yield "ladder", f"must have at most {MAX_STEPS} steps, warnings among them"
    for index, percent in enumerate(sla.warn):
        if not 1 <= percent <= 99 or percent in sla.warn[:index]:
            yield f"warn/{index}", "must be per cents from 1 to 99, each once: a warning comes before the breach"
    for index, rung in enumerate(sla.ladder):
        yield from _faults_of_rung(sla, rung, index)


def _faults_of_rung(sla: Sla, rung: Rung, index: int) -> Iterator[tuple[str, str]]:
    least = 100 if rung.do in MOVES else 1
    if not least <= rung.at <= MAX_PERCENT:
        yield (
            f"ladder/{index}/at",
            f"must be from {least} to {MAX_PERCENT} per cent"
            + (": a lead moves only when its time is up" if least == 100 else ""),
        )
    if index and rung.at < sla.ladder[index - 1].at:
        yield f"ladder/{index}/at", "must not be less than that of the rung before"
    if (rung.do is Escalation.POOL) != (rung.pool is not None):
        yield f"ladder/{index}/pool", "names the pool that the lead goes to, for a rung that does pool and no other"
