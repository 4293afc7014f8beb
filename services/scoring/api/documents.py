"""What the routes of scorecards and of definitions share: both are versions of a document."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from fastapi import Path, Response
from pydantic import AfterValidator, Field, RootModel, model_validator

from services.scoring.api.shown import (
    ActivationOut,
    LintOut,
    PreviewOut,
    outlook_out,
    problem_out,
    version_out,
    word_out,
)
from services.scoring.handlers import documents, previews
from services.scoring.handlers.previews import Happened
from services.scoring.handlers.versions import Versions, active
from services.scoring.store import documents as store
from services.scoring.store.documents import Kind
from shared.auth import Caller, Role
from shared.db.uow import UnitOfWork
from shared.errors import invalid
from shared.web.requests import Body, Moment, Once, allow, unstorable
from shared.web.responses import decode_cursor, json_response, page_of, plain

Editor = Annotated[Caller, allow(Role.MARKETING)]
Reader = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER, Role.VIEWER)]
MAX_VERSION = 2**31 - 1
Version = Annotated[int, Path(ge=1, le=MAX_VERSION)]


def _storable(value: Any) -> Any:
    if fault := unstorable(value):
        raise ValueError(fault)
    return value


Part = Annotated[Any, AfterValidator(_storable)]


class Document(RootModel[dict[str, Part]]):
    """A document as it is sent. What it says is judged by the service's own rules, which name all that is wrong at once."""

    @model_validator(mode="before")
    @classmethod
    def _names(cls, found: Any) -> Any:
        return {_storable(name): value for name, value in found.items()} if isinstance(found, dict) else found


class Position(NamedTuple):
    """Where a page of versions ends."""

    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]


class ActivityIn(Body):
    """Something that happened, to try a scorecard on."""

    kind: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$", examples=["page_view"])
    at: Moment
    source: str | None = Field(None, max_length=63)
    data: dict[str, str | int | float | bool | None] = Field({}, max_length=50)


class TryIn(Body):
    """On what to try it: on a lead, on the last leads, or on facts (with what happened besides the submission)."""

    lead_id: UUID | None = None
    last: int | None = Field(None, ge=1, le=1000)
    facts: dict[str, Any] | None = None
    activities: list[ActivityIn] = Field([], max_length=200)


class TryDocumentIn(Body):
    """Facts and what happened besides the submission; the document to try, or the active one where it is left out."""

    facts: dict[str, Any] = Field(description="What a rule may ask of the lead")
    activities: list[ActivityIn] = Field([], max_length=200)
    document: dict[str, Any] | None = None


def _happened(activities: list[ActivityIn]) -> list[Happened]:
    return [Happened(one.kind, one.at, one.source, one.data) for one in activities]


async def page_of_versions(kind: Kind, uow: UnitOfWork, *, limit: int, cursor: str | None) -> Response:
    before = decode_cursor(cursor, Position)
    found = await store.page_of_versions(uow, kind, before=before.version if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda stored: Position(stored.version))
    return json_response({**page, "items": [plain(version_out(kind, stored)) for stored in page["items"]]})


async def page_of_activations(kind: Kind, uow: UnitOfWork, *, limit: int, cursor: str | None) -> Response:
    before = decode_cursor(cursor, tuple[int])
    found = await store.page_of_activations(uow, kind, before=before[0] if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda one: (one.id,))
    shown = [ActivationOut(version=one.version, at=one.activated_at, by=one.activated_by) for one in page["items"]]
    return json_response({**page, "items": plain(list(shown))})


async def create(kind: Kind, body: Document, uow: UnitOfWork, caller: Caller, once: Once) -> Response:
    async def work() -> Any:
        stored, warnings = await documents.create_draft(kind, body.root, uow, by=caller.subject)
        return version_out(kind, stored, warnings)

    return await once(work, status=201)


async def activate(kind: Kind, version: int, uow: UnitOfWork, caller: Caller, once: Once) -> Response:
    async def work() -> Any:
        return version_out(kind, await documents.activate(kind, version, uow, by=caller.subject))

    return await once(work)


def validate(kind: Kind, body: Document) -> LintOut:
    problems = documents.lint(kind, body.root)
    return LintOut(
        valid=not any(problem.severity == "error" for problem in problems), problems=[problem_out(one) for one in problems]
    )


async def preview_version(kind: Kind, version: int, body: TryIn, uow: UnitOfWork) -> PreviewOut:
    if sum(part is not None for part in (body.lead_id, body.last, body.facts)) != 1:
        raise invalid("/", "name one of lead_id, last and facts")
    if body.activities and body.facts is None:
        raise invalid("/activities", "goes with facts: a lead has its own")
    versions = await previews.try_version(kind, version, uow)
    if body.facts is not None:
        return _preview_out(
            versions, after=word_out(previews.preview_facts(body.facts, _happened(body.activities), versions, uow.now))
        )
    if body.lead_id:
        before, after = await previews.preview_lead(body.lead_id, versions, uow)
        return _preview_out(versions, before=word_out(before.word), after=word_out(after.word))
    by = "grade" if kind is Kind.SCORECARD else "qualification"
    return _preview_out(versions, **outlook_out(await previews.preview_last(body.last or 0, by, versions, uow)))


async def preview_document(kind: Kind, body: TryDocumentIn, uow: UnitOfWork) -> PreviewOut:
    if body.document is not None:
        versions = await previews.try_document(kind, body.document, uow)
    else:
        versions = await active(uow)
    return _preview_out(
        versions, after=word_out(previews.preview_facts(body.facts, _happened(body.activities), versions, uow.now))
    )


def _preview_out(versions: Versions, **shown: Any) -> PreviewOut:
    card, definition = versions.numbers
    return PreviewOut(scorecard_version=card or None, definition_version=definition or None, **shown)
