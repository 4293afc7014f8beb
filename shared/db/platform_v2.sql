-- What the second migration of every service adds.

-- Long work with progress: leased by one process at a time, done in steps, each of them one transaction. `about` is the id of what it
-- works on, where that is one thing.
CREATE TABLE {schema}.jobs (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    about uuid,
    params jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    cursor jsonb NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    result jsonb NOT NULL DEFAULT '{}',
    error text,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    due_at timestamptz NOT NULL,
    lease_until timestamptz,
    lease_by uuid,
    cancel boolean NOT NULL DEFAULT false
);
CREATE INDEX ON {schema}.jobs (due_at) WHERE state IN ('waiting', 'running');
CREATE INDEX ON {schema}.jobs (kind, id);
CREATE INDEX ON {schema}.jobs (about, id) WHERE about IS NOT NULL;
