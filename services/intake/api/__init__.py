"""HTTP edge of intake, a module for each noun. No rules, no SQL."""

from __future__ import annotations

from fastapi import APIRouter

from services.intake.api.activities import router as activities
from services.intake.api.contacts import router as contacts
from services.intake.api.deliveries import router as deliveries
from services.intake.api.hooks import router as hooks
from services.intake.api.imports import router as imports
from services.intake.api.leads import router as leads
from services.intake.api.sources import router as sources

router = APIRouter()
for part in (leads, hooks, sources, deliveries, contacts, imports, activities):
    router.include_router(part)
