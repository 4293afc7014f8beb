"""The router's schema as SQLAlchemy sees it; migrations/ is what makes it."""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from shared.db.tables import add_platform_tables

metadata = MetaData(schema="router")
add_platform_tables(metadata, version=3)

Moment = TIMESTAMP(timezone=True)

agents = Table(
    "agents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('agent', 'partner')"), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("external_ref", Text),
    Column("settings", JSONB, nullable=False),
    Column("pause", JSONB),
    Column("presence", JSONB),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
Index("agents_external_ref_idx", agents.c.external_ref, unique=True, postgresql_where=text("external_ref IS NOT NULL"))
Index("agents_name_idx", agents.c.name)

agent_leave = Table(
    "agent_leave",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agent_id", Uuid, ForeignKey(agents.c.id), nullable=False),
    Column("starts", Moment, nullable=False),
    Column("ends", Moment, nullable=False),
    Column("catch_up", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("agent_leave_agent_id_ends_idx", agent_leave.c.agent_id, agent_leave.c.ends)

agent_history = Table(
    "agent_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("agent_id", Uuid, ForeignKey(agents.c.id), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("change", Text, nullable=False),
    Column("pause", JSONB),
    Column("presence", JSONB),
    Column("leaves", JSONB, nullable=False, server_default=text("'[]'")),
)
Index("agent_history_agent_id_id_idx", agent_history.c.agent_id, agent_history.c.id)

policies = Table(
    "policies",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("activated_at", Moment),
    Column("activated_by", Text),
    Column("members", JSONB),
    Column("calendars", JSONB),
)
Index("policies_active_idx", policies.c.active, unique=True, postgresql_where=text("active"))

policy_audit = Table(
    "policy_audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Integer, ForeignKey(policies.c.version), nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)
Index("policy_audit_version_id_idx", policy_audit.c.version, policy_audit.c.id)

groups = Table(
    "groups",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("pools", ARRAY(Text), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("last_now", Moment, nullable=False),
    Column("snapshot", JSONB, nullable=False),
    Column("snapshot_number", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("queue_due_at", Moment),
)
Index("groups_open_idx", groups.c.id, postgresql_where=text("closed_at IS NULL"))

snapshots = Table(
    "snapshots",
    metadata,
    Column("group_id", BigInteger, ForeignKey(groups.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("snapshot", JSONB, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("group_id", BigInteger, primary_key=True),  # no foreign key: each entry would ask for a group that is locked already
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("agent_id", Uuid),
    Column("lead_id", Uuid),
    Column("pool", Text),
    Column("data", JSON, nullable=False),
)

leads = Table(
    "leads",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("received_at", Moment),
    Column("facts", JSONB),
    Column("points", Integer),
    Column("grade", Text),
    Column("qualification", Text),
    Column("scored_sequence", Integer, nullable=False),
    Column("stage", Text),
    Column("tracked_sequence", Integer, nullable=False),
    Column("merged_into", Uuid),
    Column("held_by", Uuid),
    Column("held_pool", Text),
    Column("erased_at", Moment),
    Column("scored", JSON),
    Column("hops", SmallInteger, nullable=False, server_default="0"),
    Column("refused", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("responded_at", Moment),
    Column("offered", JSONB),
    Column("clocks", JSON),
    Column("due_at", Moment),
    Index("leads_contact_idx", text("(facts ->> 'contact_id')"), postgresql_where=text("facts ? 'contact_id'")),
    Index("leads_company_idx", text("lower(facts ->> 'company_domain')"), postgresql_where=text("facts ? 'company_domain'")),
    Index("leads_account_idx", text("(facts ->> 'account_id')"), postgresql_where=text("facts ? 'account_id'")),
)
Index("leads_offered_idx", leads.c.lead_id, postgresql_where=text("offered IS NOT NULL"))

assignments = Table(
    "assignments",
    metadata,
    Column("written_by", BigInteger, primary_key=True, server_default=text("pg_current_xact_id()::text::bigint")),
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
    Column("agent_id", Uuid, nullable=False),
    Column("pool", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("period", Text, nullable=False),
    Column("assigned_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("close_reason", Text),
    Column("outcome", Text),
    Column("gave_back", Boolean, nullable=False),
    Column("hour", SmallInteger, nullable=False, server_default="0"),
    Column("work", SmallInteger, nullable=False, server_default="1"),
    Column("turn", Integer),
    Column("rule", Text),
    Column("group_id", BigInteger),
    Column("accepted_at", Moment),
)
Index("assignments_one_owner_idx", assignments.c.lead_id, unique=True, postgresql_where=text("closed_at IS NULL"))
Index("assignments_agent_id_assigned_at_idx", assignments.c.agent_id, assignments.c.assigned_at)
Index("assignments_open_idx", assignments.c.agent_id, assignments.c.lead_id, postgresql_where=text("closed_at IS NULL"))
Index("assignments_lead_id_idx", assignments.c.lead_id, assignments.c.assigned_at)

queue = Table(
    "queue",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("rule", Text),
    Column("points", Integer, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("until", Moment),
    Column("asks", Text, nullable=False, server_default=""),
)
Index("queue_order_idx", queue.c.pool, queue.c.rank.desc(), queue.c.queued_at, queue.c.lead_id)

decisions = Table(
    "decisions",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("decided_at", Moment, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("group_id", BigInteger),
    Column("number", Integer),
    Column("ordinal", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("rule", Text),
    Column("pool", Text),
    Column("agent_id", Uuid),
    Column("why", Text, nullable=False),
    Column("eligible", Integer, nullable=False),
    Column("gates", JSON, nullable=False),
    Column("counters", JSON),
    Column("facts", JSON, nullable=False),
    Column("via", Text),
    Column("more", JSON),
)
Index("decisions_id_idx", decisions.c.id, unique=True)
