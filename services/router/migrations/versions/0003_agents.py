"""Agents with all their settings, leave, pause and presence; hours and work of assignments. And what the platform added: timers."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("router", 3))
    script("""
        -- settings: domain/agent.py; name, kind, active and external_ref are copies out of it, to search by.
        ALTER TABLE router.agents ADD external_ref text, ADD settings jsonb, ADD pause jsonb, ADD presence jsonb;
        UPDATE router.agents SET settings = jsonb_build_object(
            'name', name, 'kind', kind, 'active', active, 'zone', zone,
            'caps', jsonb_strip_nulls(jsonb_build_object('day', daily_cap, 'open', open_cap)));
        ALTER TABLE router.agents ALTER settings SET NOT NULL, DROP daily_cap, DROP open_cap, DROP zone;
        CREATE UNIQUE INDEX agents_external_ref_idx ON router.agents (external_ref) WHERE external_ref IS NOT NULL;
        CREATE INDEX agents_name_idx ON router.agents (name);

        -- From `starts` to before `ends` the agent is away. The note is for people, and goes nowhere else.
        CREATE TABLE router.agent_leave (
            id uuid PRIMARY KEY,
            agent_id uuid NOT NULL REFERENCES router.agents (id),
            starts timestamptz NOT NULL,
            ends timestamptz NOT NULL,
            catch_up boolean NOT NULL,
            note text NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL
        );
        CREATE INDEX agent_leave_agent_id_ends_idx ON router.agent_leave (agent_id, ends);

        -- Each row is all that held of an agent from then on; `change` says what was new. Settings of rows from before are those of then.
        ALTER TABLE router.agent_history
            ADD change text NOT NULL DEFAULT 'settings', ADD pause jsonb, ADD presence jsonb, ADD leaves jsonb NOT NULL DEFAULT '[]';
        ALTER TABLE router.agent_history ALTER change DROP DEFAULT;

        -- The number of the hour of the day `period` that an assignment counts in, and what it adds to the agent's open work.
        ALTER TABLE router.assignments ADD hour smallint NOT NULL DEFAULT 0, ADD work smallint NOT NULL DEFAULT 1;
    """)
