"""HTTP edge of the tracker: one lead, lists of leads, reports. No rules, no SQL."""

from __future__ import annotations

from fastapi import APIRouter

from services.tracker.api import lead, lists

router = APIRouter()
router.include_router(lead.router)
router.include_router(lists.router)
