"""Intake's schema as SQLAlchemy sees it; migrations/ is what makes it."""

from __future__ import annotations

from sqlalchemy import TIMESTAMP, Boolean, Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="intake")
add_platform_tables(metadata)

sources = Table(
    "sources",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("mapping", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
)

leads = Table(
    "leads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("received_at", TIMESTAMP(timezone=True), nullable=False),
    Column("contact", JSONB, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("sequence", Integer, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("lead_id", Uuid, ForeignKey(leads.c.id), primary_key=True),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
