"""Uploading a list: piece by piece, each in a transaction of its own, for a slow sender must hold none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.intake.domain.lists import Unreadable, refuse_strangers
from services.intake.handlers.imports.options import check_options
from services.intake.handlers.imports.work import create_reading
from services.intake.store import imports as store
from services.intake.store import sources
from services.intake.store.imports import Import
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused, conflict, invalid
from shared.jobs import Job


async def begin_upload(
    source_name: str, name: str, said: Mapping[str, Any], uow: UnitOfWork, *, dry_run: bool, by: str
) -> Import:
    """A list that is about to come. Raises Refused where its source is unknown or not active, or an option is wrong."""
    check_options(said)
    source = (await sources.sources_by_name(uow, [source_name])).get(source_name)
    if source is None:
        raise invalid("source", f"there is no source {source_name}; make it with POST /v1/sources")
    if not source.active:
        raise conflict("source-inactive", f"The source {source_name} is not active.")
    new = Import(
        id=uow.clock.uuid7(),
        source_id=source.id,
        name=name,
        state="uploading",
        size=0,
        options={**said, "dry_run": dry_run},
        found={},
        error=None,
        created_at=uow.now,
        created_by=by,
        finished_at=None,
    )
    await store.insert_import(uow, new)
    return new


async def add_piece(id: UUID, n: int, piece: bytes, uow: UnitOfWork) -> None:
    """Keeps the next piece. Raises Refused (415) where the first one shows that the file is no list."""
    if n == 0:
        try:
            refuse_strangers(piece)
        except Unreadable as error:
            message = str(error)
            raise Refused(error.status, "unsupported-media-type", detail=message, errors=[FieldError("file", message)]) from error
    await store.insert_chunk(uow, id, n, piece)


async def end_upload(
    id: UUID, uow: UnitOfWork, *, name: str | None = None, size: int, digest: str, traceparent: str, by: str
) -> tuple[Import, Job]:
    """The whole file is here: a job reads it. Raises Refused for an empty one."""
    if not size:
        raise invalid("file", "is empty; send the list as the body of the request, or as the part `file` of a form")
    found = {"sha256": digest, "traceparent": traceparent}
    made = await store.update_import(uow, id, state="reading", name=name, size=size, found=found)
    return made, await create_reading(made, uow, by=by)


async def drop_upload(id: UUID, uow: UnitOfWork) -> None:
    """The sender went away, or is refused: nothing is kept."""
    await store.delete_import(uow, id)
