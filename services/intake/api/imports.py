"""/v1/imports: lists of leads (CSV, XLSX): uploaded, looked at, taken, and what became of each row."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from services.intake.api.uploads import Upload
from services.intake.handlers import imports as handlers
from services.intake.store import imports as store
from services.intake.store import sources
from services.intake.store.imports import Import
from shared import jobs
from shared.auth import Caller, Role
from shared.db import answers
from shared.db.answers import Answer, Key, scoped_key
from shared.db.uow import Database, UnitOfWork
from shared.errors import Transient, invalid, not_found
from shared.web.requests import Body, OnceOnly, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

UPLOAD = "/v1/imports"  # its POST reads its own body
LINES = 1000  # rows of the results in one read

router = APIRouter(tags=["imports"])

Admin = Annotated[Caller, allow(Role.MARKETING)]
Delimiter = Annotated[
    Literal[",", ";", "\t", "|"] | None, Field(description="What stands between cells; found out where it is left out")
]
Encoding = Annotated[str | None, Field(max_length=40, description="Such as utf-8 or cp1252; found out where it is left out")]
SheetName = Annotated[str | None, Field(max_length=100, description="The workbook's sheet; the first where it is left out")]
Header = Annotated[int | None, Field(ge=0, le=200, description="The row that names the columns; 0 where there is none")]
DayFirst = Annotated[bool | None, Field(description="Whether 1/2/2026 is in February; asked where the list does not say")]
Zone = Annotated[str | None, Field(max_length=64, description="Where the list's clock stands, such as Europe/Paris; else UTC")]

UPLOAD_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string", "format": "binary"},
                "example": "Name,Email\r\nAda Example,ada@example.com\r\n",
            },
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
                "schema": {"type": "string", "format": "binary"}
            },
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}},
        },
    },
    "responses": {"202": {"description": "Uploaded. A job reads it: GET /v1/imports/{id}."}},
}


@router.post(UPLOAD, status_code=202, summary="Upload a list", openapi_extra=UPLOAD_DOCS)
async def post_import(
    request: Request,
    caller: Admin,
    source: Annotated[str, Query(min_length=1, max_length=63, description="Where the list's leads come from")],
    name: Annotated[str | None, Query(max_length=200, description="What to call the list")] = None,
    dry_run: Annotated[bool, Query(description="Only say what would become of it; POST …/start then takes it")] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    sheet: SheetName = None,
    header: Header = None,
    day_first: DayFirst = None,
    zone: Zone = None,
) -> Response:
    """The body is the file itself, or a form with the part `file`. It is read as it comes; no transaction waits for a slow sender."""
    database: Database = request.app.state.database
    _key(request, caller, b"")  # one that is malformed is refused before the body is read
    said = {
        **{"delimiter": delimiter, "encoding": encoding, "sheet": sheet, "header": header},
        **{"day_first": day_first, "zone": zone},
    }
    given = {option: value for option, value in said.items() if value is not None}
    async with database.begin() as uow:
        import_ = await handlers.begin_upload(source, name or "list", given, uow, dry_run=dry_run, by=caller.subject)
    upload = Upload(request, request.app.state.import_bytes, database.clock)
    try:
        await _receive(upload, import_.id, database)
        return await _finish(upload, import_, request, caller, named=name is not None)
    except BaseException:
        await _drop(import_.id, database)
        raise


async def _receive(upload: Upload, id: UUID, database: Database) -> None:
    n = 0
    async for piece in upload.pieces():
        async with database.begin() as uow:
            await handlers.add_piece(id, n, piece, uow)
        n += 1


async def _finish(upload: Upload, import_: Import, request: Request, caller: Caller, *, named: bool) -> Response:
    """Answers once the list is durable. A request that is sent again with its Idempotency-Key leaves nothing behind."""
    database: Database = request.app.state.database
    key = _key(request, caller, f"{request.url.query}\0{upload.digest}".encode())
    async with database.begin() as uow:
        if known := await _known_answer(uow, key):
            await handlers.drop_upload(import_.id, uow)
            return Response(known.content, known.status, media_type="application/json")
        made, job = await handlers.end_upload(
            import_.id,
            uow,
            name=None if named else upload.name,
            size=upload.size,
            digest=upload.digest,
            traceparent=cause_of(request).traceparent,
            by=caller.subject,
        )
        response = json_response({"id": made.id, "state": made.state, "job": job.id}, 202)
        if key:
            answers.store(uow, [(key.scope, Answer(202, bytes(response.body)))])
    return response


def _key(request: Request, caller: Caller, content: bytes) -> Key | None:
    sent = request.headers.get("idempotency-key")
    return scoped_key(sent, content, client=caller.subject, method="POST", path=UPLOAD) if sent is not None else None


async def _known_answer(uow: UnitOfWork, key: Key | None) -> Answer | None:
    known = (await answers.claim(uow, [key])).get(key.scope) if key else None
    if known and key and known[0] != key.body_hash:
        raise answers.reused()
    return known[1] if known else None


async def _drop(id: UUID, database: Database) -> None:
    """Forgets an upload that came to nothing; where that fails, it is forgotten later."""
    with contextlib.suppress(Transient):
        async with database.begin() as uow:
            await handlers.drop_upload(id, uow)


# -- Looking at lists ----------------------------------------------------------------------------------------------------------------


@router.get("/v1/imports", summary="Lists, newest first")
async def get_imports(uow: Uow, _: Admin, limit: Limit = 100, cursor: Cursor = None, source: str | None = None) -> Response:
    before = decode_cursor(cursor, tuple[UUID])
    source_id = await _source_id(uow, source)
    found = await store.page_of_imports(uow, before=before[0] if before else None, limit=limit + 1, source_id=source_id)
    page = page_of(found, limit=limit, key=lambda import_: (import_.id,))
    return json_response({**page, "items": await _shown(page["items"], uow)})


@router.get("/v1/imports/{id}", summary="One list, how far it is, and a sample of what would become of it")
async def get_import(id: UUID, uow: Uow, _: Admin) -> Response:
    return json_response(await _one(id, uow))


@router.get("/v1/imports/{id}/rows", summary="The list's rows, with what became of each")
async def get_rows(
    id: UUID,
    uow: Uow,
    _: Admin,
    limit: Limit = 100,
    cursor: Cursor = None,
    state: Annotated[Literal["waiting", "accepted", "touched", "duplicate", "test", "rejected"] | None, Query()] = None,
) -> Response:
    import_ = await _found(id, uow)
    after = decode_cursor(cursor, tuple[int])
    rows = await store.next_rows(uow, id, after=_row_number(after), limit=limit + 1, state=state)
    page = page_of(rows, limit=limit, key=lambda row: (row.n,))
    return json_response({**page, "items": [handlers.shown_row(row, import_) for row in page["items"]]})


@router.get("/v1/imports/{id}/results.csv", summary="Every row with what became of it, as CSV", response_class=StreamingResponse)
async def get_results(id: UUID, request: Request, _: Admin) -> StreamingResponse:
    """The original cells beside the outcome. What a spreadsheet would take for a formula is quoted."""
    database: Database = request.app.state.database
    async with database.begin() as uow:
        import_ = await _found(id, uow)
    headers = {"Content-Disposition": f'attachment; filename="import-{id}.csv"'}
    return StreamingResponse(_results(import_, database), media_type="text/csv; charset=utf-8", headers=headers)


async def _results(import_: Import, database: Database) -> AsyncIterator[bytes]:
    """A page in a transaction of its own, for a slow reader must hold none."""
    yield handlers.result_head(import_)
    after = 0
    while True:
        async with database.begin() as uow:
            rows = await store.next_rows(uow, import_.id, after=after, limit=LINES)
        if not rows:
            return
        after = rows[-1].n
        yield handlers.result_lines(rows)


# -- Deciding about lists ------------------------------------------------------------------------------------------------------------


class ImportChange(Body):
    """What is left out stays as it is; null takes back what was said before."""

    mapping: dict[str, str | None] | None = Field(
        None, max_length=500, description="Column → field; null keeps it as an answer of its own", examples=[{"Booth": "product"}]
    )
    day_first: DayFirst = None
    zone: Zone = None
    delimiter: Delimiter = None
    encoding: Encoding = None
    sheet: SheetName = None
    header: Header = None


@router.patch("/v1/imports/{id}", summary="Read a list another way, before it is taken")
async def patch_import(id: UUID, body: ImportChange, uow: Uow, caller: Admin) -> Response:
    await handlers.change_import(id, body.model_dump(exclude_unset=True), uow, by=caller.subject)
    return json_response(await _one(id, uow))


@router.post("/v1/imports/{id}/start", status_code=202, summary="Take the list's rows as leads")
async def post_start(id: UUID, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """After a dry run. A list that failed while it was taken goes on from where it was."""

    async def work() -> dict[str, Any]:
        await handlers.start_import(id, uow, by=caller.subject)
        return await _one(id, uow)

    return await once(work, status=202)


@router.post("/v1/imports/{id}/cancel", summary="Give a list up")
async def post_cancel(id: UUID, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """Rows that were taken by then stay taken."""

    async def work() -> dict[str, Any]:
        await handlers.cancel_import(id, uow)
        return await _one(id, uow)

    return await once(work)


async def _found(id: UUID, uow: UnitOfWork) -> Import:
    import_ = await store.get_import(uow, id)
    if import_ is None:
        raise not_found("import", id)
    return import_


async def _one(id: UUID, uow: UnitOfWork) -> dict[str, Any]:
    import_ = await _found(id, uow)
    source = (await sources.sources_by_id(uow, [import_.source_id]))[import_.source_id]
    shown = handlers.shown_import(import_, source.name, await jobs.latest(uow, id), now=uow.now)
    return {**shown, "sample": await handlers.sample_of(import_, source, uow)}


async def _shown(imports: list[Import], uow: UnitOfWork) -> list[dict[str, Any]]:
    named = await sources.sources_by_id(uow, list({import_.source_id for import_ in imports}))
    latest = await jobs.latest_of(uow, [import_.id for import_ in imports])
    return [handlers.shown_import(each, named[each.source_id].name, latest.get(each.id), now=uow.now) for each in imports]


async def _source_id(uow: UnitOfWork, name: str | None) -> UUID | None:
    if name is None:
        return None
    found = (await sources.sources_by_name(uow, [name])).get(name)
    if found is None:
        raise invalid("source", f"there is no source {name}")
    return found.id


def _row_number(after: Sequence[int] | None) -> int:
    """Where to go on; beyond the last row for a number that no row has."""
    return min(max(after[0], 0), 2**31 - 1) if after else 0
