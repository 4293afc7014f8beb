"""The platform's tables as SQLAlchemy sees them, so that Alembic can check each schema against its metadata."""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)


def add_platform_tables(metadata: MetaData) -> None:
    """Adds inbox, outbox, dead letters and answers (platform_v1.sql) to a service's metadata."""
    Table("inbox", metadata, Column("event_id", Uuid, primary_key=True), postgresql_partition_by="RANGE (event_id)")
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
    )
    letters = Table(
        "dead_letters",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False, unique=True),
        Column("lead_id", Uuid),
        Column("kind", Text, CheckConstraint("kind IN ('poison', 'suspect', 'parked')"), nullable=False),
        Column("type", Text),
        Column("reason", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("first_seen", TIMESTAMP(timezone=True), nullable=False),
        Column("last_tried", TIMESTAMP(timezone=True), nullable=False),
    )
    Index("dead_letters_lead_id_id_idx", letters.c.lead_id, letters.c.id)
    answers = Table(
        "answers",
        metadata,
        Column("scope", LargeBinary, primary_key=True),
        Column("body_hash", LargeBinary, nullable=False),
        Column("status", SmallInteger),
        Column("content", LargeBinary),
        Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    )
    Index("answers_created_at_idx", answers.c.created_at)
