"""HTTP edge of scoring, a module for each noun. No rules, no SQL."""

from __future__ import annotations

from fastapi import APIRouter

from services.scoring.api.qualifications import router as qualifications
from services.scoring.api.rescores import router as rescores
from services.scoring.api.scorecards import router as scorecards
from services.scoring.api.scores import router as scores

router = APIRouter()
for part in (scorecards, qualifications, rescores, scores):  # /v1/scores/rescores before /v1/scores/{lead_id}
    router.include_router(part)
