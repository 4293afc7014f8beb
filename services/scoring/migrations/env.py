"""Alembic's entry for the scoring service."""

from __future__ import annotations

from services.scoring.tables import metadata
from shared.db.migrate import run

run(metadata)
