"""What became of a lead as a person's: touched again, merged into another, erased. And what the platform added since: jobs."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("tracker", 2))
    script("""
        -- filled: what touches added, by block and field, with the sequence of the touch that said it.
        -- corrected: both blocks as intake reads the lead since it was given a better mapping.
        ALTER TABLE tracker.leads
            ADD filled jsonb,
            ADD corrected jsonb,
            ADD contact_seq integer NOT NULL DEFAULT 0,
            ADD contact_id uuid,
            ADD merged_seq integer NOT NULL DEFAULT 0,
            ADD merged_into uuid,
            ADD erased_at timestamptz;
        CREATE INDEX leads_merged_into_idx ON tracker.leads (merged_into) WHERE merged_into IS NOT NULL;

        -- received: by service, when it confirmed that it has forgotten the lead, and how many rows of which table it removed.
        CREATE TABLE tracker.erasures (
            lead_id uuid PRIMARY KEY,
            contact_id uuid NOT NULL,
            reason text NOT NULL,
            by text NOT NULL,
            erased_at timestamptz NOT NULL,
            received jsonb NOT NULL
        );
        CREATE INDEX erasures_contact_id_idx ON tracker.erasures (contact_id);
    """)
