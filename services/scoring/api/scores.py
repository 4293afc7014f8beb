"""/v1/scores: what leads are worth, and why, at any time; what was said of them; and what people set beside the machine's word."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from services.scoring.api.documents import Reader
from services.scoring.api.shown import SaidOut, ScoreOut, said_out, score_out
from services.scoring.handlers import scores as handlers
from services.scoring.store import scores as store
from services.scoring.store.scores import Wanted
from shared.auth import Caller, Role
from shared.db.uow import UnitOfWork
from shared.errors import invalid
from shared.web.requests import Body, Moment, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

router = APIRouter(tags=["scores"])

Judge = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER)]
At = Annotated[Moment | None, Query(description="As of when; now where it is left out")]
Word = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")]
Dimension = Annotated[str, Path(max_length=100, description="A dimension of the active definition, such as budget")]


class OverrideIn(Body):
    """At least one of both. `reason` is for people; write no contact data into it."""

    grade: str | None = Field(None, max_length=100, examples=["A1"])
    qualification: str | None = Field(None, max_length=63, examples=["sales_qualified"])
    reason: str = Field(min_length=1, max_length=500, examples=["met them at the fair"])


class EvidenceIn(Body):
    """What a person learned. `confidence` is how sure they are, in per cent; write no contact data into `value`."""

    value: str = Field(min_length=1, max_length=200, examples=["signed off for this quarter"])
    confidence: int = Field(ge=1, le=100, strict=True, examples=[90])


@router.get("/v1/scores", response_model=list[SaidOut], summary="Scores as they were announced, newest lead first")
async def get_scores(
    uow: Uow,
    _: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    grade: Word = None,
    letter: Word = None,
    number: Annotated[int | None, Query(ge=0, le=99)] = None,
    qualification: Word = None,
    outcome: Annotated[Literal["qualified", "disqualified", "insufficient"] | None, Query()] = None,
    threshold: Word = None,
    override: Annotated[bool | None, Query(description="Only those with an override, or only those without")] = None,
) -> Response:
    """Grades and qualifications that people set count as the lead's. Leads that are merged into another are not listed."""
    before = decode_cursor(cursor, tuple[UUID])
    wanted = Wanted(grade, letter, number, qualification, outcome, threshold, override)
    found = await store.page_of_scores(uow, wanted, before=before[0] if before else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda said: (said.lead_id,))
    return json_response({**page, "items": [plain(said_out(said)) for said in page["items"]]})


@router.get("/v1/scores/{lead_id}", summary="A lead's score at any time, and why")
async def get_score(lead_id: UUID, uow: Uow, _: Reader, at: At = None) -> ScoreOut:
    """Decayed to the moment, and explained: the reasons add up to the points. By the versions that judged the lead last.

    For another time than now: by the facts known today, and by what had happened by then.
    """
    return score_out(await handlers.get_score(lead_id, uow, at=at))


@router.get("/v1/scores/{lead_id}/history", response_model=list[SaidOut], summary="What was said of a lead, the latest first")
async def get_history(lead_id: UUID, uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[int])
    revision = min(before[0], 2**31 - 1) if before else None
    found = await handlers.get_history(lead_id, uow, before=revision, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda said: (said.revision,))
    return json_response({**page, "items": [plain(said_out(said)) for said in page["items"]]})


@router.put("/v1/scores/{lead_id}/override", summary="Set a grade or a qualification by hand")
async def put_override(lead_id: UUID, body: OverrideIn, uow: Uow, caller: Judge, request: Request) -> ScoreOut:
    """Holds until it is taken back; the machine's word goes on beside it. The router is told."""
    if body.grade is None and body.qualification is None:
        raise invalid("/", "set a grade, a qualification, or both")
    await handlers.set_override(
        lead_id,
        uow,
        grade=body.grade,
        qualification=body.qualification,
        reason=body.reason,
        by=caller.subject,
        cause=cause_of(request),
    )
    return await _shown(lead_id, uow)


@router.delete("/v1/scores/{lead_id}/override", summary="Let the machine's word hold again")
async def delete_override(lead_id: UUID, uow: Uow, _: Judge, request: Request) -> ScoreOut:
    await handlers.drop_override(lead_id, uow, cause=cause_of(request))
    return await _shown(lead_id, uow)


@router.put("/v1/scores/{lead_id}/evidence/{name}", summary="Say what you know of a dimension")
async def put_evidence(lead_id: UUID, name: Dimension, body: EvidenceIn, uow: Uow, caller: Judge, request: Request) -> ScoreOut:
    """Counts where it is surer than what the facts say, and fades like it. What was said before by a person is replaced."""
    await handlers.set_evidence(
        lead_id, name, uow, value=body.value, confidence=body.confidence, by=caller.subject, cause=cause_of(request)
    )
    return await _shown(lead_id, uow)


@router.delete("/v1/scores/{lead_id}/evidence/{name}", summary="Take back what a person said of a dimension")
async def delete_evidence(lead_id: UUID, name: Dimension, uow: Uow, _: Judge, request: Request) -> ScoreOut:
    await handlers.drop_evidence(lead_id, name, uow, cause=cause_of(request))
    return await _shown(lead_id, uow)


async def _shown(lead_id: UUID, uow: UnitOfWork) -> ScoreOut:
    return score_out(await handlers.get_score(lead_id, uow))
