"""Intake's schema as SQLAlchemy sees it; migrations/ is what makes it.

What of a lead is only kept and read back whole is JSON, not JSONB: PostgreSQL then need not take it apart when it is written.
Locks are taken in this order: external ids → identifiers → contacts → leads, each kind sorted by key.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    REAL,
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="intake")
add_platform_tables(metadata)

# -- Sources, and what they sent -----------------------------------------------------------------------------------------------

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
    Column("kind", Text, nullable=False),
    Column("region", Text),
    Column("settings", JSONB, nullable=False),
    Column("recognition", JSONB, nullable=False),
    Column("secrets", LargeBinary),
    Column("per_minute", Integer),
    Column("paused", Boolean, nullable=False, server_default="false"),
    Column("retention_days", Integer),
)

tallies = Table(
    "tallies",
    metadata,
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("lag", REAL),
)
Index("tallies_source_id_at_idx", tallies.c.source_id, tallies.c.at)

fetches = Table(
    "fetches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("resource", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("hints", JSONB, nullable=False),
    Column("delivery_id", Uuid),
    Column("state", Text, CheckConstraint("state IN ('waiting', 'done', 'failed')"), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    Column("lease_until", TIMESTAMP(timezone=True)),
    UniqueConstraint("source_id", "resource", "external_id"),
)
Index("fetches_waiting_idx", fetches.c.source_id, fetches.c.due_at, postgresql_where=fetches.c.state == "waiting")

polls = Table(
    "polls",
    metadata,
    Column("source_id", Uuid, ForeignKey(sources.c.id), primary_key=True),
    Column("cursor", JSONB, nullable=False),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    Column("lease_until", TIMESTAMP(timezone=True)),
    Column("polled_at", TIMESTAMP(timezone=True)),
    Column("found", Integer, nullable=False, server_default="0"),
    Column("error", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("received_at", TIMESTAMP(timezone=True), nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
)
Index("deliveries_source_id_received_at_id_idx", deliveries.c.source_id, deliveries.c.received_at, deliveries.c.id)

Index(
    "deliveries_without_lead_idx",
    deliveries.c.id,
    postgresql_where=deliveries.c.state.in_(("held", "ignored", "rejected", "spam")),
)
Index("deliveries_held_idx", deliveries.c.source_id, deliveries.c.id, postgresql_where=deliveries.c.state == "held")

# -- Leads, and whose they are --

leads = Table(
    "leads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source_id", Uuid, nullable=False),  # no foreign key: each lead would ask for a source that is never removed
    Column("received_at", TIMESTAMP(timezone=True), nullable=False),
    Column("contact", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("contact_id", Uuid, nullable=False),
    Column("delivery_id", Uuid),
    Column("test", Boolean, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("merged_into", Uuid),
    Column("erased_at", TIMESTAMP(timezone=True)),
)
Index("leads_contact_id_idx", leads.c.contact_id)
Index("leads_source_id_received_at_id_idx", leads.c.source_id, leads.c.received_at, leads.c.id)
Index("leads_delivery_id_idx", leads.c.delivery_id, postgresql_where=leads.c.delivery_id.is_not(None))

repetitions = Table(
    "repetitions",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, primary_key=True),
)

external_ids = Table(
    "external_ids",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("lead_id", Uuid),
    Column("seen_at", TIMESTAMP(timezone=True), nullable=False),
)
Index("external_ids_lead_id_idx", external_ids.c.lead_id)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("profile", JSON, nullable=False),
    Column("keys", LargeBinary, nullable=False),  # 16 bytes each, one behind the other: an array costs twice as much to write
    Column("last_lead_id", Uuid),
    Column("last_lead_at", TIMESTAMP(timezone=True)),
    Column("merged_into", Uuid),
    Column("erased_at", TIMESTAMP(timezone=True)),
)
Index("contacts_merged_into_idx", contacts.c.merged_into, postgresql_where=contacts.c.merged_into.is_not(None))

identifiers = Table(
    "identifiers",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("contact_ids", ARRAY(Uuid), nullable=False),
)
Index("identifiers_of_nobody_idx", identifiers.c.key, postgresql_where=identifiers.c.contact_ids == [])

unweighed = Table(
    "unweighed",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("contact_ids", ARRAY(Uuid), nullable=False),
    Column("lead_ids", ARRAY(Uuid), nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("contact_id", Uuid, primary_key=True),
)
Index("blocks_contact_id_idx", blocks.c.contact_id)

matches = Table(
    "matches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("contact_id", Uuid, nullable=False),
    Column("other_id", Uuid, nullable=False),
    Column("score", Double, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('due', 'merged', 'suggested', 'dismissed', 'undone')"), nullable=False),
    Column("decided_at", TIMESTAMP(timezone=True), nullable=False),
    Column("decided_by", Text, nullable=False),
)
Index("matches_contact_id_idx", matches.c.contact_id)
Index("matches_other_id_idx", matches.c.other_id)
Index("matches_suggested_idx", matches.c.id, postgresql_where=matches.c.state == "suggested")
Index("matches_due_idx", matches.c.id, postgresql_where=matches.c.state == "due")

merges = Table(
    "merges",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loser_id", Uuid, nullable=False),
    Column("winner_id", Uuid, nullable=False),
    Column("merged_at", TIMESTAMP(timezone=True), nullable=False),
    Column("merged_by", Text, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("undone_at", TIMESTAMP(timezone=True)),
    Column("undone_by", Text),
)
Index("merges_winner_id_idx", merges.c.winner_id)
Index("merges_loser_id_idx", merges.c.loser_id, unique=True, postgresql_where=merges.c.undone_at.is_(None))

# -- What else we hold on a person --

touches = Table(
    "touches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, ForeignKey(leads.c.id), nullable=False),
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("touched_at", TIMESTAMP(timezone=True), nullable=False),
    Column("contact", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("delivery_id", Uuid),
)
Index("touches_lead_id_idx", touches.c.lead_id)

consents = Table(
    "consents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, ForeignKey(leads.c.id), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("text", Text),
    Column("recorded_at", TIMESTAMP(timezone=True), nullable=False),
)
Index("consents_lead_id_idx", consents.c.lead_id)

suppressions = Table(
    "suppressions",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("suppressions_created_at_key_idx", suppressions.c.created_at, suppressions.c.key)

activities = Table(
    "activities",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid),
    Column("visitor", LargeBinary),
    Column("kind", Text, nullable=False),
    Column("occurred_at", TIMESTAMP(timezone=True), nullable=False),
    Column("recorded_at", TIMESTAMP(timezone=True), nullable=False),
    Column("source", Text),
    Column("data", JSONB, nullable=False),
)
Index("activities_lead_id_idx", activities.c.lead_id, postgresql_where=activities.c.lead_id.is_not(None))
Index(
    "activities_visitor_occurred_at_idx",
    activities.c.visitor,
    activities.c.occurred_at,
    postgresql_where=activities.c.lead_id.is_(None),
)

erasures = Table(
    "erasures",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, nullable=False),
    Column("erased_at", TIMESTAMP(timezone=True), nullable=False),
    Column("erased_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("erasures_contact_id_idx", erasures.c.contact_id)

# -- Lists --

imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source_id", Uuid, ForeignKey(sources.c.id), nullable=False),
    Column("name", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('uploading', 'reading', 'read', 'running', 'done', 'failed', 'cancelled')"),
        nullable=False,
    ),
    Column("size", BigInteger, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("found", JSONB, nullable=False),
    Column("error", Text),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("finished_at", TIMESTAMP(timezone=True)),
)
Index("imports_created_at_id_idx", imports.c.created_at, imports.c.id)

import_chunks = Table(
    "import_chunks",
    metadata,
    Column("import_id", Uuid, ForeignKey(imports.c.id, ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Uuid, ForeignKey(imports.c.id, ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("cells", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("lead_id", Uuid),
    Column("reason", Text),
    Column("warnings", JSONB, nullable=False),
)
Index("import_rows_lead_id_idx", import_rows.c.lead_id, postgresql_where=import_rows.c.lead_id.is_not(None))
