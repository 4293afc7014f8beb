"""The dates of the holidays that a policy's calendars keep, as they were when it was activated."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- Beside members: dates with the names of the days, by calendar of holidays. No policy of before this has a calendar.
        ALTER TABLE router.policies ADD calendars jsonb;
    """)
