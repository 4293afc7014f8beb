"""Deciding about a list: read it another way, take it, or give it up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.intake.domain import lists
from services.intake.handlers.imports.options import check_options
from services.intake.handlers.imports.work import READ, RUN, create_reading, create_run
from services.intake.store import imports as store
from services.intake.store import sources
from services.intake.store.imports import Import
from shared import jobs
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused, conflict, not_found
from shared.jobs import Job, JobState

LAYOUT = frozenset({"delimiter", "encoding", "sheet", "header"})


async def change_import(id: UUID, said: Mapping[str, Any], uow: UnitOfWork, *, by: str) -> None:
    """Reads the list again, with what is said of it now; None takes back what was said. Raises Refused."""
    import_, job = await _locked(id, uow)
    if import_.state not in ("reading", "read", "failed") or job.kind != READ:
        raise conflict("import-started", "The list is being taken, or was; upload it again to read it another way.")
    check_options(said)
    if not LAYOUT & said.keys():
        _check_names(import_, said.get("mapping") or {})
    if await store.get_chunk(uow, id, 0) is None:
        raise conflict("file-gone", "The file is no longer kept. Upload it again.")
    await jobs.cancel(uow, job.id)
    kept = {name: import_.found[name] for name in ("sha256", "traceparent")}
    options = {name: value for name, value in {**import_.options, **said}.items() if value is not None}
    read = await store.update_import(uow, id, state="reading", options=options, found=kept)
    await create_reading(read, uow, by=by)


async def start_import(id: UUID, uow: UnitOfWork, *, by: str) -> None:
    """Takes the list's rows as leads; a run that failed goes on from where it was. Raises Refused."""
    import_, job = await _locked(id, uow)
    if import_.state == "running" and job.kind == RUN and job.state is JobState.FAILED:
        await jobs.retry(uow, job.id)
        return
    if import_.state != "read":
        raise conflict("not-startable", f"The list is {shown_state(import_, job)}; only one that is read can be started.")
    source = (await sources.sources_by_id(uow, [import_.source_id]))[import_.source_id]
    if not source.active:
        raise conflict("source-inactive", f"The source {source.name} is not active.")
    if not lists.reachable([lists.Column(**column) for column in import_.found["columns"]]):
        detail = "No column is taken for an e-mail address or a phone number, so nobody could be reached. Say which one is: PATCH mapping."
        raise Refused(422, "unreachable", detail=detail, errors=[FieldError("/mapping", detail)])
    await create_run(await store.update_import(uow, id, state="running"), uow, by=by)


async def cancel_import(id: UUID, uow: UnitOfWork) -> None:
    """Ends an import; what was taken by then stays taken. Raises Refused where it has ended already."""
    import_, job = await _locked(id, uow)
    if import_.state in ("done", "cancelled"):
        raise conflict("already-ended", f"The list is {import_.state} already.")
    await jobs.cancel(uow, job.id)
    await store.update_import(uow, id, state="cancelled", error=import_.error, finished=True)
    await store.delete_chunks(uow, id)


def shown_state(import_: Import, job: Job | None) -> str:
    """The import's state; failed, too, where its job is."""
    failed = import_.state in ("reading", "running") and job is not None and job.state is JobState.FAILED
    return "failed" if failed else import_.state


async def _locked(id: UUID, uow: UnitOfWork) -> tuple[Import, Job]:
    import_ = await store.get_import(uow, id, lock=True)
    if import_ is None:
        raise not_found("import", id)
    job = await jobs.latest(uow, id)
    if job is None:
        raise conflict("still-uploading", "The list is still being uploaded.")
    return import_, job


def _check_names(import_: Import, mapping: Mapping[str, Any]) -> None:
    """A mapping names columns that there are, where it is known which there are."""
    names = {column["name"] for column in import_.found.get("columns", [])}
    if names and (unknown := [name for name in mapping if name not in names]):
        detail = f"There is no column {unknown[0]}; the list has: {', '.join(sorted(names))}"
        raise Refused(422, "invalid", detail=detail, errors=[FieldError(f"/mapping/{unknown[0]}", detail)])
