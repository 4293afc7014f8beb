"""Setting timers, calling them off, and what an operator asks of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.db.uow import UnitOfWork, columns, to_json

SHOWN = "kind, subject, key, due_at, data, set_at, attempts, fault, lease_until"


class TimerState(StrEnum):
    """Where a timer is. A closed list."""

    WAITING = "waiting"  # its moment has not come
    DUE = "due"  # it has: a loop is at it, or will be, or tries it again
    FAILED = "failed"  # its handler refused it too often; `fault` says why, `retry` makes it due again


@dataclass(frozen=True)
class Timer:
    """What is to happen at `due_at`. There is one of each kind, subject and key.

    `subject` is a lead's id, or that of whatever else the timer is about: an agent, a pool. `key` tells several timers of one kind and
    subject apart. `data` is JSON, for the handler, and holds no contact data.
    """

    kind: str
    subject: UUID
    due_at: datetime
    key: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptTimer:
    """A timer's row, for an operator. `attempts` failed, the last of them with `fault`; until `lease_until` no loop takes it."""

    kind: str
    subject: UUID
    key: str
    due_at: datetime
    data: Any
    set_at: datetime
    attempts: int
    fault: str | None
    lease_until: datetime | None
    state: TimerState


@dataclass(frozen=True)
class Counts:
    """How many timers are due and not yet handled, and how many have failed."""

    due: int
    failed: int


class News(asyncio.Event):
    """Set where this process sets a timer that is due before its loop would look again."""

    next_look: datetime | None = None  # None while the loop is at work

    def tell(self, due_at: datetime) -> None:
        if self.next_look is None or due_at < self.next_look:
            self.set()


async def set_timers(uow: UnitOfWork, timers: Iterable[Timer]) -> None:
    """Sets these timers. One that is set already is moved: the later call wins, and what failed or is leased begins anew.

    Belongs into the transaction that changes what the timers are about, after its other locks. A moment that has passed is due at once.
    """
    chosen = {(timer.subject, timer.kind, timer.key): timer for timer in timers}
    if not chosen:
        return
    rows = [(*name, timer.due_at, to_json(timer.data)) for name, timer in chosen.items()]
    await uow.execute(
        f"INSERT INTO {uow.service}.timers (subject, kind, key, due_at, data, set_at) "
        "SELECT subject, kind, key, due_at, data::jsonb, $6 FROM unnest("
        "$1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) AS t(subject, kind, key, due_at, data) "
        "ORDER BY subject, kind, key ON CONFLICT (subject, kind, key) DO UPDATE SET due_at = excluded.due_at, data = excluded.data, "
        "set_at = excluded.set_at, attempts = 0, fault = NULL, failed = false, lease_by = NULL, lease_until = NULL",
        *columns(rows),
        uow.now,
    )
    soonest = min(timer.due_at for timer in chosen.values())
    news = uow.memory(News)
    uow.after_commit(lambda: news.tell(soonest))


async def drop_timers(uow: UnitOfWork, kind: str | None, subjects: Iterable[UUID], key: str | None = None) -> dict[UUID, int]:
    """Calls off the timers of these subjects: of one kind (None is all) and key (None is all). Returns how many each had.

    An erasure drops all that a lead had: `drop_timers(uow, None, lead_ids)`.
    """
    return await delete(
        uow,
        "subject = ANY($1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR key = $3)",
        *(list(subjects), kind, key),
    )


async def delete(uow: UnitOfWork, where: str, *args: object) -> dict[UUID, int]:
    """Deletes timers, locked in the order in which `set_timers` locks them. Returns how many each subject had."""
    rows = await uow.fetch(
        f"WITH held AS (SELECT subject, kind, key FROM {uow.service}.timers WHERE {where} ORDER BY subject, kind, key FOR UPDATE) "
        f"DELETE FROM {uow.service}.timers t USING held h "
        "WHERE t.subject = h.subject AND t.kind = h.kind AND t.key = h.key RETURNING t.subject",
        *args,
    )
    return dict(Counter(row["subject"] for row in rows))


async def counts(uow: UnitOfWork) -> Counts:
    row = await uow.fetchrow(
        f"SELECT (SELECT count(*) FROM {uow.service}.timers WHERE NOT failed AND due_at <= $1) AS due, "
        f"(SELECT count(*) FROM {uow.service}.timers WHERE failed) AS failed",
        uow.now,
    )
    assert row is not None
    return Counts(row["due"], row["failed"])


_WHERE = {
    TimerState.WAITING: "NOT failed AND due_at > $1",
    TimerState.DUE: "NOT failed AND due_at <= $1",
    TimerState.FAILED: "failed AND $1::timestamptz IS NOT NULL",
}


async def page(
    uow: UnitOfWork,
    state: TimerState,
    *,
    kind: str | None = None,
    after: tuple[datetime, UUID, str, str] | None = None,
    limit: int = 100,
) -> list[KeptTimer]:
    """Timers of one state, the earliest first; `after` is (due_at, subject, kind, key) of the last one of the page before."""
    rows = await uow.fetch(
        f"SELECT {SHOWN} FROM {uow.service}.timers WHERE {_WHERE[state]} AND ($2::text IS NULL OR kind = $2) "
        "AND ($3::timestamptz IS NULL OR (due_at, subject, kind, key) > ($3, $4::uuid, $5::text, $6::text)) "
        "ORDER BY due_at, subject, kind, key LIMIT $7",
        *(uow.now, kind, *(after or (None,) * 4), limit),
    )
    return [KeptTimer(**row, state=state) for row in rows]


async def retry(uow: UnitOfWork, *, kind: str | None = None, subject: UUID | None = None, key: str | None = None) -> int:
    """Makes failed timers due again: all, or those of a kind, subject or key. Returns how many it were."""
    tag = await uow.execute(
        f"UPDATE {uow.service}.timers SET failed = false, attempts = 0, fault = NULL, lease_by = NULL, lease_until = NULL "
        "WHERE failed AND ($1::text IS NULL OR kind = $1) AND ($2::uuid IS NULL OR subject = $2) AND ($3::text IS NULL OR key = $3)",
        *(kind, subject, key),
    )
    uow.after_commit(uow.memory(News).set)
    return int(tag.rpartition(" ")[2])


def names_of(timers: Sequence[Any]) -> list[list[Any]]:
    """Subjects and keys, as the arrays that a statement on timers of one kind takes."""
    return columns([(timer.subject, timer.key) for timer in timers])
