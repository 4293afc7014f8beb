"""Scorecards, with the default one active, and leads."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from services.scoring.domain.scorecard import DEFAULT
from shared.db.migrate import platform, script
from shared.db.uow import to_json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("scoring", 1))
    script("""
        CREATE TABLE scoring.scorecards (
            version integer PRIMARY KEY,
            document jsonb NOT NULL,
            active boolean NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL
        );
        CREATE UNIQUE INDEX ON scoring.scorecards (active) WHERE active;
        CREATE TABLE scoring.leads (
            lead_id uuid PRIMARY KEY,
            sequence integer NOT NULL,
            received_at timestamptz,
            points integer,
            grade text,
            qualification text,
            reasons jsonb,
            scorecard_version integer,
            facts jsonb,
            stage text,
            outcome text,
            tracked_sequence integer
        );
    """)
    first = text(
        "INSERT INTO scoring.scorecards (version, document, active, created_at, created_by) "
        "VALUES (1, CAST(:document AS jsonb), true, now(), 'handoff')"
    )
    op.execute(first.bindparams(document=to_json(DEFAULT)))
