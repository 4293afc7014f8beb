"""Every query of scoring. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from services.scoring.domain import Reason, Score, Scorecard, from_document
from shared.db.uow import UnitOfWork, columns, to_json


@dataclass(frozen=True)
class StoredScorecard:
    """One version of the scorecard. Only `active` ever changes."""

    version: int
    document: dict[str, Any]
    active: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Compiled:
    """The active scorecard, ready to score."""

    version: int
    scorecard: Scorecard


@dataclass(frozen=True)
class ScoreRow:
    lead_id: UUID
    received_at: datetime
    facts: dict[str, Any]
    score: Score
    version: int


@dataclass(frozen=True)
class StageRow:
    lead_id: UUID
    stage: str
    outcome: str | None
    sequence: int  # the tracker's, of the event that said so


@dataclass(frozen=True)
class StoredScore:
    """A lead's score as it was given."""

    lead_id: UUID
    received_at: datetime
    points: int
    grade: str
    qualification: str
    reasons: list[dict[str, Any]]
    scorecard_version: int


@dataclass
class _LastCompiled:
    """What this process compiled last. A version never changes, so it stays right; which one is active is asked each time."""

    compiled: Compiled = field(default_factory=lambda: Compiled(0, Scorecard((), (), ())))


async def active_scorecard(uow: UnitOfWork) -> Compiled:
    """The scorecard to score by now. The document is read only when another one became active."""
    last = uow.memory(_LastCompiled)
    row = await uow.fetchrow(
        "SELECT version, CASE WHEN version <> $1 THEN document END AS document FROM scoring.scorecards WHERE active",
        last.compiled.version,
    )
    assert row is not None, "the first migration activates a scorecard, and a change of versions leaves one active"
    if row["document"] is None:
        return last.compiled
    compiled = Compiled(row["version"], from_document(row["document"]))
    uow.after_commit(partial(setattr, last, "compiled", compiled))
    return compiled


async def insert_scores(uow: UnitOfWork, rows: Sequence[ScoreRow]) -> dict[UUID, int]:
    """Keeps the scores of leads that had none, a stub's stage untouched; returns their sequence numbers and holds their locks.

    A lead that has a score already keeps it, and is not among those returned; nor is an erased one.
    """
    found = await uow.fetch(
        "INSERT INTO scoring.leads AS l "
        "(lead_id, sequence, received_at, points, grade, qualification, reasons, scorecard_version, facts) "
        "SELECT lead_id, 1, received_at, points, grade, qualification, reasons, version, facts "
        "FROM unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::text[], $5::text[], $6::jsonb[], $7::int[], $8::jsonb[]) "
        "AS n(lead_id, received_at, points, grade, qualification, reasons, version, facts) ORDER BY lead_id "
        "ON CONFLICT (lead_id) DO UPDATE SET sequence = l.sequence + 1, received_at = excluded.received_at, "
        "points = excluded.points, grade = excluded.grade, qualification = excluded.qualification, reasons = excluded.reasons, "
        "scorecard_version = excluded.scorecard_version, facts = excluded.facts "
        "WHERE l.scorecard_version IS NULL AND l.erased_at IS NULL RETURNING lead_id, sequence",
        [row.lead_id for row in rows],
        [row.received_at for row in rows],
        [row.score.points for row in rows],
        [row.score.grade for row in rows],
        [row.score.qualification for row in rows],
        [to_json(_reasons(row.score.reasons)) for row in rows],
        [row.version for row in rows],
        [to_json(row.facts) for row in rows],
    )
    return {row["lead_id"]: row["sequence"] for row in found}


