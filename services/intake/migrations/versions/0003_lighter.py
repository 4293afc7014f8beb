"""The same for less: contacts wait to be weighed by the transaction, and a block is a number."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
    ALTER TABLE intake.unweighed RENAME TO unweighed_before;
    CREATE TABLE intake.unweighed (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        contact_ids uuid[] NOT NULL,
        lead_ids uuid[] NOT NULL
    );
    INSERT INTO intake.unweighed (contact_ids, lead_ids)
        SELECT array_agg(contact_id), array_agg(lead_id)
        FROM (SELECT *, (row_number() OVER (ORDER BY contact_id) - 1) / 100 AS part FROM intake.unweighed_before) AS w GROUP BY part;
    DROP TABLE intake.unweighed_before;
    ALTER TABLE intake.blocks ALTER block TYPE bigint USING ('x' || encode(block, 'hex'))::bit(64)::bigint;
    """)
