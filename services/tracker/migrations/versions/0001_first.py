"""Leads as they are now, and their timelines."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


LEADS = """
-- One row a lead, written by three topics in any order: *_seq is the highest sequence that its columns were folded from.
-- Half of each page is kept free, so that a score, which changes no indexed column, finds its new row version beside the old.
CREATE TABLE tracker.leads (
    lead_id uuid PRIMARY KEY,
    sequence integer NOT NULL DEFAULT 0,
    received_seq integer NOT NULL DEFAULT 0,
    received_at timestamptz,
    source text,
    contact jsonb,
    facts jsonb,
    scored_seq integer NOT NULL DEFAULT 0,
    points integer,
    grade text,
    qualification text,
    scorecard_version integer,
    routed_seq integer NOT NULL DEFAULT 0,
    routing text NOT NULL DEFAULT 'pending',
    ended_reason text,
    owner_seq integer NOT NULL DEFAULT 0,
    assignment_id uuid,
    agent_id uuid,
    agent_name text,
    pool text,
    assigned_at timestamptz,
    first_assigned_at timestamptz,
    stage text NOT NULL DEFAULT 'new',
    stage_at timestamptz,
    stage_by text,
    stage_reason text,
    outcome text,
    value double precision,
    currency text,
    first_responded_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX leads_received_at_lead_id_idx ON tracker.leads (received_at, lead_id);
CREATE INDEX leads_agent_id_received_at_idx ON tracker.leads (agent_id, received_at) WHERE agent_id IS NOT NULL;
-- Partial, so that the many leads that are just new and assigned never write them.
CREATE INDEX leads_stage_received_at_lead_id_idx ON tracker.leads (stage, received_at, lead_id) WHERE stage <> 'new';
CREATE INDEX leads_routing_received_at_lead_id_idx ON tracker.leads (routing, received_at, lead_id)
    WHERE routing IN ('queued', 'rejected', 'ended');
"""
TIMELINE = """
CREATE TABLE tracker.timeline (
    lead_id uuid NOT NULL,
    service text NOT NULL,
    sequence integer NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    data jsonb NOT NULL,
    causation text NOT NULL,
    trace_id text NOT NULL,
    PRIMARY KEY (lead_id, service, sequence)
);
"""


def upgrade() -> None:
    script(platform("tracker", 1))
    script(LEADS)
    script(TIMELINE)
