"""What is only kept and read back whole is kept so: json instead of jsonb, and a contact's keys in one value instead of an array."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The three tables are written anew.
    script("""
        ALTER TABLE intake.leads ALTER contact TYPE json, ALTER facts TYPE json, ALTER warnings TYPE json, ALTER changes TYPE json;
        ALTER TABLE intake.touches ALTER contact TYPE json, ALTER facts TYPE json, ALTER warnings TYPE json;
        ALTER TABLE intake.contacts ALTER profile TYPE json,
            ALTER keys TYPE bytea USING decode(replace(array_to_string(keys, ''), '\\x', ''), 'hex');
    """)
