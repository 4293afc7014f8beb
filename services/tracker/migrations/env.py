"""Alembic's entry for the tracker service."""

from __future__ import annotations

from services.tracker.tables import metadata
from shared.db.migrate import run

run(metadata)
