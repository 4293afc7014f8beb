"""Sources of every kind, contacts and what they are recognised by, raw deliveries of their own, lists, activities, consent, erasure."""

from __future__ import annotations

from shared.db.migrate import platform, script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("intake", 2))
    script(SOURCES)
    script(DELIVERIES)
    script(CONTACTS)
    script(PERSON)
    script(IMPORTS)


SOURCES = """
    ALTER TABLE intake.sources
        ADD kind text NOT NULL DEFAULT 'generic',
        ADD region text,
        ADD settings jsonb NOT NULL DEFAULT '{}',
        ADD recognition jsonb NOT NULL DEFAULT '{}',
        ADD secrets bytea,
        ADD per_minute integer,
        ADD paused boolean NOT NULL DEFAULT false,
        ADD retention_days integer;
    ALTER TABLE intake.sources ALTER kind DROP DEFAULT, ALTER settings DROP DEFAULT, ALTER recognition DROP DEFAULT;

    -- What became of deliveries, a row a commit and folded by the hour later: a counter that is updated would make commits queue up.
    CREATE TABLE intake.tallies (
        source_id uuid NOT NULL REFERENCES intake.sources (id),
        at timestamptz NOT NULL,
        outcome text NOT NULL,
        reason text NOT NULL,
        count integer NOT NULL,
        lag real
    );
    CREATE INDEX ON intake.tallies (source_id, at);

    -- Leads that are to be fetched from the sender, and where reading on after the last one begins.
    CREATE TABLE intake.fetches (
        id uuid PRIMARY KEY,
        source_id uuid NOT NULL REFERENCES intake.sources (id),
        resource text NOT NULL,
        external_id text NOT NULL,
        hints jsonb NOT NULL,
        delivery_id uuid,
        state text NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
        attempts integer NOT NULL,
        error text,
        created_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        lease_until timestamptz,
        UNIQUE (source_id, resource, external_id)
    );
    CREATE INDEX fetches_waiting_idx ON intake.fetches (source_id, due_at) WHERE state = 'waiting';
    CREATE TABLE intake.polls (
        source_id uuid PRIMARY KEY REFERENCES intake.sources (id),
        cursor jsonb NOT NULL,
        due_at timestamptz NOT NULL,
        lease_until timestamptz,
        polled_at timestamptz,
        found integer NOT NULL DEFAULT 0,
        error text
    );
"""

DELIVERIES = """
    ALTER TABLE intake.leads
        ADD contact_id uuid,
        ADD delivery_id uuid,
        ADD test boolean NOT NULL DEFAULT false,
        ADD changes jsonb NOT NULL DEFAULT '[]',
        ADD merged_into uuid,
        ADD erased_at timestamptz;
    ALTER TABLE intake.deliveries RENAME TO old_deliveries;
    CREATE TABLE intake.deliveries (
        id uuid PRIMARY KEY,
        source_id uuid NOT NULL REFERENCES intake.sources (id),
        received_at timestamptz NOT NULL,
        method text NOT NULL,
        url text NOT NULL,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        state text NOT NULL,
        reason text,
        detail text
    );
    CREATE INDEX ON intake.deliveries (source_id, received_at, id);
    CREATE INDEX deliveries_held_idx ON intake.deliveries (source_id, id) WHERE state = 'held';
    INSERT INTO intake.deliveries
        SELECT d.lead_id, l.source_id, l.received_at, 'POST', '', jsonb_build_object('content-type', d.content_type), d.body, 'accepted'
        FROM intake.old_deliveries d JOIN intake.leads l ON l.id = d.lead_id;
    UPDATE intake.leads l SET contact_id = l.id,
        delivery_id = CASE WHEN EXISTS (SELECT FROM intake.deliveries d WHERE d.id = l.id) THEN l.id END;
    DROP TABLE intake.old_deliveries;

    -- Deliveries that could not be read, or that are not yet: who they are of is found by looking into them.
    CREATE INDEX deliveries_without_lead_idx ON intake.deliveries (id) WHERE state IN ('held', 'ignored', 'rejected', 'spam');
    -- Leads that a delivery of several named again, beside new ones.
    CREATE TABLE intake.repetitions (
        lead_id uuid NOT NULL,
        delivery_id uuid NOT NULL,
        PRIMARY KEY (lead_id, delivery_id)
    );

    -- The sender's own id of a lead, so that the same lead sent again is known. lead_id is null while it is still to be fetched.
    CREATE TABLE intake.external_ids (
        key bytea PRIMARY KEY,
        lead_id uuid,
        seen_at timestamptz NOT NULL
    );
    CREATE INDEX ON intake.external_ids (lead_id);
"""