def _reasons(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    return [{"text": reason.text, "points": reason.points} for reason in reasons]


async def keep_stages(uow: UnitOfWork, rows: Sequence[StageRow]) -> None:
    """Keeps stages that are newer than what is known, on a stub where the lead is not known yet."""
    await uow.execute(
        "INSERT INTO scoring.leads AS l (lead_id, sequence, stage, outcome, tracked_sequence) "
        "SELECT lead_id, 0, stage, outcome, tracked FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) "
        "AS n(lead_id, stage, outcome, tracked) ORDER BY lead_id "
        "ON CONFLICT (lead_id) DO UPDATE SET stage = excluded.stage, outcome = excluded.outcome, "
        "tracked_sequence = excluded.tracked_sequence "
        "WHERE coalesce(l.tracked_sequence, 0) < excluded.tracked_sequence AND l.erased_at IS NULL",
        [row.lead_id for row in rows],
        [row.stage for row in rows],
        [row.outcome for row in rows],
        [row.sequence for row in rows],
    )


async def merge_leads(uow: UnitOfWork, rows: Sequence[tuple[UUID, UUID | None]]) -> dict[UUID, int]:
    """Keeps what these leads were merged into (None: they are themselves again), on a stub where one is not known.

    Returns their next sequence numbers and holds their locks. An erased lead is left as it is and not among those returned.
    """
    found = await uow.fetch(
        "INSERT INTO scoring.leads AS l (lead_id, sequence, merged_into) "
        "SELECT lead_id, 1, merged_into FROM unnest($1::uuid[], $2::uuid[]) AS n(lead_id, merged_into) ORDER BY lead_id "
        "ON CONFLICT (lead_id) DO UPDATE SET sequence = l.sequence + 1, merged_into = excluded.merged_into "
        "WHERE l.erased_at IS NULL RETURNING lead_id, sequence",
        *columns(rows),
    )
    return {row["lead_id"]: row["sequence"] for row in found}


async def erase_leads(uow: UnitOfWork, rows: Sequence[tuple[UUID, datetime]]) -> dict[UUID, tuple[int, int]]:
    """Leaves of these leads their id, their sequence and when they were erased. Holds their locks.

    Returns each one's next sequence number, and 1 where a row of it held something, else 0.
    """
    known = await uow.fetch(
        "SELECT lead_id FROM scoring.leads WHERE lead_id = ANY($1) AND erased_at IS NULL ORDER BY lead_id FOR UPDATE",
        [lead_id for lead_id, _ in rows],
    )
    found = await uow.fetch(
        "INSERT INTO scoring.leads AS l (lead_id, sequence, erased_at) "
        "SELECT lead_id, 1, erased_at FROM unnest($1::uuid[], $2::timestamptz[]) AS n(lead_id, erased_at) ORDER BY lead_id "
        "ON CONFLICT (lead_id) DO UPDATE SET sequence = l.sequence + 1, erased_at = coalesce(l.erased_at, excluded.erased_at), "
        "received_at = NULL, points = NULL, grade = NULL, qualification = NULL, reasons = NULL, scorecard_version = NULL, "
        "facts = NULL, stage = NULL, outcome = NULL, tracked_sequence = NULL, merged_into = NULL RETURNING lead_id, sequence",
        *columns(rows),
    )
    held = {row["lead_id"] for row in known}
    return {row["lead_id"]: (row["sequence"], int(row["lead_id"] in held)) for row in found}


async def is_erased(uow: UnitOfWork, lead_id: UUID) -> bool:
    return bool(await uow.fetchval("SELECT erased_at IS NOT NULL FROM scoring.leads WHERE lead_id = $1", lead_id))


async def get_score(uow: UnitOfWork, lead_id: UUID) -> StoredScore | None:
    row = await uow.fetchrow(
        "SELECT lead_id, received_at, points, grade, qualification, reasons, scorecard_version "
        "FROM scoring.leads WHERE lead_id = $1 AND scorecard_version IS NOT NULL",
        lead_id,
    )
    return StoredScore(**row) if row else None


# -- Scorecards ----------------------------------------------------------------------------------------------------------------

_SCORECARD = "version, document, active, created_at, created_by"


async def lock_scorecards(uow: UnitOfWork) -> None:
    """One at a time adds or activates versions; whoever only reads is not held up."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext('scoring.scorecards'))")


async def insert_active(uow: UnitOfWork, document: dict[str, Any], *, by: str) -> StoredScorecard:
    """The next version, active at once. Needs the scorecards' lock."""
    await uow.execute("UPDATE scoring.scorecards SET active = false WHERE active")
    row = await uow.fetchrow(
        "INSERT INTO scoring.scorecards (version, document, active, created_at, created_by) "
        f"SELECT max(version) + 1, $1, true, $2, $3 FROM scoring.scorecards RETURNING {_SCORECARD}",
        to_json(document),
        uow.now,
        by,
    )
    assert row is not None
    return StoredScorecard(**row)


async def activate(uow: UnitOfWork, version: int) -> StoredScorecard | None:
    """Makes this version the active one; None where there is none such. Needs the scorecards' lock."""
    await uow.execute("UPDATE scoring.scorecards SET active = false WHERE active AND version <> $1", version)
    row = await uow.fetchrow(f"UPDATE scoring.scorecards SET active = true WHERE version = $1 RETURNING {_SCORECARD}", version)
    return StoredScorecard(**row) if row else None


async def page_of_scorecards(uow: UnitOfWork, *, before: int | None, limit: int) -> list[StoredScorecard]:
    """Newest first."""
    rows = await uow.fetch(
        f"SELECT {_SCORECARD} FROM scoring.scorecards WHERE $1::int IS NULL OR version < $1 ORDER BY version DESC LIMIT $2",
        before,
        limit,
    )
    return [StoredScorecard(**row) for row in rows]


async def get_scorecard(uow: UnitOfWork, version: int | None) -> StoredScorecard | None:
    """That version, or the active one."""
    row = await uow.fetchrow(
        f"SELECT {_SCORECARD} FROM scoring.scorecards WHERE CASE WHEN $1::int IS NULL THEN active ELSE version = $1 END", version
    )
    return StoredScorecard(**row) if row else None
