-- What the third migration of a service adds that sets timers.

-- What is to happen at a moment, unless it is called off before. `subject` is a lead's id, or that of whatever else it is about. After a
-- fault `lease_until` without `lease_by` is when it is tried again. `failed`: it is not; `fault` says why.
CREATE TABLE {schema}.timers (
    subject uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    due_at timestamptz NOT NULL,
    data jsonb NOT NULL,
    set_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    fault text,
    failed boolean NOT NULL DEFAULT false,
    lease_by uuid,
    lease_until timestamptz,
    PRIMARY KEY (subject, kind, key)
);
CREATE INDEX timers_due_at_idx ON {schema}.timers (due_at) WHERE NOT failed;
CREATE INDEX timers_failed_idx ON {schema}.timers (due_at) WHERE failed;

-- The times in which timers were looked after, and since when they had not been before each of them.
CREATE TABLE {schema}.timer_watches (
    began_at timestamptz PRIMARY KEY,
    down_since timestamptz,
    kept_until timestamptz NOT NULL
);
