"""Policies as drafts that become active, who is in each pool since, and who did what to which version."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- Never activated: a draft. members: who was in each pool when it was activated last, by names and rules of then.
        ALTER TABLE router.policies
            ADD changed_at timestamptz, ADD changed_by text, ADD activated_at timestamptz, ADD activated_by text, ADD members jsonb;
        UPDATE router.policies SET changed_at = created_at, changed_by = created_by, activated_at = created_at, activated_by = created_by,
            members = (SELECT jsonb_object_agg(key, value -> 'members') FROM jsonb_each(document -> 'pools'));
        ALTER TABLE router.policies ALTER changed_at SET NOT NULL, ALTER changed_by SET NOT NULL;

        CREATE TABLE router.policy_audit (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            version integer NOT NULL REFERENCES router.policies (version),
            at timestamptz NOT NULL,
            by text NOT NULL,
            action text NOT NULL,
            detail jsonb NOT NULL
        );
        CREATE INDEX ON router.policy_audit (version, id);
        INSERT INTO router.policy_audit (version, at, by, action, detail)
            SELECT version, created_at, created_by, unnest(ARRAY['created', 'activated']), '{}' FROM router.policies ORDER BY version;
    """)
