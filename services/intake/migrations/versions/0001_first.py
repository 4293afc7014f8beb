"""Sources, leads and raw deliveries."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("intake", 1))
    script("""
        CREATE TABLE intake.sources (
            id uuid PRIMARY KEY,
            name text NOT NULL UNIQUE,
            token_hash bytea NOT NULL UNIQUE,
            mapping jsonb NOT NULL,
            active boolean NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        );
        CREATE TABLE intake.leads (
            id uuid PRIMARY KEY,
            source_id uuid NOT NULL REFERENCES intake.sources (id),
            received_at timestamptz NOT NULL,
            contact jsonb NOT NULL,
            facts jsonb NOT NULL,
            warnings jsonb NOT NULL,
            sequence integer NOT NULL
        );
        CREATE TABLE intake.deliveries (
            lead_id uuid PRIMARY KEY REFERENCES intake.leads (id),
            content_type text NOT NULL,
            body bytea NOT NULL
        );
    """)
