"""Alembic's entry for the router service."""

from __future__ import annotations

from services.router.tables import metadata
from shared.db.migrate import run

run(metadata)
