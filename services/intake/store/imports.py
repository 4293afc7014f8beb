"""Imports: lists that were uploaded, their bytes in chunks, and their rows with what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import UnitOfWork, columns, to_json

ABANDONED = timedelta(hours=2)  # an upload that has not ended by then never will
CHUNKS_KEPT = timedelta(days=7)  # a list's bytes, for reading it another way
ROWS_KEPT = timedelta(days=90)
PIECE = 20_000  # rows removed in one statement
LISTS = 20  # lists whose bytes are dropped at once


@dataclass(frozen=True)
class Import:
    """One list. `options` is what was said of it, `found` what it turned out to be."""

    id: UUID
    source_id: UUID
    name: str
    state: str
    size: int
    options: dict[str, Any]
    found: dict[str, Any]
    error: str | None
    created_at: datetime
    created_by: str
    finished_at: datetime | None


class RowRow(NamedTuple):
    """A row as it is first kept. `cells` and `warnings` are JSON lists of texts."""

    import_id: UUID
    n: int
    cells: str
    state: str
    reason: str | None
    warnings: str


class Settled(NamedTuple):
    """What became of a row. `warnings` is a JSON list of texts."""

    n: int
    state: str
    lead_id: UUID | None
    reason: str | None
    warnings: str


@dataclass(frozen=True)
class StoredRow:
    n: int
    cells: list[str]
    state: str
    lead_id: UUID | None
    reason: str | None
    warnings: list[str]


NAMES = ", ".join(Import.__dataclass_fields__)
ROW_NAMES = ", ".join(StoredRow.__dataclass_fields__)


async def insert_import(uow: UnitOfWork, new: Import) -> None:
    await uow.execute(
        f"INSERT INTO intake.imports ({NAMES}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        *(new.id, new.source_id, new.name, new.state, new.size, to_json(new.options), to_json(new.found)),
        *(new.error, new.created_at, new.created_by, new.finished_at),
    )


async def get_import(uow: UnitOfWork, id: UUID, *, lock: bool = False) -> Import | None:
    row = await uow.fetchrow(f"SELECT {NAMES} FROM intake.imports WHERE id = $1" + (" FOR UPDATE" if lock else ""), id)
    return Import(**row) if row else None


async def update_import(
    uow: UnitOfWork,
    id: UUID,
    *,
    state: str,
    name: str | None = None,
    size: int | None = None,
    options: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
    error: str | None = None,
    finished: bool = False,
) -> Import:
    """Sets the state, and what is given besides; returns the import as it is now."""
    row = await uow.fetchrow(
        "UPDATE intake.imports SET state = $2, size = coalesce($3, size), options = coalesce($4, options), "
        f"found = coalesce($5, found), error = $6, finished_at = $7, name = coalesce($8, name) WHERE id = $1 RETURNING {NAMES}",
        *(id, state, size, to_json(options) if options is not None else None, to_json(found) if found is not None else None),
        *(error, uow.now if finished else None, name),
    )
    assert row is not None
    return Import(**row)


async def delete_import(uow: UnitOfWork, id: UUID) -> None:
    """Forgets an upload that did not end, with its chunks."""
    await uow.execute("DELETE FROM intake.imports WHERE id = $1 AND state = 'uploading'", id)


async def page_of_imports(uow: UnitOfWork, *, before: UUID | None, limit: int, source_id: UUID | None) -> list[Import]:
    """Imports, newest first."""
    rows = await uow.fetch(
        f"SELECT {NAMES} FROM intake.imports WHERE ($1::uuid IS NULL OR id < $1) AND ($2::uuid IS NULL OR source_id = $2) "
        "ORDER BY id DESC LIMIT $3",
        *(before, source_id, limit),
    )
    return [Import(**row) for row in rows]


# -- Chunks ------------------------------------------------------------------------------------------------------------------------


async def insert_chunk(uow: UnitOfWork, id: UUID, n: int, chunk: bytes) -> None:
    await uow.insert("import_chunks", ("import_id", "n", "bytes"), [(id, n, chunk)])


async def get_chunk(uow: UnitOfWork, id: UUID, n: int) -> bytes | None:
    chunk: bytes | None = await uow.fetchval("SELECT bytes FROM intake.import_chunks WHERE import_id = $1 AND n = $2", id, n)
    return chunk


async def delete_chunks(uow: UnitOfWork, id: UUID) -> None:
    await uow.execute("DELETE FROM intake.import_chunks WHERE import_id = $1", id)


# -- Rows --------------------------------------------------------------------------------------------------------------------------


async def insert_rows(uow: UnitOfWork, rows: Sequence[RowRow]) -> None:
    await uow.insert("import_rows", RowRow._fields, rows)


async def next_rows(uow: UnitOfWork, id: UUID, *, after: int, limit: int, state: str | None = None) -> list[StoredRow]:
    """The list's rows in order, those of one state or all."""
    rows = await uow.fetch(
        f"SELECT {ROW_NAMES} FROM intake.import_rows WHERE import_id = $1 AND n > $2 AND ($4::text IS NULL OR state = $4) "
        "ORDER BY n LIMIT $3",
        *(id, after, limit, state),
    )
    return [StoredRow(**row) for row in rows]


