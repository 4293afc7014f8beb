"""A group's ledger read anew by arithmetic of our own: who held and had received what at each entry, and who could receive.

Nothing of the code under test is asked, so that it cannot agree with itself. Hours and holidays are read by the wall clock; where clocks
change within a day, hours are not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
DAY = timedelta(days=1)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def periods_of(day: str, hour: int) -> dict[str, str]:
    """The key of each period that an assignment counts in, as the router writes them."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return {"hour": f"{day}T{hour:02d}", "day": day, "week": f"{year}-W{week:02d}", "month": day[:7]}


@dataclass
class Standing:
    """One agent. `leaves` are (from, to before); `pause` is until when, datetime.max for ever; `presence` is the status and until when."""

    settings: Row
    open: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    leaves: list[tuple[datetime, datetime]] = field(default_factory=list)
    pause: datetime | None = None
    presence: tuple[str, datetime] | None = None

    @classmethod
    def opening(cls, document: Row) -> Standing:
        """As a group's first snapshot has it."""
        one = cls(document["settings"], document["open"], Counter(document["counts"]))
        one.leaves = _leaves(document.get("leaves", ()))
        one.pause = _pause(document.get("pause"))
        one.presence = _presence(document.get("presence"))
        return one

    @property
    def caps(self) -> Mapping[str, int]:
        caps: Mapping[str, int] = self.settings.get("caps", {})
        return caps

    @property
    def unbounded(self) -> bool:
        """Whether nothing can stop it but its own doing."""
        stops = (*self.caps, self.settings.get("hours"), self.settings.get("holidays"), self.settings.get("needs_presence"))
        return bool(self.settings["active"]) and not any(stops) and not self.leaves and not self.pause

    def hindrance(self, at: datetime, work: int, calendars: Mapping[str, Mapping[str, str]]) -> str | None:
        """Why it may not be given that much work more at that moment; None where it may."""
        return next(self._hindrances(at, work, calendars), None)

    def _hindrances(self, at: datetime, work: int, calendars: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
        if not self.settings["active"]:
            yield "is not active"
        if self.pause and at < self.pause:
            yield "pauses"
        if any(starts <= at < ends for starts, ends in self.leaves):
            yield "is on leave"
        if self.settings.get("needs_presence") and not (self.presence and self.presence[0] == "online" and at < self.presence[1]):
            yield "has not said to be online"
        here = at.astimezone(ZoneInfo(self.settings["zone"]))
        days_off = {day for name in self.settings.get("holidays", ()) for day in calendars.get(name, {name: ""})}
        if here.date().isoformat() in days_off:
            yield "has a holiday"
        if "hours" in self.settings and not _works(self.settings["hours"], here):
            yield "does not work then"
        if "open" in self.caps and self.open + work > self.caps["open"]:
            yield f"holds {self.open} of {self.caps['open']} open leads"
        for name, key in periods_of(here.date().isoformat(), _hour_of(here)).items():
            if name in self.caps and self.counts[key] >= self.caps[name]:
                yield f"had {self.counts[key]} of {self.caps[name]} leads in {key}"


class Books:
    """What a group's ledger amounts to; `take` is to be called for each entry in order."""

    def __init__(self, snapshot: Row) -> None:
        self.agents = {UUID(id): Standing.opening(one) for id, one in snapshot["agents"].items()}
        self.calendars: dict[str, Mapping[str, str]] = dict(snapshot.get("calendars") or {})

    def hindrance(self, agent_id: UUID, at: datetime, work: int) -> str | None:
        return self.agents[agent_id].hindrance(at, work, self.calendars)

    def take(self, entry: Row) -> str | None:
        """Enters it; returns the rule that an assignment breaks. One that an admin forced asks only whether the agent is active."""
        one, data = self.agents[entry["agent_id"]], entry["data"]
        match entry["kind"]:
            case "assigned":
                return self._assign(entry["agent_id"], entry["at"], data)
            case "ended":
                one.open -= data["work"]
                if data["gives_back"]:
                    one.counts.subtract(periods_of(data["period"], data["hour"]).values())
            case "agent_changed":
                one.settings = data["settings"]
                self.calendars |= data.get("calendars", {})
            case "leave":
                one.leaves = _leaves(data["leaves"])
            case "pause":
                one.pause = _pause(data["pause"])
            case "presence":
                one.presence = _presence(data["presence"])
        return None

    def _assign(self, agent_id: UUID, at: datetime, data: Row) -> str | None:
        one = self.agents[agent_id]
        here = at.astimezone(ZoneInfo(one.settings["zone"]))
        broken = self.hindrance(agent_id, at, data["work"])
        if data.get("forced"):
            broken = None if one.settings["active"] else "is not active"
        if data["period"] != here.date().isoformat():
            broken = f"is where it is {here:%Y-%m-%d}, and not {data['period']},"
        one.open += data["work"]
        one.counts.update(periods_of(data["period"], data["hour"]).values())
        return broken


def _works(hours: Row, here: datetime) -> bool:
    """Whether a wall time lies in a block of that day, or in one of the day before that goes on over midnight."""
    if here.utcoffset() != (here - DAY).utcoffset() or here.utcoffset() != (here + DAY).utcoffset():
        return True
    minute = here.hour * 60 + here.minute
    today, yesterday = (_blocks(hours, day) for day in (here, here - DAY))
    return any(begins <= minute < ends for begins, ends in today) or any(minute < ends - 1440 for _, ends in yesterday)


def _blocks(hours: Row, day: datetime) -> Iterator[tuple[int, int]]:
    for block in hours.get(WEEK[day.weekday()], ()):
        begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in block.split("-"))
        yield begins, ends if ends > begins else ends + 1440


def _hour_of(here: datetime) -> int:
    """How many whole hours of its day have passed, by real time."""
    begins = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int((here.timestamp() - begins.timestamp()) // 3600)


def _leaves(documents: Any) -> list[tuple[datetime, datetime]]:
    return [(datetime.fromisoformat(one["starts"]), datetime.fromisoformat(one["ends"])) for one in documents]


def _pause(document: Row | None) -> datetime | None:
    if document is None:
        return None
    return datetime.fromisoformat(document["until"] or "9999-12-31T00:00:00+00:00")


def _presence(document: Row | None) -> tuple[str, datetime] | None:
    return document and (document["status"], datetime.fromisoformat(document["expires"]))
