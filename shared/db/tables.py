"""The platform's tables as SQLAlchemy sees them, so that Alembic can check each schema against its metadata."""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects.postgresql import JSONB


def add_platform_tables(metadata: MetaData, *, version: int = 2) -> None:
    """Adds inbox, outbox, dead letters, answers (platform_v1.sql), jobs (v2) and, from version 3, timers to a service's metadata."""
    _add_inbox_and_outbox(metadata)
    _add_dead_letters(metadata)
    _add_answers(metadata)
    _add_jobs(metadata)
    if version >= 3:
        _add_timers(metadata)


def _add_inbox_and_outbox(metadata: MetaData) -> None:
    Table("inbox", metadata, Column("event_id", Uuid, primary_key=True), postgresql_partition_by="RANGE (event_id)")
    outbox_of(metadata)


def outbox_of(metadata: MetaData) -> Table:
    """The outbox of the schema that the metadata describes."""
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
    )


def _add_dead_letters(metadata: MetaData) -> None:
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


def _add_answers(metadata: MetaData) -> None:
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


def _add_jobs(metadata: MetaData) -> None:
    jobs = Table(
        "jobs",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("about", Uuid),
        Column("params", JSONB, nullable=False),
        Column(
            "state",
            Text,
            CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')"),
            nullable=False,
        ),
        Column("cursor", JSONB, nullable=False),
        Column("done", BigInteger, nullable=False, server_default="0"),
        Column("total", BigInteger),
        Column("result", JSONB, nullable=False, server_default="{}"),
        Column("error", Text),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        Column("created_by", Text, nullable=False),
        Column("started_at", TIMESTAMP(timezone=True)),
        Column("finished_at", TIMESTAMP(timezone=True)),
        Column("due_at", TIMESTAMP(timezone=True), nullable=False),
        Column("lease_until", TIMESTAMP(timezone=True)),
        Column("lease_by", Uuid),
        Column("cancel", Boolean, nullable=False, server_default="false"),
    )
    Index("jobs_due_at_idx", jobs.c.due_at, postgresql_where=jobs.c.state.in_(("waiting", "running")))
    Index("jobs_kind_id_idx", jobs.c.kind, jobs.c.id)
    Index("jobs_about_id_idx", jobs.c.about, jobs.c.id, postgresql_where=jobs.c.about.is_not(None))


def _add_timers(metadata: MetaData) -> None:
    timers = Table(
        "timers",
        metadata,
        Column("subject", Uuid, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("due_at", TIMESTAMP(timezone=True), nullable=False),
        Column("data", JSONB, nullable=False),
        Column("set_at", TIMESTAMP(timezone=True), nullable=False),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("fault", Text),
        Column("failed", Boolean, nullable=False, server_default="false"),
        Column("lease_by", Uuid),
        Column("lease_until", TIMESTAMP(timezone=True)),
    )
    Index("timers_due_at_idx", timers.c.due_at, postgresql_where=~timers.c.failed)
    Index("timers_failed_idx", timers.c.due_at, postgresql_where=timers.c.failed)
    Table(
        "timer_watches",
        metadata,
        Column("began_at", TIMESTAMP(timezone=True), primary_key=True),
        Column("down_since", TIMESTAMP(timezone=True)),
        Column("kept_until", TIMESTAMP(timezone=True), nullable=False),
    )
