"""Scoring's schema as SQLAlchemy sees it; migrations/ is what makes it.

Points are hundredths of a point throughout. What is only kept and read back whole is JSON, not JSONB: PostgreSQL then need not take it
apart when it is written. Locks are taken in this order: documents → leads, sorted by id → timers.
"""

from __future__ import annotations

from sqlalchemy import TIMESTAMP, BigInteger, CheckConstraint, Column, Identity, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON, JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="scoring")
add_platform_tables(metadata, version=3)

# -- Documents -----------------------------------------------------------------------------------------------------------------

scorecards = Table(
    "scorecards",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('draft', 'active', 'retired')"), nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("scorecards_state_idx", scorecards.c.state, unique=True, postgresql_where=scorecards.c.state == "active")

# `approvals` is side → {"by", "at"}: what marketing and sales agreed to, once for each version.
definitions = Table(
    "definitions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('draft', 'active', 'retired')"), nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("approvals", JSONB, nullable=False, server_default="{}"),
)
Index("definitions_state_idx", definitions.c.state, unique=True, postgresql_where=definitions.c.state == "active")

activations = Table(
    "activations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, CheckConstraint("kind IN ('scorecard', 'definition')"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("activated_at", TIMESTAMP(timezone=True), nullable=False),
    Column("activated_by", Text, nullable=False),
)
Index("activations_kind_id_idx", activations.c.kind, activations.c.id)

# -- Leads ---------------------------------------------------------------------------------------------------------------------

# What was said of a lead last, by which versions, and from what; what a later look needs to compute its score at any time.
# A lead of which only a stage, a merge or an activity is known yet is a stub: nothing of a score. Of an erased one the sequence is left.
leads = Table(
    "leads",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("received_at", TIMESTAMP(timezone=True)),
    Column("points", Integer),
    Column("grade", Text),
    Column("qualification", Text),
    Column("reasons", JSON),
    Column("scorecard_version", Integer),
    Column("facts", JSON),  # as its own submission told them
    Column("stage", Text),
    Column("outcome", Text),
    Column("tracked_sequence", Integer),
    Column("merged_into", Uuid),
    Column("erased_at", TIMESTAMP(timezone=True)),
    Column("source", Text),
    Column("facts_at", TIMESTAMP(timezone=True)),
    Column("told", JSONB),  # what later submissions added to the facts
    Column("fit", Integer),
    Column("engagement", Integer),
    Column("letter", Text),  # none of a lead that was scored by a card of the first kind and not since
    Column("number", Integer),
    Column("thresholds", JSONB),
    Column("judgement", JSON),
    Column("definition_version", Integer),
    Column("revision", Integer, nullable=False, server_default="0"),  # of the score, counted from 1
    Column("scored_at", TIMESTAMP(timezone=True)),
    Column("scored_sequence", Integer),  # of the LeadScored that said so; none where nothing new was to be said
    Column("cause", Text),
    Column("changed", JSONB),
    Column("next_change", TIMESTAMP(timezone=True)),  # when its timer is due
    Column("override", JSONB),
    Column("evidence", JSONB),  # what people say of the definition's dimensions
)
Index("leads_merged_into_idx", leads.c.merged_into, postgresql_where=leads.c.merged_into.is_not(None))

# What the lead's row said before: a row moves here when it is written anew.
history = Table(
    "history",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("scored_at", TIMESTAMP(timezone=True), nullable=False),
    Column("scored_sequence", Integer),
    Column("cause", Text, nullable=False),
    Column("changed", JSONB),
    Column("points", Integer, nullable=False),
    Column("fit", Integer, nullable=False),
    Column("engagement", Integer, nullable=False),
    Column("letter", Text),
    Column("number", Integer),
    Column("grade", Text, nullable=False),
    Column("thresholds", JSONB),
    Column("qualification", Text, nullable=False),
    Column("judgement", JSON),
    Column("reasons", JSON, nullable=False),
    Column("scorecard_version", Integer, nullable=False),
    Column("definition_version", Integer),
    Column("override", JSONB),
)

# What the person did after the lead was received. Its receipt is no row: the lead's own columns say all of it.
activities = Table(
    "activities",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("source", Text),
    Column("data", JSONB, nullable=False),
)