CONTACTS = """
    CREATE TABLE intake.contacts (
        id uuid PRIMARY KEY,
        created_at timestamptz NOT NULL,
        profile jsonb NOT NULL,
        keys bytea[] NOT NULL,
        last_lead_id uuid,
        last_lead_at timestamptz,
        merged_into uuid,
        erased_at timestamptz
    );
    INSERT INTO intake.contacts
        SELECT id, received_at, contact - 'extra' - 'message', '{}', id, received_at FROM intake.leads;
    ALTER TABLE intake.leads ALTER contact_id SET NOT NULL, ALTER changes DROP DEFAULT, ALTER test DROP DEFAULT;
    CREATE INDEX ON intake.leads (contact_id);
    CREATE INDEX ON intake.leads (source_id, received_at, id);
    CREATE INDEX ON intake.leads (delivery_id) WHERE delivery_id IS NOT NULL;
    CREATE INDEX ON intake.contacts (merged_into) WHERE merged_into IS NOT NULL;

    -- Which contacts an identifier speaks for: nearly always one; several where a family shares a handset. Its row is also the lock
    -- under which two submissions of one person queue up.
    CREATE TABLE intake.identifiers (
        key bytea PRIMARY KEY,
        contact_ids uuid[] NOT NULL
    );
    CREATE INDEX identifiers_of_nobody_idx ON intake.identifiers (key) WHERE contact_ids = '{}';

    -- Fuzzy recognition: contacts not weighed yet, what they are looked up by, and what the evidence said.
    CREATE TABLE intake.unweighed (
        contact_id uuid PRIMARY KEY,
        lead_id uuid NOT NULL
    );
    CREATE TABLE intake.blocks (
        block bytea NOT NULL,
        contact_id uuid NOT NULL,
        PRIMARY KEY (block, contact_id)
    );
    CREATE INDEX ON intake.blocks (contact_id);
    CREATE TABLE intake.matches (
        id uuid PRIMARY KEY,
        contact_id uuid NOT NULL,
        other_id uuid NOT NULL,
        score double precision NOT NULL,
        evidence jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('due', 'merged', 'suggested', 'dismissed', 'undone')),
        decided_at timestamptz NOT NULL,
        decided_by text NOT NULL
    );
    CREATE INDEX ON intake.matches (contact_id);
    CREATE INDEX ON intake.matches (other_id);
    CREATE INDEX matches_suggested_idx ON intake.matches (id) WHERE state = 'suggested';
    CREATE INDEX matches_due_idx ON intake.matches (id) WHERE state = 'due';
    CREATE TABLE intake.merges (
        id uuid PRIMARY KEY,
        loser_id uuid NOT NULL,
        winner_id uuid NOT NULL,
        merged_at timestamptz NOT NULL,
        merged_by text NOT NULL,
        before jsonb NOT NULL,
        undone_at timestamptz,
        undone_by text
    );
    CREATE INDEX ON intake.merges (winner_id);
    CREATE UNIQUE INDEX ON intake.merges (loser_id) WHERE undone_at IS NULL;
"""

PERSON = """
    CREATE TABLE intake.touches (
        id uuid PRIMARY KEY,
        lead_id uuid NOT NULL REFERENCES intake.leads (id),
        source_id uuid NOT NULL REFERENCES intake.sources (id),
        touched_at timestamptz NOT NULL,
        contact jsonb NOT NULL,
        facts jsonb NOT NULL,
        warnings jsonb NOT NULL,
        delivery_id uuid
    );
    CREATE INDEX ON intake.touches (lead_id);
    CREATE TABLE intake.consents (
        id uuid PRIMARY KEY,
        lead_id uuid NOT NULL REFERENCES intake.leads (id),
        purpose text NOT NULL,
        granted boolean NOT NULL,
        at timestamptz NOT NULL,
        text text,
        recorded_at timestamptz NOT NULL
    );
    CREATE INDEX ON intake.consents (lead_id);
    -- Whom we must not take: the digests of what they are recognised by.
    CREATE TABLE intake.suppressions (
        key bytea PRIMARY KEY,
        kind text NOT NULL,
        reason text NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL
    );
    CREATE INDEX ON intake.suppressions (created_at, key);
    CREATE TABLE intake.activities (
        id uuid PRIMARY KEY,
        lead_id uuid,
        visitor bytea,
        kind text NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        source text,
        data jsonb NOT NULL
    );
    CREATE INDEX ON intake.activities (lead_id) WHERE lead_id IS NOT NULL;
    CREATE INDEX ON intake.activities (visitor, occurred_at) WHERE lead_id IS NULL;
    -- The ids of erased leads, so that what still comes of them is known for what it is.
    CREATE TABLE intake.erasures (
        lead_id uuid PRIMARY KEY,
        contact_id uuid NOT NULL,
        erased_at timestamptz NOT NULL,
        erased_by text NOT NULL,
        reason text NOT NULL
    );
    CREATE INDEX ON intake.erasures (contact_id);
"""

IMPORTS = """
    CREATE TABLE intake.imports (
        id uuid PRIMARY KEY,
        source_id uuid NOT NULL REFERENCES intake.sources (id),
        name text NOT NULL,
        state text NOT NULL CHECK (state IN ('uploading', 'reading', 'read', 'running', 'done', 'failed', 'cancelled')),
        size bigint NOT NULL,
        options jsonb NOT NULL,
        found jsonb NOT NULL,
        error text,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        finished_at timestamptz
    );
    CREATE INDEX ON intake.imports (created_at, id);
    CREATE TABLE intake.import_chunks (
        import_id uuid NOT NULL REFERENCES intake.imports (id) ON DELETE CASCADE,
        n integer NOT NULL,
        bytes bytea NOT NULL,
        PRIMARY KEY (import_id, n)
    );
    CREATE TABLE intake.import_rows (
        import_id uuid NOT NULL REFERENCES intake.imports (id) ON DELETE CASCADE,
        n integer NOT NULL,
        cells jsonb NOT NULL,
        state text NOT NULL,
        lead_id uuid,
        reason text,
        warnings jsonb NOT NULL,
        PRIMARY KEY (import_id, n)
    );
    CREATE INDEX ON intake.import_rows (lead_id) WHERE lead_id IS NOT NULL;
"""
