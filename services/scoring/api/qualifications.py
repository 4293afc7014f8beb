"""/v1/qualifications: versions of what marketing and sales mean by "qualified", approved by both before one is active."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Body as BodyOf
from pydantic import Field

from services.scoring.api import documents
from services.scoring.api.documents import Document, Reader, TryDocumentIn, TryIn, Version
from services.scoring.api.shown import DefinitionOut, LintOut, PreviewOut, VersionOut, version_out
from services.scoring.domain.qualification import DEFAULT, Side
from services.scoring.handlers import documents as handlers
from services.scoring.store.documents import Kind
from shared.auth import Caller, Role
from shared.web.requests import Body, OnceOnly, Uow, allow
from shared.web.responses import Cursor, Limit

DEFINITION = Kind.DEFINITION
DefinitionIn = Annotated[Document, BodyOf(examples=[DEFAULT])]
Party = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER)]

router = APIRouter(tags=["qualifications"])


class ApprovalIn(Body):
    """Marketing speaks for marketing and a sales manager for sales; an administrator names the side."""

    side: Side | None = Field(None, examples=["sales"])


@router.get("/v1/qualifications", response_model=list[DefinitionOut], summary="Versions, newest first")
async def get_definitions(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return await documents.page_of_versions(DEFINITION, uow, limit=limit, cursor=cursor)


@router.get("/v1/qualifications/active", response_model=DefinitionOut, summary="The version that judges leads now")
async def get_active_definition(uow: Uow, _: Reader) -> VersionOut:
    return version_out(DEFINITION, await handlers.get(DEFINITION, None, uow))


@router.get("/v1/qualifications/activations", summary="Which version was activated when and by whom, newest first")
async def get_activations(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return await documents.page_of_activations(DEFINITION, uow, limit=limit, cursor=cursor)


@router.get("/v1/qualifications/{version}", response_model=DefinitionOut, summary="One version")
async def get_definition(version: Version, uow: Uow, _: Reader) -> VersionOut:
    return version_out(DEFINITION, await handlers.get(DEFINITION, version, uow))


@router.post("/v1/qualifications", status_code=201, response_model=DefinitionOut, summary="Save a version as a draft")
async def post_definition(body: DefinitionIn, uow: Uow, caller: Party, once: OnceOnly) -> Response:
    """Versions are never edited: a change is a new version, and is approved anew."""
    return await documents.create(DEFINITION, body, uow, caller, once)


@router.post("/v1/qualifications/validate", summary="What is wrong with a definition")
async def post_validation(body: DefinitionIn, _: Reader) -> LintOut:
    """All problems at once, each with its place. Writes nothing."""
    return documents.validate(DEFINITION, body)


@router.post("/v1/qualifications/preview", summary="Try a definition on facts")
async def preview(body: TryDocumentIn, uow: Uow, _: Reader) -> PreviewOut:
    """Judges these facts by the document sent or, without one, by the active definition. Writes nothing."""
    return await documents.preview_document(DEFINITION, body, uow)


@router.post("/v1/qualifications/{version}/preview", summary="Try a version on leads or facts")
async def preview_version(version: Version, body: TryIn, uow: Uow, _: Reader) -> PreviewOut:
    """What would change if this version were active and all were scored anew. Writes nothing."""
    return await documents.preview_version(DEFINITION, version, body, uow)


@router.post("/v1/qualifications/{version}/approve", response_model=DefinitionOut, summary="Agree to a version")
async def post_approval(version: Version, body: ApprovalIn, uow: Uow, caller: Party, once: OnceOnly) -> Response:
    """For one's own side. The first word of a side is kept."""

    async def work() -> Any:
        stored = await handlers.approve_definition(version, body.side, uow, caller=caller)
        return version_out(DEFINITION, stored)

    return await once(work)


@router.post("/v1/qualifications/{version}/activate", response_model=DefinitionOut, summary="Judge by this version")
async def post_activation(version: Version, uow: Uow, caller: Party, once: OnceOnly) -> Response:
    """Once both sides have approved it. New leads, and leads of which something new is known, are judged by it from now on."""
    return await documents.activate(DEFINITION, version, uow, caller, once)
