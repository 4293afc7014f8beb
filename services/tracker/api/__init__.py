"""HTTP edge of the tracker: one lead, lists of leads, reports, promises, erasures. No rules, no SQL."""

from __future__ import annotations

from fastapi import APIRouter

from services.tracker.api import erasures, lead, lists, promises

router = APIRouter()
router.include_router(lead.router)
router.include_router(lists.router)
router.include_router(promises.router)
router.include_router(erasures.router)
