"""An agent as the ledger left it: settings, what is known of its absence and presence, and what it holds and has received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from services.router.domain.period import keys_of, without_past
from shared.ids import id_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Caps:
    """How much an agent may be given: leads an hour, a day, a week, a month, and work open at the same time. None is no cap."""

    hour: int | None = None
    day: int | None = None
    week: int | None = None
    month: int | None = None
    open: int | None = None


Week = tuple[tuple[str, ...], ...]
"""Blocks of working hours ("09:00-12:30") for each day, Monday first."""


@dataclass(frozen=True)
class Settings:
    """What somebody set for an agent. `roster.read_settings` makes it from what a person sends, checked.

    `zone` is an IANA name. `hours` of None is always. `holidays` names calendars (DE, DE-BY) and single dates (2026-12-24).
    `open_weights` is the work of an open lead by its qualification or grade, 1 where neither is named. `weight` (1 to 1,000) and
    `level` (1 is asked first) stand where a pool does not say otherwise.
    """

    name: str = ""
    kind: str = "agent"
    active: bool = True
    zone: str = "UTC"
    weight: int = 1
    level: int = 1
    manager_id: UUID | None = None
    external_ref: str | None = None
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    hours: Week | None = None
    holidays: tuple[str, ...] = ()
    caps: Caps = Caps()
    open_weights: Mapping[str, int] = field(default_factory=dict)
    needs_presence: bool = False

    def work_of(self, qualification: str, grade: str) -> int:
        """The work that an open lead of this qualification and grade is."""
        if not self.open_weights:
            return 1
        return self.open_weights.get(qualification, self.open_weights.get(grade, 1))

    @cached_property
    def lightest(self) -> int:
        """The least work that a lead can be."""
        return min(1, *self.open_weights.values()) if self.open_weights else 1

    def to_document(self) -> dict[str, Any]:
        """The settings as data that JSON can carry, without what is as it is by default."""
        return dict(self._document)

    @cached_property
    def _document(self) -> dict[str, Any]:
        # Kept, because each snapshot of a group holds the settings of all its agents, and they hardly change.
        document: dict[str, Any] = {"name": self.name, "kind": self.kind, "active": self.active, "zone": self.zone}
        for name in ("weight", "level", "external_ref", "needs_presence"):
            if (value := getattr(self, name)) != getattr(_DEFAULT, name):
                document[name] = value
        for name in ("skills", "languages", "tags", "territories", "holidays"):
            if value := getattr(self, name):
                document[name] = list(value)
        if self.manager_id:
            document["manager_id"] = str(self.manager_id)
        if self.hours is not None:
            document["hours"] = {day: list(blocks) for day, blocks in zip(DAYS, self.hours, strict=True) if blocks}
        if self.open_weights:
            document["open_weights"] = dict(sorted(self.open_weights.items()))
        caps = {name: cap for name in CAPS if (cap := getattr(self.caps, name)) is not None}
        return {**document, "caps": caps} if caps else document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Settings:
        """Reads what `to_document` made, or a document of the first version, with `daily_cap` and `open_cap`. Checks nothing."""
        values = {name: value for name, value in document.items() if name in _NAMES}
        for name in ("skills", "languages", "tags", "territories", "holidays"):
            values[name] = tuple(values.get(name, ()))
        if manager := values.get("manager_id"):
            values["manager_id"] = id_of(manager)
        if (hours := values.get("hours")) is not None:
            values["hours"] = tuple(tuple(hours.get(day, ())) for day in DAYS)
        first = {"day": document.get("daily_cap"), "open": document.get("open_cap")}
        values["caps"] = Caps(**{**first, **values.get("caps", {})})
        return cls(**values)


CAPS = tuple(one.name for one in fields(Caps))
_NAMES = frozenset(one.name for one in fields(Settings))
_DEFAULT = Settings()


@dataclass(frozen=True, slots=True)
class Leave:
    """From `starts` to before `ends` the agent is away. With `catch_up` it is credited afterwards what it missed."""

    id: UUID
    starts: datetime
    ends: datetime
    catch_up: bool = False

    def to_document(self) -> dict[str, Any]:
        document = {"id": str(self.id), "starts": self.starts.isoformat(), "ends": self.ends.isoformat()}
        return {**document, "catch_up": True} if self.catch_up else document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Leave:
        starts, ends = datetime.fromisoformat(document["starts"]), datetime.fromisoformat(document["ends"])
        return cls(UUID(document["id"]), starts, ends, document.get("catch_up", False))


@dataclass(frozen=True, slots=True)
class Pause:
    """The agent takes nothing new: until then, or until somebody ends it."""

    until: datetime | None = None
    reason: str = ""

    def to_document(self) -> dict[str, Any]:
        return {"until": self.until and self.until.isoformat(), "reason": self.reason}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Pause:
        until = document["until"]
        return cls(until and datetime.fromisoformat(until), document["reason"])


@dataclass(frozen=True, slots=True)
class Presence:
    """What the agent, or a telephone system, said last: online, away or offline. It holds until `expires`."""

    status: str
    expires: datetime

    def to_document(self) -> dict[str, Any]:
        return {"status": self.status, "expires": self.expires.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Presence:
        return cls(document["status"], datetime.fromisoformat(document["expires"]))


@dataclass(slots=True)
class Agent:
    """One agent. `open` is the work of its open assignments; `counts` is how many leads were counted, by period key.

    `days_off` are the dates (2026-12-25) of its holidays with their names, as they were copied from calendars.
    """

    settings: Settings
    open: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    leaves: tuple[Leave, ...] = ()
    pause: Pause | None = None
    presence: Presence | None = None
    days_off: Mapping[str, str] = field(default_factory=dict)
    latest: str = field(init=False, compare=False)
    """The key of the latest hour that was counted in, or of its day."""

    def __post_init__(self) -> None:
        self.latest = max((key for key in self.counts if len(key) >= len("2026-03-29")), default="")

    @property
    def active(self) -> bool:
        return self.settings.active

    @property
    def zone(self) -> str:
        return self.settings.zone

    @property
    def caps(self) -> Caps:
        return self.settings.caps

    def received(self, period: str) -> int:
        """Assignments counted in the period of that key."""
        return self.counts.get(period, 0)

    def has_room(self, work: int) -> bool:
        """Whether the cap on open work leaves room for that much more."""
        cap = self.settings.caps.open
        return cap is None or self.open + work <= cap

    def assign(self, day: str, hour: int, work: int, *, leads: int = 1) -> None:
        """Opens an assignment, or several, of that much work in all, counted in the hour of that number of the day of that key."""
        self.open += work
        keys = keys_of(day, hour)
        if day not in self.counts:
            self.counts = without_past(self.counts, day)
        counts = self.counts
        for key in keys:
            counts[key] = counts.get(key, 0) + leads
        if keys[0] > self.latest:
            self.latest = keys[0]

    def end(self, work: int, *, give_back: tuple[str, int] | None) -> None:
        """Closes one assignment of that much work; `give_back` is the day and hour whose counts it is taken off."""
        self.open -= work
        for key in keys_of(*give_back) if give_back else ():
            if key in self.counts:
                self.counts[key] -= 1
                if not self.counts[key]:
                    del self.counts[key]

    def copy(self) -> Agent:
        return Agent(self.settings, self.open, dict(self.counts), self.leaves, self.pause, self.presence, self.days_off)

    def to_document(self) -> dict[str, Any]:
        """The agent as data that JSON can carry; `from_document` reads it back. Its days off are kept by calendar, not here."""
        document: dict[str, Any] = {"settings": self.settings.to_document(), "open": self.open}
        document["counts"] = dict(sorted(self.counts.items()))
        if self.leaves:
            document["leaves"] = [leave.to_document() for leave in self.leaves]
        if self.pause:
            document["pause"] = self.pause.to_document()
        if self.presence:
            document["presence"] = self.presence.to_document()
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Agent:
        """Reads an agent, also of a document of the first version, whose settings lie beside the counts."""
        counts = _with_all_periods(document["counts"]) if "settings" not in document else dict(document["counts"])
        pause, presence = document.get("pause"), document.get("presence")
        return cls(
            Settings.from_document(document.get("settings", document)),
            document["open"],
            counts,
            tuple(Leave.from_document(one) for one in document.get("leaves", ())),
            pause and Pause.from_document(pause),
            presence and Presence.from_document(presence),
        )


def _with_all_periods(days: Mapping[str, int]) -> dict[str, int]:
    """Counts of the first version, by day, added up by week and month too: what is known of them."""
    counts = dict(days)
    for day, count in days.items():
        for key in keys_of(day, 0)[2:]:
            counts[key] = counts.get(key, 0) + count
    return counts
