"""What became of a lead as a person's: merged into another, or erased. And what the platform added since: jobs."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("scoring", 2))
    script("ALTER TABLE scoring.leads ADD merged_into uuid, ADD erased_at timestamptz")