async def settle_rows(uow: UnitOfWork, id: UUID, rows: Sequence[Settled]) -> None:
    await uow.execute(
        "UPDATE intake.import_rows r SET state = s.state, lead_id = s.lead_id, reason = s.reason, warnings = s.warnings "
        "FROM unnest($2::int[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[]) AS s(n, state, lead_id, reason, warnings) "
        "WHERE r.import_id = $1 AND r.n = s.n",
        *(id, *columns(rows)),
    )


async def waiting_events(uow: UnitOfWork, limit: int) -> int:
    """How many events wait to be published, counted up to a limit."""
    found: int = await uow.fetchval("SELECT count(*) FROM (SELECT FROM intake.outbox LIMIT $1) AS o", limit)
    return found


async def clear_rows(uow: UnitOfWork, id: UUID, *, limit: int = PIECE) -> int:
    """Removes so many rows of a list at the most. Returns how many."""
    return await _removed(
        uow,
        "DELETE FROM intake.import_rows WHERE import_id = $1 AND n IN "
        "(SELECT n FROM intake.import_rows WHERE import_id = $1 ORDER BY n LIMIT $2)",
        *(id, limit),
    )


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> int:
    """Blanks what the lists said of these leads; that there was a row stays. Returns how many rows."""
    return await _removed(
        uow, "UPDATE intake.import_rows SET cells = '[]', reason = NULL, warnings = '[]' WHERE lead_id = ANY($1)", list(lead_ids)
    )


async def purge(uow: UnitOfWork) -> int:
    """Removes a bounded piece of what is old: dead uploads, lists' bytes, rows, and at last the lists. Returns how many rows."""
    await uow.execute("DELETE FROM intake.imports WHERE state = 'uploading' AND created_at < $1", uow.now - ABANDONED)
    await uow.execute(
        "DELETE FROM intake.import_chunks WHERE import_id IN (SELECT i.id FROM intake.imports i WHERE i.created_at < $1 "
        "AND EXISTS (SELECT FROM intake.import_chunks c WHERE c.import_id = i.id) LIMIT $2)",
        *(uow.now - CHUNKS_KEPT, LISTS),
    )
    old = "SELECT id FROM intake.imports WHERE coalesce(finished_at, created_at) < $1"
    removed = await _removed(
        uow,
        "DELETE FROM intake.import_rows r USING (SELECT import_id, n FROM intake.import_rows "
        f"WHERE import_id IN ({old}) LIMIT $2) AS o WHERE r.import_id = o.import_id AND r.n = o.n",
        *(uow.now - ROWS_KEPT, PIECE),
    )
    if removed < PIECE:
        await uow.execute(f"DELETE FROM intake.imports WHERE id IN ({old})", uow.now - ROWS_KEPT)
    return removed


async def _removed(uow: UnitOfWork, sql: str, *args: object) -> int:
    tag = await uow.execute(sql, *args)
    return int(tag.rpartition(" ")[2])
