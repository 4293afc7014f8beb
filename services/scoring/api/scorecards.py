"""/v1/scorecards: versions of the scorecard, from draft to active, and trying them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel

from services.scoring.api import documents
from services.scoring.api.documents import Document, Editor, Reader, TryDocumentIn, TryIn, Version
from services.scoring.api.shown import LintOut, PreviewOut, VersionOut, version_out
from services.scoring.domain.scorecard import ACTIVITY, ACTIVITY_DESCRIPTIONS, DEFAULT
from services.scoring.handlers import documents as handlers
from services.scoring.store.documents import Kind
from shared.contracts.vocabulary import DESCRIPTIONS, FACTS
from shared.web.requests import OnceOnly, Uow
from shared.web.responses import Cursor, Limit

CARD = Kind.SCORECARD
ScorecardIn = Annotated[Document, Body(examples=[DEFAULT])]

router = APIRouter(tags=["scorecards"])


class NameOut(BaseModel):
    name: str
    kind: str
    meaning: str


class VocabularyOut(BaseModel):
    """What a rule may ask: of the lead, and of what happened. A document may declare more, in `facts` and `activity_facts`."""

    facts: list[NameOut]
    activity_facts: list[NameOut]


@router.get("/v1/scorecards", response_model=list[VersionOut], summary="Versions, newest first")
async def get_scorecards(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return await documents.page_of_versions(CARD, uow, limit=limit, cursor=cursor)


@router.get("/v1/scorecards/active", summary="The version that scores leads now")
async def get_active_scorecard(uow: Uow, _: Reader) -> VersionOut:
    return version_out(CARD, await handlers.get(CARD, None, uow))


@router.get("/v1/scorecards/activations", summary="Which version was activated when and by whom, newest first")
async def get_activations(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return await documents.page_of_activations(CARD, uow, limit=limit, cursor=cursor)


@router.get("/v1/scorecards/vocabulary", summary="What a rule may ask")
async def get_vocabulary(_: Reader) -> VocabularyOut:
    return VocabularyOut(
        facts=[NameOut(name=name, kind=kind, meaning=DESCRIPTIONS[name]) for name, kind in FACTS.names.items()],
        activity_facts=[
            NameOut(name=name, kind=kind, meaning=ACTIVITY_DESCRIPTIONS[name]) for name, kind in ACTIVITY.names.items()
        ],
    )


@router.get("/v1/scorecards/{version}", summary="One version")
async def get_scorecard(version: Version, uow: Uow, _: Reader) -> VersionOut:
    return version_out(CARD, await handlers.get(CARD, version, uow))


@router.post("/v1/scorecards", status_code=201, response_model=VersionOut, summary="Save a version as a draft")
async def post_scorecard(body: ScorecardIn, uow: Uow, caller: Editor, once: OnceOnly) -> Response:
    """Versions are never edited. Nothing is scored by a draft until it is activated."""
    return await documents.create(CARD, body, uow, caller, once)


@router.post("/v1/scorecards/validate", summary="What is wrong with a scorecard")
async def post_validation(body: ScorecardIn, _: Reader) -> LintOut:
    """All problems at once, each with its place. Writes nothing."""
    return documents.validate(CARD, body)


@router.post("/v1/scorecards/preview", summary="Try a scorecard on facts")
async def preview(body: TryDocumentIn, uow: Uow, _: Reader) -> PreviewOut:
    """Scores these facts by the document sent or, without one, by the active scorecard. Writes nothing."""
    return await documents.preview_document(CARD, body, uow)


@router.post("/v1/scorecards/{version}/preview", summary="Try a version on leads or facts")
async def preview_version(version: Version, body: TryIn, uow: Uow, _: Reader) -> PreviewOut:
    """What would change if this version were active and all were scored anew. Writes nothing."""
    return await documents.preview_version(CARD, version, body, uow)


@router.post("/v1/scorecards/{version}/activate", response_model=VersionOut, summary="Score by this version")
async def post_activation(version: Version, uow: Uow, caller: Editor, once: OnceOnly) -> Response:
    """New leads, and leads of which something new is known, are scored by it from now on. The others keep their score until a re-score."""
    return await documents.activate(CARD, version, uow, caller, once)
