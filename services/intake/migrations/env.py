"""Alembic's entry for the intake service."""

from __future__ import annotations

from services.intake.tables import metadata
from shared.db.migrate import run

run(metadata)
