"""HTTP edge of scoring: scorecards and scores. No rules, no SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.scoring import domain, handlers, store
from services.scoring.store import StoredScore, StoredScorecard
from shared.auth import Caller, Role
from shared.errors import not_found
from shared.web.requests import Body, OnceOnly, Uow, allow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

router = APIRouter()

Editor = Annotated[Caller, allow(Role.MARKETING)]
Reader = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER, Role.VIEWER)]
MAX_VERSION = 2**31 - 1
Version = Annotated[int, Path(ge=1, le=MAX_VERSION)]

REASONS = [{"text": "can be reached by e-mail", "points": 20}, {"text": "names a product", "points": 10}]


class Position(NamedTuple):
    """Where a page of versions ends."""

    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]


class ConditionIn(Body):
    """Holds where the lead has the fact and it compares; a missing fact never matches."""

    field: str = Field(description="Name of a fact, or a dotted path of names", examples=["budget"])
    op: str = Field(description="One of ==, !=, in, >=, <=", examples=[">="])
    value: Any = Field(description="Text, a number, true or false; for `in` a list of them", examples=[10000])


class RuleIn(Body):
    """Adds its points where all conditions hold; without conditions, always."""

    name: str = Field(examples=["budget"])
    when: list[ConditionIn] = Field([], description="All must hold")
    points: int = Field(strict=True, description="-100 to 100", examples=[15])
    reason: str = Field(description="What a person reads beside the points", examples=["has a budget of 10,000 or more"])


class GradeIn(Body):
    grade: str = Field(examples=["A"])
    min: int = Field(strict=True, description="Points, 0 to 100; each less than the one before, the last one 0", examples=[80])


class QualificationIn(Body):
    """The first that matches holds; a lead that none matches is unqualified."""

    qualification: str = Field(examples=["sales_qualified"])
    min: int = Field(strict=True, description="Points, 0 to 100", examples=[60])
    when: list[ConditionIn] = Field([], description="All must hold")


class ScorecardIn(Body):
    """Rules add up to 0 to 100 points; points make the grade and, with conditions, the qualification."""

    model_config = ConfigDict(json_schema_extra={"examples": [domain.DEFAULT]})

    name: str | None = None
    rules: list[RuleIn]
    grades: list[GradeIn]
    qualifications: list[QualificationIn]


class PreviewIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"facts": {"has_email": True, "email_kind": "free", "product": "pro"}}]}
    )

    facts: dict[str, Any] = Field(description="What a rule may ask of the lead")
    document: ScorecardIn | None = Field(None, description="The scorecard to try; the active one, if it is left out")


class ScorecardOut(BaseModel):
    version: int
    active: bool
    document: dict[str, Any] = Field(examples=[domain.DEFAULT])
    created_at: datetime
    created_by: str


class ReasonOut(BaseModel):
    text: str
    points: int


class PreviewOut(BaseModel):
    """A score that was not kept. The reasons add up to the points."""

    points: int = Field(examples=[30])
    grade: str = Field(examples=["D"])
    qualification: str = Field(examples=["marketing_qualified"])
    reasons: list[ReasonOut] = Field(examples=[REASONS])
    scorecard_version: int | None = Field(description="None for a document of your own", examples=[1])


class ScoreOut(PreviewOut):
    """A lead's score as it was given. The reasons add up to the points."""

    lead_id: UUID
    received_at: datetime


class ScorecardPage(BaseModel):
    items: list[ScorecardOut]
    next: str | None


def _scorecard_out(scorecard: StoredScorecard) -> ScorecardOut:
    return ScorecardOut(
        version=scorecard.version,
        active=scorecard.active,
        document=scorecard.document,
        created_at=scorecard.created_at,
        created_by=scorecard.created_by,
    )


def _score_out(score: StoredScore) -> ScoreOut:
    return ScoreOut(
        lead_id=score.lead_id,
        received_at=score.received_at,
        points=score.points,
        grade=score.grade,
        qualification=score.qualification,
        reasons=[ReasonOut(**reason) for reason in score.reasons],
        scorecard_version=score.scorecard_version,
    )


@router.get("/v1/scorecards", tags=["scorecards"], response_model=ScorecardPage, summary="Versions, newest first")
async def get_scorecards(uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, Position)
    found = await store.page_of_scorecards(uow, before=before.version if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda scorecard: Position(scorecard.version))
    return json_response({**page, "items": [plain(_scorecard_out(scorecard)) for scorecard in page["items"]]})


@router.get("/v1/scorecards/active", tags=["scorecards"], summary="The version that scores leads now")
async def get_active_scorecard(uow: Uow, _: Reader) -> ScorecardOut:
    scorecard = await store.get_scorecard(uow, None)
    if scorecard is None:
        raise not_found("scorecard version", "active")
    return _scorecard_out(scorecard)


@router.get("/v1/scorecards/{version}", tags=["scorecards"], summary="One version")
async def get_scorecard(version: Version, uow: Uow, _: Reader) -> ScorecardOut:
    scorecard = await store.get_scorecard(uow, version)
    if scorecard is None:
        raise not_found("scorecard version", version)
    return _scorecard_out(scorecard)


@router.post(
    "/v1/scorecards", status_code=201, tags=["scorecards"], response_model=ScorecardOut, summary="Make and activate a version"
)
async def post_scorecard(body: ScorecardIn, uow: Uow, caller: Editor, once: OnceOnly) -> Response:
    """Versions are never edited. Leads that arrive from now on are scored by this one; leads that are scored keep their score."""

    async def work() -> ScorecardOut:
        return _scorecard_out(await handlers.create_scorecard(body.model_dump(), uow, by=caller.subject))

    return await once(work, status=201)


@router.post("/v1/scorecards/preview", tags=["scorecards"], summary="Try a scorecard on facts")
async def preview(body: PreviewIn, uow: Uow, _: Reader) -> PreviewOut:
    """Scores these facts by the document sent or, without one, by the active scorecard. Writes nothing."""
    document = body.document.model_dump() if body.document else None
    score, version = await handlers.preview_score(body.facts, document, uow)
    return PreviewOut(
        points=score.points,
        grade=score.grade,
        qualification=score.qualification,
        reasons=[ReasonOut(text=reason.text, points=reason.points) for reason in score.reasons],
        scorecard_version=version,
    )


@router.post(
    "/v1/scorecards/{version}/activate", tags=["scorecards"], response_model=ScorecardOut, summary="Go back to a version"
)
async def post_activation(version: Version, uow: Uow, _: Editor, once: OnceOnly) -> Response:
    """Leads that arrive from now on are scored by it; leads that are scored keep their score."""

    async def work() -> ScorecardOut:
        return _scorecard_out(await handlers.activate_scorecard(version, uow))

    return await once(work)


@router.get("/v1/scores/{lead_id}", tags=["scores"], summary="A lead's score, and why")
async def get_score(lead_id: UUID, uow: Uow, _: Reader) -> ScoreOut:
    """The reasons add up to the points. A lead that arrived a moment ago may not be scored yet."""
    return _score_out(await handlers.get_score(lead_id, uow))
