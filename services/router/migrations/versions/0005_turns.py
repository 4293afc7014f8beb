"""Whether an assignment was a turn, and of which requirement class; the pool that a lead overflowed from."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- turn: NULL for an assignment that was none. All decided ones from before were of everyone, class 0; restored ones were none.
        ALTER TABLE router.assignments ADD turn integer;
        UPDATE router.assignments a SET turn = 0
            FROM router.decisions d WHERE d.lead_id = a.lead_id AND d.id = a.id AND d.outcome = 'assigned';

        -- The pool that the lead belongs to, where that one overflowed to `pool`.
        ALTER TABLE router.decisions ADD via text;
    """)
