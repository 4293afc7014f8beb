"""What a client of a sender is: one shape for all, and how a sweep over what a sender has goes on where it stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from services.intake.clients.credentials import Credentials
from services.intake.clients.web import ID, Web
from services.intake.domain.senders.reading import as_id, as_objects
from services.intake.domain.senders.shape import Fetch, SentLead, Setting

OVERLAP = timedelta(hours=1)  # a sweep begins before the end of the last: what a sender lists late is still found
BACKFILL = 2.0  # days that the first sweep looks back

Cursor: TypeAlias = dict[str, Any]  # JSON, kept between two steps of a sweep and between two sweeps; {} before the first


@dataclass(frozen=True)
class Found:
    """One step of a sweep: leads that are to be fetched, and whole answers (by the sender's id of the lead) where the list has them.

    `again` is in how many seconds the sweep goes on at `cursor`; None where it is complete. `trouble` is what a person should know.
    """

    cursor: Cursor
    fetches: tuple[Fetch, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    again: float | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class Sweep:
    """From the past to the moment at which the sweep began, and the place in it: what was seen last, in the sender's own terms."""

    since: datetime
    until: datetime
    place: Mapping[str, Any]

    @classmethod
    def resume(cls, cursor: Cursor, credentials: Credentials, now: datetime) -> Sweep:
        days = credentials.number("backfill_days", BACKFILL, most=365)
        since = datetime.fromtimestamp(cursor["since"], UTC) if "since" in cursor else now - timedelta(days=days)
        until = datetime.fromtimestamp(cursor["until"], UTC) if "until" in cursor else now
        return cls(since, until, cursor.get("place", {}))

    def at(self, **place: Any) -> Cursor:
        """The cursor from which this sweep goes on."""
        return {"since": self.since.timestamp(), "until": self.until.timestamp(), "place": place}

    def done(self, *, complete: bool = True) -> Cursor:
        """The cursor from which the next sweep begins: where this one did, if it did not see all."""
        return {"since": (self.until - OVERLAP if complete else self.since).timestamp()}


def ids_of(rows: Any) -> list[str]:
    """The ids of what a sender lists. What is no id is passed over: it could not be asked for."""
    found = [as_id(row.get("id")) for row in as_objects(rows)]
    return [id for id in found if id is not None and ID.fullmatch(id)]


FetchLead: TypeAlias = Callable[[Web, Fetch, Credentials], Awaitable[Any]]
FindRecent: TypeAlias = Callable[[Web, Credentials, Cursor, datetime], Awaitable[Found]]


@dataclass(frozen=True)
class Client:
    """One sender's client. `fetch` gives the sender's answer of one lead, `parse` (pure) makes a lead of it, `recent` is one step of a
    sweep. `needs` are the secrets by name, and what each is; `settings` are what it reads of a source beside those of the sender.

    `fetch` and `recent` raise Transient, Throttled, Denied, Gone or Permanent; `parse` raises Malformed.
    """

    fetch: FetchLead
    parse: Callable[[Any], SentLead]
    recent: FindRecent
    needs: Mapping[str, str]
    settings: tuple[Setting, ...]
    per_minute: float
    poll_minutes: float = 15.0
