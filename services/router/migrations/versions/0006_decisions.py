"""Decisions found by their ids, and what it takes to make an old one again: the snapshots that newer ones replaced."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- Ids are in the order of time, so this index grows at its end only, and reads decisions newest first.
        CREATE UNIQUE INDEX decisions_id_idx ON router.decisions (id);

        -- A group's row has its newest snapshot; here are those before it. With the ledger they give any state that the group ever had.
        CREATE TABLE router.snapshots (
            group_id bigint NOT NULL REFERENCES router.groups (id),
            number integer NOT NULL,
            snapshot jsonb NOT NULL,
            PRIMARY KEY (group_id, number)
        );
    """)
