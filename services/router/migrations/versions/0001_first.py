"""Agents, policies, groups and their ledgers, leads, assignments, queue, decisions; and a first policy with one empty pool."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("router", 1))
    script("""
        CREATE TABLE router.agents (
            id uuid PRIMARY KEY,
            name text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('agent', 'partner')),
            active boolean NOT NULL,
            daily_cap integer,
            open_cap integer,
            zone text NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        );
        CREATE TABLE router.agent_history (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agent_id uuid NOT NULL REFERENCES router.agents (id),
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            settings jsonb NOT NULL
        );
        CREATE INDEX ON router.agent_history (agent_id, id);

        CREATE TABLE router.policies (
            version integer PRIMARY KEY,
            document jsonb NOT NULL,
            active boolean NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL
        );
        CREATE UNIQUE INDEX policies_active_idx ON router.policies (active) WHERE active;

        -- The unit of locking: pools tied by shared agents. Never edited but for its counters; an activation opens new ones.
        CREATE TABLE router.groups (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            pools text[] NOT NULL,
            policy_version integer NOT NULL,
            last_number integer NOT NULL,
            last_now timestamptz NOT NULL,
            snapshot jsonb NOT NULL,
            snapshot_number integer NOT NULL,
            opened_at timestamptz NOT NULL,
            closed_at timestamptz
        ) WITH (fillfactor = 50);
        CREATE INDEX groups_open_idx ON router.groups (id) WHERE closed_at IS NULL;

        CREATE TABLE router.ledger (
            group_id bigint NOT NULL REFERENCES router.groups (id),
            number integer NOT NULL,
            kind text NOT NULL,
            at timestamptz NOT NULL,
            agent_id uuid,
            lead_id uuid,
            pool text,
            data jsonb NOT NULL,
            PRIMARY KEY (group_id, number)
        );

        -- status: unrouted (known by its outcome only, or not decided yet), assigned, queued, rejected, closed.
        CREATE TABLE router.leads (
            lead_id uuid PRIMARY KEY,
            sequence integer NOT NULL,
            status text NOT NULL,
            received_at timestamptz,
            facts jsonb,
            points integer,
            grade text,
            qualification text,
            scored_sequence integer NOT NULL,
            stage text,
            tracked_sequence integer NOT NULL
        );

        -- written_by is the writing transaction. Who reads on in its order, up to the oldest transaction that is open, misses no row;
        -- by id or time one that commits late would be passed over.
        CREATE TABLE router.assignments (
            id uuid NOT NULL,
            written_by bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
            lead_id uuid NOT NULL,
            agent_id uuid NOT NULL,
            pool text NOT NULL,
            policy_version integer NOT NULL,
            period text NOT NULL,
            assigned_at timestamptz NOT NULL,
            closed_at timestamptz,
            close_reason text,
            outcome text,
            gave_back boolean NOT NULL,
            PRIMARY KEY (written_by, id)
        );
        CREATE UNIQUE INDEX assignments_one_owner_idx ON router.assignments (lead_id) WHERE closed_at IS NULL;
        CREATE INDEX ON router.assignments (agent_id, assigned_at);

        CREATE TABLE router.queue (
            lead_id uuid PRIMARY KEY,
            pool text NOT NULL,
            rule text,
            points integer NOT NULL,
            queued_at timestamptz NOT NULL
        );
        CREATE INDEX queue_order_idx ON router.queue (pool, points DESC, queued_at, lead_id);

        CREATE TABLE router.decisions (
            id uuid NOT NULL,
            lead_id uuid NOT NULL,
            decided_at timestamptz NOT NULL,
            policy_version integer NOT NULL,
            group_id bigint,
            number integer,
            ordinal integer NOT NULL,
            outcome text NOT NULL,
            rule text,
            pool text,
            agent_id uuid,
            why text NOT NULL,
            eligible integer NOT NULL,
            gates jsonb NOT NULL,
            counters jsonb,
            facts jsonb NOT NULL,
            PRIMARY KEY (lead_id, id)
        );

        INSERT INTO router.policies (version, document, active, created_at, created_by) VALUES (1, '{
            "pools": {"default": {"members": []}},
            "rules": [],
            "default_pool": "default",
            "routed": ["sales_qualified", "marketing_qualified"]
        }', true, now(), 'handoff');
        INSERT INTO router.groups
            (pools, policy_version, last_number, last_now, snapshot, snapshot_number, opened_at)
        VALUES ('{default}', 1, 0, now(), jsonb_build_object(
            'number', 0, 'last_now', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'agents', '{}'::jsonb, 'pools', '{"default": {"members": []}}'::jsonb), 0, now());
    """)
