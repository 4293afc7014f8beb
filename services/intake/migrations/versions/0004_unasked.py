"""A lead does not ask whether its source is there: it was read in the same transaction, and no source is ever removed."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("ALTER TABLE intake.leads DROP CONSTRAINT leads_source_id_fkey;")
