"""Scores as they were given: a lead's latest, those before it, and lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db.uow import UnitOfWork

# What a person set takes the place of the machine's word wherever leads are chosen by it.
_GRADE = "coalesce(override ->> 'grade', grade)"
_LETTER = "coalesce(override ->> 'letter', letter)"
_NUMBER = "coalesce((override ->> 'number')::int, number)"
_QUALIFICATION = "coalesce(override ->> 'qualification', qualification)"


@dataclass(frozen=True)
class StoredScore:
    """A lead's score as it was given. Points are hundredths; `grade` and `qualification` are the machine's.

    What only newer cards say is None for a lead that was scored before there were any, and not since.
    """

    lead_id: UUID
    revision: int
    scored_at: datetime
    scored_sequence: int | None
    cause: str
    changed: list[str] | None
    points: int
    fit: int
    engagement: int
    letter: str | None
    number: int | None
    grade: str
    thresholds: list[str] | None
    qualification: str
    judgement: dict[str, Any] | None
    reasons: list[dict[str, Any]]
    scorecard_version: int
    definition_version: int | None
    override: dict[str, Any] | None


_STORED = ", ".join(StoredScore.__dataclass_fields__)


@dataclass(frozen=True)
class Wanted:
    """Which scores a list is of; None is any. `letter`, `number` and `grade` are those that hold, a person's among them."""

    grade: str | None = None
    letter: str | None = None
    number: int | None = None
    qualification: str | None = None
    outcome: str | None = None
    threshold: str | None = None
    override: bool | None = None


async def page_of_scores(uow: UnitOfWork, wanted: Wanted, *, before: UUID | None, limit: int) -> list[StoredScore]:
    """Of the leads that stand for themselves, newest lead first."""
    rows = await uow.fetch(
        f"SELECT {_STORED} FROM scoring.leads WHERE scorecard_version IS NOT NULL AND merged_into IS NULL "
        f"AND ($1::uuid IS NULL OR lead_id < $1) AND ($2::text IS NULL OR {_GRADE} = $2) "
        f"AND ($3::text IS NULL OR {_LETTER} = $3) AND ($4::int IS NULL OR {_NUMBER} = $4) "
        f"AND ($5::text IS NULL OR {_QUALIFICATION} = $5) AND ($6::text IS NULL OR judgement ->> 'outcome' = $6) "
        "AND ($7::text IS NULL OR thresholds ? $7) AND ($8::bool IS NULL OR (override IS NOT NULL) = $8) "
        "ORDER BY lead_id DESC LIMIT $9",
        *(before, wanted.grade, wanted.letter, wanted.number),
        *(wanted.qualification, wanted.outcome, wanted.threshold, wanted.override, limit),
    )
    return [StoredScore(**row) for row in rows]


async def get_score(uow: UnitOfWork, lead_id: UUID) -> StoredScore | None:
    row = await uow.fetchrow(f"SELECT {_STORED} FROM scoring.leads WHERE lead_id = $1 AND scorecard_version IS NOT NULL", lead_id)
    return StoredScore(**row) if row else None


async def page_of_history(uow: UnitOfWork, lead_id: UUID, *, before: int | None, limit: int) -> list[StoredScore]:
    """What was said of a lead, the latest first."""
    rows = await uow.fetch(
        f"SELECT * FROM (SELECT {_STORED} FROM scoring.leads WHERE lead_id = $1 AND scorecard_version IS NOT NULL "
        f"UNION ALL SELECT {_STORED} FROM scoring.history WHERE lead_id = $1) AS said "
        "WHERE $2::int IS NULL OR revision < $2 ORDER BY revision DESC LIMIT $3",
        *(lead_id, before, limit),
    )
    return [StoredScore(**row) for row in rows]
