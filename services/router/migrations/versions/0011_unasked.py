"""The ledger asks no more whether its group is there: whoever writes to one has its row locked, and no group ever goes."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The question was asked for each entry, while the group's lock was held.
    script("ALTER TABLE router.ledger DROP CONSTRAINT ledger_group_id_fkey;")
