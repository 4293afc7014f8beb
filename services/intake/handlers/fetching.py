"""Use cases of fetching: what is to be fetched, when it is tried again, and looking for leads that were not notified.

    a notification ──enqueue──▶ fetches ──lease──▶ the sender is asked ──▶ the lead is taken ──▶ done
    a look at the sender ──────────┘                      └── not now ──▶ waiting, later and later ──▶ failed, kept

The sender is asked by loops/fetcher.py, between two transactions; here is what happens within them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake.clients.errors import Denied, Gone, Throttled, Unset
from services.intake.domain.senders.shape import Fetch, Malformed, Result, Status
from services.intake.store import fetches as store
from services.intake.store import sources
from services.intake.store.fetches import Leased, LeasedPoll
from shared.db.faults import is_world
from shared.db.uow import UnitOfWork
from shared.errors import Permanent, Refused, not_found

FIRST = 2.0  # seconds until the second try; then twice as long each time
LONGEST = 6 * 3600.0  # seconds between two tries
TRIES = 25  # about three days: 2 s, 4 s, … 4.5 h, and then every six hours
DENIED_AFTER = 30 * 60.0  # seconds until a token that was refused is tried again
DENIED_FOR = timedelta(days=30)  # and then no more: by then some senders have dropped the lead
LATER = 30.0  # seconds, where it is we who cannot take the lead now


@dataclass
class Wake:
    """What the fetcher of this process listens to: there is something to fetch, or a source was repaired."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    forgiven: set[UUID] = field(default_factory=set)

    def __call__(self) -> None:
        self.event.set()


class NotNow(Exception):
    """The lead was fetched, and cannot be taken now. It is no failure of the fetch."""


async def enqueue(uow: UnitOfWork, source_id: UUID, fetches: Sequence[Fetch], delivery_id: UUID | None = None) -> list[bool]:
    """Keeps what is to be fetched and wakes the fetcher once that is durable. For each, whether it is new."""
    if not fetches:
        return []
    fresh = await store.enqueue(uow, source_id, fetches, delivery_id)
    if any(fresh):
        uow.after_commit(uow.memory(Wake))
    return fresh


def check_taken(results: Sequence[Result]) -> str | None:
    """A note where a lead was refused for good. Raises NotNow where it is only not the time for it."""
    for result in results:
        if result.status is Status.HELD or (result.status is Status.REJECTED and result.http in (403, 429, 503)):
            raise NotNow(result.slug or "the source takes no leads now")
    return next((f"rejected: {result.slug}" for result in results if result.status is Status.REJECTED), None)


def describe(error: Exception) -> str:
    """An error as it is kept: what kind it is, a colon, and words for a person. Never quotes what a person wrote."""
    return "".join(character if character.isprintable() else " " for character in _words(error))[:500]


def _words(error: Exception) -> str:
    if isinstance(error, Unset):
        return f"unset: {error}"
    if isinstance(error, Denied):
        return f"denied: {error}"
    if isinstance(error, Gone):
        return f"gone: {error}"
    if isinstance(error, Throttled):
        return f"throttled: {error}"
    if isinstance(error, NotNow):
        return f"not now: {error}"
    if _is_world(error):
        return f"unreachable: {error}" if str(error) else "unreachable: no answer in time"
    if isinstance(error, Permanent | Malformed):
        return f"failed: {error}"
    return f"failed: the answer could not be read ({type(error).__name__})"


def next_try(error: Exception, *, attempts: int, age: timedelta, chance: float) -> timedelta | None:
    """In what time to try again after so many tries; None: no more. `chance` is from 0 to 1 and spreads what failed together.

    Backoff doubles and is spread over a half to the whole of its time ("equal jitter": Brooker, AWS Architecture Blog, 2015). What is
    gone is tried like what is unreachable, for it may only not be there yet. A sender's own wish is a lower bound.
    """
    spread = 0.5 + chance / 2
    if isinstance(error, NotNow):
        return timedelta(seconds=LATER * spread)
    if isinstance(error, Denied):
        return timedelta(seconds=DENIED_AFTER * (0.5 + spread)) if age < DENIED_FOR else None
    if attempts >= TRIES or not (_is_world(error) or isinstance(error, Gone)):
        return None
    seconds = min(FIRST * 2.0 ** min(attempts - 1, 30), LONGEST) * spread
    return timedelta(seconds=max(seconds, getattr(error, "retry_after", 0)))


def _is_world(error: Exception) -> bool:
    if isinstance(error, Refused):
        return error.status in (429, 503)
    return is_world(error)


async def record_success(leased: Leased, note: str | None, uow: UnitOfWork) -> None:
    await store.succeed(uow, leased, note)


async def record_failure(leased: Leased, error: Exception, uow: UnitOfWork, *, chance: float) -> timedelta | None:
    """Keeps why it failed and when it is tried again; returns in what time, None for never."""
    pause = next_try(error, attempts=leased.attempts, age=uow.now - leased.created_at, chance=chance)
    # Waiting for a person, or for us, says nothing of the fetch: it keeps its tries for what the sender does.
    counted = not isinstance(error, Denied | NotNow)
    await store.fail(uow, leased, describe(error), None if pause is None else uow.now + pause, counted=counted)
    return pause


async def retry_fetches(source_id: UUID, uow: UnitOfWork) -> int:
    """Tries again, now, all that failed or waits of a source: for after its token was renewed. Returns how many. Raises Refused (404)."""
    if await sources.get_source(uow, source_id) is None:
        raise not_found("source", source_id)
    count = await store.retry(uow, source_id)
    wake = uow.memory(Wake)

    def forgive() -> None:
        wake.forgiven.add(source_id)
        wake()

    uow.after_commit(forgive)
    return count


@dataclass(frozen=True)
class FetchState:
    """How fetching from a source's sender stands. `denied`: a person must act, for the token is refused or missing."""

    waiting: int
    failed: int
    denied: bool
    oldest: datetime | None
    next_try: datetime | None
    error: str | None
    polled_at: datetime | None
    next_poll: datetime | None
    poll_found: int
    poll_error: str | None


async def fetch_state(source_id: UUID, uow: UnitOfWork) -> FetchState:
    row = await store.state_of(uow, source_id)
    poll: Mapping[str, Any] = await store.poll_of(uow, source_id) or {}
    poll_error = poll.get("error")
    return FetchState(
        waiting=row["waiting"],
        failed=row["failed"],
        denied=bool(row["denied"]) or str(poll_error).startswith("denied:"),
        oldest=row["oldest"],
        next_try=row["next_try"],
        error=row["error"],
        polled_at=poll.get("polled_at"),
        next_poll=poll.get("due_at"),
        poll_found=poll.get("found", 0),
        poll_error=poll_error,
    )


async def record_poll(
    leased: LeasedPoll,
    uow: UnitOfWork,
    *,
    cursor: Mapping[str, Any],
    fetches: Sequence[Fetch] = (),
    found: int = 0,
    pause: timedelta,
    error: str | None = None,
) -> int:
    """Keeps what a look at the sender found, and how far it went: both or neither. Returns how many leads had been missed."""
    unknown = await store.unknown(uow, leased.source.id, [fetch.external_id for fetch in fetches]) if fetches else set()
    missed = [fetch for fetch in fetches if fetch.external_id in unknown]
    found += sum(await enqueue(uow, leased.source.id, missed))
    await store.advance_poll(
        uow,
        leased,
        cursor=cursor,
        due_at=uow.now + pause,
        found=found,
        error=error,
        keep_error="place" in leased.cursor,  # the trouble of one step is shown until the next sweep begins
    )
    return found
