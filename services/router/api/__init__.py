"""HTTP edge of the router, a module for each noun. No rules, no SQL."""

from __future__ import annotations

from fastapi import APIRouter

from services.router.api.agents import router as agents
from services.router.api.assignments import router as assignments
from services.router.api.attendance import router as attendance
from services.router.api.decisions import router as decisions
from services.router.api.fairness import router as fairness
from services.router.api.leads import router as leads
from services.router.api.moving import router as moving
from services.router.api.policies import router as policies
from services.router.api.pools import router as pools
from services.router.api.previews import router as previews
from services.router.api.testing import router as testing

router = APIRouter()
for part in (agents, attendance, fairness, pools, testing, policies, previews, leads, assignments, moving, decisions):
    router.include_router(part)
