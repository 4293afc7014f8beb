"""Scorecards and qualification definitions: versions of which one is active, who agreed to them, and when each was activated."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from shared.db.uow import UnitOfWork, to_json


class Kind(StrEnum):
    """What there are versions of. A closed list."""

    SCORECARD = "scorecard"
    DEFINITION = "definition"

    @property
    def table(self) -> str:
        return f"scoring.{self.value}s"


@dataclass(frozen=True)
class Stored:
    """One version. Its document never changes; `state` is draft, active or retired; `approvals` are side → {"by", "at"}."""

    version: int
    document: dict[str, Any]
    state: str
    created_at: datetime
    created_by: str
    approvals: dict[str, dict[str, Any]]


class Activation(NamedTuple):
    id: int
    version: int
    activated_at: datetime
    activated_by: str


class Active(NamedTuple):
    """The active versions; a document is None where it was said to be known."""

    scorecard: int
    card_document: dict[str, Any] | None
    definition: int
    definition_document: dict[str, Any] | None


def _columns(kind: Kind) -> str:
    return "version, document, state, created_at, created_by, " + (
        "approvals" if kind is Kind.DEFINITION else "'{}'::jsonb AS approvals"
    )


async def active_versions(uow: UnitOfWork, known_cards: Collection[int], known_definitions: Collection[int]) -> Active:
    """What scores leads now, with the documents that are not known."""
    row = await uow.fetchrow(
        "SELECT c.version AS scorecard, CASE WHEN c.version <> ALL($1::int[]) THEN c.document END AS card_document, "
        "d.version AS definition, CASE WHEN d.version <> ALL($2::int[]) THEN d.document END AS definition_document "
        "FROM scoring.scorecards c, scoring.definitions d WHERE c.state = 'active' AND d.state = 'active'",
        list(known_cards),
        list(known_definitions),
    )
    assert row is not None, "the migrations activate one of each, and a change of versions leaves one active"
    return Active(**row)


async def documents_of(uow: UnitOfWork, kind: Kind, versions: Collection[int]) -> dict[int, dict[str, Any]]:
    rows = await uow.fetch(f"SELECT version, document FROM {kind.table} WHERE version = ANY($1)", list(versions))
    return {row["version"]: row["document"] for row in rows}


async def get_version(uow: UnitOfWork, kind: Kind, version: int | None) -> Stored | None:
    """That version, or the active one."""
    row = await uow.fetchrow(
        f"SELECT {_columns(kind)} FROM {kind.table} WHERE CASE WHEN $1::int IS NULL THEN state = 'active' ELSE version = $1 END",
        version,
    )
    return Stored(**row) if row else None


async def page_of_versions(uow: UnitOfWork, kind: Kind, *, before: int | None, limit: int) -> list[Stored]:
    """Newest first."""
    rows = await uow.fetch(
        f"SELECT {_columns(kind)} FROM {kind.table} WHERE $1::int IS NULL OR version < $1 ORDER BY version DESC LIMIT $2",
        *(before, limit),
    )
    return [Stored(**row) for row in rows]


async def page_of_activations(uow: UnitOfWork, kind: Kind, *, before: int | None, limit: int) -> list[Activation]:
    """Newest first."""
    rows = await uow.fetch(
        "SELECT id, version, activated_at, activated_by FROM scoring.activations "
        "WHERE kind = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        *(kind.value, before, limit),
    )
    return [Activation(**row) for row in rows]


# -- Changes. All need the documents' lock --------------------------------------------------------------------------------------


async def lock_documents(uow: UnitOfWork) -> None:
    """One at a time adds, approves or activates versions; whoever only reads is not held up."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext('scoring.documents'))")


async def insert_draft(uow: UnitOfWork, kind: Kind, document: dict[str, Any], *, by: str) -> Stored:
    row = await uow.fetchrow(
        f"INSERT INTO {kind.table} (version, document, state, created_at, created_by) "
        f"SELECT max(version) + 1, $1, 'draft', $2, $3 FROM {kind.table} RETURNING {_columns(kind)}",
        *(to_json(document), uow.now, by),
    )
    assert row is not None
    return Stored(**row)


async def approve(uow: UnitOfWork, version: int, side: str, *, by: str) -> Stored | None:
    """Keeps one side's word on a definition; the first holds. None where there is no such version."""
    said = to_json({side: {"by": by, "at": uow.now}})
    row = await uow.fetchrow(
        f"UPDATE scoring.definitions SET approvals = $2::jsonb || approvals WHERE version = $1 RETURNING {_columns(Kind.DEFINITION)}",
        *(version, said),
    )
    return Stored(**row) if row else None


async def activate(uow: UnitOfWork, kind: Kind, version: int, *, by: str) -> Stored:
    """Makes this version, which is there, the active one, and keeps that it was. One that is active stays as it is."""
    if (active := await get_version(uow, kind, None)) and active.version == version:
        return active
    await uow.execute(f"UPDATE {kind.table} SET state = 'retired' WHERE state = 'active'")
    row = await uow.fetchrow(f"UPDATE {kind.table} SET state = 'active' WHERE version = $1 RETURNING {_columns(kind)}", version)
    await uow.execute(
        "INSERT INTO scoring.activations (kind, version, activated_at, activated_by) VALUES ($1, $2, $3, $4)",
        *(kind.value, version, uow.now, by),
    )
    assert row is not None
    return Stored(**row)
