"""What is only kept and read back whole is json: jsonb is taken apart when it is written, and a group's lock waits for that."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The tables are written anew.
    script("""
        ALTER TABLE router.ledger ALTER data TYPE json;
        ALTER TABLE router.leads ALTER scored TYPE json, ALTER clocks TYPE json;
        ALTER TABLE router.decisions
            ALTER gates TYPE json, ALTER counters TYPE json, ALTER facts TYPE json, ALTER more TYPE json;
    """)
