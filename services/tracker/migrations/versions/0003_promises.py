"""Offers, how a lead came to its owner, and promises: what reports ask of them is found without reading every timeline."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- how: by a decision, claimed, by hand and so on; empty where the owner got the lead before this was said.
        ALTER TABLE tracker.leads ADD how text;
        DROP INDEX tracker.leads_routing_received_at_lead_id_idx;
        CREATE INDEX leads_routing_received_at_lead_id_idx ON tracker.leads (routing, received_at, lead_id)
            WHERE routing IN ('queued', 'offered', 'rejected', 'ended');
        CREATE INDEX timeline_promises_idx ON tracker.timeline (type, lead_id)
            WHERE type IN ('AssignmentAccepted', 'SlaBreached');
    """)
