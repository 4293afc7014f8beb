"""What a rich lead is told by is a little more than a quarter of a page: it is not worth being compressed row by row."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        ALTER TABLE tracker.leads SET (toast_tuple_target = 8160);
        ALTER TABLE tracker.timeline SET (toast_tuple_target = 8160);
    """)
