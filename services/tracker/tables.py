"""The tracker's schema as SQLAlchemy sees it; migrations/ is what makes it.

What is only kept and read back whole is JSON, not JSONB: PostgreSQL then need not take it apart when it is written.
"""

from __future__ import annotations

from sqlalchemy import TIMESTAMP, Column, Double, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON, JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="tracker")
add_platform_tables(metadata)

leads = Table(
    "leads",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("received_seq", Integer, nullable=False, server_default="0"),
    Column("received_at", TIMESTAMP(timezone=True)),
    Column("source", Text),
    Column("contact", JSON),
    Column("facts", JSON),
    Column("scored_seq", Integer, nullable=False, server_default="0"),
    Column("points", Integer),
    Column("grade", Text),
    Column("qualification", Text),
    Column("scorecard_version", Integer),
    Column("routed_seq", Integer, nullable=False, server_default="0"),
    Column("routing", Text, nullable=False, server_default="pending"),
    Column("ended_reason", Text),
    Column("owner_seq", Integer, nullable=False, server_default="0"),
    Column("assignment_id", Uuid),
    Column("agent_id", Uuid),
    Column("agent_name", Text),
    Column("pool", Text),
    Column("assigned_at", TIMESTAMP(timezone=True)),
    Column("how", Text),
    Column("first_assigned_at", TIMESTAMP(timezone=True)),
    Column("stage", Text, nullable=False, server_default="new"),
    Column("stage_at", TIMESTAMP(timezone=True)),
    Column("stage_by", Text),
    Column("stage_reason", Text),
    Column("outcome", Text),
    Column("value", Double),
    Column("currency", Text),
    Column("first_responded_at", TIMESTAMP(timezone=True)),
    Column("filled", JSONB),
    Column("corrected", JSONB),
    Column("contact_seq", Integer, nullable=False, server_default="0"),
    Column("contact_id", Uuid),
    Column("merged_seq", Integer, nullable=False, server_default="0"),
    Column("merged_into", Uuid),
    Column("erased_at", TIMESTAMP(timezone=True)),
)
Index("leads_received_at_lead_id_idx", leads.c.received_at, leads.c.lead_id)
Index("leads_agent_id_received_at_idx", leads.c.agent_id, leads.c.received_at, postgresql_where=leads.c.agent_id.is_not(None))
Index(
    "leads_stage_received_at_lead_id_idx",
    leads.c.stage,
    leads.c.received_at,
    leads.c.lead_id,
    postgresql_where=leads.c.stage != "new",
)
Index(
    "leads_routing_received_at_lead_id_idx",
    leads.c.routing,
    leads.c.received_at,
    leads.c.lead_id,
    postgresql_where=leads.c.routing.in_(("queued", "offered", "rejected", "ended")),
)

Index("leads_merged_into_idx", leads.c.merged_into, postgresql_where=leads.c.merged_into.is_not(None))

timeline = Table(
    "timeline",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("data", JSON, nullable=False),
    Column("causation", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
)
Index(
    "timeline_promises_idx",
    timeline.c.type,
    timeline.c.lead_id,
    postgresql_where=timeline.c.type.in_(("AssignmentAccepted", "SlaBreached")),
)

erasures = Table(
    "erasures",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("erased_at", TIMESTAMP(timezone=True), nullable=False),
    Column("received", JSONB, nullable=False),
)
Index("erasures_contact_id_idx", erasures.c.contact_id)
