"""What became of a lead as a person's: merged into another, or erased. And what the platform added since: jobs."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("router", 2))
    script("""
        -- status may also be merged or erased. held_by and held_pool: who had a lead when it was merged, and in which pool, for an
        -- un-merge. Of an erased lead the sequence is left.
        ALTER TABLE router.leads ADD merged_into uuid, ADD held_by uuid, ADD held_pool text, ADD erased_at timestamptz;
    """)
