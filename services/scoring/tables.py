"""Scoring's schema as SQLAlchemy sees it; migrations/ is what makes it."""

from __future__ import annotations

from sqlalchemy import TIMESTAMP, Boolean, Column, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="scoring")
add_platform_tables(metadata)

scorecards = Table(
    "scorecards",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("scorecards_active_idx", scorecards.c.active, unique=True, postgresql_where=scorecards.c.active)

# A lead of which only a stage is known yet is a stub: sequence 0, and nothing of a score. Of an erased one the sequence is left.
leads = Table(
    "leads",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("received_at", TIMESTAMP(timezone=True)),
    Column("points", Integer),
    Column("grade", Text),
    Column("qualification", Text),
    Column("reasons", JSONB),
    Column("scorecard_version", Integer),
    Column("facts", JSONB),
    Column("stage", Text),
    Column("outcome", Text),
    Column("tracked_sequence", Integer),
    Column("merged_into", Uuid),
    Column("erased_at", TIMESTAMP(timezone=True)),
)
