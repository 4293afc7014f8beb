"""When each group's queues are looked at next; what each waiting lead asks of who receives it."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- When the timer of the group's queues rings; NULL where none is set.
        ALTER TABLE router.groups ADD queue_due_at timestamptz;
        -- A digest: who waits for one pool with equal ones is given to the same agents. '' is not known yet.
        ALTER TABLE router.queue ADD asks text NOT NULL DEFAULT '';
    """)
